"""Files of ResNets: timm's and torchvision's, transformers', and CIFAR nets in the usual names."""

from anmok.catalogue.adapters import Adapter, Layout

RENAMES = (
    (r"^conv1\.", "stem.conv."),
    (r"^bn1\.", "stem.norm."),
    *((rf"^layer{i + 1}\.", f"stages.{i}.") for i in range(4)),
    (r"^(stages\.\d+\.\d+)\.conv(\d)\.", r"\1.branch.conv\2."),
    (r"^(stages\.\d+\.\d+)\.bn(\d)\.", r"\1.branch.norm\2."),
    (r"\.downsample\.0\.", ".shortcut.conv."),
    (r"\.downsample\.1\.", ".shortcut.norm."),
    (r"^(fc|linear)\.", "head."),
)

TRANSFORMERS = Layout(
    mark=r"^(resnet\.)?embedder\.embedder\.",
    renames=(
        (r"^resnet\.", ""),
        (r"^encoder\.", ""),
        (r"^embedder\.embedder\.convolution\.", "stem.conv."),
        (r"^embedder\.embedder\.normalization\.", "stem.norm."),
        (r"\.layers\.", "."),
        (r"\.shortcut\.convolution\.", ".shortcut.conv."),
        (r"\.shortcut\.normalization\.", ".shortcut.norm."),
        *((rf"\.layer\.{i}\.convolution\.", f".branch.conv{i + 1}.") for i in range(3)),
        *((rf"\.layer\.{i}\.normalization\.", f".branch.norm{i + 1}.") for i in range(3)),
        (r"^classifier\.1\.", "head."),
    ),
)

ADAPTER = Adapter(layouts=(TRANSFORMERS, Layout(renames=RENAMES)))
