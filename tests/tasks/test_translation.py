import json
from pathlib import Path

import numpy as np
import pytest
import torch

from anmok.backbone.sequence import END, PADDING, START
from anmok.errors import DataError, RequestError
from anmok.tasks import translation
from anmok.tasks.translation import TASK, Translation
from anmok.training.job import Fit
from anmok.training.loop import fit
from anmok.training.recipe import Recipe
from small_language import sentences, translated, write_corpus

pytest.importorskip("tokenizers")
pytest.importorskip("sacrebleu")
CPU = torch.device("cpu")
RECIPE = Recipe(epochs=7, evaluations=1, batch_size=32, learning_rate=4e-3, weight_decay=0.0)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    for seed, (name, count) in enumerate({"train": 600, "val": 40, "test": 60}.items()):
        write_corpus(folder, name, sentences(count, seed))
    return folder


@pytest.fixture(scope="module")
def problem(corpus: Path) -> Translation:
    return TASK.open(Path(f"{corpus}:en-de"), 0)


@pytest.fixture(scope="module")
def trained(problem: Translation) -> torch.nn.Module:
    torch.manual_seed(0)
    network = TASK.build("rnnsearch_nano", problem.config(), RECIPE, False)
    train, select = (
        problem.batches(split, recipe=RECIPE, seed=seed) for split, seed in (("train", 0), ("select", None))
    )
    task = problem.training_task
    fit(Fit(network=network, task=task, train=train, select=select, recipe=RECIPE, device=CPU, seed=0))
    return network


def test_a_problem_tells_its_pairs_and_what_builds_a_network(problem: Translation, corpus: Path) -> None:
    assert set(problem.splits.columns) >= {"id", "split", "source", "target"}
    assert problem.splits["split"].value_counts(sort=True)["split"].to_list()[0] == "train"
    config = json.loads(json.dumps(problem.config()))
    assert config["languages"] == ["en", "de"]
    again = TASK.open(Path(f"{corpus}:en-de"), 0)
    assert again.config() == problem.config()
    assert again.splits.equals(problem.splits)
    texts = [finding.text for finding in problem.findings()]
    assert texts[0].endswith("pairs will leave train or select, and test stays whole.")
    network = TASK.build("transformer_nano", config, Recipe(drop_rate=0.25), False)
    assert network.training
    assert network.spec.drop_rate == 0.25


def test_batches_are_texts_from_start_to_end(problem: Translation) -> None:
    source = problem.batches("train", "select", recipe=RECIPE, seed=3)
    seen = []
    for batch in source.epoch(1):
        seen += batch.rows.tolist()
        assert (batch.target[:, 0] == START).all()
        for ids in (batch.source, batch.target):
            lengths = (ids != PADDING).sum(1)
            assert (ids[torch.arange(len(ids)), lengths - 1] == END).all()
            assert (lengths.max() - lengths.min() <= 4) or ids is batch.source
    assert sorted(seen) == np.flatnonzero(problem.splits["split"].is_in(["train", "select"]).fill_null(False)).tolist()
    first = [batch.rows.tolist() for batch in problem.batches("train", recipe=RECIPE, seed=3).epoch(1)]
    rest = [batch.rows.tolist() for batch in problem.batches("train", recipe=RECIPE, seed=3).epoch(1, start=4)]
    assert rest == first[4:]


def test_very_long_pairs_do_not_train(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translation, "LONGEST", 4)
    problem = TASK.open(Path(f"{corpus}:en-de"), 0)
    assert problem.findings()[0].text.endswith(" pairs have over 4 subwords, too many to learn from.")
    longest = [batch.target.shape[1] for batch in problem.batches("train", recipe=RECIPE, seed=0).epoch(0)]
    assert max(longest) == 6
    assert max(batch.target.shape[1] for batch in problem.batches("test", recipe=RECIPE, seed=None).epoch(0)) == 7


def test_a_trained_network_translates_and_is_scored(problem: Translation, trained: torch.nn.Module) -> None:
    rows, sections = problem.test(trained, "test", CPU)
    assert [row.metric for row in rows] == ["test_bleu", "test_chrf"]
    assert rows[0].value > 60
    assert rows[0].low <= rows[0].value <= rows[0].high
    assert rows[0].n == 60
    assert [section.title for section in sections] == ["BLEU by length", "Alignment", "Translations"]
    everything, _ = problem.test(trained, None, CPU)
    assert everything[0].n == 700


def test_an_alignment_is_drawn_and_turned_round(problem: Translation, trained: torch.nn.Module) -> None:
    row = next(i for i, source in enumerate(problem.splits["source"]) if len(set(source.split())) == 5)
    picture = problem.alignment(trained, row, CPU)
    assert picture.svg.startswith("<svg")
    assert picture.caption.startswith(problem.splits["source"][row])
    network = TASK.build("rnnencdec_nano", problem.config(), RECIPE, False)
    assert problem.alignment(network, row, CPU) is None


def test_lines_are_answered(problem: Translation, trained: torch.nn.Module, tmp_path: Path) -> None:
    asked = ["red dog runs", "old cat"]
    config = json.loads(json.dumps(problem.config()))
    answers = list(TASK.answer(trained, config, asked, tmp_path))
    assert [(answer.asked, answer.answer) for answer in answers] == [(text, translated(text)) for text in asked]
    (tmp_path / "lines.txt").write_text("\n".join(asked) + "\n", encoding="utf-8")
    assert list(TASK.answer(trained, config, [str(tmp_path / "lines.txt")], tmp_path)) == answers
    (tmp_path / "gap.txt").write_text("red dog\n\nold cat\n", encoding="utf-8")
    with pytest.raises(DataError) as error:
        list(TASK.answer(trained, config, [str(tmp_path / "gap.txt")], tmp_path))
    assert str(error.value) == f"A text has words: line 2 of '{tmp_path}/gap.txt' is empty. Leave it out."
    with pytest.raises(DataError) as error:
        list(TASK.answer(trained, config, [" "], tmp_path))
    assert str(error.value) == "A text has words: got ' '. Leave it out."


def test_further_data_is_read_in_the_networks_own_words(problem: Translation, tmp_path: Path) -> None:
    write_corpus(tmp_path, "test", ["red dog", "two cat runs"])
    again = TASK.reopen(tmp_path, json.loads(json.dumps(problem.config())))  # which way need not be said
    assert again.config() == problem.config()
    assert again.splits["split"].to_list() == ["test", "test"]
    with pytest.raises(DataError) as error:
        again.translations(TASK.build("rnnsearch_nano", problem.config(), RECIPE, False), "select", CPU)
    assert str(error.value) == f"There are no select pairs in '{tmp_path.name}'. Name another split, or none."


def test_there_are_no_weights_to_start_from(problem: Translation) -> None:
    with pytest.raises(RequestError) as error:
        TASK.build("transformer_nano", problem.config(), RECIPE, True)
    assert str(error.value) == "There are no weights of 'transformer_nano' to start from. Leave pretrained out."


def test_real_pairs_are_read() -> None:
    folder = next((f for f in (Path("../data/text"), Path("data/multi30k")) if (f / "train.en").exists()), None)
    if folder is None:
        pytest.skip("Multi30k is not here")
    text = translation.load_parallel_text(f"{folder}:en-de")
    audit = translation.audit_pairs(text)
    pairs = translation.split_pairs(text, audit, seed=0)
    assert [(pairs["split"] == split).sum() for split in ("select", "test")] == [1014, 1000]
    assert 28_500 < (pairs["split"] == "train").sum() <= 29_000
