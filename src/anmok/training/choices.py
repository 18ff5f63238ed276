"""What a recipe chooses between, and the ranges of its numbers."""

from enum import StrEnum
from math import inf, isfinite
from typing import NamedTuple


class Optimizer(StrEnum):
    """The rule that turns gradients into steps."""

    ADAMW = "adamw"
    SGD = "sgd"  # with Nesterov momentum
    LAMB = "lamb"
    RMSPROP = "rmsprop"
    MUON = "muon"  # orthogonal steps of matrices and kernels, AdamW's of all else


class Schedule(StrEnum):
    """The course of the learning rate after the warm-up."""

    COSINE = "cosine"  # half a cosine
    STEP = "step"  # times `decay` at every milestone
    EXPONENTIAL = "exponential"  # times `decay` every `decay_epochs`
    INVERSE_SQRT = "inverse-sqrt"  # with the root of the step, from the end of the warm-up on
    CONSTANT = "constant"


class Loss(StrEnum):
    """How logits are compared with the labels."""

    CROSS_ENTROPY = "cross-entropy"
    BINARY = "binary"  # one yes or no for each class, averaged over the classes


class ClassBalance(StrEnum):
    """How classes of unequal size are made to count alike."""

    NONE = "none"
    LOSS = "loss"  # an image's loss weighs more in a small class
    SAMPLING = "sampling"  # an image of a small class is drawn more often


class Distillation(StrEnum):
    """What is learned from a teacher."""

    NONE = "none"
    HARD = "hard"  # its most probable class
    SOFT = "soft"  # its probabilities


class Precision(StrEnum):
    """Number format of the matrix products and convolutions."""

    AUTO = "auto"  # bf16 where the device computes it natively, fp32 elsewhere
    FP32 = "fp32"
    BF16 = "bf16"


class Range(NamedTuple):
    """An interval of numbers; its bounds belong to it unless they are said to be open."""

    low: float
    high: float = inf
    open_low: bool = False
    open_high: bool = False

    def holds(self, value: float) -> bool:
        """Whether the number lies in it; infinity and NaN do not."""
        above = self.low < value if self.open_low else self.low <= value
        return isfinite(value) and above and (value < self.high if self.open_high else value <= self.high)

    def __str__(self) -> str:
        if self.high == inf:
            return f"more than {self.low:g}" if self.open_low else f"{self.low:g} or more"
        low = f"more than {self.low:g}" if self.open_low else f"{self.low:g}"
        return f"{low} to {'less than ' if self.open_high else ''}{self.high:g}"
