import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch
from jpegs import detailed, encoded, jpeg_of

from anmok.data import Batch, BatchSource, CenterCrop, Draws, ImageData, Loader, Order, Part, ResizedCrop
from anmok.data.imagedata import list_samples
from anmok.data.picture import open_picture, show
from anmok.data.views import draw_numbers
from anmok.errors import DataError, RequestError

FILES = [
    jpeg_of(number, 90 + number, 70) if number % 5 else encoded(detailed(number, 60, 80), "PNG") for number in range(40)
]


def data_of(files: list[bytes], encoded: Callable[[int], bytes] | None = None) -> ImageData:
    paths = [f"{number}.jpg" for number in range(len(files))]
    classes, samples = list_samples(paths, [str(number % 2) for number in range(len(files))])
    return ImageData(name="made", classes=classes, samples=samples, encoded=encoded or files.__getitem__)


def loader_of(*, seed: int | None = 3, threads: int = 1, memory: float = 0.0, **order: int) -> Loader:
    return Loader(
        data=data_of(FILES),
        order=Order(np.arange(40), batch_size=12, seed=seed, **order),
        size=24,
        crop=CenterCrop() if seed is None else ResizedCrop(),
        threads=threads,
        memory=memory,
    )


def same(left: list[Batch], right: list[Batch]) -> bool:
    return len(left) == len(right) and all(
        torch.equal(one.pixels, other.pixels) and torch.equal(one.labels, other.labels)
        for one, other in zip(left, right, strict=True)
    )


def test_a_batch_holds_the_views_that_seed_epoch_and_position_make() -> None:
    loader = loader_of()
    assert isinstance(loader, BatchSource)
    chosen = list(loader.order.batches(2))[1]
    batch = list(loader.epoch(2))[1]
    draws = Draws(3, 2, chosen.positions)
    for square, id, numbers in zip(batch.pixels, chosen.rows, draw_numbers(loader.crop, draws), strict=True):
        picture = open_picture(FILES[id])
        assert torch.equal(square, show(picture, loader.crop.view(picture.height, picture.width, 24, numbers)))
    assert batch.labels.tolist() == (chosen.rows % 2).tolist()
    assert batch.labels.dtype == torch.int64
    assert np.array_equal(batch.draws.uniform(), draws.uniform())


@pytest.mark.parametrize("threads", [0, 2, 5])
def test_the_number_of_threads_changes_nothing(threads: int) -> None:
    assert same(list(loader_of(threads=threads).epoch(1)), list(loader_of().epoch(1)))


def test_an_epoch_can_be_entered_in_the_middle() -> None:
    loader = loader_of()
    assert len(loader) == 4
    assert same(list(loader.epoch(1, start=2)), list(loader.epoch(1))[2:])


@pytest.mark.parametrize("seed", [3, None])
def test_the_parts_of_two_processes_make_up_the_whole(seed: int | None) -> None:
    loader = loader_of(seed=seed)
    whole = torch.cat([batch.pixels for batch in loader.epoch(0)])
    parts = [list(loader.epoch(0, part=Part(rank, 2))) for rank in (0, 1)]
    joined = [batch.pixels for part in parts for batch in part]
    if seed is not None:
        joined = [batch.pixels for pair in zip(*parts, strict=True) for batch in pair]
    assert torch.equal(torch.cat(joined), whole)


def test_evaluation_takes_every_image_once_in_order() -> None:
    labels = torch.cat([batch.labels for batch in loader_of(seed=None, threads=3).epoch(0)])
    assert labels.tolist() == [number % 2 for number in range(40)]


def test_a_repeated_image_has_another_view_each_time() -> None:
    pixels = next(loader_of(repeats=3).epoch(0)).pixels
    assert len({square.numpy().tobytes() for square in pixels}) == 12


def test_an_unreadable_image_stops_the_epoch_at_its_batch_and_is_named() -> None:
    files = [*FILES]
    files[30] = FILES[31][:500]
    loader = Loader(
        data=data_of(files), order=Order(np.arange(40), batch_size=12, seed=None), size=24, crop=CenterCrop()
    )
    epoch = loader.epoch(0)
    assert len([next(epoch), next(epoch)]) == 2
    with pytest.raises(DataError, match=r"^The image '30\.jpg' cannot be read: .*[Tt]runcated.* Replace or delete"):
        next(epoch)


def test_an_image_that_cannot_be_fetched_is_named_and_the_rest_of_the_source_speaks_for_itself() -> None:
    def missing(id: int) -> bytes:
        if id == 7:
            raise FileNotFoundError(2, "No such file or directory")
        if id == 20:
            raise DataError("The shard is gone.")
        return FILES[id]

    for rows, message in (([6, 7], r"'7\.jpg' cannot be read: no such file"), ([19, 20], r"^The shard is gone\.$")):
        order = Order(np.array(rows), batch_size=2, seed=None)
        with pytest.raises(DataError, match=message):
            list(Loader(data=data_of(FILES, missing), order=order, size=24, crop=CenterCrop()).epoch(0))


def working() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("anmok-loader")]


def test_threads_end_with_the_iterator_and_work_no_more_than_is_bounded() -> None:
    opened: list[int] = []

    def counted(id: int) -> bytes:
        opened.append(id)
        return FILES[id % 40]

    files = FILES * 25
    order = Order(np.arange(1000), batch_size=10, seed=None)
    loader = Loader(data=data_of(files, counted), order=order, size=24, crop=CenterCrop(), threads=2, ahead=3, memory=0)
    epoch = loader.epoch(0)
    next(epoch)
    assert working()
    epoch.close()
    assert not working()
    assert 10 <= len(opened) <= 10 * (1 + 3)
    list(loader_of().epoch(0))
    assert not working()


def test_decoded_images_stay_in_memory_and_change_nothing() -> None:
    opened: list[int] = []

    def counted(id: int) -> bytes:
        opened.append(id)
        return FILES[id]

    kept = loader_of(memory=0.25, threads=3)
    kept.data = data_of(FILES, counted)
    assert same(list(kept.epoch(0)), list(loader_of().epoch(0)))
    assert same(list(kept.epoch(1)), list(loader_of().epoch(1)))
    assert sorted(opened) == list(range(40))


def test_what_does_not_fit_is_decoded_anew() -> None:
    opened: list[int] = []

    def counted(id: int) -> bytes:
        opened.append(id)
        return FILES[id]

    loader = loader_of(memory=1e-12)
    loader.data = data_of(FILES, counted)
    list(loader.epoch(0))
    assert same(list(loader.epoch(1)), list(loader_of().epoch(1)))
    assert len(opened) == 80


def test_threads_and_batches_ahead_are_numbers_of_things() -> None:
    with pytest.raises(
        RequestError, match=r"^A loader needs threads and a batch ahead: got threads=-1, ahead=2\. Give"
    ):
        loader_of(threads=-1)


def test_memory_is_a_share() -> None:
    with pytest.raises(
        RequestError, match=r"^Images may fill a share of the memory: got memory=1\.0\. Give 0 <= x < 1"
    ):
        loader_of(memory=1.0)
