"""What was asked for: written down beside the run, so that the same command resumes it and no other does."""

import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar
from zlib import crc32

import tomli_w

from anmok.data.atomic import written_whole
from anmok.errors import RequestError, RunDirectoryError


def write_settings(settings: dict[str, Any], path: Path) -> None:
    """Store as TOML; what is not set is left out."""
    with written_whole(path) as partial:
        partial.write_text(tomli_w.dumps({k: v for k, v in settings.items() if v is not None}), encoding="utf-8")


def read_settings(path: Path) -> dict[str, Any]:
    """What was stored; raises `RunDirectoryError` where the file is no request."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise not_a_request(path, error) from error


def not_a_request(path: Path, error: Exception) -> RunDirectoryError:
    """Name the file that is none."""
    return RunDirectoryError(f"'{path}' is not a request of Anmok ({error}). Choose another --out.")


@dataclass(frozen=True, kw_only=True)
class Request:
    """A selection as the user put it; limits are upper bounds on values measured here, or on `device`."""

    FILE: ClassVar[str] = "request.toml"

    data: str
    models: tuple[str, ...] = ()  # names or wildcards; none: the small preset of every family
    max_latency: float | None = None  # milliseconds, p50 of one image
    max_params: float | None = None
    max_memory: float | None = None  # MiB, peak of inference on one image
    budget: float = 1800.0  # seconds of wall-clock for everything
    epochs: int | None = None  # at the full data; None: as many as the budget allows
    image_size: int | None = None  # pixels; None: from the images
    constraint: float | None = None  # of a search for the factors of compound scaling; None: this is a selection
    pretrained: bool = False  # whether the models start from pretrained weights
    weights: str | None = None  # folder of such weights, by model; None: the public ones
    experience: str | None = None  # file of earlier runs; None: that of this machine
    objective: str | None = None  # what models are compared by; None: accuracy
    costs: str | None = None  # what each error costs, as CSV; None: all alike
    prefer: str | None = None  # the cost that decides among tied models; None: latency
    device: str | None = None  # file of `anmok bench`, which tells latency and memory; None: they are measured here
    runtime: str | None = None  # which runs the networks that are measured; None: torch
    seed: int = 0
    task: str | None = None  # None: one class for an image

    def __post_init__(self) -> None:
        if self.epochs is not None and self.epochs < 2:
            raise RequestError(f"--epochs must be at least 2: got {self.epochs}.")
        if self.image_size is not None and not 16 <= self.image_size <= 1024:
            raise RequestError(f"--image-size must lie between 16 and 1024 pixels: got {self.image_size}.")
        if self.weights is not None and not self.pretrained:
            raise RequestError(
                f"--weights says where pretrained weights lie: got '{self.weights}' alone. Add --pretrained."
            )
        if self.constraint is not None and not 1.2 <= self.constraint <= 8:
            raise RequestError(f"--constraint must lie between 1.2 and 8 times the MACs: got {self.constraint}.")

        if self.task and (self.pretrained or self.device or self.runtime or self.objective or self.costs):
            raise RequestError(
                f"Models for {self.task} race from scratch, by mIoU, measured here: got one of --pretrained, --device, "
                "--runtime, --objective and --costs. Leave it out."
            )
        if self.device and self.runtime:
            raise RequestError(f"--device says what ran the models there: got --runtime {self.runtime} too. Give one.")

    def write(self, path: Path) -> None:
        """Store as TOML; what is not set is left out."""
        write_settings(asdict(self), path)

    @staticmethod
    def read(path: Path) -> "Request":
        """The stored request; raises `RunDirectoryError` where the file is not one."""
        stored = read_settings(path)
        try:
            return Request(**(stored | {"models": tuple(stored["models"])}))
        except (KeyError, TypeError) as error:
            raise not_a_request(path, error) from error

    def changes(self, path: Path) -> list[str]:
        """What this request asks for instead of the stored one, one phrase an option."""
        return Request.read(path).differences(self)

    def differences(self, other: "Request") -> list[str]:
        """What another request asks for instead, one phrase an option."""
        pairs = [(f.name, getattr(self, f.name), getattr(other, f.name)) for f in fields(self)]
        return [
            f"{name.replace('_', '-')} {_show(old)} instead of {_show(new)}" for name, old, new in pairs if old != new
        ]


def _show(value: object) -> str:
    if value is None:
        return "unset"
    text = ",".join(value) if isinstance(value, tuple) else f"{value}"
    return f"{len(text.splitlines()) - 1} rows ({crc32(text.encode()):08x})" if "\n" in text else text
