"""Files of SE-ResNets: timm's, and those converted from the authors' (`legacy_*`)."""

from anmok.catalogue.adapters import Adapter, Layout
from anmok.catalogue.adapters.resnet import RENAMES

ADAPTER = Adapter(
    layouts=(
        Layout(
            renames=(
                (r"^layer0\.", ""),
                *RENAMES,
                (r"\.se(_module)?\.fc1\.", ".branch.gate.reduce."),
                (r"\.se(_module)?\.fc2\.", ".branch.gate.expand."),
                (r"^last_linear\.", "head."),
            )
        ),
    )
)
