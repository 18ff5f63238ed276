"""All methods alike: their names, what they give, and that they are about the weights."""

import pytest
import torch

from anmok.catalogue import create_model
from anmok.errors import UnknownNameError
from anmok.explain import METHODS, explanations
from random_classifiers import random_classifier

pytest.importorskip("captum")


def images(n: int = 2, size: int = 32) -> torch.Tensor:
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("method", METHODS)
def test_random_weights_change_the_map(method):
    """The sanity check of Adebayo et al. 2018, arXiv:1810.03292; the same weights give the same map."""
    heats = []
    for seed in (0, 1, 0):
        torch.manual_seed(seed)
        network = create_model("vit_nano" if method == "rollout" else "resnet_nano", num_classes=3, img_size=32)
        heats.append(METHODS[method](network, images(), 0).flatten())
    correlations = torch.corrcoef(torch.stack(heats))[0]
    assert float(correlations[1].abs()) < 0.7
    assert float(correlations[2]) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("name", ["resnet_nano", "vit_nano", "cmt_nano"])
def test_bytes_become_heat_for_each_kind_of_network(name):
    pixels = (255 * images(9)).to(torch.uint8)
    heats = explanations(random_classifier(name), pixels, torch.arange(9) % 3)
    assert heats.shape == (9, 32, 32)
    assert (float(heats.min()), float(heats.max())) == (0.0, 1.0)
    torch.testing.assert_close(heats[8:], explanations(random_classifier(name), pixels[8:], torch.tensor([2])))


@pytest.mark.parametrize("method", ["integrated-gradients", "occlusion"])
def test_a_network_without_places_can_be_explained_too(method):
    heats = explanations(random_classifier("mlp_nano"), (255 * images(1)).to(torch.uint8), torch.tensor([1]), method)
    assert (heats.shape, float(heats.max())) == ((1, 32, 32), 1.0)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("gradcam", r"Did you mean 'grad-cam'\?"),
        ("lime", "There are grad-cam, rollout, integrated-gradients, occlusion."),
    ],
)
def test_a_method_that_there_is_not(name, remedy):
    with pytest.raises(UnknownNameError, match=rf"^No method of explanation is called '{name}'. {remedy}$"):
        explanations(random_classifier(), torch.zeros(1, 3, 32, 32, dtype=torch.uint8), torch.tensor([0]), name)
