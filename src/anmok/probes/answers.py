"""Which images a classifier answers right, as they are or after a change."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Bool

from anmok.capture import as_tensor
from anmok.probes.informative import uninformative
from anmok.probes.subject import Subject
from anmok.shapes import Images

Change: TypeAlias = Callable[[Images, int], Images]  # is told the place of the first of the images


def cannot_answer(subject: Subject) -> str:
    """Why right and wrong answers cannot be told apart, in one sentence; empty where they can."""
    if subject.labels is None:
        return "it needs the classes of the images, and none were given"
    with torch.no_grad():
        logits = as_tensor(subject.network(subject.images(1)))
    shape = None if logits is None else tuple(logits.shape)
    most = int(subject.labels.max())
    if shape is None or len(shape) != 2 or shape[1] <= most:
        return f"it needs a logit for each of the classes 0 to {most}, and one image is answered with the shape {shape}"
    return ""


def right_answers(subject: Subject, count: int, change: Change | None = None) -> Bool[np.ndarray, " n"]:
    """Of the first images; only where `cannot_answer` has no objection."""
    if subject.labels is None:
        raise TypeError("These images have no labels.")
    answers: list[np.ndarray] = []
    start = 0
    with torch.no_grad():
        for images in subject.chunks(count):
            logits = as_tensor(subject.network(change(images, start) if change else images))
            if logits is None:
                raise TypeError("This network answers without logits.")
            predicted = logits.argmax(1).cpu()
            answers.append((predicted == subject.labels[start : start + len(images)].cpu()).numpy())
            start += len(images)
    return np.concatenate(answers)


def judged(subject: Subject, count: int) -> Bool[np.ndarray, " n"] | str:
    """Which of the first images are answered right; why that would say nothing, where it would."""
    objection = cannot_answer(subject)
    if objection or subject.labels is None:
        return objection
    right = right_answers(subject, count)
    return uninformative(right, subject.labels[:count].cpu()) or right
