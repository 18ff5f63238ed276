"""What one model is, and why."""

from dataclasses import dataclass
from typing import Any

from anmok.backbone import ImageSizes, Kind, Paper
from anmok.catalogue.names import Preset, children, parents, require_model, split_tag
from anmok.catalogue.public import PublicWeights, find_public, read_public
from anmok.catalogue.published import read_families, read_published


@dataclass(frozen=True, kw_only=True)
class Result:
    """One published accuracy."""

    top1: float  # per cent
    data: str  # evaluated on
    pretrain: str  # trained on before, or the same
    image_size: int  # pixels
    source: str
    checked: bool  # read in the source itself, not quoted from memory
    reproduced: float | None = None  # per cent, by timm or torchvision with public weights


@dataclass(frozen=True, kw_only=True)
class Card:
    """One model: what it is, paper, inductive bias, cost, published results, public weights."""

    name: str
    about: str  # in two sentences
    kind: Kind
    paper: Paper
    parents: tuple[str, ...]  # families that this one descends from
    children: tuple[str, ...]  # families that descend from this one
    entities: str  # Battaglia et al. 2018, arXiv:1806.01261, table 1
    relations: str
    bias: str
    invariance: str
    ours: bool  # a preset of ours, not the paper's
    params: int  # with `num_classes` classes and 3 input channels
    num_classes: int
    image_size: tuple[int, int]  # height and width that it is built for, pixels
    image_sizes: ImageSizes  # what else it takes
    macs: float | None  # at `image_size`, where published; 1e9
    results: tuple[Result, ...]
    notes: tuple[str, ...]
    weights: tuple[PublicWeights, ...]  # the default first

    @property
    def code(self) -> str | None:
        """A line of Python that loads the default weights, where there are any."""
        return f'anmok.create_model("{self.weights[0]}", pretrained=True)' if self.weights else None


def card(name: str) -> Card:
    """Describe a preset, or one of its public weight files (preset.tag)."""
    name, tag = split_tag(name)
    preset = require_model(name)
    architecture = preset.architecture
    row = read_published().get(name, {})
    num_classes = row.get("num_classes", 10 if preset.is_ours else 1000)
    params = row["params"] if "params" in row else _count_params(preset, num_classes)
    return Card(
        name=name,
        about=f"{preset.summary} {_sentence(preset, params)}",
        kind=architecture.kind,
        paper=architecture.paper,
        parents=parents(preset.family),
        children=children(preset.family),
        **read_families()[preset.family],
        bias=architecture.bias,
        ours=preset.is_ours,
        params=params,
        num_classes=num_classes,
        image_size=preset.spec.img_size,
        image_sizes=preset.spec.image_sizes,
        macs=row.get("macs"),
        results=tuple(Result(**result) for result in row.get("results", [])),
        notes=tuple(row.get("notes", [])),
        weights=(find_public(name, tag),) if tag else read_public().get(name, ()),
    )


def _sentence(preset: Preset[Any], params: int) -> str:
    paper, (height, width) = preset.architecture.paper, preset.spec.img_size
    whose = "Our small variant" if preset.is_ours else "A variant"
    return (
        f"{whose} of the {preset.architecture.kind} of {paper.authors} {paper.year}, with {params / 1e6:.1f} M "
        f"parameters and built for images of {height} x {width} pixels."
    )


def _count_params(preset: Preset[Any], num_classes: int) -> int:
    # Small, and so not on the meta device, whose first random number takes seconds.
    model = preset.architecture.model(preset.spec, num_classes=num_classes)
    return sum(p.numel() for p in model.parameters())
