"""Files of AlexNet: torchvision's."""

from anmok.catalogue.adapters import Adapter, Layout

ADAPTER = Adapter(
    layouts=(
        Layout(
            mark=r"^features\.",
            renames=(
                (r"^features\.0\.", "stem.conv1."),
                (r"^features\.3\.", "stages.0.conv2."),
                (r"^features\.6\.", "stages.1.conv3."),
                (r"^features\.8\.", "stages.1.conv4."),
                (r"^features\.10\.", "stages.1.conv5."),
                (r"^classifier\.1\.", "pool.linear1."),
                (r"^classifier\.4\.", "pool.linear2."),
                (r"^classifier\.6\.", "head."),
            ),
        ),
    ),
)
