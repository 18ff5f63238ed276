"""Street scenes (CamVid; Brostow et al. 2009) by U-Nets over small backbones, with their skips and without.

    OMP_NUM_THREADS=1 python benchmarks/tasks/camvid.py FOLDER --models resnet_nano --out runs/camvid

FOLDER has images and masks below train, val and test: the split of SegNet, 367, 101 and 233 images with 11 classes, and
classes.txt with their names and "void". What is done is not done again: the command resumes where it was stopped.

Published, all at 480 x 360: mIoU 51.1 to 52.9 for ENet from scratch (github.com/davidtvs/PyTorch-ENet), 49.8 for a
U-Net and 50.2 for SegNet with ImageNet weights (github.com/GitLanx/Semantic-Segmentation-PyTorch).
"""

import argparse
from pathlib import Path

import torch
from segmenting import show, train_and_test

from anmok.tasks.image_segmenter import build_segmenter
from anmok.tasks.segmentation import open_masks
from anmok.training.recipes import read_recipe

SETTINGS = {
    "image_size": "128",
    "batch_size": "4",
    "learning_rate": "1.5e-3",
    "learning_rate_batch": "4",
    "epochs": "8",
    "evaluations": "4",
    "color_jitter": "0.2",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", nargs="+", default=["resnet_nano"])
    parser.add_argument("--skips", nargs="+", choices=("on", "off"), default=["on", "off"])
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="settings of the recipe")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/camvid"))
    arguments = parser.parse_args()
    recipe = read_recipe("segmentation", SETTINGS | dict(pair.split("=", 1) for pair in arguments.set))
    problem = open_masks(arguments.folder, arguments.seed)
    for finding in problem.findings():
        print(f"{finding.severity}: {finding.text}")
    for model in arguments.models:
        for skips in arguments.skips:
            torch.manual_seed(arguments.seed)
            network = build_segmenter(model, problem.config() | {"skips": skips == "on"}, recipe, pretrained=False)
            out = arguments.out / f"{model}-skips-{skips}"
            show(f"{model}, skips {skips}", train_and_test(problem, network, recipe, out, arguments.seed))


if __name__ == "__main__":
    main()
