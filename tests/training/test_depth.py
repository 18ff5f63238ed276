import pytest
import torch
from torch import nn

from anmok.catalogue import create_model
from anmok.training.depth import find_layers, outermost, sort_by_depth
from oracles import reference
from presets import NANO


def test_parameters_are_sorted_by_pattern_then_by_the_numbers_in_their_names() -> None:
    patterns = {"stem": r"^stem", "blocks": [(r"^blocks\.(\d+)", None), (r"^norm", (99999,))]}
    layers = sort_by_depth(["head.w", "norm.w", "blocks.10.w", "blocks.2.w", "stem.w", "blocks.2.b"], patterns)
    assert layers.numbers == {
        "stem.w": 0,
        "blocks.2.w": 1,
        "blocks.2.b": 1,
        "blocks.10.w": 2,
        "norm.w": 2,
        "head.w": 3,
    }
    assert layers.head == {"head.w"}
    assert layers.last == 3


@pytest.mark.oracle
@pytest.mark.parametrize("name", NANO)
def test_layers_are_those_that_timm_finds(name: str) -> None:
    reference("timm")
    from timm.models import group_parameters

    with torch.device("meta"):
        network = create_model(name, num_classes=3)
    layers = find_layers(network)
    assert layers is not None
    assert layers.numbers == group_parameters(network, network.group_matcher(), reverse=True)
    assert {label for label in layers.numbers if label.startswith(("head", "auxiliary"))} == layers.head


def test_a_network_is_found_inside_others() -> None:
    network = nn.Sequential(nn.Identity(), nn.ModuleDict({"net": create_model("resnet_nano", num_classes=3)}))
    network.append(nn.Linear(3, 3))
    assert outermost(network, "group_matcher")[0] == "1.net."
    layers = find_layers(network)
    assert layers is not None
    assert layers.numbers.keys() == {name for name, _ in network.named_parameters()}
    assert layers.head == {"1.net.head.weight", "1.net.head.bias", "2.weight", "2.bias"}
    assert find_layers(nn.Linear(2, 2)) is None
