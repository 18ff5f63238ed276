"""Networks that read graphs, on public sets: nodes of a citation graph, or small graphs in ten folds.

    OMP_NUM_THREADS=1 python benchmarks/tasks/graphs.py cora.npz --models gcn graph_network node_mlp --repeats 20
    OMP_NUM_THREADS=1 python benchmarks/tasks/graphs.py MUTAG.txt --models graph_network_nano node_mlp_nano

An .npz is a Planetoid file, whose split is kept: a repeat is another seed. A .txt is in DGCNN's form (muhanzhang/
pytorch_DGCNN): a repeat is a fold, of whose training graphs a tenth chooses the epoch, and the seed is the fold's
number. Trainings that are done are read from `--out`, and one that was stopped goes on where it was. `--choose` trains
on the first three and tells nothing but select accuracies: that is how settings are chosen.
"""

import argparse
import json
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import numpy as np
import polars as pl
import torch

from anmok.data.atomic import written_whole
from anmok.data.graph_data import GraphData, linked
from anmok.data.graphs import load_graphs
from anmok.tasks.graph_problem import build_graph_network, pose
from anmok.training.device import default_device
from anmok.training.job import Fit
from anmok.training.loop import fit
from anmok.training.recipes import read_recipe

FOLDS, CHOOSING = 10, 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument("--repeats", type=int, default=FOLDS)
    parser.add_argument("--recipe", help="gcn for nodes, graph_network for graphs")
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="settings of the recipe")
    parser.add_argument("--choose", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("runs/graphs"))
    arguments = parser.parse_args()
    data = read_dgcnn(arguments.data) if arguments.data.suffix == ".txt" else load_graphs(arguments.data, pooled=False)
    for model in arguments.models:
        repeats = min(arguments.repeats, CHOOSING) if arguments.choose else arguments.repeats
        tell(model, [train(model, data, repeat, arguments) for repeat in range(repeats)], arguments)


def train(model: str, data: GraphData, repeat: int, arguments: argparse.Namespace) -> dict[str, float]:
    """Accuracies on the select and the test part."""
    name = arguments.recipe or ("graph_network" if data.pooled else "gcn")
    settings = dict(pair.split("=", 1) for pair in arguments.set)
    key = blake2b(json.dumps([arguments.data.stem, model, name, settings, repeat]).encode(), digest_size=6).hexdigest()
    done = arguments.out / f"{arguments.data.stem}-{model}-{repeat}-{key}.json"
    if done.exists():
        return json.loads(done.read_text())
    recipe = read_recipe(name, settings)
    problem = pose(fold_of(data, repeat) if data.pooled else data)
    torch.manual_seed(repeat)
    network = build_graph_network(model, problem.config(), recipe, pretrained=False, pooled=data.pooled)
    device, checkpoint = default_device(), done.with_suffix(".safetensors")
    arguments.out.mkdir(parents=True, exist_ok=True)
    job = Fit(
        network=network,
        task=problem.training_task,
        train=problem.batches("train", recipe=recipe, seed=repeat),
        select=problem.batches("select", recipe=recipe, seed=None),
        recipe=recipe,
        device=device,
        seed=repeat,
        checkpoint=checkpoint,
    )
    result = fit(job)
    row = problem.test(network, "test", device).rows[0]
    found = {"select": result.best_score, "epoch": result.best_epoch, "seconds": round(result.seconds, 1)}
    found |= {"last": result.scores[max(result.scores)], "test": row.value, "n": row.n}
    with written_whole(done) as partial:
        partial.write_text(json.dumps(found))
    checkpoint.unlink(missing_ok=True)
    return found


def read_dgcnn(path: Path) -> GraphData:
    """Their number, then each graph: nodes and label, and each node: tag, number of neighbours, neighbours."""
    lines = iter(path.read_text().splitlines())
    labels, tags, sources, targets, graph_of = [], [], [], [], []
    for graph in range(int(next(lines))):
        count, label = next(lines).split()
        first = len(tags)
        labels.append(label)
        for node in range(int(count)):
            tag, degree, *neighbours = map(int, next(lines).split())
            tags.append(tag)
            graph_of.append(graph)
            sources += [first + node] * degree
            targets += [first + other for other in neighbours[:degree]]
    names = sorted(set(tags))
    ends, owner = (np.array(side, dtype=np.int64) for side in (sources, targets)), np.array(graph_of)
    nothing = np.zeros((len(sources), 0), np.float32)
    return GraphData(
        name=path.stem,
        pooled=True,
        samples=pl.DataFrame(
            {
                "id": range(len(labels)),
                "graph": [str(i) for i in range(len(labels))],
                "label": labels,
                "split": pl.Series([None] * len(labels), dtype=pl.String),
            }
        ),
        features=tuple(f"tag {name}" for name in names),
        edge_features=(),
        nodes=(np.array(tags)[:, None] == np.array(names)).astype(np.float32),
        graph_of=owner,
        links=linked(*ends, nothing, owner, both_ways=True),
        number=len(labels),
    )


def fold_of(data: GraphData, fold: int) -> GraphData:
    """The graphs with the splits of one fold, each class alike; the folds are the same for all models."""
    labels = data.samples["label"].to_numpy()
    splits = np.full(len(labels), "train", object)
    for label in np.unique(labels):
        rows = np.random.default_rng(0).permutation(np.flatnonzero(labels == label))
        splits[rows[fold::FOLDS]] = "test"
        others = np.delete(rows, np.s_[fold::FOLDS])
        splits[others[: -(-len(others) // 10)]] = "select"
    return replace(data, samples=data.samples.with_columns(split=pl.Series(splits.tolist())))


def tell(model: str, found: list[dict[str, float]], arguments: argparse.Namespace) -> None:
    def spread(name: str) -> str:
        values = 100 * np.array([one[name] for one in found])
        error = values.std(ddof=1) / np.sqrt(len(values))
        return f"{values.mean():.2f} % (deviation {values.std(ddof=1):.2f}, standard error {error:.2f})"

    test = "" if arguments.choose else f", test {spread('test')} of {len(found)}"
    epochs, seconds = [one["epoch"] for one in found], sum(one["seconds"] for one in found)
    print(
        f"{arguments.data.stem}, {model} {' '.join(arguments.set)}: select {spread('select')}{test}; "
        f"best epochs {min(epochs)} to {max(epochs)}, {seconds:.0f} s",
        flush=True,
    )


if __name__ == "__main__":
    main()
