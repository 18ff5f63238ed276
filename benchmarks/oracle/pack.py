"""Pack what `record.py` has finished so far into the three Parquet files that ship with Anmok.

python benchmarks/oracle/pack.py work/ src/anmok/experience/recorded cifar10=photos/cifar10 ...
"""

import argparse
import json
from base64 import b64decode
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
from material import SIDE, Source, open_images, read_sources

from anmok.data.atomic import written_whole
from anmok.experience import fingerprint

BITS = ("select_correct", "test_correct")
FACTS = ("hardware", "versions", "recipe")
ORDER = ("data", "model", "fraction", "seed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("data", nargs="+", metavar="name=folder")
    arguments = parser.parse_args()
    sources = read_sources(arguments.data)
    files = [path for s in sources for path in (arguments.work / "trials" / s.name).glob("*.json")]
    found = _whole([json.loads(path.read_text()) for path in files])
    tables = {
        "trials": pl.DataFrame([_trial(row) for row in found], infer_schema_length=None).sort(ORDER),
        "epochs": pl.DataFrame([e for row in found for e in _epochs(row)], infer_schema_length=None).sort(
            *ORDER, "epoch"
        ),
        "data": pl.DataFrame([describe(source, arguments.work) for source in sources]),
    }
    for name, table in tables.items():
        buffer = BytesIO()
        table.write_parquet(buffer, compression="zstd", compression_level=19)
        with written_whole(arguments.out / f"{name}.parquet") as temporary:
            temporary.write_bytes(buffer.getvalue())
        print(f"{name}: {len(table):,} rows, {buffer.tell():,} bytes")


def _whole(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the models of a seed that lack a training which others have."""
    count = Counter((row["model"], row["seed"]) for row in rows)
    return [row for row in rows if count[row["model"], row["seed"]] == max(count.values())]


def _trial(row: dict[str, Any]) -> dict[str, Any]:
    packed = {name: b64decode(row[name]) for name in BITS} | {name: json.dumps(row[name]) for name in FACTS}
    return {name: packed.get(name, value) for name, value in row.items() if name != "epoch_rows"}


def _epochs(row: dict[str, Any]) -> list[dict[str, Any]]:
    names = ("epoch", "select_accuracy", "test_accuracy", "cpu_seconds")
    return [{key: row[key] for key in ORDER} | dict(zip(names, e, strict=True)) for e in row["epoch_rows"]]


def describe(source: Source, work: Path) -> dict[str, Any]:
    images = open_images(source, work)
    train = images.rows("train")
    found = fingerprint(images.pixels[train], images.labels[train])
    return {
        "name": source.name,
        "fingerprint": json.dumps(found.to_dict()),
        **{f"n_{split}": len(images.rows(split)) for split in ("train", "select", "test")},
        "classes": len(images.classes),
        "image_size": SIDE,
        "character": source.character,
        "licence": source.licence,
        "source": source.source,
    }


if __name__ == "__main__":
    main()
