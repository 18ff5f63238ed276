import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest
from test_tars import png

from anmok.data import load_data, parquet
from anmok.errors import DataError

FILES = [png(seed) for seed in range(6)]
NAMES = ["dog", "cat", "eel"]


def table(
    path: Path,
    *,
    image: str = "image",
    labels: dict[str, Sequence[object] | pl.Series] | None = None,
    names: dict[str, list[str]] | None = None,
    repeat: int = 1,
) -> Path:
    """A table as the hub's library writes it; `names` are ClassLabels."""
    columns = {"label": [0, 1, 2, 0, 1, 2]} if labels is None else labels
    cells = [{"bytes": file, "path": None} for file in FILES] * repeat
    rows = pl.DataFrame(
        {image: cells, **{name: pl.concat([pl.Series(values)] * repeat) for name, values in columns.items()}}
    )
    features = {name: {"names": classes, "_type": "ClassLabel"} for name, classes in (names or {}).items()}
    told = {"info": {"features": {image: {"_type": "Image"}, **features}}}
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.write_parquet(path, metadata={"huggingface": json.dumps(told)}, row_group_size=7)
    return path


def classes_of(path: Path) -> list[str]:
    data = load_data(path)
    return [data.classes[label] for label in data.samples["label"]]


def test_class_names_stand_in_the_file(tmp_path: Path) -> None:
    data = load_data(table(tmp_path / "train-00000.parquet", names={"label": NAMES}))
    assert data.classes == ("cat", "dog", "eel")
    assert classes_of(tmp_path / "train-00000.parquet") == NAMES * 2
    assert data.samples["split"].to_list() == ["train"] * 6
    assert data.path(4) == "train-00000.parquet#4"
    assert [data.bytes(id) for id in range(6)] == FILES


def test_labels_without_names_are_numbers_or_text(tmp_path: Path) -> None:
    assert classes_of(table(tmp_path / "a.parquet")) == ["0", "1", "2"] * 2
    assert classes_of(table(tmp_path / "b.parquet", labels={"class": NAMES * 2}, image="photo")) == NAMES * 2
    few = pl.Series([" dog", "cat", "", "cat", "dog", None], dtype=pl.Categorical)
    assert classes_of(table(tmp_path / "c.parquet", labels={"label": few})) == ["dog", "cat", "cat", "dog"]


def test_the_one_column_with_class_names_is_the_label(tmp_path: Path) -> None:
    labels = {"label": [9, 8, 7, 6, 5, 4], "kind": [0, 1, 2] * 2}
    assert classes_of(table(tmp_path / "a.parquet", labels=labels, names={"kind": NAMES})) == NAMES * 2
    both = {"label": NAMES * 4, "kind": NAMES}
    assert classes_of(table(tmp_path / "a.parquet", labels={**labels, "kind": [0] * 6}, names=both))[0] == "dog"


def test_a_folder_of_tables_is_one_data_set(tmp_path: Path) -> None:
    table(tmp_path / "data" / "train-0.parquet", names={"label": NAMES})
    table(tmp_path / "data" / "test-0.parquet", names={"label": NAMES})
    data = load_data(tmp_path)
    assert data.samples["split"].to_list() == ["test"] * 6 + ["train"] * 6
    assert data.bytes(8) == FILES[2]


def test_rows_without_a_label_are_left_out_and_told(tmp_path: Path) -> None:
    labels = {"label": [0, 1, -1, 0, 1, None]}
    data = load_data(table(tmp_path / "x.parquet", labels=labels, names={"label": NAMES}))
    assert data.strays == ("x.parquet#2", "x.parquet#5")
    assert [data.bytes(id) for id in range(4)] == [FILES[0], FILES[1], FILES[3], FILES[4]]


def test_rows_read_lately_are_kept_and_older_ones_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chunks = parquet._Chunks()
    read: list[int] = []
    original = parquet._read_chunk
    monkeypatch.setattr(parquet, "_read_chunk", lambda *key: (read.append(key[2]), original(*key))[1])
    monkeypatch.setattr(parquet, "_chunks", chunks)
    monkeypatch.setattr(parquet, "CHUNK", 6)
    data = load_data(table(tmp_path / "x.parquet", repeat=40))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(data.bytes, range(240))) == FILES * 40
    assert sorted(read) == list(range(40))
    monkeypatch.setattr(parquet, "KEPT", 3 * sum(map(len, FILES)))
    chunks._drop_oldest(0)
    read.clear()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(data.bytes, range(240))) == FILES * 40
    assert len(read) >= 37
    assert len(chunks._kept) <= 4


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"labels": {"label": [0, 1, 2, 3, 0, 1]}, "names": {"label": NAMES}},
            r"of 3 classes, from 0 on: 'x\.parquet' h",
        ),
        ({"labels": {"label": [0.5] * 6}}, r"Labels are whole numbers or text: 'label' of 'x\.parquet' is Float64\."),
        ({"labels": {"width": [1] * 6}}, r"Which column of 'x\.parquet' has the labels\? It has image, width\. Say so"),
        ({"labels": {"label": [-1] * 6}}, r"A data set needs labels: the column 'label' of 'x' has none\."),
    ],
)
def test_labels_that_make_no_sense_are_errors(changed: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        load_data(table(tmp_path / "x.parquet", **changed))


def test_a_cell_without_a_file_is_an_unreadable_image(tmp_path: Path) -> None:
    cells = [{"bytes": None, "path": "a.jpg"}, *({"bytes": file, "path": None} for file in FILES[:3])]
    pl.DataFrame({"image": cells, "label": [0, 0, 1, 1]}).write_parquet(tmp_path / "x.parquet")
    data = load_data(tmp_path / "x.parquet")
    with pytest.raises(
        DataError, match=r"The image 'x\.parquet#0' cannot be read: the table has no bytes for it\. Rep"
    ):
        data.read(0)


def test_a_table_that_changed_is_an_error(tmp_path: Path) -> None:
    data = load_data(table(tmp_path / "x.parquet"))
    (tmp_path / "x.parquet").write_bytes(b"PAR1 no more")
    for _ in range(2):
        with pytest.raises(DataError, match=r"^The table '.*x\.parquet' cannot be read: .*\. Fetch it again\.$"):
            data.bytes(0)
