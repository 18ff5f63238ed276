"""Small tasks that one relational inductive bias each makes easy, and the splits that show it.

Latch is the flip-flop of Liu et al. 2023, arXiv:2306.00946; recall is associative recall with one query. What a task
is about shows in its splits: `id` is drawn as the training samples are, `ood` has them elsewhere, `long` has more.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Generator, Tensor
from torch.nn.functional import one_hot

from anmok.biases.entities import Entities

NO_LABEL = -1  # nothing is asked there
SIDE = 8  # of the grid of motif
PAIRS, KEYS, VALUES = 6, 8, 4  # of recall


class Samples(NamedTuple):
    """What a network is given and should answer."""

    x: Float[Tensor, "b n c"]
    labels: Int[Tensor, "b ..."]  # of each entity, or one for all; NO_LABEL where nothing is asked
    adjacency: Float[Tensor, "b n n"] | None = None


Draw: TypeAlias = Callable[[int, str, Generator], Samples]


@dataclass(frozen=True, kw_only=True)
class Task:
    """Samples without end, and how many of them are trained on."""

    name: str
    tests: str  # the bias that it needs
    about: str  # for definitions: what is drawn
    draw: Draw
    classes: int
    train: int = 512  # samples
    steps: int = 400
    splits: tuple[str, ...] = ("id",)
    rows: int | None = None  # of the grid

    def entities(self, samples: Samples) -> Entities:
        """What a network for these samples is made for."""
        _, n, c = samples.x.shape
        return Entities(n=n, c=c, out=self.classes, pooled=samples.labels.ndim == 1, rows=self.rows)


def patterns() -> Float[Tensor, "4 3 3"]:
    """Orthogonal and of unit norm: products of a smooth and a rough profile of three places."""
    smooth, rough = torch.tensor([1.0, 0, -1]) / 2**0.5, torch.tensor([1.0, -2, 1]) / 6**0.5
    profiles = ((smooth, smooth), (smooth, rough), (rough, smooth), (rough, rough))
    return torch.stack([torch.outer(down, across) for down, across in profiles])


def draw_motif(count: int, split: str, generator: Generator) -> Samples:
    """Which of four patterns lies somewhere in noise; in the left half, or `ood` in the right."""
    grids = torch.randn(count, SIDE, SIDE, generator=generator)
    labels = torch.randint(4, (count,), generator=generator)
    rows = torch.randint(SIDE - 2, (count,), generator=generator)
    columns = torch.randint(SIDE // 2 - 2, (count,), generator=generator) + (SIDE // 2 if split == "ood" else 0)
    place = torch.arange(3)
    at = (torch.arange(count)[:, None, None], (rows[:, None] + place)[:, :, None], (columns[:, None] + place)[:, None])
    grids[at] += 6 * patterns()[labels]
    return Samples(rearrange(grids, "b h w -> b (h w) 1"), labels)


def draw_latch(count: int, split: str, generator: Generator) -> Samples:
    """The bit that was written last, at every step; nothing is asked before the first.

    Of 16 steps the first half writes, with probability 0.3, or `ood` the second; `long` has 64, all with 0.04.
    Tokens 0 and 1 write themselves, 2 to 5 mean nothing.
    """
    steps = 64 if split == "long" else 16
    chance = torch.full((steps,), 0.04 if split == "long" else 0.3)
    if split != "long":
        chance[slice(0, 8) if split == "ood" else slice(8, 16)] = 0
    writes = torch.rand(count, steps, generator=generator) < chance
    bits = torch.randint(2, (count, steps), generator=generator)
    idle = torch.randint(2, 6, (count, steps), generator=generator)
    tokens = torch.where(writes, bits, idle)
    latest = torch.where(writes, torch.arange(steps), -1).cummax(1).values
    labels = torch.where(latest < 0, NO_LABEL, bits.gather(1, latest.clamp(min=0)))
    return Samples(one_hot(tokens, 6).float(), labels)


def draw_graph(count: int, split: str, generator: Generator) -> Samples:
    """The commoner of two colours among each node's neighbours; a tie is not asked.

    Random graphs with edges of probability 0.35; the 10 nodes are sorted by degree, `ood` in any order, `long` has 20.
    """
    n = 20 if split == "long" else 10
    above = (torch.rand(count, n, n, generator=generator) < 0.35).triu(1)
    adjacency = (above | above.mT).float()
    colours = torch.randint(2, (count, n), generator=generator) * 2 - 1
    if split != "ood":
        order = adjacency.sum(2).argsort(dim=1, descending=True, stable=True)
        rows = torch.arange(count)[:, None, None]
        adjacency = adjacency[rows, order[:, :, None], order[:, None]]  # the colours have no order yet
    majority = (adjacency @ colours[:, :, None].float())[:, :, 0]
    labels = torch.where(majority == 0, NO_LABEL, (majority > 0).long())
    return Samples(one_hot((colours + 1) // 2, 2).float(), labels, adjacency)


def draw_wire(count: int, split: str, generator: Generator) -> Samples:
    """The largest of four fixed random combinations of 36 numbers."""
    x = torch.randn(count, 36, 1, generator=generator)
    return Samples(x, (x[:, :, 0] @ wires()).argmax(1))


def wires() -> Float[Tensor, "36 4"]:
    """The weights of the combinations."""
    return torch.randn(36, 4, generator=Generator().manual_seed(0))


@dataclass(frozen=True)
class DrawLag:
    """At every step the bit `distance` steps ago; 32 bits, and nothing is asked before."""

    distance: int

    def __call__(self, count: int, split: str, generator: Generator) -> Samples:
        """Some samples."""
        bits = torch.randint(2, (count, 32), generator=generator)
        labels = bits.roll(self.distance, dims=1)
        labels[:, : self.distance] = NO_LABEL
        return Samples(rearrange(2.0 * bits - 1, "b n -> b n 1"), labels)


def draw_recall(count: int, split: str, generator: Generator) -> Samples:
    """The value that was paired with the key which comes last.

    Six pairs of different keys, of 8, with any of 4 values; `long` has all 8 keys. A token holds key, value and
    whether it asks.
    """
    pairs = KEYS if split == "long" else PAIRS
    keys = torch.rand(count, KEYS, generator=generator).argsort(1)[:, :pairs]
    values = torch.randint(VALUES, (count, pairs), generator=generator)
    asked = torch.randint(pairs, (count, 1), generator=generator)
    tokens = torch.zeros(count, pairs + 1, KEYS + VALUES + 1)
    tokens[:, :-1, :KEYS] = one_hot(keys, KEYS).float()
    tokens[:, :-1, KEYS:-1] = one_hot(values, VALUES).float()
    tokens[:, -1, :KEYS] = one_hot(keys.gather(1, asked)[:, 0], KEYS).float()
    tokens[:, -1, -1] = 1
    return Samples(tokens, values.gather(1, asked)[:, 0])


def _lag(distance: int) -> Task:
    about = f"32 bits, copied {distance} steps later"
    return Task(
        name=f"lag {distance}", tests=f"reach of {distance}", about=about, draw=DrawLag(distance), classes=2, train=256
    )


MOTIF = Task(
    name="motif",
    tests="locality, translation in space",
    about=f"one of 4 patterns of 3 x 3 in {SIDE} x {SIDE} noise",
    draw=draw_motif,
    classes=4,
    train=1024,
    steps=250,
    splits=("id", "ood"),
    rows=SIDE,
)
TASKS = (
    MOTIF,
    Task(
        name="latch",
        tests="sequence, translation in time",
        about="last written of 2 bits, 16 steps",
        draw=draw_latch,
        classes=2,
        splits=("id", "ood", "long"),
    ),
    Task(
        name="graph",
        tests="given relations, permutation of nodes",
        about="commoner of 2 colours among neighbours, 10 nodes",
        draw=draw_graph,
        classes=2,
        splits=("id", "ood", "long"),
    ),
    Task(
        name="wire",
        tests="a weight for each entity",
        about="largest of 4 combinations of 36 numbers",
        draw=draw_wire,
        classes=4,
        rows=6,
    ),
    *(_lag(distance) for distance in (1, 4, 16)),
    Task(
        name="recall",
        tests="relations by content",
        about=f"value of one of {PAIRS} keys",
        draw=draw_recall,
        classes=VALUES,
        train=1024,
        splits=("id", "long"),
    ),
)
QUICK = tuple(task for task in TASKS if task.name in ("latch", "graph", "recall"))
