"""Files of deformable ResNets: those of plain ResNets, whose offsets stay fresh, and of MMDetection's detectors."""

from anmok.catalogue.adapters import Adapter, Layout
from anmok.catalogue.adapters.resnet import ADAPTER as RESNET

ADAPTER = Adapter(
    layouts=(
        Layout(  # MMDetection's: no head, so only for `num_classes=0`
            mark=r"\.conv_offset\.",
            renames=((r"^backbone\.", ""), (r"\.conv_offset\.", ".offset."), *RESNET.layouts[-1].renames),
            ignored=r"^(neck|rpn_head|roi_head|bbox_head|mask_head)\.",
        ),
        *RESNET.layouts,
    ),
    fresh=r"\.offset\.",
)
