"""Decoded images that stay in memory, when all of them fit."""

from threading import Lock

from anmok.data.picture import Picture, Whole, is_always_whole, whole

_GUESSED_AFTER = 64  # images whose mean size tells that of all


class PictureCache:
    """Keeps the pixels of each image as they are first decoded, at full size, so that its views stay the same.

    It keeps all or nothing: it empties itself for good as soon as an image comes that is also decoded at reduced
    scale (for views of `size` pixels: a JPEG with both sides at least 3 times that), or as soon as the images so
    far, or from the 64th on all `count` of them at the mean size so far, need more than `limit` bytes.
    """

    def __init__(self, *, count: int, size: int, limit: float) -> None:
        self._count, self._size, self._limit = count, size, limit
        self._kept: dict[int, Whole] = {}
        self._bytes = 0
        self._lock = Lock()
        self.is_open = limit > 0

    def __len__(self) -> int:
        """Count the images that are kept."""
        return len(self._kept)

    def find(self, id: int) -> Whole | None:
        """Look an image up."""
        return self._kept.get(id)

    def keep(self, id: int, picture: Picture) -> Picture:
        """Give the picture back: decoded and kept while the cache is open, as it is otherwise."""
        if not self.is_open:
            return picture
        if not is_always_whole(picture, self._size):
            with self._lock:
                self._close()
            return picture
        decoded = whole(picture)
        with self._lock:
            if self.is_open and id not in self._kept:
                self._kept[id] = decoded
                self._bytes += decoded.pixels.nbytes
                if self._expected() > self._limit:
                    self._close()
        return decoded

    def _expected(self) -> float:
        seen = len(self._kept)
        return self._bytes * (self._count / seen if seen >= _GUESSED_AFTER else 1)

    def _close(self) -> None:
        self.is_open = False
        self._kept = {}
