"""Against transformers, with the authors' activation in place of its own, and against the equations in float64."""

import re
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from anmok.catalogue import create_model, require_model
from anmok.errors import ImageSizeError, SpecError
from anmok.layers import TokenGrid
from anmok.zoo.cvt import ConvAttention, CvT, CvTSpec, QuickGELU, TokenEmbedding
from oracles import reference
from parity import answers, relative_error, scatter

AUTHORS = (
    (r"^stem\.", "stages.0.embed."),
    (r"^stages\.", "stage"),
    (r"\.embed\.project\.", ".patch_embed.proj."),
    (r"\.embed\.norm\.", ".patch_embed.norm."),
    (r"\.class_token$", ".cls_token"),
    (r"\.attention\.mix_([qkv])\.conv\.", r".attn.conv_proj_\1.conv."),
    (r"\.attention\.mix_([qkv])\.norm\.", r".attn.conv_proj_\1.bn."),
    (r"\.attention\.([qkv])\.", r".attn.proj_\1."),
    (r"\.attention\.project\.", ".attn.proj."),
    (r"\.mlp\.0\.", ".mlp.fc1."),
    (r"\.mlp\.2\.", ".mlp.fc2."),
    (r"^pool\.norm\.", "norm."),
)


@pytest.fixture
def theirs(tmp_path):
    """transformers' CvT-13 with random numbers everywhere, and its file."""
    transformers = reference("transformers")
    config = transformers.CvtConfig(num_labels=10, drop_path_rate=[0.0, 0.0, 0.0])
    model = transformers.CvtForImageClassification(config)
    scatter(model)
    model.save_pretrained(tmp_path)
    for module in model.modules():
        if hasattr(module, "activation"):
            module.activation = transformers.activations.ACT2FN["quick_gelu"]
    return model, tmp_path / "model.safetensors"


@pytest.mark.oracle
def test_logits_equal_transformers(theirs):
    model, path = theirs
    ours = create_model("cvt_13_224", num_classes=10, pretrained=path)
    for size in ((96, 128), (97, 61)):
        images = torch.randn(2, 3, *size)
        for logits, expected in answers(ours.float(), model.float(), images):
            assert relative_error(logits, expected) < 1e-5


@pytest.mark.oracle
def test_files_of_the_authors_are_read(theirs, tmp_path):
    ours = create_model("cvt_13_224", num_classes=10, pretrained=theirs[1])
    named = {}
    for name, tensor in ours.state_dict().items():
        for pattern, replacement in AUTHORS:
            name = re.sub(pattern, replacement, name)
        named[name] = tensor
    # As many numbers as in transformers' file, by the names of the authors' code.
    assert sum(t.numel() for t in named.values()) == sum(t.numel() for t in load_file(theirs[1]).values())
    assert named["stage0.patch_embed.proj.weight"].shape == (64, 3, 7, 7)
    assert named["stage2.cls_token"].shape == (1, 1, 384)
    assert named["stage2.blocks.9.attn.conv_proj_k.bn.running_var"].shape == (384,)
    torch.save(named, tmp_path / "authors.pth")
    again = create_model("cvt_13_224", num_classes=10, pretrained=tmp_path / "authors.pth")
    assert all(torch.equal(a, b) for a, b in zip(again.state_dict().values(), ours.state_dict().values(), strict=True))


@pytest.mark.parametrize("class_tokens", [0, 1])
def test_attention_is_that_of_the_equation(class_tokens):
    attention = ConvAttention(4, 2, 2).double().eval()
    scatter(attention)
    x = torch.randn(1, class_tokens + 15, 4, dtype=torch.float64)
    map = x[:, class_tokens:].mT.reshape(1, 4, 3, 5)
    q, k, v = (
        linear(torch.cat((x[0, :class_tokens], mix(map)[0].flatten(1).T)))
        for linear, mix in (
            (attention.q, attention.mix_q),
            (attention.k, attention.mix_k),
            (attention.v, attention.mix_v),
        )
    )
    assert (len(q), len(k)) == (class_tokens + 15, class_tokens + 6)
    heads = [slice(0, 2), slice(2, 4)]
    mixed = torch.cat([(q[:, h] @ k[:, h].T / 4**0.5).softmax(1) @ v[:, h] for h in heads], dim=1)
    found = attention(TokenGrid(x, 3, 5))[0]
    torch.testing.assert_close(found, attention.project(mixed))


def test_the_quick_gelu_is_that_of_the_equation():
    x = torch.linspace(-5, 5, 41, dtype=torch.float64).reshape(1, -1, 1).requires_grad_()
    torch.testing.assert_close(QuickGELU()(x), x / (1 + torch.exp(-1.702 * x)))
    assert torch.autograd.gradcheck(QuickGELU(), x)


@pytest.mark.parametrize(("kernel", "stride"), [(7, 4), (3, 2), (3, 1), (4, 4)])
def test_patches_divide_a_map_that_their_stride_divides(kernel, stride):
    grid = TokenEmbedding(3, 4, kernel, stride)(torch.randn(1, 3, 16, 24))
    assert (grid.height, grid.width) == (16 // stride, 24 // stride)


def test_the_last_queries_of_places_cannot_change_what_the_class_token_says():
    model = CvT(replace(require_model("cvt_nano").spec, class_token=True), num_classes=10)
    model(torch.randn(2, 3, 32, 32)).square().sum().backward()
    first, last = (model.stages[i].blocks[-1].attention.mix_q.conv.weight.grad for i in (1, 2))
    assert first.any()
    assert not last.any()


def test_stochastic_depth_is_in_the_last_stage_only():
    with torch.device("meta"):
        model = create_model("cvt_13_224", drop_path_rate=0.1)
    rates = [[block.drop_path.rate for block in stage.blocks] for stage in model.stages]
    assert rates[:2] == [[0], [0, 0]]
    assert rates[2] == pytest.approx([0.1 * i / 9 for i in range(10)])


def test_what_cannot_be_built_or_seen_is_refused():
    with pytest.raises(SpecError, match="got width 8 and 3 heads"):
        CvTSpec(widths=(8, 8, 8), depths=(1, 1, 1), num_heads=(1, 3, 1))
    with pytest.raises(SpecError, match="got 3 and 3 and 2 and 1 and 2"):
        CvTSpec(widths=(8, 8), depths=(1,), num_heads=(1, 1))
    with pytest.raises(ImageSizeError) as error:
        create_model("cvt_nano")(torch.randn(1, 3, 2, 32))
    assert str(error.value) == (
        "This network takes heights and widths that are from 3 pixels: got 2 x 32. "
        "The nearest size that works is 3 x 32."
    )
