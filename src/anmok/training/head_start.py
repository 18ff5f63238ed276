"""A new head for pretrained weights that begins where frozen features end."""

import torch
from jaxtyping import Float64, Int64
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from anmok.data import BatchSource
from anmok.training.classifier import ImageClassifier
from anmok.training.inference import probabilities

_ITERATIONS = 100  # of L-BFGS, at most
_SMOOTHING = 0.1  # of the labels, as in the recipes: no class is certain
_VARIANCE = 10.0  # of a logit, as expected before any image is seen: of far more features than images, each says little


def fit_head(
    classifier: ImageClassifier, images: BatchSource, labels: Int64[Tensor, " n"], device: torch.device
) -> None:
    """Fit the head to the features as they are, before all is fine-tuned; the images come in the order of the labels.

    From a random head, fine-tuning first distorts what the features know (Kumar et al. 2022, arXiv:2202.10054), and of
    few steps most go into the head. The head is the last linear layer with an output for each class; a network that
    has none, or shows it more than one vector for each image, stays as it is.
    """
    classes = len(classifier.config.classes)
    heads = [m for m in classifier.modules() if isinstance(m, nn.Linear) and m.out_features == classes]
    if not heads:
        return
    head, seen = heads[-1], list[Tensor]()
    hook = head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].cpu()))
    try:
        probabilities(classifier.to(device), images, device)
    finally:
        hook.remove()
    features = torch.cat(seen).double()
    if features.shape != (len(labels), head.in_features):
        return
    weight, bias = logistic_regression(features, labels, classes)
    with torch.no_grad():
        head.weight.copy_(weight)
        if head.bias is not None:
            head.bias.copy_(bias)


def logistic_regression(
    features: Float64[Tensor, "n d"], labels: Int64[Tensor, " n"], classes: int
) -> tuple[Float64[Tensor, "k d"], Float64[Tensor, " k"]]:
    """Weights and biases that minimise the mean smoothed cross-entropy + |w|^2 d / 2vn; w of standardised features."""
    centre = features.mean(0)
    scale = (features - centre).square().mean(0).sqrt().clamp(min=1e-6)
    standardised = (features - centre) / scale
    penalty = features.shape[1] / (2 * _VARIANCE * len(labels))
    weight = torch.zeros(classes, features.shape[1], dtype=features.dtype, requires_grad=True)
    bias = torch.zeros(classes, dtype=features.dtype, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=_ITERATIONS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = cross_entropy(standardised @ weight.T + bias, labels, label_smoothing=_SMOOTHING)
        value = value + penalty * weight.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    found = weight.detach() / scale
    return found, bias.detach() - found @ centre
