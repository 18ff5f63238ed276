"""Are the features of a CNN, a Transformer and a hybrid ready for a detector? The same head on each of them.

    OMP_NUM_THREADS=1 python benchmarks/tasks/detection.py [BACKBONE ...]

trains each from scratch on scenes that are drawn on the spot and prints AP50 on 300 others, which wear other cloth.
"""

import sys
import time
from collections.abc import Iterable
from itertools import count, islice

import torch
from average_precision import mean_average_precision
from fcos import Detector
from scenes import CLASSES, Scenes, draw_scenes

from anmok import create_model
from anmok.backbone import Pyramid

BACKBONES = ("resnet_nano", "vit_nano", "cmt_nano")
SIDE, WIDTH, BATCH, STEPS = 64, 48, 8, 240


def build(backbone: str, width: int = WIDTH) -> Detector:
    """A detector with random weights."""
    torch.manual_seed(0)
    return Detector(Pyramid(create_model(backbone), width=width), len(CLASSES))


def train(detector: Detector, batches: Iterable[Scenes], steps: int, *, learning_rate: float = 3e-3) -> list[float]:
    """AdamW under a one-cycle schedule; the loss of every step."""
    optimizer = torch.optim.AdamW(detector.parameters(), learning_rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps, pct_start=0.2)
    losses = []
    detector.train()
    for scenes in islice(batches, steps):
        loss = detector.loss(*scenes)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(detector.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


def score(detector: Detector, scenes: Scenes) -> float:
    """AP50."""
    detector.eval()
    found = [detection for images in scenes.images.split(50) for detection in detector.detect(images)]
    return mean_average_precision(found, scenes.boxes, scenes.labels)


def main() -> None:
    """Print a line for each backbone."""
    scenes = draw_scenes(300, SIDE, seed=10**6, split="test")
    print(f"{'backbone':16} {'params':>10} {'untrained':>10} {'AP50':>6} {'loss':>6} {'core s':>8}")
    for name in sys.argv[1:] or BACKBONES:
        detector = build(name)
        params = sum(p.numel() for p in detector.pyramid.backbone.parameters())
        before, start = score(detector, scenes), time.process_time()
        losses = train(detector, (draw_scenes(BATCH, SIDE, seed) for seed in count()), STEPS)
        seconds = time.process_time() - start
        last = sum(losses[-20:]) / 20
        print(f"{name:16} {params:10,} {before:10.3f} {score(detector, scenes):6.3f} {last:6.2f} {seconds:8.0f}")


if __name__ == "__main__":
    main()
