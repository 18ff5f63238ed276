import re
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from anmok.catalogue import create_model, list_models, require_model
from anmok.catalogue.adapters.efficientnet import ADAPTER
from anmok.layers import SqueezeExcite
from anmok.zoo.efficientnet import EfficientNet
from oracles import reference
from parity import answers, relative_error, scatter


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("name", "height", "width"),
    [("efficientnet_b0", 96, 128), ("tf_efficientnet_b0", 97, 130), ("efficientnet_b2", 97, 65)],
)
def test_logits_equal_timms(name, height, width, check_parity):
    check_parity(name, height, width)


@pytest.mark.oracle
@pytest.mark.parametrize("name", [name for name in list_models("*efficientnet_*") if "nano" not in name])
def test_scaling_b0_gives_every_layer_of_every_variant(name):
    with torch.device("meta"):
        theirs = reference("timm").create_model(name, num_classes=1000)
        ours = create_model(name)
    shapes = {k: v.shape for k, v in ADAPTER.read(theirs.state_dict()).items()}
    assert {k: v.shape for k, v in ours.state_dict().items()} == shapes


@pytest.mark.oracle
@pytest.mark.parametrize(("size", "height", "width", "eps"), [("b0", 97, 128, 1e-5), ("b5", 64, 65, 1e-3)])
def test_torchvisions_files_give_its_logits(size, height, width, eps, tmp_path):
    build = getattr(reference("torchvision").models, f"efficientnet_{size}")
    theirs = build(num_classes=10, dropout=0.0, stochastic_depth_prob=0.0)
    scatter(theirs)
    save_file(theirs.state_dict(), tmp_path / "theirs.safetensors")
    images = torch.randn(2, 3, height, width)
    ours = create_model(f"efficientnet_{size}", num_classes=10, pretrained=tmp_path / "theirs.safetensors").eval()
    assert relative_error(ours(images), theirs.eval()(images)) < 1e-5
    # In train mode only norms with torchvision's eps can give the same.
    ours = EfficientNet(replace(ours.spec, eps=eps), num_classes=10)
    ours.load_state_dict(ADAPTER.read(theirs.state_dict()))
    found, expected = (model.double().train()(images.double()) for model in (ours, theirs))
    assert relative_error(found, expected) < 1e-5


@pytest.mark.oracle
def test_transformers_files_give_its_logits(tmp_path):
    transformers = reference("transformers")
    # 66 pixels give maps of 33, 17, 9, 5 and 3: all but the first strided convolution are padded evenly.
    config = transformers.EfficientNetConfig(
        width_coefficient=1.0,
        depth_coefficient=1.1,
        hidden_dim=1280,
        image_size=66,
        depthwise_padding=[2, 5, 8, 16],
        num_labels=10,
        dropout_rate=0.0,
        drop_connect_rate=0.0,
    )
    theirs = transformers.EfficientNetForImageClassification(config)
    scatter(theirs)
    save_file(theirs.state_dict(), tmp_path / "model.safetensors")
    ours = create_model("tf_efficientnet_b1", num_classes=10, pretrained=tmp_path / "model.safetensors")
    images = torch.randn(2, 3, 66, 66)
    for logits, expected in answers(ours, theirs, images):
        assert relative_error(logits, expected) < 1e-5


def test_files_of_efficientnet_pytorch_are_read(tmp_path):
    ours = create_model("tf_efficientnet_b1", num_classes=10)
    scatter(ours)
    path = tmp_path / "adv-efficientnet-b1.pth"
    torch.save(_numbered_through(ours), path)
    again = create_model("tf_efficientnet_b1", num_classes=10, pretrained=path).state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in ours.state_dict().items())


def _numbered_through(model):
    """A state in the names of EfficientNet-PyTorch, whose blocks are not grouped by rows."""
    blocks = [
        f"stages.{i}.{j}.{k}."
        for i, stage in enumerate(model.stages)
        for j, row in enumerate(stage)
        for k in range(len(row))
    ]
    renames = [
        *((rf"^{re.escape(block)}", f"_blocks.{i}.") for i, block in enumerate(blocks)),
        (r"^stem\.conv\.", "_conv_stem."),
        (r"^stem\.norm\.", "_bn0."),
        (r"^pool\.last\.conv\.", "_conv_head."),
        (r"^pool\.last\.norm\.", "_bn1."),
        (r"^head\.", "_fc."),
        (r"\.excite\.", "._se_"),
        *((rf"\.{part}\.conv\.", f"._{part}_conv.") for part in ("expand", "depthwise", "project")),
        *((rf"\.{part}\.norm\.", f"._bn{i}.") for i, part in enumerate(("expand", "depthwise", "project"))),
    ]
    renamed = {}
    for name, tensor in model.state_dict().items():
        for pattern, replacement in renames:
            name = re.sub(pattern, replacement, name)
        renamed[name] = tensor
    assert "_blocks.22._se_reduce.weight" in renamed
    assert not [name for name in renamed if not name.startswith("_")]
    return renamed


def test_gates_are_computed_from_a_quarter_of_the_blocks_input():
    model = create_model("efficientnet_b0")
    gates = [block.excite for stage in model.stages for row in stage for block in row]
    assert all(isinstance(gate, SqueezeExcite) for gate in gates)
    assert [gate.reduce.out_channels for gate in gates[:3]] == [8, 4, 6]
    assert [gate.reduce.in_channels for gate in gates[:3]] == [32, 96, 144]


def test_the_variants_are_those_of_the_paper():
    depths = {
        "efficientnet_b0": (1, 2, 2, 3, 3, 4, 1),
        "efficientnet_b4": (2, 4, 4, 6, 6, 8, 2),
        "tf_efficientnet_b7": (4, 7, 7, 10, 10, 13, 4),
    }
    for name, expected in depths.items():
        assert tuple(len(row.expansions) for row in require_model(name).spec.rows) == expected
    assert [row.width for row in require_model("efficientnet_b7").spec.rows] == [32, 48, 80, 160, 224, 384, 640]
    assert require_model("efficientnet_b7").spec.embedding_width == 2560


@pytest.mark.parametrize("name", ["efficientnet_b1", "tf_efficientnet_b1"])
def test_a_deep_fresh_net_is_neither_dead_nor_wild(name):
    torch.manual_seed(0)
    logits = create_model(name).eval()(torch.randn(4, 3, 64, 64))
    assert 1e-3 < logits.std() < 10
