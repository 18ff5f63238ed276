"""Files of MobileNetV3: timm's and torchvision's.

torchvision's norms have eps 1e-3. The difference is added to the running variances, so logits are equal in eval mode.
"""

from collections.abc import Sequence

from anmok.catalogue.adapters import Adapter, Layout, Tensors
from anmok.zoo.mobilenetv3 import ARCHITECTURE, MobileNetV3Spec

Renames = tuple[tuple[str, str], ...]

# timm's blocks, whose first row has no expanding convolution.
TIMM_BLOCKS: Renames = (
    (r"^(blocks\.0\.\d+)\.conv_pw\.", r"\1.project.conv."),
    (r"^(blocks\.0\.\d+)\.bn2\.", r"\1.project.norm."),
    (r"^(blocks\.0\.\d+)\.bn1\.", r"\1.depthwise.norm."),
    (r"\.conv_pw\.", ".expand.conv."),
    (r"\.bn1\.", ".expand.norm."),
    (r"\.conv_dw\.", ".depthwise.conv."),
    (r"\.bn2\.", ".depthwise.norm."),
    (r"\.conv_pwl\.", ".project.conv."),
    (r"\.bn3\.", ".project.norm."),
    (r"\.se\.conv_(reduce|expand)\.", r".excite.\1."),
)
TIMM_STEM: Renames = ((r"^conv_stem\.", "stem.conv."), (r"^bn1\.", "stem.norm."))

# torchvision's stem, and the convolution and norm of each part of a block.
TORCHVISION_PARTS: Renames = (
    (r"^features\.0\.0\.", "stem.conv."),
    (r"^features\.0\.1\.", "stem.norm."),
    (r"\.(expand|depthwise|project)\.0\.", r".\1.conv."),
    (r"\.(expand|depthwise|project)\.1\.", r".\1.norm."),
)


def row_renames(places: Sequence[str], prefix: str) -> Renames:
    """A publisher's numbers of rows -> stage and row."""
    return tuple((rf"^{prefix}\.{i}\.", f"stages.{place}.") for i, place in enumerate(places))


def widen_variances(tensors: Tensors) -> Tensors:
    """Variances that norms with eps 1e-5 treat as norms with eps 1e-3 would treat the given ones."""
    return {k: v + (1e-3 - 1e-5) if k.endswith(".running_var") else v for k, v in tensors.items()}


def _timm(mark: str, places: Sequence[str], last: str) -> Layout:
    return Layout(
        mark=mark,
        convert=_flatten_hidden,
        renames=(
            (rf"^blocks\.{len(places)}\.0\.conv\.", f"stages.{last}.conv."),
            (rf"^blocks\.{len(places)}\.0\.bn1\.", f"stages.{last}.norm."),
            *TIMM_STEM,
            *TIMM_BLOCKS,
            *row_renames(places, "blocks"),
            (r"^conv_head\.", "pool.hidden."),
            (r"^classifier\.", "head."),
        ),
    )


def _flatten_hidden(tensors: Tensors) -> Tensors:
    return {k: v.flatten(1) if k == "conv_head.weight" and v.ndim == 4 else v for k, v in tensors.items()}


def _torchvision(mark: str, preset: str, places: Sequence[str], last: str) -> Layout:
    spec = ARCHITECTURE.presets[preset]
    rows = spec.rows if isinstance(spec, MobileNetV3Spec) else ()
    blocks = [f"{place}.{i}" for place, row in zip(places, rows, strict=True) for i in range(len(row.expansions))]
    return Layout(
        mark=mark,
        convert=widen_variances,
        renames=(
            (r"\.block\.\d\.fc1\.", ".excite.reduce."),
            (r"\.block\.\d\.fc2\.", ".excite.expand."),
            (r"^(features\.1)\.block\.0\.", r"\1.depthwise."),
            (r"^(features\.1)\.block\.[12]\.", r"\1.project."),
            (r"\.block\.0\.", ".expand."),
            (r"\.block\.1\.", ".depthwise."),
            (r"\.block\.[23]\.", ".project."),
            *TORCHVISION_PARTS,
            *((rf"^features\.{i + 1}\.", f"stages.{place}.") for i, place in enumerate(blocks)),
            (rf"^features\.{len(blocks) + 1}\.0\.", f"stages.{last}.conv."),
            (rf"^features\.{len(blocks) + 1}\.1\.", f"stages.{last}.norm."),
            (r"^classifier\.0\.", "pool.hidden."),
            (r"^classifier\.3\.", "head."),
        ),
    )


_LARGE, _SMALL = ("0.0", "1.0", "2.0", "3.0", "3.1", "4.0"), ("0.0", "1.0", "2.0", "2.1", "3.0")

ADAPTER = Adapter(
    layouts=(
        _timm(r"^blocks\.6\.", _LARGE, "4.1"),
        _timm(r"^conv_stem\.", _SMALL, "3.1"),
        _torchvision(r"^features\.16\.", "mobilenetv3_large_100", _LARGE, "4.1"),
        _torchvision(r"^features\.", "mobilenetv3_small_100", _SMALL, "3.1"),
    )
)
