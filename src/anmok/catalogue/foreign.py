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
from anmok.catalogue.last_layer import LastLayer, depth_patterns, find_last_layer, input_of, logits_of
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
    features, the depth of its parameters - is passed on; of others it is what goes into the last layer, and the order
    of their parameters.
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
        self._found: str | None = None  # name of the last layer, when it was looked for
        if not any(p.is_meta for p in network.parameters()):
            self._try(*spec.img_size)

    def forward(self, images: Images) -> Float[Tensor, "b ..."]:
        """Logits."""
        return logits_of(self._run(self.stages[0])(self._begin(images)))

    def forward_features(self, images: Images) -> Float[Tensor, "b ..."]:
        """What the network itself calls so, else what goes into its last layer; `RequestError` where it has neither."""
        images = self._begin(images)
        if self._knows("forward_features"):
            return self._own("forward_features")(images)
        return input_of(self._last("forward_features").module, self.stages[0], images)

    def forward_head(self, x: Float[Tensor, "b ..."], pre_logits: bool = False) -> Float[Tensor, "b ..."]:  # noqa: FBT001, FBT002 - timm's
        """What the network itself calls so, else the last layer alone; `RequestError` where it has neither."""
        if self._knows("forward_head"):
            return self._own("forward_head")(x, pre_logits=pre_logits)
        last = self._last("forward_head").module
        return x if pre_logits else last(x)

    def set_grad_checkpointing(self, enable: bool = True) -> None:  # noqa: FBT001, FBT002 - timm's
        """As the network itself does it."""
        self._own("set_grad_checkpointing")(enable)

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - timm's
        """The network's own patterns, else those of `depth_patterns`, for the names that its parameters have here."""
        if self._knows("group_matcher"):
            patterns = self._own("group_matcher")(coarse=coarse)
        else:
            names = [name for name, _ in self.stages[0].named_parameters()]
            patterns = depth_patterns(names, self._last("group_matcher").name)
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

    def _knows(self, method: str) -> bool:
        return hasattr(self.stages[0], method)

    def _last(self, method: str) -> LastLayer:
        """Stands in for a method that the network lacks; raises `RequestError` where no linear layer comes last."""
        network = self.stages[0]
        if self._found is None:
            with torch.random.fork_rng(devices=[]), evaluating(self):
                found = find_last_layer(network, self._blank(*self.spec.img_size))
            self._found = found.name if found else ""
        if not self._found:
            raise RequestError(
                f"'{self._name}' has no method {method}, as networks of the zoo and of timm have, nor a linear layer "
                "that gives its logits."
            )
        return LastLayer(self._found, network.get_submodule(self._found))  # type: ignore[arg-type]

    def _own(self, method: str) -> Any:
        found = getattr(self.stages[0], method, None)
        if found is None:
            raise RequestError(f"'{self._name}' has no method {method}, as networks of the zoo and of timm have.")
        return found

    def _try(self, height: int, width: int) -> None:
        """Look at what blank images give; raises `ImageSizeError` where they are refused."""
        blank = self._blank(height, width)
        with (
            torch.no_grad(),
            torch.random.fork_rng(devices=[]),
            evaluating(self),
            self._faults_are_about(height, width),
        ):
            logits = logits_of(self.stages[0](blank))
        shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        if shape != (2, self.num_classes):
            raise RequestError(
                f"'{self._name}' must give logits for images and classes, (2, {self.num_classes}) when it is tried: "
                f"got {shape}. Mend it."
            )
        self._taken.add((height, width))

    def _blank(self, height: int, width: int) -> Tensor:
        like = next(self.parameters(), torch.empty(0))
        blank = torch.zeros(2, self.in_chans, height, width, device=like.device, dtype=like.dtype)
        return blank.contiguous(memory_format=torch.channels_last)

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
def read_foreign(name: str) -> tuple[Architecture[ForeignSpec], ForeignSpec]:
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


def _architecture(name: str, kind: Kind) -> Architecture[ForeignSpec]:
    """Nothing is known of its paper, nor of what it takes for granted: cards are of the zoo's models."""
    paper = Paper(title=name, authors="unknown", year=0)
    return Architecture(model=Foreign, kind=kind, paper=paper, bias="Not known.", presets={}, ours={})


def _inside(given: Any) -> Any:
    """Patterns of names in the network, for names here; they are matched at the start, with or without a '^'."""
    if isinstance(given, str):
        return r"stages\.0\.(?:" + re.sub(r"(?<![\[\\])\^", "", given) + ")"
    return [(_inside(expression), suffix) for expression, suffix in given or ()]
