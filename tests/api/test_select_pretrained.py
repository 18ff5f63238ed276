"""A race from pretrained weights, from a folder of files to a fine-tuned winner; without a network."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import anmok
from anmok.api.select import Selection
from anmok.catalogue import create_model
from anmok.data import load_data
from anmok.errors import RequestError, RunDirectoryError
from anmok.experience import ExperienceStore, experience_file, recall
from anmok.selection.campaign import Campaign
from anmok.selection.decide import Decision
from anmok.selection.log import Logged
from anmok.selection.material import WEIGHTS, open_material
from anmok.selection.observer import Silent
from anmok.selection.past import ASKED
from anmok.selection.prepare import prepare
from anmok.selection.request import Request
from anmok.selection.run_directory import RunDirectory
from anmok.selection.select import select
from anmok.selection.shortlisting import SHORTLIST_SECONDS, draw_up_shortlist
from anmok.selection.sources import find_sources
from anmok.selection.workers import Workers
from anmok.training.depth import find_layers
from oracles import reference


def race(photos: Path, weights: Path, out: Path) -> Decision:
    """As `anmok.select` does it, without export and report."""
    request = Request(data=str(photos), pretrained=True, weights=str(weights), epochs=2, budget=600.0)
    with RunDirectory(out) as run:
        run.claim(request)
        return select(load_data(photos), Campaign(request, run, Logged(Silent(), run.log), Workers(count=1)))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights for four other classes; one file is broken."""
    folder = tmp_path_factory.mktemp("weights")
    for model in ("mlp_nano", "resnet_nano"):
        save_file(create_model(model, num_classes=4).state_dict(), folder / f"{model}.safetensors")
    (folder / "vit_nano.safetensors").write_bytes(b"nothing")
    return folder


