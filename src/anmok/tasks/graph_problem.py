"""A user's graphs, for tasks that classify nodes, and for those that classify graphs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from jaxtyping import Int
from torch import nn

from anmok.backbone import GraphClassifier
from anmok.catalogue import create_network
from anmok.data import BatchSource, Finding, Order, Split
from anmok.data.atomic import written_whole
from anmok.data.graph_audit import alike_graphs, find_in_graphs, split_graphs
from anmok.data.graph_data import GraphData
from anmok.data.graph_scaling import Scaling
from anmok.data.graphs import load_graphs
from anmok.data.imagedata import list_samples
from anmok.errors import DataError, RequestError
from anmok.tasks.graph_batches import GraphStore, ManyGraphs, WholeGraphs
from anmok.tasks.graph_training import GraphTraining, probabilities
from anmok.tasks.task import Answer, Problem, Tested
from anmok.tasks.text_scores import tested
from anmok.training.recipe import Recipe

_BATCH = 256  # graphs that are answered at once


class GraphProblem(Problem):
    """Graphs at a scale that a network can learn from."""

    def __init__(self, data: GraphData, config: Mapping[str, Any], findings: Sequence[Finding]) -> None:
        _check_features(data, config)
        self.name, self.splits = data.name, data.samples
        self._data, self._config, self._findings = data, dict(config), findings
        nodes = Scaling(**config["scaling"])(data.nodes)
        edges = Scaling(**config["edge_scaling"])(data.links.features) if data.edge_features else None
        self._store = GraphStore(data, nodes, edges)
        self._labels = _numbers(data, config["classes"])
        learned = self._labels[self.rows("train")]
        self.training_task = GraphTraining(learned, len(config["classes"]), data.pooled)

    def findings(self) -> Sequence[Finding]:
        """Those of the audit."""
        return self._findings

    def config(self) -> dict[str, Any]:
        """Names of classes and features, and how the latter are scaled."""
        return self._config

    def batches(self, *splits: Split, recipe: Recipe, seed: int | None) -> BatchSource:
        """Graphs in an order that the seed shuffles; for the answers of nodes, all at once."""
        return self._source(self.rows(*splits), recipe.batch_size, seed)

    def test(self, network: nn.Module, split: Split | None, device: torch.device) -> Tested:
        """Accuracy with its interval, macro-F1, who is taken for whom, and the worst mistakes."""
        unit = self.training_task.unit
        rows = self.rows(split) if split else np.flatnonzero(self._labels >= 0)
        if not len(rows):
            raise DataError(f"There are no {split or 'labelled'} {unit} in '{self.name}'. Name another split, or none.")
        found = probabilities(network, self._source(rows, _BATCH, None), device)
        return tested(
            self._names(rows), self._labels[rows], found, self._config["classes"], what=unit.removesuffix("s")
        )

    def answers(self, network: nn.Module, device: torch.device) -> pl.DataFrame:
        """The class of every node or graph, and its probability."""
        found = probabilities(network, self._source(np.arange(len(self._labels)), _BATCH, None), device)
        classes = np.array(self._config["classes"])
        return self.splits.drop("id", "label", "split").with_columns(
            label=pl.Series(classes[found.argmax(1)].tolist(), dtype=pl.String), probability=pl.Series(found.max(1))
        )

    def _source(self, rows: Int[np.ndarray, " b"], batch_size: int, seed: int | None) -> BatchSource:
        if self._data.pooled:
            return ManyGraphs(self._store, self._labels, Order(rows, batch_size=batch_size, seed=seed))
        return WholeGraphs(self._store.take(np.arange(self._store.number)), self._labels, rows)

    def _names(self, rows: Int[np.ndarray, " b"]) -> list[str]:
        names = [name for name in ("graph", "node") if name in self.splits.columns]
        return [" ".join(map(str, row)) for row in self.splits.select(names)[rows].iter_rows()]


def open_graphs(path: Path, seed: int, *, pooled: bool) -> GraphProblem:
    """Read, audit and split a user's graphs."""
    data = load_graphs(path, pooled=pooled)
    alike = alike_graphs(data) if pooled else []
    splits = split_graphs(data, alike, seed=seed)
    return pose(replace(data, samples=splits), find_in_graphs(data, alike, splits))


