"""Real downloads, from a hub on this machine."""

from io import BytesIO
from pathlib import Path

import polars as pl
import pytest
from huggingface_hub import constants
from pictures import folder_of
from test_parquet import FILES, NAMES, table
from test_tars import png, tar_of

from anmok.data import audit, load_data
from anmok.errors import DataError
from small_hub import Hub

CARD = """---
dataset_info:
  features:
  - name: image
    dtype: image
  - name: label
    dtype:
      class_label:
        names:
          '0': dog
          '1': cat
          '2': eel
---
"""


def upload(hub: Hub, root: Path, repository: str = "someone/pets", revision: str = "main") -> None:
    for file in root.rglob("*.*"):
        if file.is_file():
            hub.files[f"datasets/{repository}/{revision}/{file.relative_to(root).as_posix()}"] = file.read_bytes()


def complaint(address: str) -> str:
    with pytest.raises(DataError) as error:
        load_data(address)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_tables_are_fetched_once_with_their_card(hub: Hub, tmp_path: Path) -> None:
    table(tmp_path / "set" / "data" / "train-00000-of-00002.parquet")
    table(tmp_path / "set" / "data" / "train-00001-of-00002.parquet")
    table(tmp_path / "set" / "data" / "validation-00000-of-00001.parquet")
    (tmp_path / "set" / "README.md").write_text(CARD)
    (tmp_path / "set" / "notes.pdf").write_text("x")
    upload(hub, tmp_path / "set")
    told: list[tuple[int, int]] = []
    data = load_data("hf://someone/pets", progress=lambda done, total: told.append((done, total)))
    assert told == [(done, 4) for done in range(5)]
    assert data.name == "pets"
    assert data.classes == tuple(sorted(NAMES))
    assert data.samples["split"].to_list() == ["train"] * 12 + ["select"] * 6
    assert data.path(13) == "data/validation-00000-of-00001.parquet#1"
    assert [data.bytes(id) for id in range(18)] == FILES * 3
    assert audit(data).num_images == 18
    sent = list(hub.sent)
    hub.broken = True
    assert load_data("hf://datasets/someone/pets").samples.equals(data.samples)
    assert hub.sent == sent


def test_folders_and_shards_are_data_sets_too(hub: Hub, tmp_path: Path) -> None:
    upload(hub, folder_of(tmp_path / "set", {"photos/train/cat": 2, "photos/train/dog": 2, "photos/test/dog": 1}))
    data = load_data("hf://someone/pets/photos")
    assert data.samples["path"].to_list()[0] == "test/dog/000.png"
    assert data.samples["split"].to_list() == ["test"] + ["train"] * 4
    assert data.read(0).shape == (32, 32, 3)
    members = {f"{i}.{e}": c for i in range(4) for e, c in (("png", png(i)), ("cls", b"%d" % (i % 2)))}
    tar_of(tmp_path / "shards" / "data" / "train-0.tar", members)
    upload(hub, tmp_path / "shards", "someone/shards")
    assert load_data("hf://someone/shards").bytes(2) == png(2)


def test_a_revision_may_be_named(hub: Hub, tmp_path: Path) -> None:
    table(tmp_path / "a" / "train.parquet", names={"label": NAMES})
    table(tmp_path / "b" / "default" / "test" / "0000.parquet", names={"label": ["x", "y", "z"]})
    upload(hub, tmp_path / "a")
    upload(hub, tmp_path / "b", revision="refs/convert/parquet")
    assert load_data("hf://someone/pets@main").classes == tuple(sorted(NAMES))
    converted = load_data("hf://someone/pets@refs/convert/parquet")
    assert converted.classes == ("x", "y", "z")
    assert set(converted.samples["split"]) == {"test"}
    assert complaint("hf://someone/pets@v9") == "'someone/pets' has no revision 'v9' on the Hugging Face hub."


