import importlib.util

import pytest
import torch
from torch import nn

from anmok.catalogue import create_model
from anmok.errors import RequestError
from anmok.serving import optimization as module
from anmok.serving.fast_paths import FastPath, available_paths, fold_norms
from anmok.serving.optimization import optimize
from parity import relative_error, scatter

IMAGES = torch.randn(4, 3, 32, 32)


@pytest.fixture
def network():
    torch.manual_seed(0)
    net = create_model("resnet_nano", num_classes=10)
    scatter(net)
    return net


def test_folded_norms_are_gone_and_change_nothing(network):
    folded = fold_norms(network)
    assert not [m for m in folded.modules() if isinstance(m, nn.BatchNorm2d)]
    assert [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert relative_error(folded(IMAGES), network.eval()(IMAGES)) < 1e-5


@pytest.mark.parametrize("path", [p for p in FastPath if "compiled" not in p])
def test_every_path_answers_like_the_network(network, path):
    if "openvino" in path and importlib.util.find_spec("openvino") is None:
        pytest.skip("OpenVINO is not installed")
    found = optimize(network, IMAGES, paths=[path], rounds=1)
    trial = next(t for t in found.trials if t.path is path)
    assert trial.faithful
    assert trial.difference < (0.02 if "bf16" in path else 1e-5)


def test_the_network_stays_as_it_was_and_the_baseline_is_always_tried(network):
    network.train()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    found = optimize(network, IMAGES, paths=["folded"], rounds=1)
    assert network.training
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    assert {t.path for t in found.trials} == {FastPath.EAGER, FastPath.FOLDED}
    assert next(t.speedup for t in found.trials if t.path is FastPath.EAGER) == 1
    assert relative_error(found(IMAGES), network.eval()(IMAGES)) < 1e-5


def test_a_fast_path_that_answers_wrongly_is_never_kept(network, monkeypatch):
    expected = network.eval()(IMAGES).detach()
    wild, near = FastPath.FOLDED, FastPath.COMPILED
    answers = {wild: lambda _: torch.zeros(4, 10), near: lambda _: expected * 1.001}
    monkeypatch.setattr(module, "prepare_paths", lambda net, images, paths: {FastPath.EAGER: net, **answers})
    found = optimize(network, IMAGES, rounds=3)
    assert found.path is near
    wrong = next(t for t in found.trials if t.path is wild)
    assert (wrong.faithful, wrong.difference) == (False, 1)
    assert optimize(network, IMAGES, rounds=3, tolerance=1e-4).path is FastPath.EAGER


def test_a_path_that_does_not_exist_is_named(network):
    with pytest.raises(RequestError) as error:
        optimize(network, IMAGES, paths=["tensorrt"])
    assert str(error.value).startswith("No path is called 'tensorrt'. Choose from eager, folded, ")


def test_on_a_cpu_the_compiler_stands_in_where_openvino_is_missing(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "openvino" else found(name))
    assert FastPath.COMPILED_BF16 in available_paths(torch.device("cpu"))
    assert FastPath.OPENVINO not in available_paths(torch.device("cpu"))
    assert FastPath.COMPILED in available_paths(torch.device("cuda"))
