import pytest
import torch

from anmok.selection import costs
from anmok.selection.costs import choose_precision
from anmok.training.recipe import Precision


@pytest.mark.parametrize(
    ("model", "precision"),
    [
        ("resnet_nano", Precision.BF16),
        ("vit_nano", Precision.BF16),
        ("cmt_nano", Precision.FP32),
        ("mlp_nano", Precision.FP32),
    ],
)
def test_the_precision_is_a_rule_of_the_kind_on_a_cpu(
    model: str, precision: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(costs, "default_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(costs, "resolve", lambda *_: Precision.BF16)
    assert choose_precision(model) is precision


def test_without_native_bf16_all_train_in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "default_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(costs, "resolve", lambda *_: Precision.FP32)
    assert {choose_precision(m) for m in ("resnet_nano", "cmt_nano")} == {Precision.FP32}
