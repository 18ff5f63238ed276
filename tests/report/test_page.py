"""The page as a file: complete, self-contained, safe, and there also when parts of a run are missing."""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from anmok.errors import RunDirectoryError
from anmok.evaluation.measurements import Measurement
from anmok.report import write_report
from anmok.selection.decide import decide
from anmok.selection.reasons import advice, reasons
from anmok.selection.request import Request
from anmok.selection.run_directory import RunDirectory
from recorded_run import RACERS, Scene, build_run

Build = Callable[[Scene], RunDirectory]
SECTIONS = ("verdict", "pareto", "reasons", "leaderboard", "curves", "errors", "data", "method", "reproduce")


class Page(HTMLParser):
    """Tags with their attributes, and the text outside scripts and styles."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._words: list[str] = []
        self._hidden = False
        self.feed(self.source)
        self.text = " ".join("".join(self._words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._hidden = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._words.append(data)

    def values(self, attribute: str) -> Iterator[str]:
        return (attrs[attribute] or "" for _, attrs in self.tags if attribute in attrs)


@pytest.fixture(scope="module")
def page(run: RunDirectory) -> Page:
    return Page(write_report(run))


def test_all_sections_are_there_and_named(page: Page) -> None:
    sections = [attrs for tag, attrs in page.tags if tag == "section"]
    assert [attrs["id"] for attrs in sections] == list(SECTIONS)
    ids = list(page.values("id"))
    assert len(ids) == len(set(ids))
    assert {word for value in page.values("aria-labelledby") for word in value.split()} <= set(ids)
    assert {value.removeprefix("#") for value in page.values("href")} <= set(ids)


def test_page_is_small_and_asks_for_nothing(page: Page) -> None:
    assert len(page.source.encode()) < 1_500_000
    assert page.source.count("data:image/png") == 24
    assert all(value.startswith("data:image/") for value in page.values("src"))
    assert not re.search(r"https?://|@import|url\(", page.source)
    policy = next(attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert (policy or "").startswith(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
    )


def test_verdict_carries_the_rows_of_the_table(run: RunDirectory, page: Page) -> None:
    decision = decide(run.measurements)
    test = run.measurements.rows(metric="test_accuracy")[-1]
    assert test.low is not None
    assert f"Use {decision.winner}" in page.text
    assert f"{100 * test.value:.1f} %" in page.text
    assert f"[{100 * test.low:.1f}," in page.text
    for sentence in (*reasons(decision), advice(decision)):
        assert " ".join(sentence.split()) in page.text
    assert "cannot tell" in page.text
    race = decision[decision.winner].accuracy
    assert race is not None
    assert f"{100 * (race.value - test.value):+.1f} points against the test".replace("-", "−") in page.text


def test_every_candidate_and_every_measurement_is_listed(run: RunDirectory, page: Page) -> None:
    for candidate in decide(run.measurements).candidates:
        assert f"{candidate.model} " in page.text
        assert candidate.note in page.text
    rows = re.findall(r"<tr><td>(?:data|run|\w+_nano|swin_tiny)</td>", page.source)
    assert len(rows) == len(run.measurements.rows())


def test_method_names_limits_and_costs(page: Page) -> None:
    for phrase in (
        "--max-latency",
        "swin_tiny: latency 41 ms > 4 ms",
        "about 5 m",
        "budget 10 m",
        "of the best at the full train split is below 5 %",
    ):
        assert phrase in page.text
    assert "anmok select photos --max-latency 4ms --budget 600s --seed 0 --out" in page.text


def test_tables_and_pictures_can_be_read_out(page: Page) -> None:
    tags = [tag for tag, _ in page.tags]
    assert tags.count("table") == tags.count("caption")
    assert all(attrs.get("scope") in ("col", "row") for tag, attrs in page.tags if tag == "th")
    pictures = [attrs for tag, attrs in page.tags if tag == "svg"]
    assert all(attrs.get("role") == "img" or attrs.get("aria-hidden") == "true" for attrs in pictures)
    assert all(attrs.get("alt") for tag, attrs in page.tags if tag == "img")


def test_the_same_run_gives_the_same_page(run: RunDirectory, page: Page) -> None:
    assert write_report(run).read_text(encoding="utf-8") == page.source
    assert not list(run.root.glob("*.partial"))


def test_hostile_names_stay_text(build: Build) -> None:
    evil = "<script>alert(1)</script>"
    scene = Scene(classes=(evil, '"><img src=x onerror=alert(2)>', "{{ 7 * 7 }}"), data=f"{evil}/photos")
    run = build(scene)
    run.measurements.append(
        [Measurement(subject="data", metric="finding", value=1.0, note=evil, conditions={"severity": evil})]
    )
    hostile = Page(write_report(run))
    assert [tag for tag, _ in hostile.tags].count("script") == 1
    assert not any(name.startswith("on") for _, attrs in hostile.tags for name in attrs)
    assert evil in hostile.text
    assert "{{ 7 * 7 }}" in hostile.text


def test_run_without_final_training(build: Build) -> None:
    page = Page(write_report(build(Scene(final=False))))
    assert "The final training is not done" in page.text
    assert "not yet tested" in page.text
    assert "These are select images" in page.text
    assert "against the test" not in page.text


def test_run_with_one_model(build: Build) -> None:
    page = Page(write_report(build(Scene(racers=RACERS[:1]))))
    assert "Use cmt_nano" in page.text
    assert "A hybrid, the only model that was raced on 640 images in 10 classes" in page.text
    assert "There is nothing to compare cmt_nano with: no other model was trained." in page.text
    assert "There is no runner-up" in page.text


def test_run_in_which_one_model_stands_out(build: Build) -> None:
    others = tuple(replace(racer, floor=0.35, last=1.0) for racer in RACERS[4:])
    page = Page(write_report(build(Scene(racers=(RACERS[0], *others)))))
    assert "No tie: 2 others are worse on the same images, 0 were dropped on the way." in page.text


def test_run_without_decoded_images(build: Build) -> None:
    run = build(Scene())
    shutil.rmtree(run.root / "cache")
    page = Page(write_report(run))
    assert "Most confident mistakes" in page.text
    assert not list(page.values("src"))


def test_many_classes_have_no_heat_map(build: Build) -> None:
    classes = [f"kind {i:03}" for i in range(40)]
    page = Page(write_report(build(Scene(classes=classes))))
    assert "Confusion matrix" not in page.text
    assert "the other 20 classes lie at" in page.text


def test_large_thumbnails_keep_the_page_small(tmp_path: Path) -> None:
    scene = Scene(side=160, sizes={"train": 160, "select": 80, "test": 200})
    noise = np.random.default_rng(0).integers(0, 256, (440, 3, 160, 160), dtype=np.uint8)
    path = write_report(build_run(tmp_path / "run", scene, noise))
    assert path.read_text().count("data:image/jpeg") == 24
    assert path.stat().st_size < 1_500_000


def test_missing_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match=r"is not a run of Anmok: request\.toml is missing\. Name the folder"):
        write_report(RunDirectory(tmp_path))
    assert not list(tmp_path.iterdir())


def test_unfinished_race_is_an_error(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    Request(data="photos").write(run.request)
    with pytest.raises(
        RunDirectoryError, match=r"has not finished a trial\. Repeat its command: it resumes where it was"
    ):
        write_report(run)
