"""How a network is trained: numbers only, so that a recipe can be written down, compared and repeated."""

from dataclasses import dataclass
from enum import StrEnum

from anmok.data import Augmentation
from anmok.errors import RequestError


class Optimizer(StrEnum):
    """The rule that turns gradients into steps."""

    ADAMW = "adamw"
    SGD = "sgd"  # with Nesterov momentum 0.9


class Precision(StrEnum):
    """Number format of the matrix products and convolutions."""

    AUTO = "auto"  # bf16 where the device computes it natively, fp32 elsewhere
    FP32 = "fp32"
    BF16 = "bf16"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A training from scratch on small data; the defaults suit every family's small preset."""

    epochs: int = 30
    batch_size: int = 32
    optimizer: Optimizer = Optimizer.ADAMW
    learning_rate: float = 2e-3  # at the end of the warm-up; then a cosine to zero
    weight_decay: float = 0.05  # decoupled; matrices and kernels only, no biases, no norms
    warmup: float = 0.1  # share of all steps in which the learning rate rises linearly
    label_smoothing: float = 0.1
    clip_norm: float = 1.0  # largest gradient norm of a step
    augmentation: Augmentation = Augmentation.FLIP_CROP
    precision: Precision = Precision.AUTO
    evaluations: int = 10  # on the select split, evenly over the epochs
    patience: int = 4  # evaluations without a better accuracy after which the training stops

    def __post_init__(self) -> None:
        checks = {
            "epochs": self.epochs >= 1,
            "batch_size": self.batch_size >= 2,
            "learning_rate": self.learning_rate > 0,
            "weight_decay": self.weight_decay >= 0,
            "warmup": 0 <= self.warmup < 1,
            "label_smoothing": 0 <= self.label_smoothing < 1,
            "clip_norm": self.clip_norm > 0,
            "evaluations": self.evaluations >= 1,
            "patience": self.patience >= 1,
        }
        for name, fine in checks.items():
            if not fine:
                raise RequestError(f"The recipe's {name} is out of range: got {getattr(self, name)}.")
