"""The search from a folder to a triple, for real, on images that are learnt in seconds."""

import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

import anmok
from anmok.api.scale_search import ScaleSearch, scale_search
from anmok.backbone import Scaling
from anmok.catalogue import require_model
from anmok.errors import RequestError, RunDirectoryError, UnknownNameError
from anmok.selection import material
from anmok.selection.crew import Briefing, Crew, Tools
from anmok.selection.material import open_material
from anmok.selection.run_directory import RunDirectory
from anmok.selection.scaling import grid, search
from anmok.selection.trial import ACCURACY

FEW = 5  # trainings
OPTIONS = {"model": "vgg_nano", "epochs": 2, "budget": "10m", "image_size": 24}


class Alone(Crew):
    """Does the work in this process: those of their own have tests with `anmok.select`."""

    def __init__(self, briefing: Briefing, size: int) -> None:
        self.size = size
        run = RunDirectory(briefing.root)
        material = open_material(run, briefing.image_size, briefing.classes)
        self._tools = Tools(run, material, torch.device("cpu"), lambda _: None)

    def run(self, job: Any, tasks: Iterable[Any], watch: Any = None) -> Iterator[Any]:
        for task in tasks:
            yield job(self._tools._replace(watch=partial(watch, task) if watch else self._tools.watch), task)

    def __exit__(self, *error: object) -> None:
        pass


@pytest.fixture(autouse=True, scope="module")
def few() -> Iterator[None]:
    """No further processes, and a coarse grid."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "hire", lambda workers, briefing, most, note: Alone(briefing, most))
        # The shape checks hide from `inference_mode` that it decorates a generator.
        patch.setattr(material, "probabilities", torch.no_grad()(material.probabilities))
        patch.setattr(grid, "STEPS", Scaling(depth=0.5, width=0.2, resolution=0.2))
        patch.setattr(grid, "_MOST", 1)
        yield


@pytest.fixture(scope="module")
def result(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> ScaleSearch:
    return scale_search(photos, **OPTIONS, out=tmp_path_factory.mktemp("runs") / "photos")


def rows(root: Path) -> dict[str, float]:
    return {str(row.conditions): row.value for row in RunDirectory(root).measurements.rows(metric=ACCURACY)}


def test_every_triple_is_trained_on_images_of_its_size_and_judged(result: ScaleSearch) -> None:
    table = result.table
    assert table.height == FEW
    assert table["accuracy"].null_count() == 0
    assert table["standing"].to_list().count("best") == 1
    assert set(table["axis"]) == {"unscaled", "depth only", "width only", "resolution only", "compound"}
    assert table["image_size"].max() > 24
    for side in set(table["image_size"].to_list()):
        assert RunDirectory(result.path).pixels(side).exists()
    assert not list((result.path / "trials").rglob("*.safetensors"))


def test_the_line_of_code_gives_the_network_that_was_trained(result: ScaleSearch) -> None:
    best = result.verdict.best
    spec = eval(result.code, {"anmok": anmok})
    model = anmok.create_model("vgg_nano", spec=spec, num_classes=3, img_size=best.image_size)
    assert sum(p.numel() for p in model.parameters()) == best.params
    assert require_model("vgg_nano").spec != spec


def test_a_run_that_was_interrupted_repeats_no_trial_and_comes_to_the_same_end(
    result: ScaleSearch, photos: Path, tmp_path: Path
) -> None:
    """As after kill -9: what one trial left in the table is gone, and its checkpoint is not there."""
    root = tmp_path / "run"
    shutil.copytree(result.path, root)
    with closing(sqlite3.connect(root / "measurements.sqlite")) as connection, connection:
        last = "(SELECT max(id) FROM measurements WHERE metric = ?)"
        connection.execute(f"DELETE FROM measurements WHERE id >= {last}", (ACCURACY,))
        connection.execute("DELETE FROM outcomes WHERE id = (SELECT max(id) FROM outcomes)")
    assert len(rows(root)) == FEW - 1
    again = scale_search(photos, **OPTIONS, out=root)
    assert rows(root) == rows(result.path)
    assert again.table.drop("train_seconds").equals(result.table.drop("train_seconds"))
    assert len(RunDirectory(root).measurements.rows(metric=ACCURACY)) == FEW


def test_another_request_and_another_verb_are_refused(result: ScaleSearch, photos: Path) -> None:
    with pytest.raises(RunDirectoryError, match=r"made with another request: constraint 2\.0 instead of 3\.0"):
        scale_search(photos, **OPTIONS, constraint=3, out=result.path)
    with pytest.raises(RunDirectoryError, match=r"constraint 2\.0 instead of unset"):
        anmok.select(photos, models=["vgg_nano"], out=result.path)


def test_what_cannot_be_searched_is_one_sentence(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"^--constraint must lie between 1\.2 and 8 times the MACs: got 1\.0\.$"):
        scale_search(photos, constraint=1, out=tmp_path / "a")
    with pytest.raises(UnknownNameError, match="Did you mean 'vgg_nano'"):
        scale_search(photos, model="vgg_nanno", out=tmp_path / "b")
