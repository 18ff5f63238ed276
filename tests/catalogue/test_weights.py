import os
import pickle

import pytest
import torch
from safetensors.torch import save_file

from anmok.catalogue import create_model
from anmok.errors import WeightsError
from oracles import reference

IMAGES = torch.randn(2, 3, 32, 32)


@pytest.fixture
def stored(tmp_path):
    """A file with the weights of a `resnet_nano`, and the model itself."""
    model = create_model("resnet_nano", num_classes=10).eval()
    path = tmp_path / "model.safetensors"
    save_file(model.state_dict(), path)
    return path, model


def message(path, name="resnet_nano", **wishes):
    with pytest.raises(WeightsError) as error:
        create_model(name, pretrained=path, **{"num_classes": 10, **wishes})
    text = str(error.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_pickled_files_of_training_scripts_are_read(tmp_path, stored, wrapper, prefix):
    path, model = tmp_path / "checkpoint.pth", stored[1]
    tensors = {prefix + name: tensor for name, tensor in model.state_dict().items()}
    torch.save({wrapper: tensors, "epoch": 3} if wrapper else tensors, path)
    assert torch.equal(create_model("resnet_nano", num_classes=10, pretrained=path).eval()(IMAGES), model(IMAGES))


@pytest.mark.oracle
def test_a_timm_file_needs_no_counters_of_batches(tmp_path):
    tensors = reference("timm").create_model("resnet18", num_classes=10).state_dict()
    torch.save({k: v for k, v in tensors.items() if not k.endswith("num_batches_tracked")}, tmp_path / "old.pth")
    model = create_model("resnet18", num_classes=10, pretrained=tmp_path / "old.pth")
    assert torch.equal(model.stages[3][1].branch.conv2.weight, tensors["layer4.1.conv2.weight"])


def test_a_head_for_other_classes_stays_fresh_and_the_rest_is_read(stored):
    path, model = stored
    other = create_model("resnet_nano", num_classes=4, pretrained=path).eval()
    assert torch.equal(other.embed(IMAGES), model.embed(IMAGES))
    assert other(IMAGES).shape == (2, 4)
    headless = create_model("resnet_nano", num_classes=0, pretrained=path).eval()
    assert torch.equal(headless(IMAGES), model.embed(IMAGES))


def test_the_classes_are_those_of_the_file_unless_others_are_wished(stored):
    path, model = stored
    assert torch.equal(create_model("resnet_nano", path).eval()(IMAGES), model(IMAGES))
    bare = path.with_name("bare.safetensors")
    save_file({k: v for k, v in model.state_dict().items() if not k.startswith("head.")}, bare)
    assert create_model("resnet_nano", bare).num_classes == 0
    assert create_model("resnet_nano", bare, num_classes=4).eval()(IMAGES).shape == (2, 4)


def test_what_an_adapter_calls_fresh_may_be_missing_wholly_and_not_in_part(tmp_path):
    model = create_model("deformable_nano", num_classes=10)
    tensors = model.state_dict()
    fresh = [name for name in tensors if ".offset" in name]
    assert len(fresh) > 2
    path = tmp_path / "model.safetensors"
    save_file({k: v for k, v in tensors.items() if k not in fresh}, path)
    again = create_model("deformable_nano", path)
    assert torch.equal(again.stem.conv.weight, model.stem.conv.weight)
    save_file({k: v for k, v in tensors.items() if k != fresh[0]}, path)
    assert f"it lacks '{fresh[0]}'. Name" in message(path, "deformable_nano")


def test_auxiliary_heads_may_be_missing_or_more_than_ours(tmp_path):
    tensors = create_model("googlenet_nano", num_classes=10).state_dict()
    extra = {"auxiliary.4a.head.weight": torch.zeros(10, 8), "auxiliary.4a.hidden.weight": torch.zeros(8, 8)}
    save_file(tensors | extra, tmp_path / "model.safetensors")
    again = create_model("googlenet_nano", tmp_path / "model.safetensors")
    assert torch.equal(again.head.weight, tensors["head.weight"])


def test_grey_images_are_seen_as_colour_images_with_equal_channels(stored):
    path, model = stored
    grey = create_model("resnet_nano", num_classes=10, in_chans=1, pretrained=path).eval()
    image = torch.randn(2, 1, 32, 32)
    torch.testing.assert_close(grey(image), model(image.expand(2, 3, 32, 32)))


@pytest.mark.oracle
@pytest.mark.parametrize("in_chans", [1, 2, 4, 5, 6])
def test_first_convolutions_are_adapted_as_in_timm(tmp_path, in_chans):
    weight = create_model("resnet_nano").stem.conv.weight
    path = tmp_path / "model.safetensors"
    save_file(create_model("resnet_nano").state_dict() | {"stem.conv.weight": weight}, path)
    adapted = create_model("resnet_nano", in_chans=in_chans, pretrained=path).stem.conv.weight
    reference("timm")
    from timm.models import adapt_input_conv

    torch.testing.assert_close(adapted, adapt_input_conv(in_chans, weight))


def test_positions_are_resampled_when_the_model_is_built_for_another_size(tmp_path):
    path = tmp_path / "model.safetensors"
    for name in ("vit_nano", "cmt_nano"):
        model = create_model(name, num_classes=10).eval()
        save_file(model.state_dict(), path)
        images = torch.randn(1, 3, 48, 64)
        other = create_model(name, num_classes=10, img_size=(48, 64), pretrained=path).eval()
        torch.testing.assert_close(other(images), model(images))


def test_only_square_grids_are_resampled(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file(create_model("vit_nano", num_classes=10, img_size=(32, 40)).state_dict(), path)
    assert message(path, "vit_nano") == (
        "Only square grids are resampled to another size: 'stem.positions' has 80 places. "
        "Build the model for the image size that the weights were trained with."
    )


def test_the_names_of_cmts_authors_are_ours(tmp_path):
    model = create_model("cmt_tiny", num_classes=10)
    pairs = {
        "stem_conv2.weight": "stem.1.conv.weight",
        "stem_norm3.running_var": "stem.2.norm.running_var",
        "patch_embed_c.proj.weight": "stages.2.patches.weight",
        "patch_embed_d.norm.bias": "stages.3.norm.bias",
        "relative_pos_b": "stages.1.bias.table",
        "blocks_a.1.proj.weight": "stages.0.blocks.1.perceive.weight",
        "blocks_c.9.norm1.weight": "stages.2.blocks.9.norm1.weight",
        "blocks_b.0.attn.q.weight": "stages.1.blocks.0.attention.q.weight",
        "blocks_b.0.attn.proj.bias": "stages.1.blocks.0.attention.project.bias",
        "blocks_a.0.attn.sr.0.weight": "stages.0.blocks.0.attention.coarsen.conv.weight",
        "blocks_a.0.attn.sr.1.running_mean": "stages.0.blocks.0.attention.coarsen.norm.running_mean",
        "blocks_d.1.mlp.conv1.0.weight": "stages.3.blocks.1.feed_forward.expand.conv.weight",
        "blocks_d.1.mlp.conv1.2.weight": "stages.3.blocks.1.feed_forward.expand.norm.weight",
        "blocks_d.1.mlp.proj.weight": "stages.3.blocks.1.feed_forward.mix_space.weight",
        "blocks_d.1.mlp.proj_bn.weight": "stages.3.blocks.1.feed_forward.norm.weight",
        "blocks_d.1.mlp.conv2.0.weight": "stages.3.blocks.1.feed_forward.reduce.conv.weight",
        "blocks_d.1.mlp.conv2.1.weight": "stages.3.blocks.1.feed_forward.reduce.norm.weight",
        "_fc.weight": "pool.conv.weight",
        "_bn.weight": "pool.norm.weight",
        "head.weight": "head.weight",
    }
    tensors = model.state_dict()
    for theirs, ours in pairs.items():
        tensors[theirs] = tensors.pop(ours).clone()
    save_file(tensors, tmp_path / "cmt.safetensors")
    again = create_model("cmt_tiny", num_classes=10, pretrained=tmp_path / "cmt.safetensors")
    assert all(torch.equal(a, b) for a, b in zip(again.state_dict().values(), model.state_dict().values(), strict=True))


def test_a_misfit_names_the_tensors_and_changes_nothing(tmp_path, stored):
    path, model = stored
    text = message(path, "vit_nano")
    assert text.startswith(f"'{path}' does not fit this ViT: it lacks 'stem.class_token', 'stem.positions', ")
    assert " more; it has unknown 'stages.0.0.branch." in text
    assert "; 'head.weight' is 10 x 216 and not 10 x 128. Name a file" in text
    wrong = tmp_path / "wrong.safetensors"
    save_file(model.state_dict() | {"stem.norm.bias": torch.zeros(7)}, wrong)
    assert message(wrong) == (
        f"'{wrong}' does not fit this ResNet: 'stem.norm.bias' is 7 and not 32. "
        "Name a file that was saved from the same preset."
    )


def test_a_file_that_is_missing_or_of_another_kind_is_named(tmp_path):
    assert message(tmp_path / "a.pth") == f"There is no weight file '{tmp_path / 'a.pth'}'. Check the path."
    assert message(tmp_path / "a.h5") == (
        "Weights are read from .safetensors, .npz, .pth, .pt, .th, .bin files: "
        f"got '{tmp_path / 'a.h5'}'. Convert the file."
    )
    torch.save([torch.zeros(2)], tmp_path / "list.pt")
    assert "holds no tensors by name" in message(tmp_path / "list.pt")


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.99])
def test_a_truncated_file_is_damaged(tmp_path, stored, suffix, share):
    path = tmp_path / f"cut{suffix}"
    torch.save(stored[1].state_dict(), path) if suffix == ".pth" else path.write_bytes(stored[0].read_bytes())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert message(path).startswith(f"'{path}' is damaged, or holds more than weights (")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_code_in_a_file_is_not_run(tmp_path, protocol):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    path = tmp_path / "trap.pth"
    path.write_bytes(pickle.dumps({"stem.conv.weight": Trap()}, protocol))
    assert message(path).startswith(f"'{path}' is damaged, or holds more than weights (")
    torch.save({"stem.conv.weight": Trap()}, path)
    message(path)
    assert not (tmp_path / "sprung").exists()
