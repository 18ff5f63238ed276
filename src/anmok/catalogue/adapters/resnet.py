"""Files of ResNets: timm's and torchvision's, and CIFAR nets in the usual names."""

from anmok.catalogue.adapters import Adapter, Layout

ADAPTER = Adapter(
    layouts=(
        Layout(
            renames=(
                (r"^conv1\.", "stem.conv."),
                (r"^bn1\.", "stem.norm."),
                *((rf"^layer{i + 1}\.", f"stages.{i}.") for i in range(4)),
                (r"^(stages\.\d+\.\d+)\.conv(\d)\.", r"\1.branch.conv\2."),
                (r"^(stages\.\d+\.\d+)\.bn(\d)\.", r"\1.branch.norm\2."),
                (r"\.downsample\.0\.", ".shortcut.conv."),
                (r"\.downsample\.1\.", ".shortcut.norm."),
                (r"^(fc|linear)\.", "head."),
            )
        ),
    ),
)
