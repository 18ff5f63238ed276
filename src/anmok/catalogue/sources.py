"""Where networks from elsewhere come from: timm, transformers, and the user's own callable."""

import copy
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from anmok.catalogue.fetch import fetch_from_hub
from anmok.catalogue.makers import FAULTS, Maker, Wishes, call_with, no_parameter, reason, require_package
from anmok.errors import RequestError, UnknownNameError, WeightsError
from anmok.zoo.vit import resample_positions


@cache
def find_maker(name: str) -> Maker:
    """The maker of 'timm:NAME', 'hf:ID' or 'module:callable'; packages are imported when they are asked for."""
    origin, _, rest = name.partition(":")
    known: dict[str, Callable[[str, str], Maker]] = {"timm": _Timm, "hf": _Transformers}
    return known.get(origin, _Module)(name, rest)


class _Timm(Maker):
    def __init__(self, name: str, model: str) -> None:
        self._timm, self._name, self._model = require_package("timm", name), name, model
        plain = model.partition(".")[0]
        if not self._timm.is_model(plain):
            near = get_close_matches(plain, self._timm.list_models(), n=3, cutoff=0.5)
            remedy = f"Did you mean {' or '.join(map(repr, near))}?" if near else "timm.list_models() lists all."
            raise UnknownNameError(f"timm has no model called '{model}'. {remedy}")
        self._config = self._timm.get_pretrained_cfg(model)
        if self._config:
            self.size, self.num_classes = self._config.input_size[-1], self._config.num_classes

    def make(self, wishes: Wishes) -> nn.Module:
        keywords = wishes.keywords
        if wishes.pretrained:
            if not (self._config and self._config.hf_hub_id):
                raise WeightsError(f"timm knows no safetensors file of '{self._model}'. Leave pretrained out.")
            file = fetch_from_hub(self._config.hf_hub_id, ("model.safetensors",))
            keywords["pretrained_cfg_overlay"] = {"file": str(file), "custom_load": False}
        return call_with(partial(self._timm.create_model, self._model), keywords, self._name)

    def preprocessing(self) -> dict[str, Any]:
        return {key: value for key, value in self._config.to_dict().items() if value} if self._config else {}


