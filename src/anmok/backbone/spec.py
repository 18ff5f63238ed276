"""The numbers of one preset, and what follows from them without building the network."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple

from anmok.errors import ImageSizeError, SpecError
from anmok.layers import round_depth, round_width


class Kind(StrEnum):
    """What mixes the places of an image, the words of a text or the nodes of a graph.

    Nothing but full connections, convolution, attention, both of these, one step after another, or edges.
    """

    MLP = "MLP"
    CNN = "CNN"
    TRANSFORMER = "Transformer"
    HYBRID = "hybrid"
    RECURRENT = "recurrent network"
    GRAPH = "graph network"


class FeatureShape(NamedTuple):
    """What one stage puts out: its channels, and the pixels from one place to the next."""

    width: int
    stride: int


class ImageSizes(NamedTuple):
    """The heights and widths that an architecture takes, pixels."""

    multiple: int = 1
    minimum: int = 1
    remainder: int = 0  # beyond a multiple

    def nearest(self, side: int) -> int:
        """The side nearest to `side` that is taken."""
        steps = (side - self.remainder + self.multiple // 2) // self.multiple
        return max(self.above(self.minimum), self.multiple * steps + self.remainder)

    def above(self, side: int) -> int:
        """The smallest side that is taken and not below `side`."""
        steps = -((self.remainder - max(side, self.minimum)) // self.multiple)
        return self.multiple * steps + self.remainder

    def __str__(self) -> str:
        start = f"from {self.minimum} pixels" if self.minimum > self.multiple else ""
        beyond = f" plus {self.remainder}" if self.remainder else ""
        steps = f"multiples of {self.multiple}{beyond} pixels" if self.multiple > 1 else ""
        return " ".join(part for part in (steps, start) if part) or "any"


class Scaling(NamedTuple):
    """What depths, widths and sides of the image are multiplied by for every unit of compound scaling."""

    depth: float
    width: float
    resolution: float

    @property
    def macs(self) -> float:
        """What the MACs are multiplied by, roughly: each acts linearly or, in two dimensions, squared."""
        return self.depth * self.width**2 * self.resolution**2


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """The numbers of one preset, whatever its network reads; each architecture adds its own."""

    drop_rate: float = 0.0  # of dropout, where the architecture has it; a backbone before its head

    def __post_init__(self) -> None:
        for name in ("drop_rate", "drop_path_rate"):
            rate = getattr(self, name, 0.0)
            if not 0 <= rate < 1:
                raise SpecError(f"{name} is a probability below 1: got {rate}. Choose one from 0 to 0.9.")


@dataclass(frozen=True, kw_only=True)
class Spec(NetworkSpec, ABC):
    """Those of a network that reads images."""

    scaling: ClassVar[Scaling] = Scaling(depth=1.2, width=1.1, resolution=1.15)  # Tan & Le 2019, arXiv:1905.11946

    img_size: tuple[int, int] = (224, 224)  # height and width that the network is built for, pixels

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_size(*self.img_size)

    @property
    @abstractmethod
    def feature_shapes(self) -> tuple[FeatureShape, ...]:
        """Channels and stride of every stage, finest first."""

    @property
    def stem_shape(self) -> FeatureShape | None:
        """Channels and stride of the stem's output, where that is a map of use to others."""
        return None

    @property
    def levels(self) -> dict[str, FeatureShape]:
        """The maps that timm numbers, by the module that puts them out.

        The last map of each stride, the stem's included; all stages where they have one stride.
        """
        maps = {f"stages.{i}": shape for i, shape in enumerate(self.feature_shapes)}
        if len({shape.stride for shape in maps.values()}) == 1:
            return maps
        if self.stem_shape is not None:
            maps = {"stem": self.stem_shape} | maps
        last = {shape.stride: module for module, shape in maps.items()}
        return {module: maps[module] for module in last.values()}

    @property
    def embedding_width(self) -> int:
        """Channels that the head sees."""
        return self.feature_shapes[-1].width

    @property
    def image_sizes(self) -> ImageSizes:
        """The sizes that are taken."""
        return ImageSizes()

    def scaled(self, *, depth: float = 1.0, width: float = 1.0, resolution: float = 1.0) -> "Spec":
        """Multiply the layers, the channels and the sides of the image, where fields are called depths and widths.

        Layers are rounded up, channels to multiples of 8, or of 4 per attention head. All else stays, and so do
        channels that are multiplied by 1.
        """
        depths = {name: getattr(self, name) for name in ("depth", "depths") if hasattr(self, name)}
        widths = {name: getattr(self, name) for name in ("width", "widths") if hasattr(self, name)}
        if not depths or not widths:
            raise SpecError(
                f"Compound scaling multiplies depths and widths: {type(self).__name__} has none. "
                "Choose another family, such as efficientnet, resnet or vit."
            )
        if hasattr(self, "stem_width"):
            widths["stem_width"] = self.stem_width
        changes: dict[str, Any] = {
            name: _each(value, lambda n, _: round_depth(n * depth)) for name, value in depths.items()
        }
        changes |= {
            name: _each(value, lambda n, stage: round_width(n * width, self.channel_step(stage)))
            for name, value in widths.items()
            if width != 1
        }
        return replace(self, img_size=self.scaled_size(resolution), **changes)

    def channel_step(self, stage: int) -> int:
        """What the channels of a stage are rounded to multiples of when they are scaled."""
        heads = getattr(self, "num_heads", None)
        if heads is None:
            return 8
        return 4 * (heads[stage] if isinstance(heads, tuple) else heads)

    def scaled_size(self, resolution: float) -> tuple[int, int]:
        """The image size times `resolution`, in steps that the architecture takes, or else of 4 pixels."""
        sizes = self.image_sizes
        step = sizes.multiple if sizes.multiple > 1 else 4
        height, width = (sizes.nearest(step * max(1, round(side * resolution / step))) for side in self.img_size)
        return height, width

    def check_stages(self, *fields: str) -> None:
        """Raise `SpecError` where fields that hold one number per stage differ in length."""
        lengths = [len(getattr(self, field)) for field in fields]
        if len(set(lengths)) > 1 or not lengths[0]:
            raise SpecError(
                f"Every stage has a number in {' and '.join(fields)}: got {' and '.join(map(str, lengths))}. "
                "Make the lengths equal and positive."
            )

    def check_size(self, height: int, width: int) -> None:
        """Raise `ImageSizeError` for a size that the architecture cannot take."""
        sizes = self.image_sizes
        if any(side < sizes.minimum or side % sizes.multiple != sizes.remainder for side in (height, width)):
            raise ImageSizeError(
                f"This network takes heights and widths that are {sizes}: got {height} x {width}. "
                f"The nearest size that works is {sizes.nearest(height)} x {sizes.nearest(width)}."
            )


def _each(value: int | tuple[int, ...], rule: Callable[[int, int], int]) -> int | tuple[int, ...]:
    """The rule applied to a number, or to each stage's."""
    return tuple(rule(n, stage) for stage, n in enumerate(value)) if isinstance(value, tuple) else rule(value, 0)
