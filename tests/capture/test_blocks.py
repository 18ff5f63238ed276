"""The chain of blocks of networks whose chain is known."""

import pytest
import torch
from torch import nn

from anmok.capture import as_map, find_blocks, outputs, untouched
from anmok.catalogue import create_model
from oracles import reference
from presets import NANO


def chain(network: nn.Module, side: int = 32) -> dict[str, str]:
    torch.manual_seed(0)
    with untouched(network):
        return {name: type(m).__name__ for name, m in find_blocks(network, torch.rand(2, 3, side, side)).items()}


class Residual(nn.Module):
    """Two layers in a sequence of two equal parts, and a way around them."""

    def __init__(self, width: int, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, stride, 1)
        self.branch = nn.Sequential(ConvNorm(width), ConvNorm(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        return x + self.branch(x)


class ConvNorm(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.conv(x))


class Stage(nn.Module):
    """A row of blocks with names of their own, the first of which halves the map."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        for i in range(depth):
            self.add_module(f"b{i}", Residual(3, stride=1 if i else 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.children():
            x = block(x)
        return x


@pytest.mark.parametrize(
    ("name", "first", "last", "count"),
    [
        ("resnet_nano", "stages.0.0", "stages.3.0", 4),
        ("vit_nano", "stages.0", "stages.4", 5),
        ("deit_nano", "stages.0", "stages.4", 5),
        ("convit_nano", "stages.0", "stages.4", 5),
        ("swin_nano", "stages.0.blocks.0", "stages.2.blocks.1", 7),
        ("convnext_anmok_nano", "stages.0.blocks.0", "stages.2.blocks.2", 7),
        ("cvt_nano", "stem", "stages.2", 5),
        ("cmt_nano", "stages.0", "stages.2.blocks.1", 4),
        ("coatnet_nano", "stem.halve", "stages.2.0", 8),
        ("densenet_nano", "stages.0.block", "stages.3.block", 7),
        ("googlenet_nano", "stem", "stages.3.5a", 7),
        ("inception_nano", "stages.0", "stages.3.7c", 7),
        ("mobilenetv3_nano", "stem", "stages.2.1", 8),
        ("vgg_nano", "stem.0.conv", "head", 9),
        ("alexnet_nano", "stem.conv1", "head", 8),
        ("mlp_nano", "stages.0.1", "head", 3),
        ("localvit_pvt_nano", "stem", "stages.2.blocks.1", 5),
        ("localvit_tnt_nano", "stages.0", "stages.3", 4),
        ("vit_hybrid_nano", "stages.0.0", "stages.5", 9),
    ],
)
def test_presets(name, first, last, count):
    found = list(chain(create_model(name, num_classes=3)))
    assert (found[0], found[-1], len(found)) == (first, last, count)


@pytest.mark.parametrize("name", NANO)
def test_blocks_of_presets_do_not_overlap_and_every_stage_has_its_own(name):
    network = create_model(name, num_classes=3)
    found = list(chain(network))
    assert not [(a, b) for a in found for b in found if b.startswith(f"{a}.")]
    for i, stage in enumerate(network.stages):
        weights = any(p.ndim > 1 for p in stage.parameters())
        assert not weights or any(f"{block}.".startswith(f"stages.{i}.") for block in found)


def test_a_plain_sequence_is_the_chain_of_its_layers():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.Flatten(), nn.LazyLinear(2))
    network(torch.rand(1, 3, 32, 32))
    assert chain(network) == {"0": "Conv2d", "2": "Conv2d", "4": "Linear"}


def test_one_module_is_a_chain_of_one():
    assert chain(nn.Conv2d(3, 3, 3)) == {"": "Conv2d"}


def test_nothing_with_weights_is_no_chain():
    assert chain(nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(1))) == {}


def test_what_stands_between_blocks_belongs_to_the_chain():
    network = nn.Sequential(nn.Conv2d(3, 3, 1), Residual(3), nn.Conv2d(3, 3, 2, 2), Residual(3), nn.ReLU())
    assert list(chain(network)) == ["0", "1", "2", "3"]


class Excited(nn.Module):
    """One of a kind, with a part that others have too."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.part = nn.Conv2d(3, 3, 1), ConvNorm(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.part(self.conv(x))


class Plain(Excited):
    """Another, of which there are two."""


def test_a_part_of_a_block_that_is_one_of_a_kind_means_the_block():
    network = nn.Sequential(Excited(), Plain(), Plain(), nn.Conv2d(3, 3, 1))
    assert list(chain(network)) == ["0", "1", "2", "3"]


def test_a_whole_network_in_a_list_is_no_block():
    class Body(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = ConvNorm(3), ConvNorm(3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.second(self.first(x))

    network = nn.Sequential(Body(), nn.Flatten(), nn.Linear(3 * 32 * 32, 2))
    assert list(chain(network)) == ["0.first", "0.second", "2"]


def test_a_token_that_is_put_in_is_no_block():
    class Token(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Parameter(torch.zeros(1, 3, 1, 1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.token

    assert list(chain(nn.Sequential(Residual(3), Token(), Residual(3)))) == ["0", "2"]


def test_a_row_inside_a_block_is_no_stage():
    assert list(chain(nn.Sequential(Residual(3), Residual(3)))) == ["0", "1"]


def test_stages_without_a_list():
    found = list(chain(nn.Sequential(Stage(2), Stage(3))))
    assert found == ["0.b0", "0.b1", "1.b0", "1.b1", "1.b2"]


def test_a_module_that_runs_twice_has_no_place_in_the_chain():
    shared = Residual(3)
    assert list(chain(nn.Sequential(Residual(3), shared, shared, Residual(3)))) == ["0", "3"]


def test_inputs_may_have_names():
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList([ConvNorm(3), ConvNorm(3)])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for block in self.blocks:
                x = block(x=x)
            return x

    assert list(chain(Named())) == ["blocks.0", "blocks.1"]


def test_outputs_keep_their_graph():
    network = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1))
    found = outputs(network, torch.rand(1, 3, 4, 4), {"0": network[0], "1": network[1]})
    assert list(found) == ["0", "1"]
    assert torch.autograd.grad(found["1"].sum(), found["0"])[0].shape == (1, 3, 4, 4)
    assert not network[0]._forward_hooks


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("name", "names", "maps"),
    [
        ("resnet18", ["layer1.0", "layer1.1", "layer4.1"], 8),
        ("mobilenetv3_small_100", ["blocks.0.0", "blocks.1.0", "blocks.5"], 12),
        ("convnext_atto", ["stages.0.blocks.0", "stages.1.blocks.1", "stages.3.blocks.1"], 12),
        ("swin_tiny_patch4_window7_224", ["layers.0.blocks.0", "layers.2.blocks.5", "layers.3.blocks.1"], 12),
        ("densenet121", ["features.denseblock1", "features.transition3", "features.denseblock4"], 7),
        ("regnetx_002", ["s1", "s2", "s4.b7"], 13),
    ],
)
def test_timm(name, names, maps):
    network = reference("timm").create_model(name, num_classes=3)
    images = torch.rand(2, 3, 224, 224)
    with untouched(network), torch.no_grad():
        blocks = find_blocks(network, images)
        given = {n: as_map(x, (224, 224), batch=2) for n, x in outputs(network, images, blocks).items()}
    assert set(names) <= set(blocks)
    placed = [n for n, map in given.items() if map is not None]
    assert len(placed) >= maps
    assert given[names[-1]] is not None
    heights = [given[n].shape[2] for n in placed]
    assert heights == sorted(heights, reverse=True)


@pytest.mark.oracle
def test_torchvisions_googlenet():
    network = reference("torchvision").models.googlenet(num_classes=3, aux_logits=False, init_weights=False)
    found = list(chain(network, 64))
    assert found[:3] == ["conv1", "conv2", "conv3"]
    assert found[3:] == [f"inception{name}" for name in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")]


@pytest.mark.oracle
def test_transformers():
    transformers = reference("transformers")
    sizes = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 32}
    network = transformers.ViTForImageClassification(transformers.ViTConfig(**sizes, image_size=32, patch_size=8))
    found = list(chain(network))
    assert len(found) == 3
    assert found[0].endswith("0")