def test_several_data_sets_in_one_are_told_apart(hub: Hub, tmp_path: Path) -> None:
    for name in ("small", "large"):
        for split in ("train", "test"):
            labels = {"coarse": [0, 1] * 3, "fine": [0, 1, 2] * 2}
            names = {"coarse": ["a", "b"], "fine": NAMES}
            table(tmp_path / "set" / name / f"{split}-0.parquet", labels=labels, names=names)
    upload(hub, tmp_path / "set")
    assert complaint("hf://someone/pets") == (
        "'someone/pets' has 2 data sets: large, small. Name one, such as hf://someone/pets/large"
    )
    assert complaint("hf://someone/pets/large") == (
        "Which column of 'large/test-0.parquet' has the labels? It has image, coarse, fine. "
        "Say so, such as ?label=NAME."
    )
    assert load_data("hf://someone/pets/large?label=coarse").classes == ("a", "b")
    assert complaint("hf://someone/pets/large?label=rough") == (
        "'large/test-0.parquet' has no column 'rough' of labels. It has image, coarse, fine."
    )


def test_what_the_hub_does_not_have_is_said(hub: Hub, tmp_path: Path) -> None:
    hub.files["datasets/someone/empty/main/mnist.py"] = b""
    assert complaint("hf://someone/empty") == (
        "'someone/empty' on the Hugging Face hub has no Parquet tables, tar shards or images. "
        "Try its converted form: hf://someone/empty@refs/convert/parquet"
    )
    assert complaint("hf://someone/nobody").startswith(
        "The Hugging Face hub has no data set 'someone/nobody' that you may read. Check the name, accept"
    )
    assert complaint("hf://mnist") == (
        "A data set of the Hugging Face hub is hf://owner/name[@revision][/folder][?label=column]: got 'hf://mnist'."
    )
    assert complaint("hf://some--one/pets").startswith(
        "The Hugging Face hub does not give 'some--one/pets': Cannot have"
    )
    upload(hub, folder_of(tmp_path / "set", {"cat": 2, "dog": 2}))
    assert complaint("hf://someone/pets?label=x") == (
        "Only tables have columns: 'someone/pets' has none, so leave out '?label='."
    )


def test_tables_that_hold_no_images_are_said(hub: Hub) -> None:
    buffer = BytesIO()
    pl.DataFrame({"text": ["a"], "label": [0]}).write_parquet(buffer)
    hub.files["datasets/someone/texts/main/train.parquet"] = buffer.getvalue()
    assert complaint("hf://someone/texts") == (
        "A table of images has a column of files: 'train.parquet' has text, label."
    )
    hub.files["datasets/someone/broken/main/train.parquet"] = b"no table"
    assert complaint("hf://someone/broken").startswith("The table 'train.parquet' cannot be read: ")


def test_without_a_network_one_sentence_says_what_is_missing(hub: Hub, tmp_path: Path, monkeypatch) -> None:
    table(tmp_path / "set" / "train.parquet")
    upload(hub, tmp_path / "set")
    hub.broken = True
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)  # between its attempts
    absent = "^'someone/pets' is not whole in the cache '.*' and the Hugging Face hub is out of reach. Run this once"
    with pytest.raises(DataError, match=absent):
        load_data("hf://someone/pets")
    hub.broken = False
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match=absent):
        load_data("hf://someone/pets")


def test_a_full_disk_is_one_sentence(hub: Hub, tmp_path: Path) -> None:
    table(tmp_path / "set" / "train.parquet")
    upload(hub, tmp_path / "set")
    Path(constants.HF_HUB_CACHE).write_text("a file where the cache should be")
    assert complaint("hf://someone/pets").startswith("'someone/pets' cannot be kept in '")


def test_what_was_fetched_in_part_is_not_taken_for_the_whole(hub: Hub, tmp_path: Path) -> None:
    for number in range(3):
        table(tmp_path / "set" / f"train-{number}.parquet")
    upload(hub, tmp_path / "set")
    load_data("hf://someone/pets")
    next(Path(constants.HF_HUB_CACHE).rglob("train-1.parquet")).unlink()
    assert len(load_data("hf://someone/pets").samples) == 18
    next(Path(constants.HF_HUB_CACHE).rglob("train-1.parquet")).unlink()
    hub.broken = True
    assert "is not whole in the cache" in complaint("hf://someone/pets")
