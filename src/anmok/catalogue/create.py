"""A name and a few wishes -> a network."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from anmok.backbone import Backbone
from anmok.catalogue.names import Preset, require_model
from anmok.catalogue.weights import load_weights
from anmok.errors import SpecError


def create_model(  # noqa: PLR0913 - timm's signature
    name: str,
    *,
    num_classes: int = 1000,
    in_chans: int = 3,
    img_size: int | tuple[int, int] | None = None,
    drop_rate: float | None = None,
    drop_path_rate: float | None = None,
    pretrained: str | Path | None = None,
) -> Backbone:
    """Build a preset, in training mode and with random weights unless a weight file is given.

    What is left out is as the preset has it. `img_size` is what the network is built for; other sizes that
    the architecture can take work all the same. `pretrained` is a .safetensors or .pth file with timm's names
    or ours. `anmok models` lists the names.
    """
    preset = require_model(name)
    model = preset.architecture.model(
        _spec(preset, img_size=img_size, drop_rate=drop_rate, drop_path_rate=drop_path_rate),
        num_classes=num_classes,
        in_chans=in_chans,
    )
    if pretrained is not None:
        load_weights(model, Path(pretrained), preset.family)
    return model


def _spec(
    preset: Preset,
    *,
    img_size: int | tuple[int, int] | None,
    drop_rate: float | None,
    drop_path_rate: float | None,
) -> Any:
    if drop_path_rate is not None and not hasattr(preset.spec, "drop_path_rate"):
        raise SpecError(
            f"{preset.name} has no residual branch to drop: got drop_path_rate={drop_path_rate}. Leave it out."
        )
    wishes: dict[str, Any] = {
        "img_size": (img_size, img_size) if isinstance(img_size, int) else img_size,
        "drop_rate": drop_rate,
        "drop_path_rate": drop_path_rate,
    }
    return replace(preset.spec, **{name: wish for name, wish in wishes.items() if wish is not None})