def pose(data: GraphData, findings: Sequence[Finding] = ()) -> GraphProblem:
    """A training on graphs whose samples have their splits; features are scaled by those that it sees."""
    labels = data.samples["label"].drop_nulls().to_list()
    classes, _ = list_samples(labels, labels)  # in their usual order
    seen = (data.samples["split"] == "train").fill_null(value=False).to_numpy()
    nodes = seen[data.graph_of] if data.pooled else np.full(len(data.nodes), fill_value=True)
    config = {
        "classes": list(classes),
        "features": list(data.features),
        "scaling": asdict(Scaling.of(data.nodes[nodes])),
        "edge_features": list(data.edge_features),
        "edge_scaling": asdict(Scaling.of(data.links.features[nodes[data.links.senders]])),
    }
    return GraphProblem(data, config, findings)


def reopen_graphs(path: Path, config: Mapping[str, Any], *, pooled: bool) -> GraphProblem:
    """Read further graphs for a trained network."""
    return GraphProblem(load_graphs(path, pooled=pooled), config, ())


def build_graph_network(
    name: str,
    config: Mapping[str, Any],
    recipe: Recipe,
    pretrained: bool | str | Path,  # noqa: FBT001 - as in create_model
    *,
    pooled: bool,
) -> GraphClassifier:
    """A preset for the features and classes."""
    if pretrained:
        raise RequestError(f"There are no public weights of '{name}': got pretrained={pretrained}. Leave it out.")
    sizes = {
        "in_features": len(config["features"]),
        "num_classes": len(config["classes"]),
        "pooled": pooled,
        "edge_features": len(config["edge_features"]),
    }
    network: GraphClassifier = create_network(name, sizes, drop_rate=recipe.drop_rate)
    return network


def answer_graphs(
    network: nn.Module, config: Mapping[str, Any], asked: Sequence[str], folder: Path, *, pooled: bool
) -> Iterator[Answer]:
    """For each folder or file of graphs, a CSV with the class of every node or graph, and its probability."""
    device = next(network.parameters()).device
    written: set[Path] = set()
    for source in asked:
        problem = reopen_graphs(Path(source), config, pooled=pooled)
        path = folder / f"{problem.name}.csv"
        if path in written:
            raise RequestError(
                f"Answers are called as what was asked: '{source}' is the second of its name. Rename it."
            )
        with written_whole(path) as partial:
            problem.answers(network, device).write_csv(partial)
        written.add(path)
        yield Answer(source, str(path))


def _check_features(data: GraphData, config: Mapping[str, Any]) -> None:
    for kind, found, known in (
        ("nodes", list(data.features), config["features"]),
        ("edges", list(data.edge_features), config["edge_features"]),
    ):
        if found != known:
            missing, more = ([x for x in a if x not in b] for a, b in ((known, found), (found, known)))
            what = f"lacks '{missing[0]}'" if missing else f"has '{more[0]}' as well" if more else "has another order"
            raise DataError(
                f"A network reads the features that it was trained with, {len(known):,} of {kind}: '{data.name}' "
                f"{what}. Give the same columns in the same order."
            )


def _numbers(data: GraphData, classes: Sequence[str]) -> Int[np.ndarray, " n"]:
    """The label of each sample; -1 where it has none."""
    number_of = {name: number for number, name in enumerate(classes)}
    labels = data.samples["label"].to_list()
    unknown = next((label for label in labels if label is not None and label not in number_of), None)
    if unknown is not None:
        raise DataError(
            f"A label is one of the {len(classes)} classes that the network knows: '{data.name}' has '{unknown}'. "
            "Rename it, or leave it empty."
        )
    return np.array([-1 if label is None else number_of[label] for label in labels])
