"""Seconds and memory of a training step against the number of edges: sparse sums, and GCN with a dense matrix.

    OMP_NUM_THREADS=1 python benchmarks/tasks/graph_costs.py [--models gcn graph_network] [--out runs/graph-costs]

Random graphs with ten directed edges a node and 16 features; a step is forward and backward. Seconds are those that a
processor works, the least of `--repeats` steps; memory is what is kept for the backward pass. The allocator (glibc's)
is told to keep what is freed: new pages, which cost more than the sums, would bend the line for large graphs. Each
case has a process of its own, and is not measured again where it stands in `--out`. Then comes what fits best:
a + b * edges with its R², and the exponent from the first to the last.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from anmok.backbone import Graphs
from anmok.catalogue.names import require_network
from anmok.data.atomic import written_whole
from anmok.zoo.gcn import Gcn

DENSE = "gcn, dense"
EDGES = [10_000 * 2**i for i in range(6)]
DENSE_UP_TO = 80_000
FEATURES, CLASSES, DEGREE = 16, 7, 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["gcn", "graph_network_nano"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("runs/graph-costs"))
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(measure(arguments.child[0], int(arguments.child[1]), arguments.repeats)))
        return
    arguments.out.mkdir(parents=True, exist_ok=True)
    for model in [*arguments.models, DENSE]:
        sizes = [edges for edges in EDGES if model != DENSE or edges <= DENSE_UP_TO]
        tell(model, sizes, [look_up(model, edges, arguments) for edges in sizes])


def look_up(model: str, edges: int, arguments: argparse.Namespace) -> tuple[float, float]:
    done = arguments.out / f"{model.replace(', ', '-')}-{edges}.json"
    if not done.exists():
        command = [sys.executable, __file__, "--repeats", str(arguments.repeats), "--child", model, str(edges)]
        environment = os.environ | {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40)}
        found = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True).stdout
        with written_whole(done) as partial:
            partial.write_text(found)
    seconds, mebibytes = json.loads(done.read_text())
    return seconds, mebibytes


def measure(model: str, edges: int, repeats: int) -> tuple[float, float]:
    """Seconds of a step, and MiB that are kept for its backward pass."""
    torch.manual_seed(0)
    preset = require_network("gcn" if model == DENSE else model)
    network = preset.architecture.model(preset.spec, in_features=FEATURES, num_classes=CLASSES, pooled=False)
    graphs = random_graph(edges)
    run = DenseGcn(network, graphs) if model == DENSE else network
    kept: dict[int, int] = {}

    def keep(x: Tensor) -> Tensor:
        kept[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        run(graphs).sum().backward()
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        run(graphs).sum().backward()
        seconds.append(time.process_time() - start)
    return min(seconds), sum(kept.values()) / 2**20


def random_graph(edges: int) -> Graphs:
    nodes = edges // DEGREE
    senders, receivers = torch.randint(nodes, (2, edges))
    return Graphs(torch.randn(nodes, FEATURES), senders, receivers, torch.zeros(nodes, dtype=torch.long))


class DenseGcn:
    """The same network by matrices of nodes by nodes."""

    def __init__(self, network: Gcn, graphs: Graphs) -> None:
        self.network = network

    def __call__(self, graphs: Graphs) -> Tensor:
        nodes = len(graphs.nodes)
        matrix = torch.eye(nodes).index_put((graphs.receivers, graphs.senders), torch.ones(()), accumulate=True)
        share = matrix.sum(1).rsqrt()
        matrix = share[:, None] * matrix * share
        x, layers = graphs.nodes, self.network.layers
        for layer in layers[:-1]:
            x = (matrix @ layer.weight(self.network.dropout(x))).relu()
        return matrix @ layers[-1].weight(self.network.dropout(x))


def tell(model: str, edges: list[int], rows: list[tuple[float, float]]) -> None:
    print(f"{model}\n   edges    ms  MiB")
    for count, (seconds, mebibytes) in zip(edges, rows, strict=True):
        print(f"{count:8,} {1000 * seconds:5.1f} {mebibytes:4.0f}")
    for what, values in zip(("time", "memory"), np.array(rows).T, strict=True):
        slope, start = np.polyfit(edges, values, 1)
        residual = values - (start + slope * np.array(edges))
        fit = 1 - residual.var() / values.var()
        exponent = np.log(values[-1] / values[0]) / np.log(edges[-1] / edges[0])
        unit = f"{1e9 * slope:.1f} ns" if what == "time" else f"{2**20 * slope:.0f} bytes"
        print(f"  {what}: {unit} an edge, R² of a line {fit:.4f}; exponent {exponent:.2f}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
