"""The contract: what every backbone is, and what a zoo file exports."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias

from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from anmok.errors import ImageSizeError, RequestError, SpecError
from anmok.layers import TokenGrid
from anmok.shapes import Embedding, FeatureMap, Images, Logits

FeatureMaps: TypeAlias = list[Float[Tensor, "b _ _ _"]]  # all but the batch differs from stage to stage


class Kind(StrEnum):
    """What mixes the places of an image: nothing but full connections, convolution, attention, or both."""

    MLP = "MLP"
    CNN = "CNN"
    TRANSFORMER = "Transformer"
    HYBRID = "hybrid"


class FeatureShape(NamedTuple):
    """What one stage puts out: its channels, and the pixels from one place to the next."""

    width: int
    stride: int


class ImageSizes(NamedTuple):
    """The heights and widths that an architecture takes, pixels."""

    multiple: int = 1
    minimum: int = 1

    def nearest(self, side: int) -> int:
        """The side nearest to `side` that is taken."""
        least = -(-self.minimum // self.multiple)
        return self.multiple * max(least, (side + self.multiple // 2) // self.multiple)

    def __str__(self) -> str:
        start = f"from {self.minimum} pixels" if self.minimum > self.multiple else ""
        steps = f"multiples of {self.multiple} pixels" if self.multiple > 1 else ""
        return " ".join(part for part in (steps, start) if part) or "any"


@dataclass(frozen=True, kw_only=True)
class Spec(ABC):
    """The numbers of one preset; each architecture adds its own."""

    img_size: tuple[int, int] = (224, 224)  # height and width that the network is built for, pixels
    drop_rate: float = 0.0  # dropout of the embedding before the head

    def __post_init__(self) -> None:
        for name in ("drop_rate", "drop_path_rate"):
            rate = getattr(self, name, 0.0)
            if not 0 <= rate < 1:
                raise SpecError(f"{name} is a probability below 1: got {rate}. Choose one from 0 to 0.9.")
        self.check_size(*self.img_size)

    @property
    @abstractmethod
    def feature_shapes(self) -> tuple[FeatureShape, ...]:
        """Channels and stride of every stage, finest first."""

    @property
    def embedding_width(self) -> int:
        """Channels that the head sees."""
        return self.feature_shapes[-1].width

    @property
    def image_sizes(self) -> ImageSizes:
        """The sizes that are taken."""
        return ImageSizes()

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
        if any(side < sizes.minimum or side % sizes.multiple for side in (height, width)):
            raise ImageSizeError(
                f"This network takes heights and widths that are {sizes}: got {height} x {width}. "
                f"The nearest size that works is {sizes.nearest(height)} x {sizes.nearest(width)}."
            )


class Backbone(nn.Module, ABC):
    """Images -> stem -> stages -> pool -> head -> logits.

    A subclass sets the four parts in `__init__` and overrides nothing but `as_map`. A stage's output is a feature map,
    or a `TokenGrid`, whose tokens the pool sees. Beside `feature_maps` and `embed`, names are those of timm's models.
    """

    stem: nn.Module
    stages: nn.ModuleList
    pool: nn.Module
    head: nn.Module

    @abstractmethod
    def __init__(self, spec: Spec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__()
        if num_classes < 0 or in_chans < 1:
            raise SpecError(
                f"A backbone has 0 or more classes (0: no head) and 1 or more input channels: "
                f"got num_classes={num_classes} and in_chans={in_chans}."
            )
        self.spec = spec
        self.num_classes = num_classes
        self.in_chans = in_chans
        self.dropout = nn.Dropout(spec.drop_rate)
        self.grad_checkpointing = False

    @property
    def num_features(self) -> int:
        """Channels of the last stage."""
        return self.spec.feature_shapes[-1].width

    @property
    def head_hidden_size(self) -> int:
        """Channels of the embedding."""
        return self.spec.embedding_width

    @property
    def feature_info(self) -> list[dict[str, int | str]]:
        """Channels, stride and module name of every stage, in timm's words."""
        shapes = enumerate(self.spec.feature_shapes)
        return [{"num_chs": s.width, "reduction": s.stride, "module": f"stages.{i}"} for i, s in shapes]

    def as_map(self, x: Any) -> FeatureMap:
        """View a stage's output as a feature map."""
        return x.map() if isinstance(x, TokenGrid) else x

    def feature_maps(self, images: Images) -> FeatureMaps:
        """Output of every stage, finest first."""
        return [self.as_map(x) for x in self._states(images)]

    def embed(self, images: Images) -> Embedding:
        """What the head sees."""
        return self.forward_head(self.forward_features(images), pre_logits=True)

    def forward(self, images: Images) -> Logits:
        """Logits, or the embedding where `num_classes` is 0."""
        return self.forward_head(self.forward_features(images))

    def auxiliary_logits(self, images: Images) -> list[Logits]:
        """Logits of heads that only training uses."""
        return []

    def forward_features(self, images: Images) -> Float[Tensor, "b ..."]:
        """Output of the last stage, before the pool and its norm: a feature map or tokens."""
        for state in self._states(images):
            last = state  # the others are freed on the way
        return _tensor(last)

    def forward_head(self, x: Float[Tensor, "b ..."], pre_logits: bool = False) -> Float[Tensor, "b d"]:  # noqa: FBT001, FBT002 - timm's
        """From what `forward_features` gives to the logits, or to the embedding before them."""
        embedding = self.pool(x)
        return embedding if pre_logits else self.head(self.dropout(embedding))

    def forward_intermediates(
        self,
        images: Images,
        indices: int | Sequence[int] | None = None,
        *,
        intermediates_only: bool = False,
        output_fmt: str = "NCHW",
    ) -> FeatureMaps | tuple[Float[Tensor, "b ..."], FeatureMaps]:
        """What `forward_features` gives, and the feature maps of some stages: the last n, or those listed."""
        if output_fmt != "NCHW":
            raise RequestError(f"Feature maps are given as 'NCHW': got output_fmt='{output_fmt}'. Rearrange them.")
        states = list(self._states(images))
        maps = [self.as_map(states[i]) for i in _chosen_stages(indices, len(states))]
        return maps if intermediates_only else (_tensor(states[-1]), maps)

    def get_classifier(self) -> nn.Module:
        """The head."""
        return self.head

    def reset_classifier(self, num_classes: int) -> None:
        """Put a fresh head for `num_classes` in place of the old one; 0 leaves the embedding as the output."""
        reference = next(self.parameters())
        self.num_classes = num_classes
        self.head = linear_head(self.head_hidden_size, num_classes).to(reference.device, reference.dtype)

    def set_grad_checkpointing(self, enable: bool = True) -> None:  # noqa: FBT001, FBT002 - timm's
        """Recompute the stages in the backward pass in place of storing what they need: less memory, more time."""
        self.grad_checkpointing = enable

    def _states(self, images: Images) -> Iterator[Any]:
        self.spec.check_size(images.shape[2], images.shape[3])
        x = self.stem(images)
        for stage in self.stages:
            x = checkpoint(stage, x, use_reentrant=False) if self.grad_checkpointing else stage(x)
            yield x


