import numpy as np
import pytest
import torch

from anmok.backbone import Kind
from anmok.catalogue import create_model
from anmok.data import load_data
from anmok.errors import RequestError
from anmok.scores import Pretrained, pretrained, shortlist

DATA = load_data("fashion")
IDS = np.arange(0, 4000, 67)  # 60 images, six of each class


def blind() -> torch.nn.Module:
    """Sees nothing but noise: every image has other features than it had before, whatever it shows."""
    network = create_model("resnet_nano")
    network.pool = Noise(network.head_hidden_size)
    return network


class Noise(torch.nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.randn(len(x), self.width, generator=torch.Generator().manual_seed(0))


def untrained(name: str) -> Pretrained:
    return pretrained(name, False, img_size=32)


@pytest.fixture(scope="module")
def found():
    models = [untrained(name) for name in ("resnet_nano", "vit_nano", "coatnet_nano")]
    models.append(Pretrained(name="blind", kind=None, build=blind))
    models.append(pretrained("mlp_nano", "missing.safetensors"))
    torch.manual_seed(0)
    return shortlist(models, DATA, IDS, keep=1)


def test_one_of_each_kind_is_kept_beside_the_first(found):
    names = [row.name for row in found.ranking]
    assert names[-1] == "blind"
    assert sorted(names) == ["blind", "coatnet_nano", "resnet_nano", "vit_nano"]
    assert found.kept[0] == names[0]
    assert sorted(found.kept) == ["coatnet_nano", "resnet_nano", "vit_nano"]


def test_it_is_ordered_by_ridge_accuracy_and_says_what_is_tied(found):
    shares = [row.scores.ridge.accuracy.value for row in found.ranking]
    assert shares == sorted(shares, reverse=True)
    assert found.ranking[0].tied
    assert not found.ranking[-1].tied
    assert found.ranking[0].images == 60


def test_a_model_that_cannot_be_had_is_left_out_with_the_reason(found):
    assert found.left_out == {"mlp_nano": "There is no weight file 'missing.safetensors'. Check the path."}


def test_the_table(found):
    frame = found.frame()
    assert frame["name"].to_list() == [row.name for row in found.ranking]
    assert frame["kind"].to_list()[-1] is None
    assert frame["kept"].sum() == 3
    assert (frame["ridge_low"] <= frame["ridge"]).all()
    assert (frame["ridge"] <= frame["ridge_high"]).all()


def test_the_rows_for_the_table_of_measurements(found):
    rows = {(row.subject, row.metric): row for row in found.measurements()}
    first = found.ranking[0]
    ridge = rows[first.name, "ridge_score"]
    assert (ridge.value, ridge.unit, ridge.n) == (first.scores.ridge.accuracy.value, "share", 60)
    assert ridge.low < ridge.value < ridge.high
    assert rows[first.name, "logme_score"].low is None
    assert len(rows) == 4 * 7  # a network with 1000 fresh classes and no weights has a head as any other


def test_of_many_images_a_stratified_part_is_looked_at():
    seen = []

    def build() -> torch.nn.Module:
        network = create_model("resnet_nano")
        network.stages[0].register_forward_hook(lambda module, inputs, output: seen.append(len(output)))
        return network

    model = Pretrained(name="any", kind=Kind.CNN, build=build)
    assert shortlist([model], DATA, np.arange(0, 4000, 20), limit=40).ranking[0].images == 40
    assert sum(seen) == 40
    lone = np.append(np.arange(40), 3999)  # the only image of its class, beside those of another
    two = np.append(lone, [500, 501])
    assert shortlist([model], DATA, two, limit=10).ranking[0].images == 12


def test_nothing_to_choose_from():
    with pytest.raises(RequestError, match=r"^A shortlist keeps one model at least: got 0 models and keep=5.$"):
        shortlist([], DATA, IDS)
    with pytest.raises(RequestError, match=r"^A shortlist keeps one model at least: got 1 models and keep=0.$"):
        shortlist([untrained("resnet_nano")], DATA, IDS, keep=0)
    message = r"^Models to compare have names of their own: got resnet_nano, resnet_nano. Rename one.$"
    with pytest.raises(RequestError, match=message):
        shortlist([untrained("resnet_nano")] * 2, DATA, IDS)
    with pytest.raises(RequestError, match=r"^No model could be scored: There is no weight file 'x.safetensors'."):
        shortlist([pretrained("resnet_nano", "x.safetensors")], DATA, IDS)
