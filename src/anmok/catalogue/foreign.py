"""Networks from elsewhere, which are known by what they answer alone."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from anmok.backbone import Architecture, Backbone, FeatureShape, Kind, Paper, Spec
from anmok.backbone.evaluating import evaluating
from anmok.catalogue.makers import FAULTS, Wishes, reason
from anmok.catalogue.mixing import measure_kind
from anmok.catalogue.sources import find_maker
from anmok.errors import AnmokError, ImageSizeError, RequestError
from anmok.shapes import Images

_SIDES = (224, 32, 64, 28, 96, 128, 256)  # pixels, tried where a maker says no size
_CLASSES = 5  # of the network that is looked at


@dataclass(frozen=True, kw_only=True)
class ForeignSpec(Spec):
    """How a network from elsewhere is made; which image sizes it takes is tried, not declared."""

    name: str  # timm:NAME, hf:ID or module:callable
    drop_path_rate: float = 0.0
    pretrained: bool = False  # with the maker's own weights,
    own_classes: int = 1000  # which have so many classes

    @property
    def feature_shapes(self) -> tuple[FeatureShape, ...]:
        """Not known."""
        raise RequestError(f"'{self.name}' is no backbone of the zoo, and shows logits only. Choose one of the zoo.")


class Foreign(Backbone):
    """A network from elsewhere as a backbone with one stage, whose output is the logits.

    Every image size is tried once, on blank images and apart from the training, before the first images of that size
    go in: so that what the network raises there is about the size. What a network of timm knows beside its logits -
    features, the depth of its parameters - is passed on.
    """

    def __init__(self, spec: ForeignSpec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(spec, num_classes=num_classes, in_chans=in_chans)
        self._name = spec.name
        if num_classes == 0:
            raise RequestError(f"'{spec.name}' shows logits only: got num_classes=0. Choose 1 or more.")
        maker = find_maker(spec.name)
        wishes = Wishes(num_classes, in_chans, spec.img_size, spec.drop_rate, spec.drop_path_rate, spec.pretrained)
        with self._faults_are_about(*spec.img_size):
            network = maker.make(wishes)
        self.stem, self.pool, self.head = nn.Identity(), nn.Identity(), nn.Identity()
        self.stages = nn.ModuleList([network])
        self._known = maker.preprocessing() if spec.pretrained else {}
        self._taken: set[tuple[int, int]] = set()
        if not any(p.is_meta for p in network.parameters()):
            self._try(*spec.img_size)

    def forward(self, images: Images) -> Float[Tensor, "b ..."]:
        """Logits."""
        return _logits(self._run(self.stages[0])(self._begin(images)))

    def forward_features(self, images: Images) -> Float[Tensor, "b ..."]:
        """What the network itself calls so; raises `RequestError` where it calls nothing so."""
        return self._own("forward_features")(self._begin(images))

    def forward_head(self, x: Float[Tensor, "b ..."], pre_logits: bool = False) -> Float[Tensor, "b ..."]:  # noqa: FBT001, FBT002 - timm's
        """What the network itself calls so; raises `RequestError` where it calls nothing so."""
        return self._own("forward_head")(x, pre_logits=pre_logits)

    def set_grad_checkpointing(self, enable: bool = True) -> None:  # noqa: FBT001, FBT002 - timm's
        """As the network itself does it."""
        self._own("set_grad_checkpointing")(enable)

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - timm's
        """The network's own patterns, for the names that its parameters have here."""
        patterns = self._own("group_matcher")(coarse=coarse)
        return {group: _inside(given) for group, given in patterns.items()}

    @property
    def pretrained_cfg(self) -> dict[str, Any]:
        """Input and preprocessing, in timm's words; ImageNet's where the maker says none."""
        usual = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225), "crop_pct": 0.875}
        shape = {"input_size": (self.in_chans, *self.spec.img_size), "num_classes": self.num_classes}
        return usual | self._known | shape | self.provenance

    def _begin(self, images: Images) -> Any:
        if not torch.compiler.is_compiling() and tuple(images.shape[2:]) not in self._taken:
            self._try(*images.shape[2:])
        return super()._begin(images)

    def _own(self, method: str) -> Any:
        found = getattr(self.stages[0], method, None)
        if found is None:
            raise RequestError(f"'{self._name}' has no method {method}, as networks of the zoo and of timm have.")
        return found

    def _try(self, height: int, width: int) -> None:
        """Look at what blank images give; raises `ImageSizeError` where they are refused."""
        like = next(self.parameters(), torch.empty(0))
        blank = torch.zeros(2, self.in_chans, height, width, device=like.device, dtype=like.dtype)
        with (
            torch.no_grad(),
            torch.random.fork_rng(devices=[]),
            evaluating(self),
            self._faults_are_about(height, width),
        ):
            logits = _logits(self.stages[0](blank.contiguous(memory_format=torch.channels_last)))
        shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        if shape != (2, self.num_classes):
            raise RequestError(
                f"'{self._name}' must give logits for images and classes, (2, {self.num_classes}) when it is tried: "
                f"got {shape}. Mend it."
            )
        self._taken.add((height, width))

    @contextmanager
    def _faults_are_about(self, height: int, width: int) -> Iterator[None]:
        try:
            yield
        except (AnmokError, torch.OutOfMemoryError):
            raise
        except FAULTS as error:
            raise ImageSizeError(
                f"'{self._name}' does not take {self.in_chans} x {height} x {width} images ({reason(error)}). "
                "Choose another image size."
            ) from error


@cache
def read_foreign(name: str) -> tuple[Architecture, ForeignSpec]:
    """What a network from elsewhere is, seen by making it for the first image size that it takes and running it.

    Raises:
        RequestError: a package is missing, it takes no usual size, or it gives no logits.
        UnknownNameError: there is no such network.
    """
    maker, refusals = find_maker(name), []
    with torch.device("cpu"), torch.random.fork_rng(devices=[]):
        for side in dict.fromkeys((maker.size or _SIDES[0], *_SIDES)):
            spec = ForeignSpec(name=name, img_size=(side, side), own_classes=maker.num_classes)
            try:
                network = Foreign(spec, num_classes=_CLASSES).eval()
            except ImageSizeError as error:
                refusals.append(error.__cause__ or error)
                continue
            kind = measure_kind(network, torch.zeros(2, 3, side, side))
            return _architecture(name, kind), spec
    raise RequestError(f"'{name}' can neither be made nor run for images of any usual size ({reason(refusals[0])}).")


def _architecture(name: str, kind: Kind) -> Architecture:
    """Nothing is known of its paper, nor of what it takes for granted: cards are of the zoo's models."""
    paper = Paper(title=name, authors="unknown", year=0)
    return Architecture(model=Foreign, kind=kind, paper=paper, bias="Not known.", presets={}, ours={})


def _logits(output: Any) -> Any:
    """Some networks wrap their logits, together with more."""
    return getattr(output, "logits", output)


def _inside(given: Any) -> Any:
    """Patterns of names in the network, for names here; they are matched at the start, with or without a '^'."""
    if isinstance(given, str):
        return r"stages\.0\.(?:" + re.sub(r"(?<![\[\\])\^", "", given) + ")"
    return [(_inside(expression), suffix) for expression, suffix in given or ()]
