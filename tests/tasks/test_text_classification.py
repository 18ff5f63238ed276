from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import anmok
from anmok.backbone import Task
from anmok.data import Split
from anmok.errors import DataError, RequestError
from anmok.tasks import find_task, text_scores
from anmok.tasks.text_classification import LONGEST, TextExamples
from anmok.tasks.trained import load_task_network
from anmok.training import loop
from anmok.training.choices import ClassBalance
from anmok.training.job import Fit
from anmok.training.loop import fit
from anmok.training.recipe import Recipe
from anmok.training.task import Examples, TrainingTask

TASK = find_task(Task.TEXT_CLASSIFICATION)
SHORT = Recipe(epochs=3, evaluations=3, batch_size=16, learning_rate=1e-2, weight_decay=0.0)
NAMES = ("text_cnn_nano", "text_lstm_nano", "text_gru_nano", "dan_nano")


class _KilledError(Exception):
    """Stands for kill -9: nothing is tidied up."""


@pytest.fixture(scope="module")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made-up sentences, each with a word that tells its class."""
    random = np.random.default_rng(0)
    cues = {"neg": ("dull", "silly", "tedious"), "pos": ("fine", "moving", "witty")}
    lines = ["text,label"]
    for i in range(240):
        label = ("neg", "pos")[i % 2]
        words = [f"word{n}" for n in random.integers(0, 30, random.integers(2, 12))]
        words.insert(int(random.integers(0, len(words))), str(random.choice(cues[label])))
        lines.append(f"{' '.join(words)},{label}")
    path = tmp_path_factory.mktemp("reviews") / "reviews.csv"
    path.write_text("\n".join(lines))
    return path


def job_of(path: Path, name: str = "text_cnn_nano", recipe: Recipe = SHORT, **changes: object) -> Fit:
    problem = TASK.open(path, 0)
    torch.manual_seed(0)
    settings = {
        "network": TASK.build(name, problem.config(), recipe, False),
        "task": problem.training_task,
        "train": problem.batches("train", recipe=recipe, seed=1),
        "recipe": recipe,
        "device": torch.device("cpu"),
        "seed": 1,
        "select": problem.batches("select", recipe=recipe, seed=None),
    }
    return Fit(**{**settings, **changes})


@pytest.mark.parametrize("name", NAMES)
def test_every_family_learns_and_is_tested(reviews: Path, name: str) -> None:
    job, problem = job_of(reviews, name), TASK.open(reviews, 0)
    assert isinstance(job.task, TrainingTask)
    result = fit(job)
    assert result.losses[-1] < result.losses[0]
    rows, sections = problem.test(job.network, "test", torch.device("cpu"))
    assert [row.metric for row in rows] == ["test_accuracy", "test_macro_f1"]
    assert rows[0].value > 0.9
    assert rows[0].low < rows[0].value <= rows[0].high + 1e-9
    assert rows[0].n == problem.splits["split"].to_list().count("test") == 48
    assert [section.title for section in sections] == ["Classes", "Confusion", "Worst mistakes"]


@pytest.mark.parametrize("name", ["text_cnn_nano", "text_lstm_nano"])
def test_killed_anywhere_it_comes_to_the_same_bits(
    reviews: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    monkeypatch.setattr(loop, "CHECKPOINT_SHARE", float("inf"))

    def die_at(step: int) -> Callable[[int, int], None]:
        def tell(done: int, total: int) -> None:
            if done == step:
                raise _KilledError

        return tell

    whole, path = job_of(reviews, name), tmp_path / "cut.safetensors"
    undisturbed = fit(whole)
    for step in (1, 11, 25):
        with pytest.raises(_KilledError):
            fit(job_of(reviews, name, checkpoint=path, on_step=die_at(step)))
    resumed = job_of(reviews, name, checkpoint=path)
    result = fit(resumed)
    assert (result.losses, result.scores) == (undisturbed.losses, undisturbed.scores)
    for one, other in zip(whole.network.parameters(), resumed.network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_vocabulary_is_that_of_the_training_texts(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    rows = [f"common only{split},{label},{split}" for split in ("train", "val", "test") for label in "aabb"]
    path.write_text("\n".join(["text,label,split", *rows]))
    config = TASK.open(path, 0).config()
    assert config["classes"] == ["a", "b"]
    assert [*config["vocabulary"]["model"]["vocab"]][4:] == ["common", "onlytrain"]


def test_texts_without_a_word_in_common_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_text("\n".join(["text,label", *(f"word{i},{label}" for i, label in enumerate("ab" * 20))]))
    with pytest.raises(DataError) as error:
        TASK.open(path, 0)
    assert str(error.value) == (
        "Words are learned by meeting them again: none comes 2 times in the 26 training texts of 'reviews'. "
        "Give more texts, and put blanks between words."
    )


def test_long_texts_are_read_up_to_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    rows = [f"{'word ' * (LONGEST + 9)}{i},{label}" for i, label in enumerate("ab" * 10)]
    path.write_text("\n".join(["text,label", *rows]))
    problem = TASK.open(path, 0)
    (batch, *_) = problem.batches("train", recipe=SHORT, seed=0).epoch(0)
    assert batch.tokens.shape[1] == LONGEST
    assert f"20 texts are read up to the first {LONGEST}." in problem.findings()[-2].text


def test_trained_by_one_call_it_answers_texts_and_files(reviews: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    settings = {"epochs": "3", "evaluations": "3", "batch_size": "16", "learning_rate": "1e-2"}
    anmok.train("dan_nano", reviews, set=settings, out=run)
    trained = load_task_network(run)
    (tmp_path / "review.txt").write_text("A witty\nword.")
    asked = ["a dull word1", str(tmp_path / "review.txt"), "moving word4 word5"]
    answers = list(trained.answer(asked))
    assert [(answer.asked, answer.answer) for answer in answers] == list(zip(asked, ["neg", "pos", "pos"], strict=True))
    assert all(0.5 < answer.probability <= 1 for answer in answers)
    alone = [next(iter(trained.answer([text]))).probability for text in asked]
    assert alone == pytest.approx([answer.probability for answer in answers], abs=1e-6)
    with pytest.raises(DataError, match=r"^A text has words: got ' ', which is empty\. Leave it out\.$"):
        list(trained.answer([" "]))
    with pytest.raises(DataError, match=r"none\.txt' cannot be read: no such file or directory"):
        list(trained.answer(["none.txt"]))
    assert "Worst mistakes" in (run / "report.html").read_text()


def test_further_texts_are_tested_in_the_networks_own_words(reviews: Path, tmp_path: Path) -> None:
    job = job_of(reviews)
    fit(job)
    path = tmp_path / "more.csv"
    path.write_text("text,label\na fine zebra,pos\nso dull,neg\n")
    config = TASK.open(reviews, 0).config()
    problem = TASK.reopen(path, config)
    assert problem.config() == config
    rows, _ = problem.test(job.network, None, torch.device("cpu"))
    assert (rows[0].value, rows[0].n) == (1.0, 2)
    split: Split = "test"
    with pytest.raises(DataError, match=r"^There are no test texts in 'more'\. Name another split, or none\.$"):
        problem.test(job.network, split, torch.device("cpu"))
    path.write_text("text,label\na fine zebra,good\n")
    with pytest.raises(
        DataError, match=r"^The network knows the classes neg, pos: '.*' line 2 has 'good'\. Rename the"
    ):
        TASK.reopen(path, config)


def test_pretrained_is_a_file_of_word_vectors(reviews: Path, tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(f"witty {' '.join(['0.5'] * 300)}\n")
    config = TASK.open(reviews, 0).config()
    network = TASK.build("text_cnn_static", config, SHORT, path)
    assert job_of(reviews, network=network)
    assert network.tables[0].weight[config["vocabulary"]["model"]["vocab"]["witty"]].tolist() == [0.5] * 300
    with pytest.raises(RequestError) as error:
        job_of(reviews, "text_cnn_static")
    assert str(error.value) == (
        "This network starts from word vectors that were learnt elsewhere: got none. Name a file of them, word2vec's "
        "or GloVe's, by pretrained, or take text_cnn_rand."
    )
    with pytest.raises(RequestError, match=r"^There are no public weights of 'dan'\. Name a file of word vectors, or"):
        TASK.build("dan", config, SHORT, True)


def test_dropout_is_the_recipes_where_it_has_one(reviews: Path) -> None:
    config = TASK.open(reviews, 0).config()
    assert TASK.build("dan_nano", config, Recipe(drop_rate=0.1), False).spec.drop_rate == 0.1
    assert TASK.build("dan_nano", config, Recipe(), False).spec.drop_rate == 0.3


def test_settings_without_effect_are_refused(reviews: Path) -> None:
    with pytest.raises(RequestError, match=r"^The recipe's mixup has no effect on text classification: got 0\.2\."):
        job_of(reviews, recipe=SHORT.changed({"mixup": 0.2}))
    with pytest.raises(RequestError) as error:
        job_of(reviews, recipe=SHORT.changed({"class_balance": ClassBalance.SAMPLING}))
    assert str(error.value) == (
        "Texts of a batch are chosen by length: got class_balance='sampling'. Set it to 'loss', or leave it out."
    )


def test_a_balanced_loss_weighs_rare_classes_more(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    rows = [f"a word{i},{'ab'[i % 4 == 0]},train" for i in range(40)]
    path.write_text("\n".join(["text,label,split", *rows, "x,a,val", "y,b,val", "z,a,test", "w,b,test"]))
    job = job_of(path, recipe=SHORT.changed({"class_balance": ClassBalance.LOSS, "label_smoothing": 0.0}))
    tokens = torch.full((2, 1), 4)
    losses = [
        float(job.task.loss(lambda x: [torch.zeros(len(x), 2)], TextExamples(tokens, torch.full((2,), label)), job))
        for label in (0, 1)
    ]
    assert losses == pytest.approx([2 * np.log(2) * 40 / (2 * 30), 2 * np.log(2) * 40 / (2 * 10)])


def test_examples_are_taken_apart() -> None:
    examples = TextExamples(torch.arange(12).reshape(4, 3), torch.arange(4))
    assert isinstance(examples, Examples)
    assert (len(examples), examples.weight, len(examples.part(slice(1, 3)))) == (4, 4, 2)
    assert examples.part(slice(1, 3)).tokens.tolist() == [[3, 4, 5], [6, 7, 8]]
    assert (examples.blank().tokens.tolist(), examples.blank().labels.tolist()) == ([[1]], [0])


def test_scores_are_those_of_a_count_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.6, 0.4]], dtype=np.float32)
    found = text_scores.tested(
        ["one", "two", "three", "four " * 100], np.array([0, 1, 0, 1]), probabilities, ("a", "b")
    )
    assert [row.value for row in found.rows] == pytest.approx([0.5, 0.5])
    classes, confusion, mistakes = found.sections
    assert classes.rows == (("a", "2", "50.0 %", "50.0 %", "0.500"), ("b", "2", "50.0 %", "50.0 %", "0.500"))
    assert confusion.rows == (("a", "1", "1"), ("b", "1", "1"))
    assert mistakes.rows[0] == ("three", "a", "b", "70.0 %")
    assert mistakes.rows[1][0].endswith(" …")
    assert len(mistakes.rows[1][0]) <= 300


def test_who_makes_no_mistake_has_none_to_show() -> None:
    found = text_scores.tested(["one", "two"], np.array([0, 1]), np.eye(2, dtype=np.float32), ("a", "b"))
    assert (found.sections[-1].text, found.sections[-1].rows) == ("There were none.", ())
