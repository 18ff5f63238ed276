"""What every architecture promises, asked of the smallest of each kind."""

import pytest
import torch
from safetensors.torch import save_file

from anmok.catalogue import create_model
from anmok.errors import ImageSizeError
from presets import NANO

SMALL = [*NANO, "cifar_resnet20", "cifar_plain20"]


def build(name, **wishes):
    torch.manual_seed(0)
    return create_model(name, num_classes=10, **wishes)


@pytest.mark.parametrize("name", SMALL)
def test_every_parameter_gets_a_gradient(name):
    model = build(name)
    for parameter in model.parameters():
        if not parameter.any():
            parameter.data.normal_(std=0.1)  # what starts at zero may stop the gradient of others
    sum(logits.square().sum() for logits in model.training_logits(torch.randn(4, 3, 32, 32))).backward()
    for label, parameter in model.named_parameters():
        assert parameter.grad is not None, label
        assert parameter.grad.isfinite().all(), label
        assert parameter.grad.any() or parameter.ndim == 1, label


@pytest.mark.parametrize("name", SMALL)
def test_in_eval_mode_an_image_does_not_depend_on_its_batch(name):
    model = build(name).eval()
    images = torch.randn(4, 3, 32, 32)
    others = torch.cat((images[:1], torch.randn(3, 3, 32, 32)))
    torch.testing.assert_close(model(images)[0], model(others)[0])


@pytest.mark.parametrize("name", SMALL)
def test_stored_weights_give_the_same_logits_bit_for_bit(name, tmp_path):
    model, images = build(name), torch.randn(2, 3, 32, 32)
    model(images)  # moves the running statistics
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    again = create_model(name, num_classes=10, pretrained=tmp_path / "model.safetensors")
    assert torch.equal(again.eval()(images), model.eval()(images))


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("size", [(28, 28), (40, 64), (96, 96)])
def test_other_sizes_and_shapes_are_taken_without_being_told(name, size):
    model = build(name).eval()
    images = torch.randn(2, 3, *size)
    assert model(images).isfinite().all()
    shapes = [(2, shape.width) for shape in model.spec.feature_shapes]
    assert [tuple(m.shape[:2]) for m in model.feature_maps(images)] == shapes


@pytest.mark.parametrize("name", SMALL)
def test_odd_sizes_are_taken_or_refused_in_one_sentence(name):
    model = build(name).eval()
    images = torch.randn(1, 3, 33, 47)
    if model.spec.image_sizes.multiple > 1:
        with pytest.raises(ImageSizeError, match=r"got 33 x 47. The nearest size that works is 32 x 48"):
            model(images)
    else:
        assert model(images).isfinite().all()


@pytest.mark.parametrize("name", SMALL)
def test_the_size_that_it_is_built_for_may_be_oblong(name):
    model = build(name, img_size=(32, 48)).eval()
    assert model(torch.randn(1, 3, 32, 48)).shape == (1, 10)


@pytest.mark.parametrize("name", SMALL)
def test_grey_images_and_no_head(name):
    assert build(name, in_chans=1).eval()(torch.randn(2, 1, 32, 32)).shape == (2, 10)
    headless = create_model(name, num_classes=0).eval()
    assert headless(torch.randn(2, 3, 32, 32)).shape == (2, headless.head_hidden_size)


@pytest.mark.parametrize("name", SMALL)
def test_a_few_steps_learn_a_few_images(name):
    model = build(name)
    images, labels = torch.randn(8, 3, 32, 32), torch.arange(8)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    for _ in range(25):
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 1.5


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("size", [(224, 224), (256, 192), (161, 97)])
def test_large_images_are_taken_or_refused_in_one_sentence(name, size):
    model = build(name).eval()
    nearest = tuple(model.spec.image_sizes.nearest(side) for side in size)
    if nearest != size:
        with pytest.raises(ImageSizeError, match=f"The nearest size that works is {nearest[0]} x {nearest[1]}"):
            model(torch.randn(1, 3, *size))
    with torch.inference_mode():
        assert model(torch.randn(1, 3, *nearest)).isfinite().all()


def test_families_race_at_equal_size():
    for name in NANO:
        assert 0.94e6 < sum(p.numel() for p in build(name).parameters()) < 1.06e6, name
