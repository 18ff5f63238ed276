"""Files of EfficientNets: timm's, torchvision's, transformers', and EfficientNet-PyTorch's (Google's weights).

The nets of the last two are padded as in TensorFlow: presets tf_efficientnet_*. torchvision's B5, B6 and B7 have norms
with eps 1e-3: see MobileNetV3's files.
"""

import re
from itertools import groupby

from anmok.catalogue.adapters import Adapter, Layout, Tensors
from anmok.catalogue.adapters.mobilenetv3 import (
    TIMM_BLOCKS,
    TIMM_STEM,
    TORCHVISION_PARTS,
    row_renames,
    widen_variances,
)

# Stage and row of each row of table 1.
_PLACES = ("0.0", "1.0", "2.0", "3.0", "3.1", "4.0", "4.1")

_TIMM = Layout(
    mark=r"^conv_stem\.",
    renames=(
        (r"^bn2\.", "pool.last.norm."),
        (r"^conv_head\.", "pool.last.conv."),
        *TIMM_STEM,
        *TIMM_BLOCKS,
        *row_renames(_PLACES, "blocks"),
        (r"^classifier\.", "head."),
    ),
)


def _convert_torchvision(tensors: Tensors) -> Tensors:
    last = tensors.get("features.8.0.weight")
    return widen_variances(tensors) if last is not None and last.shape[:1] >= (2048,) else tensors


_TORCHVISION = Layout(
    mark=r"^features\.",
    convert=_convert_torchvision,
    renames=(
        (r"\.block\.\d\.fc1\.", ".excite.reduce."),
        (r"\.block\.\d\.fc2\.", ".excite.expand."),
        (r"^(features\.1\.\d+)\.block\.0\.", r"\1.depthwise."),
        (r"^(features\.1\.\d+)\.block\.2\.", r"\1.project."),
        (r"\.block\.0\.", ".expand."),
        (r"\.block\.1\.", ".depthwise."),
        (r"\.block\.3\.", ".project."),
        *TORCHVISION_PARTS,
        (r"^features\.8\.0\.", "pool.last.conv."),
        (r"^features\.8\.1\.", "pool.last.norm."),
        *((rf"^features\.{i + 1}\.", f"stages.{place}.") for i, place in enumerate(_PLACES)),
        (r"^classifier\.1\.", "head."),
    ),
)


def _group_blocks(tensors: Tensors) -> Tensors:
    """Blocks that are numbered through, by row: the blocks of a row have one number of output channels."""
    pattern = r"^(?:.*\.)?_?blocks\.(\d+)\."
    widths = {
        int(found[1]): tensor.shape[:1]
        for name, tensor in tensors.items()
        if (found := re.match(rf"{pattern}.*project_conv\.weight$", name))
    }
    places = {
        block: f"rows.{row}.{place}."
        for row, (_, blocks) in enumerate(groupby(sorted(widths), widths.__getitem__))
        for place, block in enumerate(blocks)
    }
    return {re.sub(pattern, lambda m: places.get(int(m[1]), m[0]), name): x for name, x in tensors.items()}


_TRANSFORMERS = Layout(
    mark=r"^(efficientnet\.)?encoder\.blocks\.",
    convert=_group_blocks,
    renames=(
        (r"^efficientnet\.", ""),
        (r"^embeddings\.convolution\.", "stem.conv."),
        (r"^embeddings\.batchnorm\.", "stem.norm."),
        (r"\.expansion\.expand_conv\.", ".expand.conv."),
        (r"\.expansion\.expand_bn\.", ".expand.norm."),
        (r"\.depthwise_conv\.depthwise_conv\.", ".depthwise.conv."),
        (r"\.depthwise_conv\.depthwise_norm\.", ".depthwise.norm."),
        (r"\.squeeze_excite\.", ".excite."),
        (r"\.projection\.project_conv\.", ".project.conv."),
        (r"\.projection\.project_bn\.", ".project.norm."),
        *row_renames(_PLACES, "rows"),
        (r"^encoder\.top_conv\.", "pool.last.conv."),
        (r"^encoder\.top_bn\.", "pool.last.norm."),
        (r"^classifier\.", "head."),
    ),
)

_EFFICIENTNET_PYTORCH = Layout(
    mark=r"^_conv_stem\.",
    convert=_group_blocks,
    renames=(
        (r"^_conv_stem\.", "stem.conv."),
        (r"^_bn0\.", "stem.norm."),
        (r"\._expand_conv\.", ".expand.conv."),
        (r"\._bn0\.", ".expand.norm."),
        (r"\._depthwise_conv\.", ".depthwise.conv."),
        (r"\._bn1\.", ".depthwise.norm."),
        (r"\._se_(reduce|expand)\.", r".excite.\1."),
        (r"\._project_conv\.", ".project.conv."),
        (r"\._bn2\.", ".project.norm."),
        *row_renames(_PLACES, "rows"),
        (r"^_conv_head\.", "pool.last.conv."),
        (r"^_bn1\.", "pool.last.norm."),
        (r"^_fc\.", "head."),
    ),
)

ADAPTER = Adapter(layouts=(_TIMM, _TORCHVISION, _TRANSFORMERS, _EFFICIENTNET_PYTORCH))
