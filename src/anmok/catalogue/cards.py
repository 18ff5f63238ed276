"""What one model is, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anmok.backbone import ImageSizes, Kind, Paper, Spec, Task
from anmok.catalogue.names import Preset, children, parents, require_network, split_tag
from anmok.catalogue.networks import create_network
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
    tasks: tuple[Task, ...]  # what it can be trained for, the usual first
    paper: Paper
    parents: tuple[str, ...]  # families that this one descends from
    children: tuple[str, ...]  # families that descend from this one
    entities: str  # Battaglia et al. 2018, arXiv:1806.01261, table 1
    relations: str
    bias: str
    invariance: str
    ours: bool  # a preset of ours, not the paper's
    params: int  # of the network that `sizes` names
    sizes: Mapping[str, int]  # what params depend on beside the preset: num_classes, vocabulary, in_features
    image_size: tuple[int, int] | None  # height and width that it is built for, pixels; None: it reads no images
    image_sizes: ImageSizes | None  # what else it takes
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
    preset = require_network(name)
    architecture = preset.architecture
    row = read_published().get(name, {})
    sizes = _sizes_of(preset, row)
    # Those that are counted are small, and so not on the meta device, whose first random number takes seconds.
    params = row["params"] if "params" in row else sum(p.numel() for p in create_network(name, sizes).parameters())
    spec = preset.spec if isinstance(preset.spec, Spec) else None
    return Card(
        name=name,
        about=f"{preset.summary} {_sentence(preset, params)}",
        kind=architecture.kind,
        tasks=architecture.tasks,
        paper=architecture.paper,
        parents=parents(preset.family),
        children=children(preset.family),
        **read_families()[preset.family],
        bias=architecture.bias,
        ours=preset.is_ours,
        params=params,
        sizes=sizes,
        image_size=spec.img_size if spec else None,
        image_sizes=spec.image_sizes if spec else None,
        macs=row.get("macs"),
        results=tuple(Result(**result) for result in row.get("results", [])),
        notes=tuple(row.get("notes", [])),
        weights=(find_public(name, tag),) if tag else read_public().get(name, ()),
    )


def _sentence(preset: Preset[Any], params: int) -> str:
    paper, spec = preset.architecture.paper, preset.spec
    built = " and built for images of {} x {} pixels".format(*spec.img_size) if isinstance(spec, Spec) else ""
    whose = "Our small variant" if preset.is_ours else "A variant"
    return (
        f"{whose} of the {preset.architecture.kind} of {paper.authors} {paper.year}, "
        f"with {f'{params / 1e6:.1f} M' if params >= 1e5 else f'{params:,}'} parameters{built}."
    )


def _sizes_of(preset: Preset[Any], row: Mapping[str, Any]) -> dict[str, int]:
    """What a network is built with beside its spec where nobody says other: as its parameters were counted."""
    match preset.architecture.tasks[0]:
        case Task.TEXT_CLASSIFICATION:
            usual = {"vocabulary": 10_000, "num_classes": 2}
        case Task.TRANSLATION:
            usual = {"source_vocabulary": 10_000, "target_vocabulary": 10_000}
        case Task.NODE_CLASSIFICATION:
            usual = {"in_features": 16, "num_classes": 2}
        case _:
            usual = {"num_classes": 10 if preset.is_ours else 1000}
    return {name: row.get(name, size) for name, size in usual.items()}
