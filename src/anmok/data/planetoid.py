"""A citation graph with a public split, as Planetoid has them (Yang et al. 2016, arXiv:1603.08861), in one `.npz`.

Features are a sparse matrix (`indptr`, `indices`, `values`, `shape`), `edges` are pairs of nodes, `label` is a number
for each node, and `train`, `val` and `test` are numbers of nodes. All other nodes count as if their label were unknown.
"""

from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import polars as pl

from anmok.data.graph_data import GraphData, linked, unlabelled
from anmok.errors import DataError

KEYS = ("indptr", "indices", "values", "shape", "label", "edges", "train", "val", "test")
_SPLITS = {"train": "train", "val": "select", "test": "test"}


def read_planetoid(path: Path, *, pooled: bool) -> GraphData:
    """Read the graph, which has no label as a whole; raises `DataError` where the file holds none."""
    arrays = _read(path)
    count, width = map(int, arrays["shape"])
    rows = np.repeat(np.arange(count), np.diff(arrays["indptr"]))
    for name, numbers, below in (
        ("indices", arrays["indices"], width),
        ("edges", arrays["edges"], count),
        *((name, arrays[name], count) for name in _SPLITS),
    ):
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < below:
            raise DataError(
                f"Numbers in '{name}' are from 0 to {below - 1:,}: '{path}' has {numbers.min()} to {numbers.max():,}. "
                "Fetch the file again."
            )
    nodes = np.zeros((count, width), np.float32)
    nodes[rows, arrays["indices"]] = arrays["values"]
    splits = np.full(count, None, object)
    for name, split in _SPLITS.items():
        splits[arrays[name]] = split
    labels = [str(label) if split else None for label, split in zip(arrays["label"], splits, strict=True)]
    nodes_of_it = pl.DataFrame(
        {
            "id": range(count),
            "graph": [path.stem] * count,
            "node": [str(i) for i in range(count)],
            "label": pl.Series(labels, dtype=pl.String),
            "split": pl.Series(splits.tolist(), dtype=pl.String),
        }
    )
    ends, graph_of = arrays["edges"].astype(np.int64), np.zeros(count, np.int64)
    return GraphData(
        name=path.stem,
        pooled=pooled,
        samples=unlabelled([path.stem]) if pooled else nodes_of_it,
        features=tuple(map(str, range(width))),
        edge_features=(),
        nodes=nodes,
        graph_of=graph_of,
        links=linked(ends[:, 0], ends[:, 1], np.zeros((len(ends), 0), np.float32), graph_of, both_ways=True),
        number=1,
    )


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            missing = [key for key in KEYS if key not in file]
            if missing:
                raise DataError(
                    f"A Planetoid file has the arrays {', '.join(KEYS)}: '{path}' lacks {', '.join(missing)}. "
                    "Write it again, or give a folder with nodes.csv and edges.csv."
                )
            arrays = {key: file[key] for key in KEYS}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"The file '{path}' cannot be read as .npz: {error}. Fetch it again.") from error
    count = int(arrays["shape"][0])
    edges = arrays["edges"].shape
    if len(arrays["indptr"]) != count + 1 or len(arrays["label"]) != count or edges[1:] != (2,):
        raise DataError(
            f"A Planetoid file has a label and a row of features for each of its {count:,} nodes, and pairs of edges: "
            f"'{path}' has {len(arrays['label']):,}, {len(arrays['indptr']) - 1:,} and edges of shape {edges}. "
            "Fetch it again."
        )
    return arrays
