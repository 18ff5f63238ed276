"""What one model is, and why."""

from dataclasses import dataclass

import torch

from anmok.backbone import ImageSizes, Kind
from anmok.catalogue.names import require_model
from anmok.catalogue.published import read_published


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
    """One model: paper, inductive bias, cost, published results."""

    name: str
    kind: Kind
    paper: str
    bias: str
    ours: bool  # a preset of ours, not the paper's
    params: int  # with `num_classes` classes and 3 input channels
    num_classes: int
    image_size: tuple[int, int]  # height and width that it is built for, pixels
    image_sizes: ImageSizes  # what else it takes
    macs: float | None  # at `image_size`, where published; 1e9
    results: tuple[Result, ...]
    notes: tuple[str, ...]


def card(name: str) -> Card:
    """Describe a preset; the parameters are counted, the rest is published."""
    preset = require_model(name)
    row = read_published().get(name, {})
    num_classes = row.get("num_classes", 10 if preset.is_ours else 1000)
    with torch.device("meta"):
        model = preset.architecture.model(preset.spec, num_classes=num_classes)
    return Card(
        name=name,
        kind=preset.architecture.kind,
        paper=str(preset.architecture.paper),
        bias=preset.architecture.bias,
        ours=preset.is_ours,
        params=sum(p.numel() for p in model.parameters()),
        num_classes=num_classes,
        image_size=preset.spec.img_size,
        image_sizes=preset.spec.image_sizes,
        macs=row.get("macs"),
        results=tuple(Result(**result) for result in row.get("results", [])),
        notes=tuple(row.get("notes", [])),
    )
