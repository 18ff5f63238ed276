"""Feature maps of any network, read while it answers images of any size."""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from anmok.backbone import Backbone
from anmok.capture import as_map, find_blocks, outputs
from anmok.probes.subject import Subject
from anmok.shapes import Images

Map: TypeAlias = Float[Tensor, "b d h w"]

NO_MAP = "no feature map with more than one place was found"


class MapReader(NamedTuple):
    """The map that one module puts out."""

    network: nn.Module
    name: str  # of the module
    module: nn.Module
    backbone: Backbone | None  # knows how its stages are viewed as maps

    def __call__(self, images: Images) -> Map | None:
        """The map, with its graph; None where the module gives none, or one of a single place."""
        return self.view(outputs(self.network, images, {self.name: self.module}), images)

    def view(self, found: Mapping[str, Any], images: Images) -> Map | None:
        """The map among the outputs of modules."""
        if self.name not in found:
            return None
        height, width = images.shape[2:]
        output = found[self.name]
        map = self.backbone.as_map(output) if self.backbone else as_map(output, (height, width), batch=len(images))
        return None if map is None or map.shape[2:].numel() == 1 else map


@torch.no_grad()
def map_readers(subject: Subject) -> list[MapReader]:
    """Readers of all maps with more than one place: a backbone's stages, or the blocks of any other network."""
    image, backbone = subject.images(1), subject.backbone
    if backbone:
        modules: dict[str, nn.Module] = {f"stages.{i}": stage for i, stage in enumerate(backbone.stages)}
    else:
        modules = find_blocks(subject.network, image)
    found = outputs(subject.network, image, modules)
    readers = (MapReader(subject.network, name, module, backbone) for name, module in modules.items())
    return [reader for reader in readers if reader.view(found, image) is not None]
