"""How a network is trained: one flat table of numbers, so that a recipe can be written down, compared and repeated."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from anmok.data import Augmentation, Mixing, Variation
from anmok.errors import RequestError
from anmok.training.choices import ClassBalance as ClassBalance
from anmok.training.choices import Distillation as Distillation
from anmok.training.choices import Loss as Loss
from anmok.training.choices import Optimizer as Optimizer
from anmok.training.choices import Precision as Precision
from anmok.training.choices import Range
from anmok.training.choices import Schedule as Schedule


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A training; the defaults are those from scratch on small data, and suit every family's small preset.

    A setting that others leave without effect must keep its default.
    """

    # How long, and with how many images at a time
    epochs: int = 30
    batch_size: int = 32  # images of a step, over all processes
    repeats: int = 1  # views of an image in a batch (Hoffer et al. 2020, arXiv:1901.09335)
    evaluations: int = 10  # on the select split, evenly over the epochs; 0: none, it is trained on too
    patience: int = 4  # evaluations without a better accuracy after which the training stops

    # Steps
    optimizer: Optimizer = Optimizer.ADAMW
    learning_rate: float = 2e-3  # at the end of the warm-up
    learning_rate_batch: int | None = None  # images of a step that `learning_rate` is for; None: those of the recipe
    momentum: float = 0.9  # of SGD, RMSprop and Muon
    betas: tuple[float, float] = (0.9, 0.999)  # decay of the means of gradients and of squares; RMSprop: the latter
    epsilon: float = 1e-8  # added to the root of the mean square; not in SGD
    weight_decay: float = 0.05  # matrices and kernels only, no biases, no norms; decoupled in AdamW and LAMB
    layer_decay: float = 1.0  # each layer's rate is that of the layer above it, times this
    head_epochs: float = 0.0  # share of the training in which only the head learns
    clip_norm: float = 1.0  # largest gradient norm of a step; 0: any
    ema_decay: float = 0.0  # of the mean of the weights that is evaluated; 0: the weights themselves

    # The learning rate's course
    warmup: float = 0.1  # share of all steps in which it rises linearly
    schedule: Schedule = Schedule.COSINE
    final_learning_rate: float = 0.0  # share of `learning_rate` where a cosine ends
    milestones: tuple[float, ...] = ()  # shares of the training
    decay: float = 0.1  # factor of the schedules step and exponential
    decay_epochs: float = 2.4

    # What is minimised
    loss: Loss = Loss.CROSS_ENTROPY
    label_smoothing: float = 0.1
    auxiliary_weight: float = 0.3  # of each auxiliary head's loss
    class_balance: ClassBalance = ClassBalance.NONE
    border_weight: float = 0.0  # w0: of pixels between touching objects (Ronneberger et al. 2015, eq. 2: 10)
    distillation: Distillation = Distillation.NONE
    distillation_weight: float = 0.5  # of the teacher's loss; the labels' has the rest
    temperature: float = 1.0  # of soft distillation

    # What the network sees
    augmentation: Augmentation = Augmentation.FLIP_CROP
    shift: float = 0.125  # share of the side by which a crop moves an image, at most
    crop_area: float = 0.08  # smallest share of the image that a resized crop takes
    randaugment_layers: int = 0
    randaugment_magnitude: float = 9.0
    randaugment_deviation: float = 0.5  # of the magnitude
    randaugment_probability: float = 1.0  # that a layer changes an image
    elastic: float = 0.0  # pixels, deviation of random displacements (Ronneberger et al. 2015, sec. 3.1: 10)
    color_jitter: float = 0.0
    erasing: float = 0.0  # probability
    mixup: float = 0.0  # both parameters of the beta distribution; 0: off
    cutmix: float = 0.0  # likewise
    mix_probability: float = 1.0  # of a batch
    cutmix_share: float = 0.5  # of the mixed batches, where mixup is on too
    image_size: int | None = None  # pixels, in training; None: the preset's
    test_size: int | None = None  # pixels, at evaluation; None: as in training
    crop_share: float = 0.875  # of the shorter side, at evaluation

    # The network, and how it is computed
    drop_rate: float | None = None  # None: the preset's
    drop_path_rate: float | None = None
    precision: Precision = Precision.AUTO
    compile: bool = False
    grad_checkpointing: bool = False

    def __post_init__(self) -> None:
        for name, range in _RANGES.items():
            value = getattr(self, name)
            for number in value if isinstance(value, tuple) else () if value is None else (value,):
                if not range.holds(number):
                    raise RequestError(f"The recipe's {name} is out of range: got {_plain(value)}. Choose {range}.")
        if list(self.milestones) != sorted(set(self.milestones)):
            raise RequestError(f"The recipe's milestones rise: got {_plain(self.milestones)}. Sort them.")
        if self.schedule is Schedule.STEP and not self.milestones:
            raise RequestError("The schedule 'step' has milestones: got none. Give shares of the training: 0.5, 0.75.")
        for name, needs in _idle(vars(self)):
            raise RequestError(
                f"The recipe's {name} has no effect without {needs}: got {_plain(getattr(self, name))}. "
                "Set both, or neither."
            )

    def changed(self, changes: Mapping[str, Any]) -> "Recipe":
        """With other settings; old ones that have no effect beside them fall back to their defaults."""
        settings = {**vars(self), **changes}
        idle = {name for name, _ in _idle(settings)} - changes.keys()
        return Recipe(**{name: value for name, value in settings.items() if name not in idle})

    @property
    def variation(self) -> Variation:
        """How the views of training images differ."""
        return Variation(
            augmentation=self.augmentation,
            shift=self.shift,
            randaugment_layers=self.randaugment_layers,
            randaugment_magnitude=self.randaugment_magnitude,
            randaugment_deviation=self.randaugment_deviation,
            randaugment_probability=self.randaugment_probability,
            elastic=self.elastic,
            color_jitter=self.color_jitter,
            erasing=self.erasing,
        )

    @property
    def mixing(self) -> Mixing:
        """How the images of a batch are mixed with each other."""
        return Mixing(
            mixup=self.mixup, cutmix=self.cutmix, probability=self.mix_probability, cutmix_share=self.cutmix_share
        )


