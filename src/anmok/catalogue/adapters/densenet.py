"""Files of DenseNets: timm's and torchvision's, which are named alike but for torchvision's oldest (`norm.1`)."""

import re

from torch import Tensor

from anmok.catalogue.adapters import Adapter, Layout, Tensors


def _count_from_zero(tensors: Tensors) -> dict[str, Tensor]:
    def lower(match: re.Match[str]) -> str:
        return f"{match[1]}{int(match[2]) - 1}"

    return {re.sub(r"(denseblock|denselayer)(\d+)", lower, name): tensor for name, tensor in tensors.items()}


ADAPTER = Adapter(
    layouts=(
        Layout(
            mark=r"^features\.conv0\.",
            convert=_count_from_zero,
            renames=(
                (r"^features\.(conv|norm)0\.", r"stem.\1."),
                (r"^features\.denseblock(\d+)\.denselayer(\d+)\.", r"stages.\1.block.\2."),
                (r"^features\.transition(\d+)\.", r"stages.\1.transition."),
                (r"^features\.norm5\.", "stages.3.norm."),
                (r"\.(norm|conv)\.([12])\.", r".\1\2."),
                (r"^classifier\.", "head."),
            ),
        ),
    ),
)
