"""The network that all architectures have in common."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, ClassVar, TypeAlias

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from anmok.backbone.feature_info import FeatureInfo, Indices, chosen_levels
from anmok.backbone.head import linear_head
from anmok.backbone.spec import Spec
from anmok.errors import RequestError, SpecError
from anmok.layers import TokenGrid
from anmok.shapes import Embedding, FeatureMap, Images, Logits

FeatureMaps: TypeAlias = list[Float[Tensor, "b ..."]]  # all but the batch differs from stage to stage


class Backbone(nn.Module, ABC):
    """Images -> stem -> stages -> pool -> head -> logits.

    A subclass sets the four parts in `__init__` and overrides nothing but `as_map`; one with auxiliary heads, which
    only training uses, also `training_logits`. A stage's output is a feature map, or a `TokenGrid`, whose tokens the
    pool sees. Beside `feature_maps`, `embed` and `training_logits`, names are those of timm's models.
    """

    memory_format: ClassVar[torch.memory_format] = torch.channels_last  # of maps on a CPU: most layers like it
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
        self.provenance: dict[str, Any] = {}  # of its public weights and their preprocessing, in timm's words

    @property
    def num_features(self) -> int:
        """Channels of the last stage."""
        return self.spec.feature_shapes[-1].width

    @property
    def head_hidden_size(self) -> int:
        """Channels of the embedding."""
        return self.spec.embedding_width

    @property
    def feature_info(self) -> FeatureInfo:
        """Channels, stride and module name of every level, in timm's words."""
        return FeatureInfo(self.spec.levels)

    @property
    def pretrained_cfg(self) -> dict[str, Any]:
        """Input, preprocessing, names of parts and, with public weights, where they come from: timm's keys."""
        height, width = self.spec.img_size
        head = [name for name, part in self.named_modules() if name.startswith("head") and isinstance(part, nn.Linear)]
        return {
            "input_size": (self.in_chans, height, width),
            "fixed_input_size": False,
            "pool_size": None,  # it follows the image
            "num_classes": self.num_classes,
            "first_conv": next(n for n, part in self.named_modules() if isinstance(part, nn.Conv2d | nn.Linear)),
            "classifier": tuple(head) if len(head) > 1 else "head",
            "interpolation": "bicubic",
            "crop_pct": 0.875,
            "crop_mode": "center",
            "mean": (0.485, 0.456, 0.406),
            "std": (0.229, 0.224, 0.225),
        } | self.provenance

    @property
    def default_cfg(self) -> dict[str, Any]:
        """The same, by its older name."""
        return self.pretrained_cfg

    def as_map(self, x: Any) -> FeatureMap:
        """View a stage's output as a feature map."""
        return x.map() if isinstance(x, TokenGrid) else x

    def feature_maps(self, images: Images) -> FeatureMaps:
        """Output of every stage, finest first."""
        return [self.as_map(x) for module, x in self._states(images) if module != "stem"]

    def embed(self, images: Images) -> Embedding:
        """What the head sees."""
        return self.forward_head(self.forward_features(images), pre_logits=True)

    def forward(self, images: Images) -> Float[Tensor, "b ..."]:
        """Logits, or the embedding where `num_classes` is 0."""
        return self.forward_head(self.forward_features(images))

    def training_logits(self, images: Images) -> list[Logits]:
        """What the losses of training see, from one pass: the head's logits, then those of auxiliary heads."""
        return [self(images)]

    def forward_features(self, images: Images) -> Float[Tensor, "b ..."]:
        """Output of the last stage, before the pool and its norm: a feature map or tokens."""
        x = self._begin(images)
        for step in self._steps():
            x = step(x)
        return _tensor(x)

    def forward_head(self, x: Float[Tensor, "b ..."], pre_logits: bool = False) -> Float[Tensor, "b ..."]:  # noqa: FBT001, FBT002 - timm's
        """From what `forward_features` gives to the logits, or to the embedding before them."""
        embedding = self.pool(x)
        return embedding if pre_logits else self.head(self.dropout(embedding))

    def forward_intermediates(
        self,
        images: Images,
        indices: Indices = None,
        *,
        norm: bool = False,
        stop_early: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> FeatureMaps | tuple[Float[Tensor, "b ..."], FeatureMaps]:
        """What `forward_features` gives, and the maps of some levels: all, the last n, or those listed.

        `norm` applies the norm before the head to all tokens that it fits, `stop_early` leaves out what comes after
        the last map, and 'NLC' in place of 'NCHW' gives rows of places.
        """
        if output_fmt not in ("NCHW", "NLC"):
            raise RequestError(f"Feature maps are given as 'NCHW' or 'NLC': got output_fmt='{output_fmt}'.")
        modules = list(self.spec.levels)
        wanted = [modules[i] for i in chosen_levels(indices, len(modules))]
        last_wanted = max(wanted, key=modules.index)
        found = {}
        for module, x in self._states(images):
            if module in wanted:
                found[module] = self.as_map(self._normed(x) if norm else x)
            if module == last_wanted and (stop_early or intermediates_only):
                break
        maps = [found[module] for module in wanted]
        if output_fmt == "NLC":
            maps = [rearrange(map, "b c h w -> b (h w) c") for map in maps]
        return maps if intermediates_only else (_tensor(x), maps)

    def prune_intermediate_layers(
        self,
        indices: Indices = 1,
        prune_norm: bool = False,  # noqa: FBT001, FBT002 - timm's
        prune_head: bool = True,  # noqa: FBT001, FBT002 - timm's
    ) -> list[int]:
        """Drop the stages after the last of the levels that are listed, and the head; the levels, from the first."""
        modules = list(self.spec.levels)
        chosen = chosen_levels(indices, len(modules))
        last = modules[max(chosen)]
        self.stages = self.stages[: 0 if last == "stem" else int(last.removeprefix("stages.")) + 1]
        if prune_norm:
            self.pool = nn.Identity()
        if prune_head:
            self.reset_classifier(0)
        return chosen

    def get_classifier(self) -> nn.Module:
        """The head."""
        return self.head

    def new_head(self, num_classes: int) -> nn.Module:
        """A fresh head for the embedding."""
        return linear_head(self.head_hidden_size, num_classes)

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Put a fresh head for `num_classes` in place of the old one; 0 leaves the embedding as the output.

        With `global_pool` '', which needs 0 classes, what `forward_features` gives is the output.
        """
        if global_pool is not None and (global_pool or num_classes):
            raise RequestError(
                "A backbone keeps its own pool, or has none and no classes (global_pool='', num_classes=0): "
                f"got global_pool='{global_pool}' and num_classes={num_classes}."
            )
        if global_pool == "":
            self.pool = nn.Identity()
        reference = next(self.parameters())
        self.num_classes = num_classes
        self.head = self.new_head(num_classes).to(reference.device, reference.dtype)

    def set_grad_checkpointing(self, enable: bool = True) -> None:  # noqa: FBT001, FBT002 - timm's
        """Recompute the stages in the backward pass in place of storing what they need: less memory, more time."""
        self.grad_checkpointing = enable

    def no_weight_decay(self) -> set[str]:
        """Names of what optimisers should not decay though it has several axes: all but weights (and biases)."""
        return {name for name, p in self.named_parameters() if p.ndim > 1 and not name.endswith("weight")}

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - timm's
        """Patterns of names that sort parameters by depth: stem, then every block, or every stage where `coarse`."""
        blocks = [] if coarse else [(r"^stages\.(\d+)\.(?:blocks?\.)?(\d+)\.", None)]
        return {"stem": r"^stem", "blocks": [*blocks, (r"^stages\.(\d+)\.", None), (r"^pool", (99999,))]}

    def _normed(self, x: Any) -> Any:
        norm: Any = getattr(self.pool, "norm", None)
        fits = (
            isinstance(x, TokenGrid) and isinstance(norm, nn.LayerNorm) and x.tokens.shape[-1:] == norm.normalized_shape
        )
        return x._replace(tokens=norm(x.tokens)) if fits else x

    def _steps(self) -> Iterator[Callable[[Any], Any]]:
        """The stages, block by block where that can be."""
        for stage in self.stages:
            yield from [self._run(stage)] if self.grad_checkpointing else _parts(stage)

    def _states(self, images: Images) -> Iterator[tuple[str, Any]]:
        """Output of the stem and of every stage, with the module's name."""
        x = self._begin(images)
        yield "stem", x
        for i, stage in enumerate(self.stages):
            x = self._run(stage)(x)
            yield f"stages.{i}", x

    def _begin(self, images: Images) -> Any:
        """The stem's output, of a size that is taken."""
        self.spec.check_size(images.shape[2], images.shape[3])
        rearranges = images.device.type == "cpu" and not torch.compiler.is_compiling()
        x: Any = images.contiguous(memory_format=self.memory_format) if rearranges else images
        for part in _parts(self.stem):
            x = part(x)
        return x

    def _run(self, module: nn.Module) -> Callable[[Any], Any]:
        """The module, recomputed in the backward pass where that is asked for."""
        return partial(checkpoint, module, use_reentrant=False) if self.grad_checkpointing else module


def _parts(module: nn.Module) -> Iterable[Callable[[Any], Any]]:
    """The layers of a sequence that nobody listens to, which frees its input early, or the module itself."""
    heard = module._forward_hooks or module._forward_pre_hooks
    return module if type(module) is nn.Sequential and not heard else (module,)


def _tensor(state: Any) -> Tensor:
    return state if isinstance(state, Tensor) else state.tokens
