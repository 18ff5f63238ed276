"""Weight files from the network, each fetched once."""

import re
from pathlib import Path
from typing import cast
from urllib.error import URLError
from urllib.parse import urlparse

import torch
from torch.hub import download_url_to_file

from anmok.catalogue.public import PublicWeights
from anmok.errors import WeightsError

FILES = ("model.safetensors", "pytorch_model.bin")  # what repositories call their weights, the best first


def fetch(weights: PublicWeights) -> Path:
    """Where a public weight file lies on this machine, after fetching it if need be."""
    if weights.hub is not None:
        return fetch_from_hub(weights.hub, (weights.file,) if weights.file else FILES)
    return fetch_url(weights.url or "")


def fetch_from_hub(identifier: str, files: tuple[str, ...] = FILES) -> Path:
    """The first of the files that a repository of the Hugging Face hub has; `identifier` is owner/name[@revision].

    What is in the hub's cache is taken as it is, without asking for a newer one.

    Raises:
        WeightsError: there is no such repository, revision or file, or no network and no file in the cache.
    """
    from huggingface_hub import try_to_load_from_cache

    repository, _, revision = identifier.partition("@")
    if not re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", repository):
        raise WeightsError(
            f"'{identifier}' is neither a weight file that exists nor owner/name[@revision] on the Hugging Face hub. "
            "Check the path."
        )
    cached = (try_to_load_from_cache(repository, file, revision=revision or None) for file in files)
    path = next((Path(found) for found in cached if isinstance(found, str)), None)
    return path or _download(repository, revision, files)


def _download(repository: str, revision: str, files: tuple[str, ...]) -> Path:
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub import errors as hub

    # The root of its HTTP library, which is not the same in all versions.
    transport = cast(type[Exception], hub.HfHubHTTPError.__bases__[0])
    for file in files:
        try:
            return Path(hf_hub_download(repository, file, revision=revision or None))
        except hub.LocalEntryNotFoundError as error:
            raise WeightsError(
                f"'{file}' of '{repository}' is not in the cache '{constants.HF_HUB_CACHE}' and the Hugging Face hub "
                "is out of reach. Run this once with a network, or give a file: pretrained='path'."
            ) from error
        except hub.EntryNotFoundError:
            continue
        except hub.RevisionNotFoundError:
            raise WeightsError(f"'{repository}' has no revision '{revision}' on the Hugging Face hub.") from None
        except (transport, hub.HFValidationError) as error:
            reason = str(error).strip().partition("\n")[0].rstrip(".")
            raise WeightsError(f"The Hugging Face hub does not give '{repository}': {reason}.") from error
    raise WeightsError(f"'{repository}' has no {' and no '.join(files)} on the Hugging Face hub.")


def fetch_url(url: str) -> Path:
    """The file at a plain address, in torch.hub's cache; a checksum in its name (name-<hex>.pth) must be right."""
    name = Path(urlparse(url).path).name
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    if path.is_file():
        return path
    checksum = re.search(r"-([0-9a-f]{8,64})\.", name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        download_url_to_file(url, str(path), checksum and checksum[1])
    except RuntimeError as error:
        raise WeightsError(f"'{url}' is not the file that was published: {error}. Fetch it again later.") from error
    except (URLError, OSError) as error:
        raise WeightsError(
            f"'{name}' is not in the cache '{path.parent}' and {urlparse(url).netloc} is out of reach "
            f"({getattr(error, 'reason', error)}). Run this once with a network, or give a file: pretrained='path'."
        ) from error
    return path
