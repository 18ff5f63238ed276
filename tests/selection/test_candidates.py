from pathlib import Path

import pytest

from anmok.backbone import Kind
from anmok.catalogue import require_model
from anmok.errors import RequestError, UnknownNameError
from anmok.selection.candidates import check_limits, find_models
from anmok.selection.plan import Cost
from anmok.training.recipe import Precision


def cost(latency: float, params: int, memory: float) -> Cost:
    return Cost(
        kind=Kind.CNN,
        params=params,
        macs=1,
        latency=latency,
        memory=memory,
        seconds_per_image=1.0,
        precision=Precision.FP32,
    )


COSTS = {"small": cost(1.0, 1_000_000, 10.0), "large": cost(30.0, 25_000_000, 200.0)}
NONE = {"latency": None, "params": None, "memory": None}


def test_models_are_found_by_name_and_wildcard() -> None:
    assert find_models(["vit_nano", "cifar_resnet5*"]) == ["cifar_resnet56", "vit_nano"]


def test_without_a_pattern_the_small_preset_of_every_family_races() -> None:
    found = find_models([])
    assert {"mlp_nano", "resnet_nano", "vit_nano", "cmt_nano"} <= set(found)
    assert all(require_model(name).is_ours for name in found)


def test_networks_from_elsewhere_are_named_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_candidates.py").write_text(
        "from torch import nn\n\n"
        "def make(num_classes):\n"
        "    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, num_classes))\n"
    )
    assert find_models(["vit_nano", "own_candidates:make"]) == ["own_candidates:make", "vit_nano"]
    assert require_model("own_candidates:make").architecture.kind is Kind.MLP
    with pytest.raises(UnknownNameError, match=r"^The module own_candidates has no callable 'mak'\. Check the name"):
        find_models(["own_candidates:mak"])


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"^No model is called 'vit_nanno'\. Did you mean 'vit_nano'"):
        find_models(["vit_nanno"])


def test_without_limits_all_are_kept() -> None:
    assert check_limits(COSTS, NONE) == {}


def test_a_broken_limit_is_said_with_both_values() -> None:
    assert check_limits(COSTS, NONE | {"latency": 20.0}) == {"large": "latency 30 ms > 20 ms"}
    both = check_limits(COSTS, NONE | {"params": 2e6, "memory": 100.0})
    assert both == {"large": "params 2.5e+07 > 2e+06, memory 200 MiB > 100 MiB"}


def test_limits_that_none_meets_on_another_device_name_it() -> None:
    with pytest.raises(RequestError, match=r"^No model meets --max-params on Raspberry Pi 5\. Nearest: small"):
        check_limits(COSTS, NONE | {"params": 1.0}, "Raspberry Pi 5")


def test_limits_that_none_meets_show_the_nearest_misses_first() -> None:
    message = (
        r"^No model meets --max-latency on this machine\. Nearest: small \(latency 1 ms > 0\.5 ms\); "
        r"large \(latency 30 ms > 0\.5 ms\)\. Loosen the limit or name other --models\.$"
    )
    with pytest.raises(RequestError, match=message):
        check_limits(COSTS, NONE | {"latency": 0.5})
