"""Where the taps of deformable convolutions look, once they have learnt."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from einops import rearrange, repeat
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, grid_sample

from anmok.capture import untouched
from anmok.capture.watching import watching
from anmok.claims.claim import Claim, Contrast, Needs, Record
from anmok.claims.material import Sample
from anmok.claims.training import USUAL, Training, lasting, spec_of
from anmok.layers import DeformConv
from anmok.training.classifier import ImageClassifier

_BRIGHT = 0.1  # from which on a pixel of Fashion-MNIST is of the garment
_IMAGES = 200
_REGULAR, _LEARNT, _WEIGHED, _FOREIGN = (
    f"on the object, {places}" for places in ("regular grid", "learnt", "weighed", "another image's")
)


def _look(network: ImageClassifier, train: Sample, test: Sample) -> Record:
    images = test.first(_IMAGES).images
    object_ = (images.mean(1, keepdim=True) > _BRIGHT).float()
    layers = {name: module for name, module in network.named_modules() if isinstance(module, DeformConv)}
    shares: list[Float[Tensor, " 4"]] = []

    def look(name: str, taken: Any, given: Any) -> None:
        shares.append(object_shares(layers[name.removesuffix(".offset")], taken, given, object_))

    with untouched(network), torch.no_grad(), watching({f"{n}.offset": m.offset for n, m in layers.items()}, look):
        network(images)
    shown = 100 * torch.stack(shares).mean(0)
    return dict(zip((_REGULAR, _LEARNT, _WEIGHED, _FOREIGN), shown.tolist(), strict=True))


def object_shares(
    conv: DeformConv,
    x: Float[Tensor, "b c h w"],
    shifts: Float[Tensor, "b d rows columns"],
    object_: Float[Tensor, "b 1 height width"],
) -> Float[Tensor, " 4"]:
    """Share of the taps around places of the object that lie on it: regular, learnt, weighed, another image's.

    The object is averaged over each place of the map that the layer takes, and read bilinearly between places; a
    filter is one of the object's where the map of its middle tap says more than a half.
    """
    layer: Any = conv  # a square, whose stride and padding are one number each
    size, taps = layer.weight.shape[2], layer.weight[0, 0].numel()
    rows, columns = shifts.shape[2:]
    down, across = (layer.stride * torch.arange(n).float() - layer.padding for n in (rows, columns))
    taps_down, taps_across = torch.cartesian_prod(torch.arange(size), torch.arange(size)).float().T
    regular = torch.stack(
        (
            repeat(taps_down, "k -> k h w", h=rows, w=columns) + down[:, None],
            repeat(taps_across, "k -> k h w", h=rows, w=columns) + across,
        )
    )
    moved = rearrange(shifts[:, : layer.shifts], "b (k two) h w -> b two k h w", two=2, k=taps)
    there = adaptive_avg_pool2d(object_, (x.shape[2], x.shape[3]))
    before = _read(there, regular.expand(len(x), -1, -1, -1, -1))
    after = _read(there, regular + moved)
    foreign = _read(there, regular + moved.roll(1, 0))
    mask = shifts[:, layer.shifts :].sigmoid() if shifts.shape[1] > layer.shifts else torch.ones_like(after)
    ours = before[:, taps // 2] > 0.5
    weighed = (mask * after).sum(1) / mask.sum(1)
    return torch.stack([share[ours].mean() for share in (before.mean(1), after.mean(1), weighed, foreign.mean(1))])


def _read(
    map: Float[Tensor, "b 1 h w"], places: Float[Tensor, "b 2 k rows columns"]
) -> Float[Tensor, "b k rows columns"]:
    """The map at places, bilinearly; zero outside."""
    height, width = map.shape[2:]
    grid = torch.stack(((2 * places[:, 1] + 1) / width - 1, (2 * places[:, 0] + 1) / height - 1), dim=-1)
    values = grid_sample(map, rearrange(grid, "b k h w two -> b (k h) w two"), align_corners=False)
    return rearrange(values, "b 1 (k h) w -> b k h w", k=places.shape[2])


def _arms(scale: float) -> Mapping[str, Training]:
    spec = replace(spec_of("deformable_nano", 32), deformable=(False, True, True, True))
    recipe = lasting(USUAL, 10, scale)
    return {"deformable": Training(model="deformable_nano", spec=spec, recipe=recipe, per_class=100, after=_look)}


CLAIM = Claim(
    name="deformable",
    hypothesis="Deformable convolutions learn to look at the object",
    source="Dai et al. 2017, arXiv:1703.06211, sec. 5.1 and fig. 6; Zhu et al. 2018, arXiv:1811.11168, sec. 3.2.",
    protocol=(
        "deformable_nano at 32 x 32 pixels with modulated deformable convolutions in its last three stages, 1,000 "
        "images of Fashion-MNIST, whose garments stand on black: AdamW, 1e-3, cosine, 32 images a step, 10 epochs, "
        "weight decay 0.05, shifts and mirror images. Of the filters whose middle lies on the garment, the share of "
        "the taps that do, in percent: on the regular grid, with the learnt offsets, these weighed with the learnt "
        "masks, and with the offsets of another image, which spread as far and know nothing of this one; mean over "
        "layers, 200 test images."
    ),
    arms=_arms,
    needs=Needs.FASHION,
    shown=("test accuracy",),
    contrasts=tuple(
        Contrast(
            text=f"taps {quantity} - {against.removeprefix('on the object, ')}",
            plus=("deformable",),
            minus=("deformable",),
            quantity=quantity,
            against=against,
            decides=(quantity, against) == (_LEARNT, _REGULAR),
        )
        for quantity, against in ((_LEARNT, _REGULAR), (_WEIGHED, _REGULAR), (_LEARNT, _FOREIGN))
    ),
)
