"""Parity with timm: its model with random numbers everywhere, stored under its names, read by ours."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from anmok.catalogue import create_model
from oracles import reference
from parity import answers, relative_error, scatter


@pytest.fixture
def check_parity(tmp_path: Path) -> Callable[..., None]:
    """Assert that our logits equal timm's, in eval and in train mode."""

    def check(name: str, height: int, width: int, **timm_settings: object) -> None:
        timm = reference("timm")
        theirs = timm.create_model(name, num_classes=10, **timm_settings)
        scatter(theirs)
        save_file(theirs.state_dict(), tmp_path / "theirs.safetensors")
        ours = create_model(name, num_classes=10, pretrained=tmp_path / "theirs.safetensors")
        images = torch.randn(2, 3, height, width)
        for logits, expected in answers(ours, theirs, images):
            assert relative_error(logits, expected) < 1e-5

    return check
