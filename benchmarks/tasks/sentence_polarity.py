"""Sentences of film reviews, positive or negative (MR; Pang & Lee 2005), in ten folds as in Kim 2014, table 2.

    OMP_NUM_THREADS=1 python benchmarks/tasks/sentence_polarity.py rt-polarity.all --encoding latin-1 --out runs/mr

The file has a label, a blank and a sentence in each line. A tenth of a fold's training sentences, the select part,
chooses the epoch; the vocabulary is that of the others. What is done is not done again, so that the command resumes
at the step where it was stopped. `--choose` trains on the first fold and tells nothing but its select accuracy.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import torch

from anmok.data.atomic import written_whole
from anmok.data.texts import TextData, audit_texts
from anmok.data.vocabulary import Vocabulary
from anmok.evaluation.metrics import wilson
from anmok.tasks.text_classification import LEAST, TextClassification, build_text_network
from anmok.training.device import default_device
from anmok.training.job import Fit
from anmok.training.loop import fit
from anmok.training.recipe import Recipe
from anmok.training.recipes import read_recipe

FOLDS = 10
MODELS = ("text_cnn_rand", "text_lstm", "text_gru", "dan")
PUBLISHED = {"text_cnn_rand": 76.1, "dan": 77.3}  # of networks that start from random word vectors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--encoding", default="utf-8")
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--folds", type=int, default=FOLDS, help="how many of the ten to train")
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="settings of the recipe text_cnn")
    parser.add_argument("--least", type=int, default=LEAST, help="times that a word must come to be known")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--choose", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("runs/sentence-polarity"))
    arguments = parser.parse_args()
    recipe = read_recipe("text_cnn", dict(pair.split("=", 1) for pair in arguments.set))
    data = read(arguments.file, arguments.encoding)
    folds = draw_folds(data, arguments.seed)
    for model in arguments.models:
        if arguments.choose:
            result = train(model, fold_of(data, folds, 0, arguments.seed), recipe, arguments, None)
            print(f"{model}: {result}", flush=True)
            continue
        results = []
        for number in range(arguments.folds):
            results.append(train(model, fold_of(data, folds, number, arguments.seed), recipe, arguments, number))
            print(f"{model}, fold {number + 1}: {results[-1]}", flush=True)
        tell(model, results)


def read(path: Path, encoding: str) -> TextData:
    pairs = [line.split(" ", 1) for line in path.read_text(encoding=encoding).split("\n") if line]
    classes = sorted({label for label, _ in pairs})
    samples = pl.DataFrame(
        {
            "id": range(len(pairs)),
            "path": [f"line {number}" for number in range(1, len(pairs) + 1)],
            "label": [classes.index(label) for label, _ in pairs],
            "text": [text.strip() for _, text in pairs],
        }
    )
    return TextData(name=path.name, classes=tuple(classes), samples=samples.with_columns(split=pl.lit(None, pl.String)))


def draw_folds(data: TextData, seed: int) -> np.ndarray:
    """The fold of each sentence: each class alike, copies together."""
    random, folds = np.random.default_rng(seed), np.empty(len(data.samples), dtype=int)
    labels = data.samples["label"].to_numpy()
    for label in np.unique(labels):
        rows = random.permutation(np.flatnonzero(labels == label))
        folds[rows] = np.arange(len(rows)) % FOLDS
    for copies in audit_texts(data).copies:
        folds[copies] = folds[copies[0]]
    return folds


def fold_of(data: TextData, folds: np.ndarray, number: int, seed: int) -> TextData:
    """The sentences with the splits of one fold."""
    random, labels = np.random.default_rng((seed, number)), data.samples["label"].to_numpy()
    splits = np.where(folds == number, "test", "train").astype(object)
    for label in np.unique(labels):
        rows = random.permutation(np.flatnonzero((labels == label) & (folds != number)))
        splits[rows[: len(rows) // 10]] = "select"
    return replace(data, samples=data.samples.with_columns(split=pl.Series(splits.tolist())))


def train(
    model: str, data: TextData, recipe: Recipe, arguments: argparse.Namespace, fold: int | None
) -> dict[str, float]:
    """The accuracies of a network; that on the test part for a fold alone."""
    done = arguments.out / f"{model}-{fold}.json"
    if fold is not None and done.exists():
        return json.loads(done.read_text())
    device = default_device()
    learned = data.samples.filter(pl.col("split") == "train")["text"].to_list()
    problem = TextClassification(data, Vocabulary.learn(learned, least=arguments.least), ())
    torch.manual_seed(arguments.seed)
    network = build_text_network(model, problem.config(), recipe, pretrained=False)
    arguments.out.mkdir(parents=True, exist_ok=True)
    checkpoint = arguments.out / f"{model}-{fold}.safetensors"
    job = Fit(
        network=network,
        task=problem.training_task,
        train=problem.batches("train", recipe=recipe, seed=arguments.seed),
        recipe=recipe,
        device=device,
        seed=arguments.seed,
        select=problem.batches("select", recipe=recipe, seed=None),
        checkpoint=None if fold is None else checkpoint,
        on_epoch=lambda p: print(
            f"  epoch {p.epoch}: loss {p.loss:.3f}, select {p.score:.4f}, {p.seconds:.0f} s", flush=True
        ),
    )
    result = fit(job)
    found = {"select": result.best_score, "epoch": result.best_epoch, "seconds": round(result.seconds, 1)}
    if fold is None:
        return found
    row = problem.test(network.to(device), "test", device).rows[0]
    found |= {"test": row.value, "n": row.n}
    with written_whole(done) as partial:
        partial.write_text(json.dumps(found))
    checkpoint.unlink(missing_ok=True)
    return found


def tell(model: str, results: list[dict[str, float]]) -> None:
    """The mean over folds as the paper has it, and the interval of the share over all sentences that were tested."""
    shares, n = [result["test"] for result in results], int(sum(result["n"] for result in results))
    right = wilson(sum(result["test"] * result["n"] for result in results) / n, n)
    seconds = sum(result["seconds"] for result in results)
    published = f", published {PUBLISHED[model]}" if model in PUBLISHED else ""
    print(
        f"{model}: {100 * np.mean(shares):.2f} % over {len(shares)} folds (deviation {100 * np.std(shares):.2f}; "
        f"of all {n:,} sentences [{100 * right.low:.1f}, {100 * right.high:.1f}]){published}; {seconds:.0f} s",
        flush=True,
    )


if __name__ == "__main__":
    main()
