"""A name and a few wishes -> a network that classifies every pixel."""

from pathlib import Path

from anmok.backbone import Segmenter
from anmok.catalogue.create import create_model, wished_spec
from anmok.catalogue.names import require_model, split_tag
from anmok.errors import RequestError
from anmok.zoo.unet import PaddedUNet


def create_segmenter(  # noqa: PLR0913 - create_model's signature
    name: str,
    pretrained: bool | str | Path = False,  # noqa: FBT001, FBT002 - as in create_model
    *,
    num_classes: int,
    in_chans: int = 3,
    img_size: int | tuple[int, int] | None = None,
    drop_rate: float | None = None,
    drop_path_rate: float | None = None,
    skips: bool = True,
) -> Segmenter:
    """Build a preset for segmentation, or a padded U-Net over any backbone, in training mode.

    'unet' is that of 2015; 'resnet50' becomes the contracting path of a U-Net, to which the other wishes apply as in
    `create_model`. `drop_rate` is the dropout at the end of the contracting path. Without `skips` no fine map of the
    backbone is merged with a coarse one, which shows what they are good for.
    """
    preset = require_model(split_tag(name)[0])
    build = preset.architecture.model
    if not issubclass(build, Segmenter):
        encoder = create_model(
            name,
            pretrained,
            num_classes=0,
            in_chans=in_chans,
            img_size=img_size,
            drop_rate=drop_rate,
            drop_path_rate=drop_path_rate,
        )
        return PaddedUNet(encoder, num_classes=num_classes, skips=skips)
    if pretrained:
        raise RequestError(
            f"There are no public weights of '{name}': got pretrained={pretrained!r}. "
            "Leave it out, or use load_state_dict for a file of yours."
        )
    if not skips:
        raise RequestError(f"'{name}' merges all its maps: got skips=False. Choose a backbone, such as resnet_nano.")
    spec = wished_spec(preset, img_size=img_size, drop_rate=drop_rate, drop_path_rate=drop_path_rate)
    return build(spec, num_classes=num_classes, in_chans=in_chans)
