"""What a task shows of a trained network beside its numbers, kept for the report."""

import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from anmok.data.atomic import written_whole

FILE = "sections.json"


@dataclass(frozen=True, kw_only=True)
class Picture:
    """An SVG, or the bytes of a PNG as text, with what it shows in words."""

    caption: str
    svg: str = ""
    png: str = ""  # base64

    @staticmethod
    def of_png(caption: str, data: bytes) -> "Picture":
        """A picture from the bytes of a PNG file."""
        return Picture(caption=caption, png=b64encode(data).decode())


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading with a paragraph, a table, pictures, or some of these."""

    title: str
    text: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    pictures: tuple[Picture, ...] = ()


def write_sections(sections: Sequence[Section], directory: Path) -> None:
    """Store them beside a trained network."""
    with written_whole(directory / FILE) as partial:
        partial.write_text(json.dumps([asdict(section) for section in sections]), encoding="utf-8")


def read_sections(directory: Path) -> list[Section]:
    """Those that were stored; none where there are none."""
    path = directory / FILE
    if not path.is_file():
        return []
    return [
        Section(
            title=stored["title"],
            text=stored["text"],
            columns=tuple(stored["columns"]),
            rows=tuple(map(tuple, stored["rows"])),
            pictures=tuple(Picture(**picture) for picture in stored["pictures"]),
        )
        for stored in json.loads(path.read_text(encoding="utf-8"))
    ]
