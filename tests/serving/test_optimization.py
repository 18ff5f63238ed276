import importlib.util

import pytest
import torch
from torch import nn

from anmok.catalogue import create_model
from anmok.errors import RequestError
from anmok.serving import optimization as module
from anmok.serving.fast_paths import FastPath, available_paths, fold_norms, prepare_paths
from anmok.serving.optimization import optimize
from parity import relative_error, scatter

IMAGES = torch.randn(4, 3, 32, 32)
INT8 = FastPath.OPENVINO_INT8


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


def test_every_path_answers_any_number_of_images_like_the_network(network):
    kinds = available_paths(torch.device("cpu"), calibrated=True)
    ready = prepare_paths(network.eval(), IMAGES, kinds, torch.randn(16, 3, 32, 32))
    assert list(ready) == kinds
    for count in (4, 1, 7):
        images = torch.randn(count, 3, 32, 32)
        with torch.no_grad():
            expected = network(images)
            errors = {path: relative_error(run(images), expected) for path, run in ready.items()}
        for path, error in errors.items():
            assert error < (0.15 if path is INT8 else 0.02 if "bf16" in path else 1e-5), path


def test_quantization_is_silent_and_leaves_the_model_as_it_is(network, capfd):
    pytest.importorskip("openvino")
    pytest.importorskip("nncf")
    found = optimize(network, IMAGES, paths=[INT8], calibration=torch.randn(16, 3, 32, 32), rounds=1)
    assert capfd.readouterr() == ("", "")
    trial = next(t for t in found.trials if t.path is INT8)
    assert 1e-3 < trial.difference < 0.15
    assert trial.faithful == (trial.agreement >= 0.99)


def test_images_of_another_size_are_refused_in_one_line(network):
    found = optimize(network, IMAGES, paths=["folded"], rounds=1)
    with pytest.raises(RequestError) as error:
        found(torch.randn(1, 3, 40, 32))
    assert str(error.value) == (
        "Optimized for images of 3x32x32: got 3x40x32. Resize them, or optimize for images of that size."
    )


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
    monkeypatch.setattr(module, "prepare_paths", lambda *_: {FastPath.EAGER: network, **answers})
    found = optimize(network, IMAGES, rounds=3)
    assert found.path is near
    wrong = next(t for t in found.trials if t.path is wild)
    assert (wrong.faithful, wrong.difference) == (False, 1)
    assert optimize(network, IMAGES, rounds=3, tolerance=1e-4).path is FastPath.EAGER


@pytest.mark.parametrize(("wrong", "kept"), [(1, FastPath.EAGER), (0, FastPath.OPENVINO_INT8)])
def test_int8_is_kept_only_where_it_answers_alike_on_images_that_it_was_not_made_with(
    network, monkeypatch, wrong, kept
):
    """One of 50 unseen images answered otherwise is 98 %; that logits are far off does not matter."""
    network.eval()
    calibration = torch.randn(100, 3, 32, 32)
    odd = calibration[1]

    def rough(images):
        logits = 3 * network(images)
        for row, image in zip(logits, images, strict=True):
            row.mul_(-1 if wrong and image.equal(odd) else 1)
        return logits

    def prepare(net, images, paths, ranges):
        assert len(ranges) == 50
        assert not any(image.equal(odd) for image in ranges)
        return {FastPath.EAGER: lambda images: network(images.repeat(9, 1, 1, 1))[: len(images)], INT8: rough}

    monkeypatch.setattr(module, "prepare_paths", prepare)
    found = optimize(network, IMAGES, calibration=calibration, rounds=3)
    trial = next(t for t in found.trials if t.path is INT8)
    assert found.path is kept
    assert trial.agreement == pytest.approx(1 - wrong / 50)
    assert trial.difference == pytest.approx(2, rel=0.3)


def test_int8_without_images_to_calibrate_on_is_refused(network):
    with pytest.raises(RequestError) as error:
        optimize(network, IMAGES, paths=["openvino-int8"])
    assert str(error.value) == "The path 'openvino-int8' needs images to set its ranges by: got none. Give calibration."


def test_calibration_that_could_not_be_used_is_refused(network, monkeypatch):
    with pytest.raises(
        RequestError, match=r"Calibration takes two or more images of the size .*: got \(1, 3, 32, 32\)"
    ):
        optimize(network, IMAGES, calibration=IMAGES[:1])
    with pytest.raises(RequestError, match=r"got \(4, 3, 40, 40\)"):
        optimize(network, IMAGES, calibration=torch.randn(4, 3, 40, 40))
    monkeypatch.setattr(module, "can_quantize", lambda: True)
    with pytest.raises(RequestError, match="Calibration images serve int8 alone: got paths folded"):
        optimize(network, IMAGES, calibration=IMAGES, paths=["folded"])
    monkeypatch.setattr(module, "can_quantize", lambda: False)
    with pytest.raises(RequestError) as error:
        optimize(network, IMAGES, calibration=IMAGES)
    assert str(error.value) == (
        "Calibration images serve int8 alone, which needs OpenVINO and NNCF: run `pip install openvino nncf`, or leave "
        "them out."
    )


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
