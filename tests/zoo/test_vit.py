import pytest
import torch
from safetensors.torch import save_file

from anmok.catalogue import create_model
from anmok.errors import SpecError
from anmok.layers import TokenGrid
from anmok.zoo.vit import PatchStem, ViTSpec, resample_positions
from oracles import reference
from parity import relative_error, scatter


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["vit_small_patch16_224", "vit_tiny_patch16_384"])
def test_logits_equal_timms(name, check_parity):
    side = int(name[-3:])
    check_parity(name, side, side)


@pytest.mark.oracle
def test_positions_are_resampled_as_timm_does_at_other_sizes(check_parity):
    check_parity("vit_tiny_patch16_224", 192, 272, dynamic_img_size=True)


@pytest.mark.oracle
@pytest.mark.parametrize("old", [False, True])
def test_files_of_torchvision_are_read(old, tmp_path):
    sizes = {"image_size": 64, "patch_size": 16, "num_layers": 12, "num_heads": 3, "hidden_dim": 192, "mlp_dim": 768}
    theirs = reference("torchvision").models.VisionTransformer(**sizes, num_classes=10).eval()
    scatter(theirs)
    tensors = theirs.state_dict()
    if old:  # the names in public files
        names = {".mlp.0.": ".mlp.linear_1.", ".mlp.3.": ".mlp.linear_2."}
        tensors = {_renamed(name, names): x for name, x in tensors.items()}
    save_file(tensors, tmp_path / "theirs.safetensors")
    path = tmp_path / "theirs.safetensors"
    ours = create_model("vit_tiny_patch16_224", num_classes=10, img_size=64, pretrained=path).eval()
    images = torch.randn(1, 3, 64, 64)
    assert relative_error(ours(images), theirs(images)) < 1e-5


def _renamed(name, names):
    for theirs, other in names.items():
        name = name.replace(theirs, other)
    return name


@pytest.mark.oracle
@pytest.mark.parametrize("stored", ["file", "modules"])
def test_files_of_transformers_are_read(stored, tmp_path):
    transformers = reference("transformers")
    sizes = {"hidden_size": 192, "intermediate_size": 768, "num_attention_heads": 3, "image_size": 64}
    # What public weights were trained with; transformers has 1e-12.
    config = transformers.ViTConfig(**sizes, num_labels=10, layer_norm_eps=1e-6)
    theirs = transformers.ViTForImageClassification(config).eval()
    scatter(theirs)
    if stored == "file":
        theirs.save_pretrained(tmp_path)
    else:
        save_file(theirs.state_dict(), tmp_path / "model.safetensors")
    path = tmp_path / "model.safetensors"
    ours = create_model("vit_tiny_patch16_224", num_classes=10, img_size=64, pretrained=path).eval()
    images = torch.randn(1, 3, 64, 64)
    assert relative_error(ours(images), theirs(images).logits) < 1e-5


def test_a_token_is_its_patch_projected_and_placed():
    stem = PatchStem(3, 6, 4, (2, 3)).double()
    images = torch.randn(2, 3, 8, 12, dtype=torch.float64)
    grid = stem(images)
    patch = images[1, :, 4:8, 8:12].flatten()
    expected = stem.project.weight.flatten(1) @ patch + stem.project.bias + stem.positions[0, 6]
    torch.testing.assert_close(grid.tokens[1, 6], expected)
    torch.testing.assert_close(grid.tokens[1, 0], stem.class_token[0, 0] + stem.positions[0, 0])


def test_resampled_positions_keep_the_class_token_and_a_constant_field():
    positions = torch.cat((torch.zeros(1, 1, 4), torch.ones(1, 6, 4)), dim=1)
    resampled = resample_positions(positions, (2, 3), (5, 4))
    torch.testing.assert_close(resampled, torch.cat((torch.zeros(1, 1, 4), torch.ones(1, 20, 4)), dim=1))
    assert resample_positions(positions, (2, 3), (2, 3)) is positions


def test_the_class_token_is_what_the_head_sees():
    model = create_model("vit_nano", num_classes=0).eval()
    tokens = model.forward_features(torch.randn(2, 3, 32, 32))
    changed = tokens.clone()
    changed[:, 1:] = 0
    assert torch.equal(model.forward_head(tokens), model.forward_head(changed))


def test_tokens_without_positions_have_no_order():
    model = create_model("vit_nano").eval()
    x = torch.randn(1, 65, 128)
    order = torch.cat((torch.zeros(1, dtype=torch.long), 1 + torch.randperm(64)))
    block = model.stages[0]
    torch.testing.assert_close(block(TokenGrid(x[:, order], 8, 8)).tokens, block(TokenGrid(x, 8, 8)).tokens[:, order])


def test_heads_divide_the_width():
    with pytest.raises(SpecError, match="got width 10 and 3 heads"):
        ViTSpec(patch=4, width=10, depth=1, num_heads=3)
