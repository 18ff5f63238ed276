"""A backbone that gives feature maps and nothing else."""

from typing import cast

from torch import nn

from anmok.backbone.backbone import Backbone, FeatureMaps
from anmok.backbone.feature_info import FeatureInfo, Indices
from anmok.shapes import Images


class FeatureList(nn.Module):
    """Images -> feature maps of some levels, finest first, as timm's `features_only` models.

    What comes after the last of them is dropped. `indices` are those of `feature_info`; left out, they are all
    levels of a network whose stages differ in stride, and the last three of any other.
    """

    def __init__(self, model: Backbone, indices: Indices = None) -> None:
        super().__init__()
        levels = model.spec.levels
        if indices is None and len({shape.stride for shape in levels.values()}) == 1:
            indices = min(3, len(levels))
        self.feature_info = FeatureInfo(levels, indices)
        self.model = model
        model.prune_intermediate_layers(self.feature_info.out_indices, prune_norm=True)

    @property
    def pretrained_cfg(self) -> dict[str, object]:
        """That of the backbone, less its head."""
        return {k: v for k, v in self.model.pretrained_cfg.items() if k not in ("num_classes", "classifier")}

    @property
    def default_cfg(self) -> dict[str, object]:
        """The same, by its older name."""
        return self.pretrained_cfg

    def forward(self, images: Images) -> FeatureMaps:
        """One map for each of `feature_info.out_indices`."""
        maps = self.model.forward_intermediates(images, self.feature_info.out_indices, intermediates_only=True)
        return cast(FeatureMaps, maps)

    def set_grad_checkpointing(self, enable: bool = True) -> None:  # noqa: FBT001, FBT002 - timm's
        """Recompute the stages in the backward pass in place of storing what they need."""
        self.model.set_grad_checkpointing(enable)