_SHARE, _BELOW_1, _POSITIVE = Range(0, 1), Range(0, 1, open_high=True), Range(0, open_low=True)
_RANGES = {
    **dict.fromkeys(("epochs", "repeats", "patience", "learning_rate_batch"), Range(1)),
    **dict.fromkeys(("learning_rate", "epsilon", "decay_epochs", "temperature"), _POSITIVE),
    **dict.fromkeys(
        ("evaluations", "weight_decay", "clip_norm", "auxiliary_weight", "border_weight", "elastic"), Range(0)
    ),
    **dict.fromkeys(("warmup", "momentum", "betas", "ema_decay", "label_smoothing", "head_epochs"), _BELOW_1),
    **dict.fromkeys(("drop_rate", "drop_path_rate"), _BELOW_1),
    **dict.fromkeys(("final_learning_rate", "erasing", "color_jitter"), _SHARE),
    **dict.fromkeys(
        ("mix_probability", "cutmix_share", "randaugment_probability", "layer_decay", "decay", "distillation_weight"),
        Range(0, 1, open_low=True),
    ),
    **dict.fromkeys(("crop_area", "crop_share"), Range(0, 1, open_low=True)),
    **dict.fromkeys(("mixup", "cutmix"), Range(0, 32)),
    "shift": Range(0, 0.5, open_low=True),
    **dict.fromkeys(("image_size", "test_size"), Range(16, 4096)),
    "batch_size": Range(2),
    "milestones": Range(0, 1, open_low=True, open_high=True),
    "randaugment_layers": Range(0, 16),
    "randaugment_magnitude": Range(0, 30),
    "randaugment_deviation": Range(0, 10),
}


def _idle(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Settings that differ from their defaults and have no effect, with what they would need."""
    optimizer, schedule, distillation = (settings[name] for name in ("optimizer", "schedule", "distillation"))
    mixes = [name for name in ("mixup", "cutmix") if settings[name] > 0]
    works = {
        "patience": (settings["evaluations"] > 0, "evaluations"),
        "momentum": (optimizer not in (Optimizer.ADAMW, Optimizer.LAMB), "the optimizer 'sgd', 'rmsprop' or 'muon'"),
        "betas": (optimizer is not Optimizer.SGD, "the optimizer 'adamw', 'lamb', 'rmsprop' or 'muon'"),
        "epsilon": (optimizer is not Optimizer.SGD, "the optimizer 'adamw', 'lamb', 'rmsprop' or 'muon'"),
        "final_learning_rate": (schedule is Schedule.COSINE, "the schedule 'cosine'"),
        "milestones": (schedule is Schedule.STEP, "the schedule 'step'"),
        "decay": (schedule in (Schedule.STEP, Schedule.EXPONENTIAL), "the schedule 'step' or 'exponential'"),
        "decay_epochs": (schedule is Schedule.EXPONENTIAL, "the schedule 'exponential'"),
        "distillation_weight": (distillation is not Distillation.NONE, "distillation"),
        "temperature": (distillation is Distillation.SOFT, "the distillation 'soft'"),
        "shift": (settings["augmentation"] in ("crop", "flip-crop"), "the augmentation 'crop' or 'flip-crop'"),
        "crop_area": (settings["augmentation"].endswith("resized-crop"), "an augmentation with 'resized-crop'"),
        "randaugment_magnitude": (settings["randaugment_layers"] > 0, "randaugment_layers"),
        "randaugment_deviation": (settings["randaugment_layers"] > 0, "randaugment_layers"),
        "randaugment_probability": (settings["randaugment_layers"] > 0, "randaugment_layers"),
        "mix_probability": (len(mixes) > 0, "mixup or cutmix"),
        "cutmix_share": (len(mixes) == 2, "both mixup and cutmix"),
    }
    defaults = {field.name: field.default for field in fields(Recipe)}
    for name, (has_effect, needs) in works.items():
        if not has_effect and settings[name] != defaults[name]:
            yield name, needs


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else f"{value}"
