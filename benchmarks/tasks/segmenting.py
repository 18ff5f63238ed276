"""Train a segmentation network on a user's images, and test it; what is done is not done again."""

import json
from pathlib import Path

from anmok.data import Split
from anmok.data.atomic import written_whole
from anmok.evaluation.cost import count_macs
from anmok.tasks.image_segmenter import ImageSegmenter
from anmok.tasks.section import write_sections
from anmok.tasks.segmentation import Segmentation
from anmok.training.device import default_device
from anmok.training.job import EpochProgress, Fit
from anmok.training.loop import fit
from anmok.training.recipe import Recipe


def train_and_test(problem: Segmentation, network: ImageSegmenter, recipe: Recipe, out: Path, seed: int) -> dict:
    """What the test says, and what it took; resumes at the step where it was stopped."""
    done = out / "result.json"
    if done.exists():
        return json.loads(done.read_text())
    device = default_device()
    learned: tuple[Split, ...] = ("train",) if recipe.evaluations else ("train", "select")
    job = Fit(
        network=network,
        task=problem.training_task,
        train=problem.batches(*learned, recipe=recipe, seed=seed),
        select=problem.batches("select", recipe=recipe, seed=None) if recipe.evaluations else None,
        recipe=recipe,
        device=device,
        seed=seed,
        checkpoint=out / "last.safetensors",
        on_epoch=tell,
    )
    result = fit(job)
    tested = problem.test(network, "test", device)
    size = recipe.image_size or 192
    found = {
        "seconds": round(result.seconds),
        "best_epoch": result.best_epoch,
        "select": result.best_score if recipe.evaluations else None,
        "params": sum(p.numel() for p in network.parameters()),
        "macs_of_a_square": count_macs(network, size, size),
        **{row.metric: [row.value, row.low, row.high, row.n] for row in tested.rows},
    }
    write_sections(tested.sections, out)
    with written_whole(done) as partial:
        partial.write_text(json.dumps(found, indent=1))
    return found


def tell(progress: EpochProgress) -> None:
    judged = "" if progress.score is None else f", select mIoU {progress.score:.3f}"
    print(f"epoch {progress.epoch}: loss {progress.loss:.4f}{judged}, {progress.seconds:.0f} s", flush=True)


def show(name: str, found: dict) -> None:
    """Each metric with its interval, in percent."""
    print(
        f"{name}: {found['params'] / 1e6:.2f} M parameters, {found['macs_of_a_square'] / 1e9:.2f} GMACs a square, "
        f"{found['seconds']} s of training"
        + (f", epoch {found['best_epoch']}, select mIoU {100 * found['select']:.1f}" if found["select"] else "")
    )
    for metric, value in found.items():
        if metric.startswith("test_"):
            share, low, high, n = value
            print(f"  {metric[5:]:20} {100 * share:5.1f} [{100 * low:.1f}, {100 * high:.1f}] over {n} images")
