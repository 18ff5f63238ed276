"""Real downloads, from a hub on this machine."""

import hashlib
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save

from anmok.catalogue import create_model
from anmok.catalogue.fetch import fetch, fetch_from_hub, fetch_url
from anmok.catalogue.public import PublicWeights
from anmok.errors import WeightsError
from small_hub import serve

IMAGES = torch.randn(2, 3, 32, 32)


@pytest.fixture
def stored():
    """A `resnet_nano` and its weights as a file."""
    torch.manual_seed(0)
    model = create_model("resnet_nano", num_classes=10).eval()
    return model, save(model.state_dict())


def complaint(identifier):
    with pytest.raises(WeightsError) as error:
        fetch_from_hub(identifier)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_repository_by_name_gives_the_model_and_is_fetched_once(hub, stored):
    model, content = stored
    hub.files["someone/nano/main/model.safetensors"] = content
    for _ in range(2):
        again = create_model("resnet_nano", pretrained="someone/nano").eval()
        assert torch.equal(again(IMAGES), model(IMAGES))
    assert hub.sent == ["someone/nano/main/model.safetensors"]


def test_a_pickle_is_taken_where_there_is_no_safetensors_file(hub, tmp_path, stored):
    model, _ = stored
    torch.save(model.state_dict(), tmp_path / "m.bin")
    hub.files["someone/old/main/pytorch_model.bin"] = (tmp_path / "m.bin").read_bytes()
    assert torch.equal(create_model("resnet_nano", "someone/old").eval()(IMAGES), model(IMAGES))


def test_a_revision_may_be_named(hub):
    hub.files["someone/nano/main/model.safetensors"] = b"new"
    hub.files["someone/nano/v1/model.safetensors"] = b"old"
    assert fetch_from_hub("someone/nano@v1").read_bytes() == b"old"


def test_public_weights_name_their_repository_and_file(hub):
    weights = PublicWeights(name="n", tag="t", licence="MIT", data="d", hub="a/b@v2", file="x.safetensors")
    hub.files["a/b/v2/x.safetensors"] = b"x"
    assert fetch(weights).read_bytes() == b"x"
    hub.files["plain.pth"] = b"y"
    assert fetch(replace(weights, hub=None, url=f"{hub.address}/plain.pth")).read_bytes() == b"y"


def test_what_the_hub_does_not_have_is_said(hub):
    hub.files["someone/empty/main/README.md"] = b""
    assert complaint("someone/empty") == (
        "'someone/empty' has no model.safetensors and no pytorch_model.bin on the Hugging Face hub."
    )
    assert complaint("someone/empty@v9") == "'someone/empty' has no revision 'v9' on the Hugging Face hub."
    assert complaint("someone/nobody").startswith("The Hugging Face hub does not give 'someone/nobody': ")


def test_a_connection_that_breaks_is_one_sentence(hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)  # between its attempts
    hub.broken = True
    assert complaint("someone/nano").startswith(
        "The Hugging Face hub does not give 'someone/nano': Server disconnected"
    )


@pytest.mark.parametrize("identifier", ["resnet50", "a/b/c", "../x", "a b/c"])
def test_what_is_no_repository_is_said(identifier):
    assert complaint(identifier) == (
        f"'{identifier}' is neither a weight file that exists nor owner/name[@revision] on the Hugging Face hub. "
        "Check the path."
    )


def test_without_a_network_the_cache_is_enough_and_without_both_one_sentence_says_so(hub, monkeypatch, tmp_path):
    from huggingface_hub import constants

    hub.files["someone/nano/main/model.safetensors"] = b"here"
    fetch_from_hub("someone/nano")
    with serve() as gone:
        template = gone.address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", gone.address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)  # between its attempts
    assert fetch_from_hub("someone/nano").read_bytes() == b"here"
    assert complaint("someone/other") == (
        f"'model.safetensors' of 'someone/other' is not in the cache '{tmp_path / 'cache'}' and the Hugging Face hub "
        "is out of reach. Run this once with a network, or give a file: pretrained='path'."
    )


def test_a_plain_address_is_fetched_once_and_checked(hub, tmp_path):
    checksum = hashlib.sha256(b"good").hexdigest()[:8]
    hub.files[f"net-{checksum}.pth"] = b"good"
    for _ in range(2):
        assert fetch_url(f"{hub.address}/net-{checksum}.pth").read_bytes() == b"good"
    assert len(hub.sent) == 1
    hub.files["net-00000000.pth"] = b"other"
    with pytest.raises(WeightsError, match=r"net-00000000.pth' is not the file that was published: invalid hash value"):
        fetch_url(f"{hub.address}/net-00000000.pth")
    assert sorted(path.name for path in (tmp_path / "torch/checkpoints").iterdir()) == [f"net-{checksum}.pth"]


def test_a_plain_address_that_is_out_of_reach_is_one_sentence(hub, tmp_path):
    with serve() as gone:
        pass
    with pytest.raises(WeightsError) as error:
        fetch_url(f"{gone.address}/net.pth")
    host = gone.address.removeprefix("http://")
    assert str(error.value).startswith(
        f"'net.pth' is not in the cache '{tmp_path / 'torch/checkpoints'}' and {host} is out of reach ("
    )
    assert str(error.value).endswith("Run this once with a network, or give a file: pretrained='path'.")
