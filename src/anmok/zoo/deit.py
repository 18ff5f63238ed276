"""DeiT: a ViT that learns from ImageNet alone, with a further token that imitates a CNN.

Touvron et al. 2020, "Training data-efficient image transformers & distillation through attention", arXiv:2012.12877.
Distillation token: fig. 2; what it learns: eq. 3; variants: table 1. The plain variants are ViTs with other weights.
Departs from the paper: both tokens start near 0, as a ViT's; logits equal timm's. The embedding of a distilled net is
both tokens side by side; timm gives their mean, from which the two heads' logits could not be computed.
"""

from dataclasses import dataclass, replace

from torch import nn

from anmok.backbone import Architecture, Backbone, Kind, Paper, linear_head
from anmok.layers import Linear, truncated_normal
from anmok.shapes import Embedding, Images, Logits
from anmok.zoo.vit import ClassTokenPool, PatchStem, ViTSpec, vit_blocks


@dataclass(frozen=True, kw_only=True)
class DeiTSpec(ViTSpec):
    """Numbers of one variant."""

    patch: int = 16
    depth: int = 12
    distilled: bool = False  # "DeiT⚗": whether there is a distillation token

    @property
    def class_tokens(self) -> int:
        """How many tokens see the labels or the teacher."""
        return 2 if self.distilled else 1

    @property
    def embedding_width(self) -> int:
        """Channels that the head sees."""
        return self.class_tokens * self.width


class TwinHead(nn.Module):
    """A linear layer for the class token and one for the distillation token; the mean of their logits answers.

    Sec. 4, "joint classifiers". The paper adds the two after a softmax; its code and timm average the logits.
    """

    def __init__(self, width: int, num_classes: int) -> None:
        super().__init__()
        self.label = Linear(width, num_classes)
        self.teacher = Linear(width, num_classes)

    def each(self, embedding: Embedding) -> list[Logits]:
        """The class token's logits, and the distillation token's."""
        class_token, distillation_token = embedding.chunk(2, dim=1)
        return [self.label(class_token), self.teacher(distillation_token)]

    def forward(self, embedding: Embedding) -> Logits:
        """Their mean."""
        label, teacher = self.each(embedding)
        return (label + teacher) / 2


class DeiT(Backbone):
    """A ViT, with one class token or two."""

    def __init__(self, spec: DeiTSpec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(spec, num_classes=num_classes, in_chans=in_chans)
        self.stem = PatchStem(in_chans, spec.width, spec.patch, spec.grid, class_tokens=spec.class_tokens)
        self.stages = nn.ModuleList(vit_blocks(spec))
        self.pool = ClassTokenPool(spec.width, class_tokens=spec.class_tokens)
        self.head = self.new_head(num_classes)
        self.apply(truncated_normal)

    def new_head(self, num_classes: int) -> nn.Module:
        """A fresh head for the embedding: for two tokens a twin head."""
        if self.head_hidden_size == self.num_features or not num_classes:
            return linear_head(self.head_hidden_size, num_classes)
        return TwinHead(self.num_features, num_classes)

    def training_logits(self, images: Images) -> list[Logits]:
        """Of a distilled net the class token's logits, for the labels, and the distillation token's, for the teacher's.

        Both have the same weight in the loss (eq. 3), which does not see the mean that `forward` gives.
        """
        if isinstance(self.head, TwinHead):
            return self.head.each(self.dropout(self.embed(images)))
        return super().training_logits(images)


TINY = DeiTSpec(width=192, num_heads=3)
SMALL = DeiTSpec(width=384, num_heads=6)
BASE = DeiTSpec(width=768, num_heads=12)
BASE_384 = replace(BASE, img_size=(384, 384))

ARCHITECTURE = Architecture(
    model=DeiT,
    kind=Kind.TRANSFORMER,
    paper=Paper(
        title="Training data-efficient image transformers & distillation through attention",
        authors="Touvron et al.",
        year=2020,
        arxiv="2012.12877",
    ),
    bias=(
        "That of a ViT, almost none: every patch may look at every other. A distilled variant takes over some of "
        "its teacher's, a CNN's, through a token that is trained to answer as the teacher does."
    ),
    presets={
        "deit_tiny_patch16_224": TINY,
        "deit_small_patch16_224": SMALL,
        "deit_base_patch16_224": BASE,
        "deit_base_patch16_384": BASE_384,
        "deit_tiny_distilled_patch16_224": replace(TINY, distilled=True),
        "deit_small_distilled_patch16_224": replace(SMALL, distilled=True),
        "deit_base_distilled_patch16_224": replace(BASE, distilled=True),
        "deit_base_distilled_patch16_384": replace(BASE_384, distilled=True),
    },
    ours={"deit_nano": DeiTSpec(patch=4, width=128, depth=5, num_heads=4, img_size=(32, 32), distilled=True)},
)
