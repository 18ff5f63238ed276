"""The course of the learning rate, as a pure function of the step."""

from math import cos, floor, pi, sqrt

from anmok.training.choices import Optimizer, Schedule
from anmok.training.recipe import Recipe


def learning_rate(recipe: Recipe, step: int, steps: int) -> float:
    """The rate of one step of `steps`: linear from near zero over the warm-up, then as the schedule has it."""
    warmup = recipe.warmup * steps
    if step < warmup:
        return peak(recipe) * (step + 1) / (warmup + 1)
    return peak(recipe) * _course(recipe, step, steps)


def peak(recipe: Recipe) -> float:
    """The rate at the end of the warm-up, for the images that a step has.

    In proportion to the batch (Goyal et al. 2017, arXiv:1706.02677); in LAMB to its root (You et al. 2020,
    arXiv:1904.00962, sec. 4).
    """
    if recipe.learning_rate_batch is None:
        return recipe.learning_rate
    ratio = recipe.batch_size / recipe.learning_rate_batch
    return recipe.learning_rate * (sqrt(ratio) if recipe.optimizer is Optimizer.LAMB else ratio)


def share_below_head(recipe: Recipe, step: int, steps: int) -> float:
    """Share of the rate that all but the head learns at: none in the head's epochs, then a warm-up of its own."""
    if recipe.head_epochs == 0:
        return 1.0
    since = step - recipe.head_epochs * steps
    return 0.0 if since < 0 else min(1.0, (since + 1) / (recipe.warmup * steps + 1))


def _course(recipe: Recipe, step: int, steps: int) -> float:
    """What a schedule makes of the peak after the warm-up."""
    match recipe.schedule:
        case Schedule.COSINE:  # Loshchilov & Hutter 2017, arXiv:1608.03983, eq. 5
            warmup, last = recipe.warmup * steps, recipe.final_learning_rate
            return last + (1 - last) * 0.5 * (1 + cos(pi * (step - warmup) / (steps - warmup)))
        case Schedule.STEP:
            return recipe.decay ** sum(step / steps >= milestone for milestone in recipe.milestones)
        case Schedule.EXPONENTIAL:
            return recipe.decay ** floor(step * recipe.epochs / (steps * recipe.decay_epochs))
        case Schedule.INVERSE_SQRT:  # Vaswani et al. 2017, arXiv:1706.03762, eq. 3
            return sqrt((recipe.warmup * steps + 1) / (step + 1))
        case Schedule.CONSTANT:
            return 1.0
