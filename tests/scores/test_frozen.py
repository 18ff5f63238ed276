from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from anmok.backbone.evaluating import evaluating
from anmok.catalogue import create_model
from anmok.data import Batches, Order, load_data
from anmok.errors import RequestError
from anmok.scores import frozen_features, loader, ridge
from oracles import reference
from small_backbones import fingerprint

SHARED = Path(__file__).parents[3] / "shared" / "data"


def batches(n: int = 10, size: int = 32) -> Batches:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (n, 3, size, size), dtype=np.uint8)
    return Batches(pixels, random.integers(0, 3, n), Order(np.arange(n), batch_size=4, seed=None))


@pytest.mark.parametrize("name", ["resnet_nano", "vit_nano", "coatnet_nano"])
def test_features_are_the_embeddings_and_answers_those_of_the_head(name):
    network, source = create_model(name, num_classes=7), batches()
    before = fingerprint(network)
    found = frozen_features(network, source)
    assert fingerprint(network) == before
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    pixels = torch.from_numpy(source._pixels).float() / 255
    images = (pixels - mean[:, None, None]) / std[:, None, None]
    with evaluating(network), torch.no_grad():
        embedding, answers = network.embed(images), network(images).softmax(1)
    assert np.allclose(found.features, embedding, atol=1e-5)
    assert np.allclose(found.source_probabilities, answers, atol=1e-5)
    assert (found.labels == source._labels).all()


def test_a_fresh_head_has_nothing_to_say():
    network = create_model("resnet_nano", num_classes=7)
    network.provenance = {"num_classes": 1000}  # of weights whose head was replaced
    assert frozen_features(network, batches()).source_probabilities is None
    network.reset_classifier(0)
    assert frozen_features(network, batches()).source_probabilities is None


@pytest.mark.oracle
def test_networks_of_timm_are_taken_too():
    network = reference("timm").create_model("resnet18")
    found = frozen_features(network, batches(4))
    assert found.features.shape == (4, 512)
    assert found.source_probabilities.shape == (4, 1000)


def test_images_come_as_the_weights_know_them():
    network = create_model("resnet_nano", img_size=48)
    network.provenance = {"crop_pct": 0.5}
    source = loader(network, load_data("fashion"), np.arange(3))
    batch = next(source.epoch(0))
    assert batch.pixels.shape == (3, 3, 48, 48)
    assert source.crop.crop_share == 0.5


def test_a_network_without_the_protocol():
    message = r"^Features are taken by timm's protocol: Linear lacks pretrained_cfg or forward_head. Build the network"
    with pytest.raises(RequestError, match=message):
        frozen_features(nn.Linear(2, 2), batches())


def test_no_images():
    with pytest.raises(RequestError, match=r"^Features are those of images: got a source without any. Give one"):
        frozen_features(create_model("resnet_nano"), batches(0))


def test_real_weights_know_real_images():
    weights = SHARED / "weights" / "cifar10_resnet20_akamaster_fp32.safetensors"
    pack = SHARED / "cifar10_png" / "cifar10_png.npz"
    if not (weights.exists() and pack.exists()):
        pytest.skip("the CIFAR-10 images or weights are not here")
    pixels, labels = cifar_squares(pack, 200)
    source = Batches(pixels, labels, Order(np.arange(200), batch_size=100, seed=None))
    trained = frozen_features(create_model("cifar_resnet20", weights), source)
    fresh = frozen_features(create_model("cifar_resnet20", num_classes=10), source)
    assert ridge(trained.features, labels).accuracy.value > 0.85
    assert ridge(fresh.features, labels).accuracy.value < 0.5
    assert (trained.source_probabilities.argmax(1) == labels).mean() > 0.88


def cifar_squares(pack: Path, count: int) -> tuple[np.ndarray, np.ndarray]:
    stored = np.load(pack)
    chosen = np.flatnonzero(stored["split"] == 1)[:: (stored["split"] == 1).sum() // count][:count]
    files = (stored["data"][stored["offset"][i] : stored["offset"][i + 1]].tobytes() for i in chosen)
    images = [np.asarray(Image.open(BytesIO(file)).convert("RGB")) for file in files]
    return np.stack(images).transpose(0, 3, 1, 2), stored["label"][chosen].astype(np.int64)
