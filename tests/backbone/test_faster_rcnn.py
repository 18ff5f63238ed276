import sys

import pytest
import torch

from anmok.catalogue import create_pyramid
from oracles import reference


def suppress(boxes, scores, most):
    """Of boxes that overlap by more than `most`, the best."""
    corner = torch.maximum(boxes[:, None, :2], boxes[None, :, :2])
    opposite = torch.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = (opposite - corner).clamp(min=0).prod(-1)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(-1)
    alike = shared > most * (area[:, None] + area - shared)
    kept = []
    for i in scores.argsort(descending=True, stable=True).tolist():
        if not alike[i, kept].any():
            kept.append(i)
    return torch.tensor(kept, dtype=torch.long)


@pytest.fixture
def torchvision(monkeypatch):
    """Torchvision, with operators in Python where its own cannot be loaded."""
    module = reference("torchvision")
    reference("torchvision.models.detection")
    if not module.extension._has_ops():
        pooling = sys.modules["torchvision.ops.roi_align"]
        monkeypatch.setattr(pooling, "_roi_align", pooling._roi_align.__wrapped__)  # compiled for each shape otherwise
        monkeypatch.setattr(module.ops.boxes, "nms", suppress)
    return module


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["resnet_nano", "vit_nano", "cmt_nano"])
def test_torchvisions_faster_rcnn_learns_on_the_pyramid_of_a_backbone(name, torchvision):
    detection = torchvision.models.detection
    torch.manual_seed(0)
    anchors = detection.rpn.AnchorGenerator(sizes=((8,), (16,), (32,), (64,)), aspect_ratios=((1.0,),) * 4)
    model = detection.FasterRCNN(
        create_pyramid(name, width=16),
        num_classes=3,
        rpn_anchor_generator=anchors,
        min_size=60,
        max_size=80,
        rpn_post_nms_top_n_train=50,
        rpn_post_nms_top_n_test=20,
        box_score_thresh=0.0,
        box_batch_size_per_image=32,
    )
    images = [torch.rand(3, 60, 74), torch.rand(3, 60, 60)]
    targets = []
    for image, label in zip(images, (1, 2), strict=True):
        image[:, 20:44, 12:40] = label - 1.0
        targets.append({"boxes": torch.tensor([[12.0, 20.0, 40.0, 44.0]]), "labels": torch.tensor([label])})
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    losses = []
    for _ in range(5):
        losses.append(sum(model(images, targets).values()))  # of proposals and of boxes
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert all(parameter.grad is not None for parameter in model.backbone.parameters())
    assert losses[-1] < 0.7 * losses[0]
    with torch.no_grad():
        answers = model.eval()(images)
    for image, found in zip(images, answers, strict=True):
        assert set(found) == {"boxes", "labels", "scores"}
        assert 0 < len(found["boxes"]) == len(found["labels"]) == len(found["scores"])
        assert (found["boxes"] >= 0).all()
        assert (found["boxes"].amax(0) <= torch.tensor([image.shape[2], image.shape[1]] * 2)).all()