class _Transformers(Maker):
    def __init__(self, name: str, source: str) -> None:
        self._library, self._name, self._source = require_package("transformers", name), name, source
        try:
            self._config = self._library.AutoConfig.from_pretrained(source, trust_remote_code=False)
        except FAULTS as error:
            raise UnknownNameError(
                f"transformers finds no model '{source}' ({reason(error)}). "
                "Name a repository of the Hugging Face hub, or a folder with a config.json."
            ) from error
        size = getattr(self._config, "image_size", None)
        self.size = size if isinstance(size, int) else None
        self.num_classes = self._config.num_labels

    def make(self, wishes: Wishes) -> nn.Module:
        config = copy.deepcopy(self._config)
        config.num_labels = wishes.num_classes
        asked = wishes.keywords
        theirs = {"img_size": "image_size", "in_chans": "num_channels", "drop_path_rate": "drop_path_rate"}
        for wish, field in theirs.items():
            if wish in asked and hasattr(config, field):
                setattr(config, field, asked.pop(wish))
        lost = [wish for wish in ("in_chans", "drop_rate", "drop_path_rate") if wish in asked]
        if lost:
            raise no_parameter(self._name, lost[0], asked[lost[0]])
        if wishes.pretrained:
            return self._with_weights(config, wishes)
        kind = self._library.AutoModelForImageClassification
        return kind.from_config(config, trust_remote_code=False, dtype=torch.float32)

    def _with_weights(self, config: Any, wishes: Wishes) -> nn.Module:
        """With the published weights: a head for other classes is random, position embeddings are resampled."""
        network, info = self._load(config)
        new = {*info["missing_keys"], *(entry[0] for entry in info["mismatched_keys"])}
        random = [n for n, p in network.named_parameters() if n in new and p.shape[0] != wishes.num_classes]
        if random and all(name.endswith("position_embeddings") for name in random):
            random = self._resample(random, network, wishes)
        if random:
            raise WeightsError(
                f"The weights of '{self._name}' do not fit a network for {wishes.img_size[0]} x {wishes.img_size[1]} "
                f"pixels: '{random[0]}' would be random. Choose the size that they were trained with."
            )
        return network.train()

    def _load(self, config: Any) -> tuple[nn.Module, dict[str, Any]]:
        """From safetensors alone, and what did not fit, which transformers would warn of."""
        logging = self._library.logging
        before = logging.get_verbosity()
        logging.set_verbosity_error()
        try:
            network, info = self._library.AutoModelForImageClassification.from_pretrained(
                self._source, config=config, dtype=torch.float32, trust_remote_code=False, use_safetensors=True,
                ignore_mismatched_sizes=True, output_loading_info=True,
            )  # fmt: skip
        except FAULTS as error:
            raise WeightsError(f"The weights of '{self._name}' cannot be read ({reason(error)}).") from error
        finally:
            logging.set_verbosity(before)
        return network, info

    def _resample(self, names: list[str], network: nn.Module, wishes: Wishes) -> list[str]:
        """Bring position embeddings to another grid of patches; returns the names of those that are of no such grid."""
        patch = getattr(self._config, "patch_size", None)
        if not isinstance(patch, int) or self.size is None:
            return names
        known = self._load(self._config)[0].state_dict()
        height, width = (side // patch for side in wishes.img_size)
        for name in names:
            positions = resample_positions(known[name], (self.size // patch,) * 2, (height, width))
            if positions.shape != network.get_parameter(name).shape:
                return names
            network.get_parameter(name).data.copy_(positions)
        return []

    def preprocessing(self) -> dict[str, Any]:
        mixin = importlib.import_module("transformers.image_processing_base").ImageProcessingMixin
        try:
            known, _ = mixin.get_image_processor_dict(self._source)
            return {"mean": tuple(known["image_mean"]), "std": tuple(known["image_std"])}
        except FAULTS as error:
            raise WeightsError(
                f"'{self._name}' does not say how its images were prepared ({reason(error)}). "
                "Name a source with a preprocessor_config.json, or leave pretrained out."
            ) from error


class _Module(Maker):
    def __init__(self, name: str, attribute: str) -> None:
        self._name, module = name, name.partition(":")[0]
        if not _is_reference(module, attribute):
            raise UnknownNameError(
                f"A model from elsewhere is named timm:NAME, hf:ID or module:callable: got '{name}'. Check the name."
            )
        found = find_callable(name)
        self._make: Callable[..., Any] = found
        size = _defaults(found).get("img_size")
        self.size = size if isinstance(size, int) else None

    def make(self, wishes: Wishes) -> nn.Module:
        with _current_folder():
            network = call_with(self._make, wishes.keywords, self._name)
        if not isinstance(network, nn.Module):
            raise RequestError(f"'{self._name}' must make a torch.nn.Module: got {type(network).__name__}.")
        return network


def find_callable(name: str) -> Callable[..., Any]:
    """What 'module:callable' names, in an installed module or one of the current folder.

    Raises:
        RequestError: the module cannot be imported.
        UnknownNameError: there is no such module, or nothing callable of that name in it.
    """
    module, _, attribute = name.partition(":")
    if not _is_reference(module, attribute):
        raise UnknownNameError(f"What is the user's own is named module:callable: got '{name}'. Check the name.")
    with _current_folder() as folder:
        try:
            found = getattr(importlib.import_module(module), attribute, None)
        except FAULTS as error:
            if isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}."):
                raise UnknownNameError(
                    f"'{name}' needs the module {module}, which is neither installed nor in '{folder}'. "
                    "Repeat this in the folder where it lies."
                ) from None
            raise RequestError(f"'{name}' cannot be imported ({reason(error)}). Mend {module}.") from error
    if not callable(found):
        raise UnknownNameError(f"The module {module} has no callable '{attribute}'. Check the name '{name}'.")
    return found


def _is_reference(module: str, attribute: str) -> bool:
    return all(part.isidentifier() for part in (*module.split("."), attribute))


def _defaults(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return {name: parameter.default for name, parameter in inspect.signature(function).parameters.items()}
    except (TypeError, ValueError):  # some callables do not tell
        return {}


@contextmanager
def _current_folder() -> Iterator[Path]:
    """Modules of the current folder can be imported, as when Python runs a script of it."""
    folder = Path.cwd()
    sys.path.insert(0, str(folder))
    try:
        yield folder
    finally:
        sys.path.remove(str(folder))
