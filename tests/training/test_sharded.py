"""Parts of weights, as one process sees them; two of them train in test_distributed.py."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from anmok.catalogue import create_model
from anmok.data import Part
from anmok.errors import RequestError
from anmok.training import engine, sharded
from anmok.training.image_classification import ImageClassification
from anmok.training.job import Fit
from anmok.training.loop import fit
from anmok.training.recipe import Recipe
from halves import Halves, layer_norm_network

CPU = torch.device("cpu")


def test_blocks_are_what_lists_and_sequences_hold_and_stages_call_so() -> None:
    vit = create_model("vit_nano", num_classes=2)
    assert list(sharded.find_blocks(vit)) == list(vit.stages)
    cvt = create_model("cvt_nano", num_classes=2)
    assert list(sharded.find_blocks(cvt)) == [block for stage in cvt.stages for block in stage.blocks]
    plain = layer_norm_network()
    nested = nn.ModuleDict({"inner": nn.Sequential(plain, nn.LayerNorm(2))})
    assert list(sharded.find_blocks(nested)) == [plain[0], plain[4], plain[7]]


def test_whole_tensors_are_their_own_parts() -> None:
    tensor = torch.arange(3.0)
    assert sharded.whole(tensor) is tensor
    assert sharded.own([tensor])[0] is tensor
    assert sharded.part_like(tensor, torch.zeros(3)) is tensor
    assert [float(norm) for norm in sharded.norms([tensor], tensor)] == [pytest.approx(5**0.5)]
    assert not sharded.is_sharded(layer_norm_network())


def test_one_process_has_nobody_to_share_with() -> None:
    job = Fit(
        network=layer_norm_network(), task=ImageClassification(), train=Halves().batches(seed=1), recipe=Recipe(),
        device=CPU, seed=0,
    )  # fmt: skip
    message = r"^To shard is to share the weights among processes: this one is alone\. Start several with torchrun, or"
    with pytest.raises(RequestError, match=message):
        fit(replace(job, shard=True))


def test_shared_weights_are_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "this_part", lambda: Part(0, 2))
    message = r"^A network whose weights are shared out is not compiled: got compile=true\. Set it to false, or leave"
    with pytest.raises(RequestError, match=message):
        engine.check_shard(Recipe(compile=True))


def test_a_scalar_has_no_parts() -> None:
    network = nn.Module()
    network.scale = nn.Parameter(torch.tensor(1.0))
    with pytest.raises(RequestError, match=r"^A parameter without axes cannot be sharded: got 'scale'\. Leave shard"):
        sharded.share_out(network, CPU)