@pytest.fixture(scope="module")
def result(photos: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Selection:
    out = tmp_path_factory.mktemp("runs") / "photos"
    return Selection(path=out, decision=race(photos, weights, out))


def test_the_models_of_the_folder_race_and_the_winner_is_fine_tuned(result: Selection) -> None:
    assert result.decision.winner in ("mlp_nano", "resnet_nano")
    assert result.test_accuracy.value > 0.8
    config = json.loads((result.path / "best" / "config.json").read_text())
    assert config["mean"] == [0.485, 0.456, 0.406]  # the weights', not the images'
    assert config["pretrained"].startswith(f"{result.decision.winner}+")
    recipe = config["recipe"]
    assert (recipe["layer_decay"], recipe["head_epochs"], recipe["learning_rate"]) == (0.75, 0.0, 3e-4)


def test_the_shortlist_stands_in_the_table(result: Selection) -> None:
    table = RunDirectory(result.path).measurements
    assert {row.subject for row in table.rows(metric="ridge_score")} == {"mlp_nano", "resnet_nano"}
    assert {row.subject for row in table.rows(metric=WEIGHTS)} == {"mlp_nano", "resnet_nano"}
    (broken,) = table.rows(metric="excluded")
    assert broken.subject == "vit_nano"
    assert "vit_nano.safetensors' is damaged" in broken.note
    log = (result.path / "log.txt").read_text()
    assert "shortlist: 2 of 2 by a linear head on frozen features, which answers so much of 114 train images" in log


def test_trainings_start_from_the_files_and_only_the_head_is_new(result: Selection, weights: Path) -> None:
    start = load_file(RunDirectory(result.path).start("resnet_nano"))
    given = load_file(weights / "resnet_nano.safetensors")
    assert {name for name, x in start.items() if x.equal(given[name])} == {
        n for n in given if not n.startswith("head.")
    }
    assert "head.weight" not in start


def test_experience_keeps_what_was_fine_tuned_apart(result: Selection) -> None:
    run = RunDirectory(result.path).measurements.rows(metric=ASKED)[0].note
    store = ExperienceStore(experience_file())
    models = {trial.model for _, trial in store.trials() if trial.run == run}
    assert {model.partition("+")[0] for model in models} == {"mlp_nano", "resnet_nano"}
    assert all("+" in model for model in models)
    assert not any("+" in model for model in recall(store).models)


def test_the_same_call_again_repeats_nothing_and_mends_what_was_lost(
    result: Selection, photos: Path, weights: Path
) -> None:
    table = RunDirectory(result.path).measurements
    before = len(table.rows())
    shutil.rmtree(result.path / "cache")
    assert race(photos, weights, result.path) == result.decision
    assert len(table.rows()) == before
    assert len(table.rows(metric=SHORTLIST_SECONDS)) == 1
    assert RunDirectory(result.path).start("resnet_nano").exists()
    with pytest.raises(RunDirectoryError, match=r"pretrained True instead of False; weights .* instead of unset"):
        anmok.select(photos, epochs=2, budget="10m", out=result.path)


OWN = """
import anmok
from torch import nn

def make(num_classes, pretrained=False):
    network = anmok.create_model("mlp_nano", num_classes=num_classes, img_size=32)
    if pretrained:
        nn.init.constant_(network.stages[0][1].bias, 0.5)
    return network

def silent(num_classes, pretrained=False):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, num_classes), nn.Softsign())
"""


def test_networks_from_elsewhere_bring_weights_of_their_own(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_starts.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    images = load_data(photos)
    with RunDirectory(tmp_path / "run") as run:
        campaign = Campaign(Request(data="photos", pretrained=True), run, Silent())
        found = find_sources(["own_starts:make", "own_starts:silent"], None)
        assert draw_up_shortlist(found, images, prepare(images, campaign), campaign) == ["own_starts:make"]
        (row,) = run.measurements.rows(metric=WEIGHTS)
        assert row.note == "own_starts:make+own"
        (left_out,) = run.measurements.rows(metric="excluded")
        assert left_out.note.startswith("'own_starts:silent' has no method group_matcher, as networks of the zoo")
        assert left_out.note.endswith("nor a linear layer that gives its logits.")
        network = open_material(run, 32, images.classes).network("own_starts:make")
    assert network.config.std == (0.229, 0.224, 0.225)
    assert network.backbone.state_dict()["stages.0.stages.0.1.bias"].eq(0.5).all()


def test_models_of_transformers_bring_weights_of_their_own(photos: Path, tmp_path: Path) -> None:
    """From folders, as the hub has them; the image size is the race's, not that of the weights."""
    transformers = reference("transformers")
    torch.manual_seed(0)
    sizes = {"image_size": 64, "num_labels": 4, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    vit = transformers.ViTConfig(**sizes, intermediate_size=32, patch_size=16)
    resnet = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], num_labels=4)
    paths = {name: tmp_path / name for name in ("resnet", "vit")}
    transformers.ResNetForImageClassification(resnet).save_pretrained(paths["resnet"])
    transformers.ViTForImageClassification(vit).save_pretrained(paths["vit"])
    for path in paths.values():
        (path / "preprocessor_config.json").write_text('{"image_mean": [0.5, 0.4, 0.3], "image_std": [0.3, 0.2, 0.1]}')
    images, names = load_data(photos), [f"hf:{path}" for path in paths.values()]
    with RunDirectory(tmp_path / "run") as run:
        campaign = Campaign(Request(data="photos", pretrained=True), run, Silent())
        found = find_sources(names, None)
        assert draw_up_shortlist(found, images, prepare(images, campaign), campaign) == names
        assert {row.subject: row.note for row in run.measurements.rows(metric=WEIGHTS)} == {
            n: f"{n}+own" for n in names
        }
        network = open_material(run, 32, images.classes).network(names[1])
    given = transformers.ViTForImageClassification.from_pretrained(paths["vit"]).state_dict()
    learnt = {name.removeprefix("stages.0."): x for name, x in network.backbone.state_dict().items()}
    assert {name for name in given if not given[name].equal(learnt.get(name, given[name][:0]))} == {
        "classifier.weight", "classifier.bias", "vit.embeddings.position_embeddings",
    }  # fmt: skip
    layers = find_layers(network)
    assert layers is not None
    assert layers.last == 3
    assert network.config.std == (0.3, 0.2, 0.1)


def test_without_weights_there_is_nothing_to_race(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "mlp_nano.safetensors").write_bytes(b"nothing")
    with pytest.raises(RequestError, match=r"^No model could be scored: .*mlp_nano\.safetensors' is damaged"):
        anmok.select(photos, pretrained=True, weights=tmp_path / "weights", out=tmp_path / "run")
    with pytest.raises(RequestError, match=r"^--weights says where pretrained weights lie: got 'x' alone\. Add"):
        anmok.select(photos, weights="x", out=tmp_path / "other")
