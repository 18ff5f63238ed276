import sys

import pytest

import anmok.serving.onnx as exporting
from anmok.errors import ExportError
from anmok.evaluation.device_costs import Runtime
from anmok.selection.meter import Meter, TorchMeter, blank
from anmok.serving.onnx_meter import OnnxMeter
from random_classifiers import random_classifier


def test_an_exported_network_is_measured_and_the_original_left_as_it_was() -> None:
    meter, classifier = OnnxMeter(), random_classifier().train()
    assert isinstance(meter, Meter)
    (reading,) = meter({"a": classifier}, blank(32))
    assert 0 < reading.latency.p50 <= reading.latency.p95
    assert reading.memory > TorchMeter()({"a": classifier}, blank(32))[0].memory  # the runtime has a share
    assert all(module.training for module in classifier.modules())
    assert (meter.device.runtime, meter.device.type, meter.device.threads) == (Runtime.ONNXRUNTIME, "cpu", 1)


def test_where_the_system_does_not_tell_it_memory_is_that_of_the_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    classifier = random_classifier()
    assert OnnxMeter()({"a": classifier}, blank(32))[0].memory == TorchMeter()({"a": classifier}, blank(32))[0].memory


def test_a_missing_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "_PACKAGES", ("onnx", "no_such_package"))
    with pytest.raises(ExportError, match=r"^The export to ONNX needs no_such_package: run `pip install no_such_packa"):
        OnnxMeter().device  # noqa: B018 - asking is what is refused
