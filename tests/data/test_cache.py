import numpy as np
from jpegs import jpeg_of

from anmok.data.cache import PictureCache
from anmok.data.jpeg import Jpeg
from anmok.data.picture import Whole, open_picture


def picture(side: int = 8) -> Whole:
    return Whole(np.zeros((side, side, 3), np.uint8))


def test_pictures_are_kept_decoded() -> None:
    kept = PictureCache(count=2, size=32, limit=1e6)
    assert kept.find(0) is None
    decoded = kept.keep(0, open_picture(jpeg_of(width=60, height=50)))
    assert isinstance(decoded, Whole)
    assert kept.find(0) is decoded
    assert len(kept) == 1


def test_all_are_dropped_when_they_do_not_fit() -> None:
    kept = PictureCache(count=1000, size=8, limit=3 * 192)
    for id in range(3):
        kept.keep(id, picture())
    assert len(kept) == 3
    kept.keep(3, picture())
    assert len(kept) == 0
    kept.keep(4, picture())
    assert len(kept) == 0


def test_after_64_it_is_known_whether_all_will_fit() -> None:
    kept = PictureCache(count=1000, size=8, limit=999 * 192)
    for id in range(63):
        kept.keep(id, picture())
    kept.keep(62, picture())  # the same once more
    assert len(kept) == 63
    kept.keep(63, picture())
    assert not kept.is_open


def test_a_picture_that_is_decoded_at_several_scales_closes_the_cache() -> None:
    kept = PictureCache(count=2, size=10, limit=1e6)
    kept.keep(0, picture(300))  # no JPEG: it has one scale
    assert len(kept) == 1
    large = open_picture(jpeg_of(width=60, height=50))
    assert kept.keep(1, large) is large
    assert isinstance(large, Jpeg)
    assert len(kept) == 0


def test_without_room_nothing_is_decoded() -> None:
    large = open_picture(jpeg_of())
    assert PictureCache(count=1, size=32, limit=0).keep(0, large) is large
