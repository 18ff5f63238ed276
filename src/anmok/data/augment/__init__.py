"""Random views of training images, a whole batch at a time, on the device that trains."""

from anmok.data.augment.mixing import Mixing, mix, one_hot
from anmok.data.augment.policy import Augmentation, Variation, vary

__all__ = ["Augmentation", "Mixing", "Variation", "mix", "one_hot", "vary"]
