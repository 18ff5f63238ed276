"""Files of ConvNeXts: timm's, torchvision's, transformers', and the authors', isotropic ones too."""

import re

from torch import Tensor

from anmok.catalogue.adapters import Adapter, Layout, Tensors

# Names inside a block that the authors chose and transformers kept.
BLOCK = (
    (r"\.dwconv\.", ".mix_space."),
    (r"\.pwconv1\.", ".mix_channels.0."),
    (r"\.pwconv2\.", ".mix_channels.2."),
    (r"\.(gamma|layer_scale_parameter)$", ".gain"),
)


def _flatten(tensors: Tensors) -> dict[str, Tensor]:
    """Linear layers that are stored as 1x1 convolutions."""
    return {k: v.flatten(1) if re.search(r"\.mlp\.fc[12]\.weight$", k) else v for k, v in tensors.items()}


def _flatten_gains(tensors: Tensors) -> dict[str, Tensor]:
    return {k: v.flatten() if k.endswith(".layer_scale") else v for k, v in tensors.items()}


def _absorb_gains(tensors: Tensors) -> dict[str, Tensor]:
    """Isotropic nets have no gains here: diag(g) (W x + b) = (diag(g) W) x + g b."""
    absorbed = {k: v for k, v in tensors.items() if not k.endswith(".gamma")}
    for name in tensors.keys() - absorbed.keys():
        gain, linear = tensors[name], name.replace(".gamma", ".pwconv2")
        if f"{linear}.weight" in absorbed and f"{linear}.bias" in absorbed:
            absorbed[f"{linear}.weight"] = gain[:, None] * absorbed[f"{linear}.weight"]
            absorbed[f"{linear}.bias"] = gain * absorbed[f"{linear}.bias"]
    return absorbed


TRANSFORMERS = Layout(
    mark=r"^(convnext\.)?embeddings\.patch_embeddings\.",
    renames=(
        (r"^convnext\.", ""),
        (r"^encoder\.", ""),
        (r"^embeddings\.patch_embeddings\.", "stem.project."),
        (r"^embeddings\.layernorm\.", "stem.norm."),
        (r"\.downsampling_layer\.0\.", ".downsample.norm."),
        (r"\.downsampling_layer\.1\.", ".downsample.conv."),
        (r"\.layers\.", ".blocks."),
        (r"^layernorm\.", "pool.norm."),
        (r"\.layernorm\.", ".norm."),
        (r"^classifier\.", "head."),
        *BLOCK,
    ),
)

TORCHVISION = Layout(
    mark=r"^features\.\d+\.\d+\.block\.",
    convert=_flatten_gains,
    renames=(
        (r"^features\.0\.0\.", "stem.project."),
        (r"^features\.0\.1\.", "stem.norm."),
        *((rf"^features\.{2 * i}\.0\.", f"stages.{i}.downsample.norm.") for i in range(1, 4)),
        *((rf"^features\.{2 * i}\.1\.", f"stages.{i}.downsample.conv.") for i in range(1, 4)),
        *((rf"^features\.{2 * i + 1}\.", f"stages.{i}.blocks.") for i in range(4)),
        (r"\.block\.0\.", ".mix_space."),
        (r"\.block\.2\.", ".norm."),
        (r"\.block\.3\.", ".mix_channels.0."),
        (r"\.block\.5\.", ".mix_channels.2."),
        (r"\.layer_scale$", ".gain"),
        (r"^classifier\.0\.", "pool.norm."),
        (r"^classifier\.2\.", "head."),
    ),
)

AUTHORS = Layout(
    mark=r"^downsample_layers\.",
    renames=(
        (r"^stages\.(\d+)\.", r"stages.\1.blocks."),
        (r"^downsample_layers\.0\.0\.", "stem.project."),
        (r"^downsample_layers\.0\.1\.", "stem.norm."),
        (r"^downsample_layers\.(\d+)\.0\.", r"stages.\1.downsample.norm."),
        (r"^downsample_layers\.(\d+)\.1\.", r"stages.\1.downsample.conv."),
        (r"^norm\.", "pool.norm."),
        *BLOCK,
    ),
)

ISOTROPIC = Layout(
    mark=r"^blocks\.\d+\.dwconv\.",
    convert=_absorb_gains,
    renames=(
        (r"^stem\.", "stem.project."),
        (r"^blocks\.(\d+)\.", r"stages.\1.blocks.0."),
        (r"^norm\.", "pool.norm."),
        *BLOCK,
    ),
)

TIMM = Layout(
    convert=_flatten,
    renames=(
        (r"^stem\.0\.", "stem.project."),
        (r"^stem\.1\.", "stem.norm."),
        (r"\.downsample\.0\.", ".downsample.norm."),
        (r"\.downsample\.1\.", ".downsample.conv."),
        (r"\.conv_dw\.", ".mix_space."),
        (r"\.mlp\.fc1\.", ".mix_channels.0."),
        (r"\.mlp\.fc2\.", ".mix_channels.2."),
        (r"\.gamma$", ".gain"),
        (r"^head\.norm\.", "pool.norm."),
        (r"^head\.fc\.", "head."),
    ),
)

ADAPTER = Adapter(layouts=(TRANSFORMERS, TORCHVISION, AUTHORS, ISOTROPIC, TIMM))
