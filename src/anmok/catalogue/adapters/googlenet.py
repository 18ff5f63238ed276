"""Files of GoogLeNet: torchvision's."""

from anmok.catalogue.adapters import Adapter, Layout

ADAPTER = Adapter(
    layouts=(
        Layout(
            mark=r"^inception3a\.",
            renames=(
                (r"\.bn\.", ".norm."),
                (r"^conv1\.", "stem."),
                (r"^conv2\.", "stages.0.reduce."),
                (r"^conv3\.", "stages.0.conv."),
                *(
                    (
                        rf"^inception{number}([a-e])\.branch{branch}\.",
                        rf"stages.{number - 2}.{number}\1.branches.{branch - 1}.",
                    )
                    for number in (3, 4, 5)
                    for branch in (1, 2, 3, 4)
                ),
                (r"^aux1\.", "auxiliary.4a."),
                (r"^aux2\.", "auxiliary.4d."),
                (r"^(auxiliary\.\w+)\.conv\.", r"\1.features.conv."),
                (r"^(auxiliary\.\w+)\.fc1\.", r"\1.features.hidden."),
                (r"^(auxiliary\.\w+)\.fc2\.", r"\1.head."),
                (r"^fc\.", "head."),
            ),
        ),
    ),
)