def linear_head(width: int, num_classes: int) -> nn.Module:
    """The usual head: a linear layer, or nothing where there are no classes."""
    return nn.Linear(width, num_classes) if num_classes else nn.Identity()


def _tensor(state: TokenGrid | Tensor) -> Tensor:
    return state.tokens if isinstance(state, TokenGrid) else state


def _chosen_stages(indices: int | Sequence[int] | None, count: int) -> list[int]:
    wanted = range(count) if indices is None else range(-indices, 0) if isinstance(indices, int) else indices
    if any(not -count <= i < count for i in wanted):
        raise RequestError(f"This network has {count} stages: got indices={indices}. Choose from 0 to {count - 1}.")
    return [i % count for i in wanted]


@dataclass(frozen=True, kw_only=True)
class Paper:
    """Where an architecture was published."""

    title: str
    authors: str
    year: int
    arxiv: str | None = None

    def __str__(self) -> str:
        where = f", arXiv:{self.arxiv}" if self.arxiv else ""
        return f'{self.authors} {self.year}, "{self.title}"{where}'


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """One paper's family of networks."""

    model: type[Backbone]
    kind: Kind
    paper: Paper
    bias: str  # the inductive bias, in plain words
    presets: Mapping[str, Spec]  # the paper's variants
    ours: Mapping[str, Spec]  # variants that no paper has
