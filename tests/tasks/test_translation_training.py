from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from anmok.backbone.sequence import END, PADDING, START
from anmok.catalogue.names import require_network
from anmok.errors import RequestError
from anmok.tasks.translation_training import PairBatches, PairExamples, TranslationTraining, as_sources, as_targets
from anmok.training import loop
from anmok.training.heads import AllHeads
from anmok.training.job import Fit
from anmok.training.loop import fit
from anmok.training.recipe import Augmentation, Recipe
from anmok.training.task import Moment

V, CPU = 20, torch.device("cpu")
RECIPE = Recipe(epochs=2, batch_size=4, evaluations=2, learning_rate=1e-3, drop_rate=0.2)
TASK = TranslationTraining()
SOURCES = torch.randint(4, V, (22, 6), generator=torch.Generator().manual_seed(0)).tolist()
TEXTS = [row[: 1 + i % 6] for i, row in enumerate(SOURCES)]


def network(name: str = "transformer_nano", drop_rate: float = 0.2) -> torch.nn.Module:
    torch.manual_seed(0)
    preset = require_network(name)
    return preset.architecture.model(
        replace(preset.spec, drop_rate=drop_rate), source_vocabulary=V, target_vocabulary=V
    )


def batches(rows: range = range(22), seed: int | None = 7) -> PairBatches:
    return PairBatches(TEXTS, TEXTS[::-1], torch.tensor(rows).numpy(), batch_size=4, seed=seed)


def job(**changes: object) -> Fit:
    base = Fit(
        network=network(), task=TASK, train=batches(), select=batches(range(5), None), recipe=RECIPE, device=CPU, seed=5
    )
    return replace(base, **changes)


def test_texts_begin_and_end() -> None:
    assert as_sources([[7, 8], [9]]).tolist() == [[7, 8, END], [9, END, PADDING]]
    assert as_targets([[7, 8], []]).tolist() == [[START, 7, 8, END], [START, END, PADDING, PADDING]]


def test_the_loss_is_the_smoothed_cross_entropy_of_every_token() -> None:
    model, examples = network(drop_rate=0.0).eval(), TASK.examples(next(batches().epoch(0)), Moment(0, 0), job())
    found = TASK.loss(AllHeads(model), examples, job(recipe=replace(RECIPE, label_smoothing=0.3)))
    logs = model(examples.source, examples.target[:, :-1]).log_softmax(2)
    expected, count = torch.zeros(()), 0
    for text, log in zip(examples.target.tolist(), logs, strict=True):
        for place, token in enumerate(text[1:]):
            if token != PADDING:
                expected = expected - (0.7 * log[place, token] + 0.3 / V * log[place].sum())
                count += 1
    torch.testing.assert_close(found, expected)
    assert examples.weight == count


def test_parts_add_up_to_the_whole() -> None:
    model, examples = network(drop_rate=0.0).eval(), TASK.examples(next(batches().epoch(0)), Moment(0, 0), job())
    parts = [examples.part(slice(first, first + 3)) for first in (0, 3)]
    assert sum(part.weight for part in parts) == examples.weight
    assert sum(map(len, parts)) == len(examples) == 4
    total = sum(TASK.loss(AllHeads(model), part, job()) for part in parts)
    torch.testing.assert_close(total, TASK.loss(AllHeads(model), examples, job()))
    blank = examples.blank()
    assert (blank.source.tolist(), blank.target.tolist(), blank.weight) == ([[END]], [[START, END]], 1)
    assert TASK.loss(AllHeads(model), blank, job()).isfinite()


def test_the_score_is_the_mean_log_probability_of_a_token() -> None:
    model = network().train()
    found = TASK.score(model, batches(range(5), None), CPU)
    model.eval()
    total = count = 0
    for source, target in zip(TEXTS[:5], TEXTS[::-1][:5], strict=True):
        wanted = [*target, END]
        logs = model(torch.tensor([[*source, END]]), torch.tensor([[START, *target]])).log_softmax(2)[0]
        total += sum(logs[place, token].item() for place, token in enumerate(wanted))
        count += len(wanted)
    assert found == pytest.approx(total / count, abs=1e-5)


def test_settings_that_concern_images_are_refused() -> None:
    TASK.check(job())
    with pytest.raises(RequestError) as error:
        TASK.check(job(recipe=replace(RECIPE, augmentation=Augmentation.NONE)))
    assert str(error.value) == "The recipe's augmentation has no effect on translation: got none. Leave it out."


class _KilledError(Exception):
    """Stands for kill -9: nothing is tidied up."""


def die_at(step: int) -> Callable[[int, int], None]:
    def tell(done: int, total: int) -> None:
        assert total == 12
        if done == step:
            raise _KilledError

    return tell


@pytest.mark.parametrize("name", ["transformer_nano", "rnnsearch_nano"])
def test_killed_anywhere_it_comes_to_the_same_bits(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    monkeypatch.setattr(loop, "CHECKPOINT_SHARE", float("inf"))
    whole = job(network=network(name))
    undisturbed = fit(whole)
    path = tmp_path / "cut.safetensors"
    for step in (1, 4, 6, 11):
        with pytest.raises(_KilledError):
            fit(job(network=network(name), checkpoint=path, on_step=die_at(step)))
    resumed = job(network=network(name), checkpoint=path)
    result = fit(resumed)
    assert (result.losses, result.scores) == (undisturbed.losses, undisturbed.scores)
    assert result.seen == undisturbed.seen == 2 * sum(len(text) + 1 for text in TEXTS)
    for key, value in whole.network.state_dict().items():
        assert torch.equal(resumed.network.state_dict()[key], value), key


def test_memory_that_is_too_short_changes_no_gradient() -> None:
    whole, halves = network(drop_rate=0.0), network(drop_rate=0.0)
    examples = TASK.examples(next(batches().epoch(0)), Moment(0, 0), job())
    assert isinstance(examples, PairExamples)
    TASK.loss(AllHeads(whole), examples, job()).backward()
    for first in (0, 2):
        TASK.loss(AllHeads(halves), examples.part(slice(first, first + 2)), job()).backward()
    for one, other in zip(whole.parameters(), halves.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, atol=1e-4, rtol=1e-4)
