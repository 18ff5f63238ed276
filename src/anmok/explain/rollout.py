"""Attention rollout: from which places of the image has attention carried anything to the answer?

Abnar & Zuidema 2020, arXiv:2005.00928, section 3. The heat is the row of the first token where tokens without a
place stand before the others (the class token), else the mean over all rows, as the head then takes the mean.
It does not depend on the class. Departs from the paper: scaled from each map's minimum to its maximum, since
something arrives from everywhere. Only where every block looks at all tokens by all tokens does the product exist.
"""

import torch
from einops import rearrange, reduce
from jaxtyping import Float
from torch import Tensor, nn

from anmok.capture import captured_attention, untouched
from anmok.capture.attention_grid import AttentionGrid, attention_grid, counted_tokens
from anmok.capture.rollout import rollout
from anmok.errors import RequestError
from anmok.explain.heat import ALWAYS_FIT, logits_of, resampled, stretched, targets_of
from anmok.shapes import Images, Labels


def attention_rollout(network: nn.Module, images: Images, target: int | Labels) -> Float[Tensor, "b height width"]:
    """Heat maps in [0, 1] at the size of the images, the same for every class.

    Raises `RequestError` where there is no attention, or attention inside windows or over reduced keys.
    """
    height, width = images.shape[2:]
    with untouched(network), torch.no_grad(), counted_tokens(network) as tokens, captured_attention() as weights:
        targets_of(target, logits_of(network(images)))
    grid = _shared([attention_grid(w, len(images), (height, width), tokens) for w in weights])
    total = rollout([rearrange(w, "(b split) heads q k -> b (split heads) q k", b=len(images)) for w in weights])
    prefix = grid.prefix[0]
    read = total[:, 0] if prefix else reduce(total, "b q k -> b k", "mean")
    heat = rearrange(read[:, prefix:], "b (h w) -> b h w", h=grid.rows)
    return stretched(resampled(heat, images))


def _shared(grids: list[AttentionGrid | None]) -> AttentionGrid:
    """The grid that all attention is among."""
    if not grids:
        raise _unfit("this network has no attention that can be seen")
    placed = [grid for grid in grids if grid is not None]
    if len(placed) < len(grids):
        raise _unfit("not all that this network attends to are places")
    if any(grid.windows > 1 for grid in placed):
        raise _unfit("that of this network stays inside windows")
    if any(len(grid.queries) != len(grid.keys) for grid in placed):
        raise _unfit("that of this network has fewer keys than queries")
    sizes = sorted({len(grid.queries) + grid.prefix[0] for grid in placed})
    if len(sizes) > 1:
        raise _unfit(f"the blocks of this network have different tokens ({' and '.join(map(str, sizes))})")
    return placed[0]


def _unfit(why: str) -> RequestError:
    return RequestError(
        f"Attention rollout needs attention of all places to all places: {why}. "
        f"grad-cam fits networks with feature maps; {ALWAYS_FIT}"
    )
