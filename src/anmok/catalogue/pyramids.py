"""A name and a few wishes -> the maps of a backbone that detectors look at."""

from pathlib import Path

from anmok.backbone import Pyramid
from anmok.catalogue.create import create_model


def create_pyramid(
    name: str,
    pretrained: bool | str | Path = False,  # noqa: FBT001, FBT002 - as in create_model
    *,
    width: int = 256,
    in_chans: int = 3,
    img_size: int | tuple[int, int] | None = None,
    drop_path_rate: float | None = None,
) -> Pyramid:
    """Build a backbone that gives maps of strides 4, 8, 16 and 32 with `width` channels, in training mode.

    The other wishes apply to the backbone as in `create_model`. It is what torchvision's detectors take for a
    backbone: `FasterRCNN(create_pyramid("resnet50"), num_classes=91, rpn_anchor_generator=...)`, with one size of
    anchors for each of the four maps.
    """
    backbone = create_model(name, pretrained, in_chans=in_chans, img_size=img_size, drop_path_rate=drop_path_rate)
    return Pyramid(backbone, width=width)
