"""Does one vector hold a long sentence? BLEU against the length of the source, without attention and with it.

    OMP_NUM_THREADS=1 python benchmarks/tasks/sentence_length.py data/multi30k:en-de --out runs/length [--docs docs]

trains three small translators of about equal size with three seeds each on the first 10,000 pairs, and translates
what none of them saw: the test split, and for each group of lengths as many of the other training pairs. What is done
is not done again, so that the command resumes at the step where it was stopped. With `--docs` it writes
`translation.svg` and `alignment.svg` there.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import mean

import polars as pl
import torch
from length_picture import ALIGNMENT_STYLE, draw_lengths

from anmok.backbone import Translator
from anmok.data.atomic import written_whole
from anmok.data.parallel_text import load_parallel_text
from anmok.tasks.translation import Translation, build_translator, open_pairs, reopen_pairs
from anmok.tasks.translation_scores import Translations, bleu, chrf
from anmok.training.device import default_device
from anmok.training.job import EpochProgress, Fit
from anmok.training.loop import fit
from anmok.training.recipe import Recipe
from anmok.training.recipes import read_recipe

MODELS = {"rnnencdec_nano": "no attention", "rnnsearch_nano": "attention", "transformer_nano": "Transformer"}
SEEDS = (0, 1, 2)
SETTINGS = {"epochs": "10", "evaluations": "5", "drop_rate": "0.1"}  # beside those of the recipe translation
PAIRS, SELECT, EACH = 10_000, 500, 150  # that are learnt from, that choose the epoch, of each group of lengths
GROUPS = ((1, 8), (9, 11), (12, 14), (15, 18), (19, 23), (24, 60))  # words of the source


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="FOLDER:FROM-TO with train, val and test")
    parser.add_argument("--out", type=Path, default=Path("runs/sentence-length"))
    parser.add_argument("--docs", type=Path, help="renew the pictures there")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="how many trainings of each network")
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="further settings")
    arguments = parser.parse_args()
    recipe = read_recipe("translation", SETTINGS | dict(pair.split("=", 1) for pair in arguments.set))
    cut(arguments.data, arguments.out / "pairs")
    way = arguments.data.rpartition(":")[2]
    learnt = open_pairs(arguments.out / "pairs" / f"learnt:{way}", 0)
    unseen = reopen_pairs(arguments.out / "pairs" / "unseen", learnt.config())
    seeds = SEEDS[: arguments.seeds]
    for seed in seeds:
        for model in MODELS:
            train(model, seed, recipe, learnt, unseen, arguments.out)
    tell(arguments.out, seeds, arguments.docs)


def cut(data: str, folder: Path) -> None:
    """Write the pairs that are used as two data sets: what is learnt, with its test, and what is never seen."""
    text = load_parallel_text(data)
    pairs = text.pairs.with_columns(words=pl.col("source").str.split(" ").list.len())
    train = pairs.filter(pl.col("split") == "train")
    rest = train[PAIRS:]
    groups = [rest.filter(pl.col("words").is_between(*group)).head(EACH) for group in GROUPS]
    parts = {
        "train": train[:PAIRS],
        "val": pairs.filter(pl.col("split") == "select").head(SELECT),
        "test": pairs.filter(pl.col("split") == "test"),
    }
    for name, part in parts.items():
        write(folder / "learnt", name, part, text.languages)
    write(folder / "unseen", "test", pl.concat(groups), text.languages)


def write(folder: Path, name: str, pairs: pl.DataFrame, languages: tuple[str, str]) -> None:
    for side, language in zip(("source", "target"), languages, strict=True):
        with written_whole(folder / f"{name}.{language}") as partial:
            partial.write_text("".join(f"{line}\n" for line in pairs[side]), encoding="utf-8")


def train(model: str, seed: int, recipe: Recipe, learnt: Translation, unseen: Translation, out: Path) -> None:
    """Train unless that is done, and keep what the network makes of the two test sets."""
    path, device = out / f"{model}-{seed}.json", default_device()
    if path.exists():
        return
    torch.manual_seed(seed)
    network = build_translator(model, learnt.config(), recipe, False)  # noqa: FBT003 - not pretrained
    params = sum(p.numel() for p in network.parameters())
    checkpoint = out / f"{model}-{seed}.safetensors"

    def show(progress: EpochProgress) -> None:
        print(f"{model} {seed}, epoch {progress.epoch}: loss {progress.loss:.3f}, {progress.seconds:.0f} s", flush=True)

    result = fit(
        Fit(
            network=network.to(device),
            task=learnt.training_task,
            train=learnt.batches("train", recipe=recipe, seed=seed),
            select=learnt.batches("select", recipe=recipe, seed=None),
            recipe=recipe,
            device=device,
            seed=seed,
            checkpoint=checkpoint,
            on_epoch=show,
        )
    )
    stored = {
        "params": params,
        "seconds": result.seconds,
        "score": result.best_score,
        "test": asdict(learnt.translations(network, "test", device)),
        "unseen": asdict(unseen.translations(network, None, device)),
        "alignments": drawn(network, learnt, device),
    }
    with written_whole(path) as partial:
        partial.write_text(json.dumps(stored), encoding="utf-8")
    checkpoint.unlink(missing_ok=True)


def drawn(network: Translator, problem: Translation, device: torch.device) -> list[str]:
    """Alignments of a few sentences of the test split."""
    rows = problem.splits.with_row_index().filter(pl.col("split") == "test")["index"].to_list()
    pictures = [problem.alignment(network, row, device) for row in rows[:6]]
    return [picture.svg for picture in pictures if picture]


def tell(out: Path, seeds: Sequence[int], docs: Path | None) -> None:
    """Print the table, and renew the pictures."""
    courses = {}
    print(
        "| network | parameters | seconds | test BLEU | chrF |",
        *(f" {low} to {high} |" for low, high in GROUPS),
        sep="",
    )
    print("|---|---:|---:|---:|---:|", *("---:|" for _ in GROUPS), sep="")
    for model, name in MODELS.items():
        runs = [json.loads((out / f"{model}-{seed}.json").read_text(encoding="utf-8")) for seed in seeds]
        tests, unseen = ([Translations(**run[key]) for run in runs] for key in ("test", "unseen"))
        groups = [[bleu(each.of_length(*group)).value for each in unseen] for group in GROUPS]
        courses[name] = groups
        cells = [spread([bleu(each).value for each in tests]), spread([chrf(each).value for each in tests])]
        cells += map(spread, groups)
        seconds = mean(run["seconds"] for run in runs)
        print(
            f"| {name} (`{model}`) | {runs[0]['params']:,} | {seconds:.0f} |", *(f" {cell} |" for cell in cells), sep=""
        )
    print(f"\nsacreBLEU: {bleu(tests[0]).signature}; chrF: {chrf(tests[0]).signature}")
    if docs:
        lengths = [mean(len(source.split()) for source in tests_of(unseen[0], group)) for group in GROUPS]
        (docs / "translation.svg").write_text(draw_lengths(lengths, courses), encoding="utf-8")
        attends = json.loads((out / f"rnnsearch_nano-{seeds[0]}.json").read_text(encoding="utf-8"))
        style = f"<style>{ALIGNMENT_STYLE}</style><title>"
        picture = attends["alignments"][0].replace("<title>", style, 1)
        (docs / "alignment.svg").write_text(f"{picture}\n", encoding="utf-8")


def tests_of(translations: Translations, group: tuple[int, int]) -> list[str]:
    return list(translations.of_length(*group).sources)


def spread(values: list[float]) -> str:
    """Mean over the seeds, with the smallest and the largest."""
    return f"{mean(values):.1f} [{min(values):.1f}, {max(values):.1f}]"


if __name__ == "__main__":
    main()
