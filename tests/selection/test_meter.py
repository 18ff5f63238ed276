from dataclasses import replace
from pathlib import Path

import pytest
import torch

from anmok.errors import RequestError, RunDirectoryError
from anmok.evaluation.device_costs import MACHINE, DeviceCosts, Runtime
from anmok.evaluation.measurements import Measurement
from anmok.selection import meter
from anmok.selection.meter import FileMeter, Meter, TorchMeter, blank, require_energy
from device_costs import PI, row
from random_classifiers import random_classifier


def file_meter(*models: str) -> FileMeter:
    return FileMeter(DeviceCosts(PI, tuple(row(model) for model in models)), Path("runs/pi.json"))


def test_what_is_measured_here_takes_the_threads_it_is_given_and_gives_them_back() -> None:
    seen = []
    classifier, before = random_classifier(), torch.get_num_threads()
    classifier.register_forward_hook(lambda *_: seen.append(torch.get_num_threads()))
    (reading,) = TorchMeter(threads=1)({"a": classifier}, blank(32))
    assert set(seen[:-1]) == {1}
    assert torch.get_num_threads() == before
    assert 0 < reading.latency.p50 <= reading.latency.p95
    assert reading.memory > 1_000_000 * 4 / 2**20
    assert (TorchMeter().machine, TorchMeter().device.runtime) == ("", Runtime.TORCH)


class Every:
    """A counter that goes on by 2 J each time it is read."""

    def __init__(self) -> None:
        self.shown = 0.0

    def read(self) -> float:
        self.shown += 2.0
        return self.shown


def test_energy_is_measured_where_a_counter_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter, "open_counter", lambda device: Every())
    (reading,) = TorchMeter()({"a": random_classifier()}, blank(32))
    assert reading.energy is not None
    assert 0 < reading.energy <= 2000.0  # mJ of as many images as were answered meanwhile
    require_energy(TorchMeter())


def test_energy_that_cannot_be_read_is_refused_by_who_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(device: torch.device) -> Every:
        raise RequestError("Energy cannot be read here.")

    monkeypatch.setattr(meter, "open_counter", closed)
    (reading,) = TorchMeter()({"a": random_classifier()}, blank(32))
    assert reading.energy is None
    with pytest.raises(RequestError, match=r"^Energy cannot be read here\.$"):
        require_energy(TorchMeter())
    with pytest.raises(
        RequestError, match=r"^--prefer energy is measured on this machine, in PyTorch\. Leave out --dev"
    ):
        require_energy(file_meter("vit_nano"))


def test_what_was_measured_elsewhere_is_looked_up() -> None:
    elsewhere = file_meter("vit_nano", "mlp_nano")
    assert isinstance(elsewhere, Meter)
    (reading,) = elsewhere({"mlp_nano": random_classifier("mlp_nano")}, blank(32))
    assert (reading.latency.p50, reading.latency.p95, reading.latency.n, reading.memory) == (2.0, 2.5, 60, 8.0)
    assert elsewhere.machine == "Raspberry Pi 5"


def test_models_that_were_not_measured_come_with_the_command_that_does_it() -> None:
    networks = {model: random_classifier(model) for model in ("mlp_nano", "vit_nano", "resnet_nano")}
    with pytest.raises(RequestError) as error:
        file_meter("vit_nano")(networks, blank(32))
    assert str(error.value) == (
        "'runs/pi.json' lacks mlp_nano, resnet_nano at 32 x 32 pixels. On that device run `anmok bench mlp_nano "
        "resnet_nano --image-size 32 --runtime onnxruntime --out pi.json`, then repeat."
    )


def test_another_image_size_and_other_threads_are_part_of_that_command() -> None:
    costs = DeviceCosts(replace(PI, runtime=Runtime.TORCH, threads=4), (row("mlp_nano", image_size=64),))
    with pytest.raises(RequestError, match=r"`anmok bench mlp_nano --image-size 32 --threads 4 --out pi\.json`"):
        FileMeter(costs, Path("pi.json"))({"mlp_nano": random_classifier("mlp_nano")}, blank(32))


LATENCY = Measurement(
    subject="mlp_nano.our_weights",
    metric="latency",
    value=2.0,
    high=2.5,
    conditions=PI.conditions | {MACHINE: PI.name, "image_size": 32},
)


def test_a_file_with_further_rows_is_no_other_file() -> None:
    file_meter("mlp_nano").check_unchanged([LATENCY])
    file_meter("vit_nano", "mlp_nano").check_unchanged([LATENCY])


@pytest.mark.parametrize(
    "changed",
    [
        file_meter("vit_nano"),
        FileMeter(DeviceCosts(PI, (row("mlp_nano", latency_ms=2.4),)), Path("runs/pi.json")),
        FileMeter(DeviceCosts(replace(PI, processor="Raspberry Pi 4"), (row("mlp_nano"),)), Path("runs/pi.json")),
    ],
)
def test_a_file_that_changed_under_a_run_is_refused(changed: FileMeter) -> None:
    message = (
        r"^'runs/pi\.json' has changed since this run took the latency of mlp_nano\.our_weights from it, 2 ms\. "
        r"Choose another --out, or the file as it was\.$"
    )
    with pytest.raises(RunDirectoryError, match=message):
        changed.check_unchanged([LATENCY])
