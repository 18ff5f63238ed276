"""Neuronal membranes in electron microscopy (ISBI 2012; Arganda-Carreras et al. 2015) by the U-Net of 2015.

    OMP_NUM_THREADS=1 python benchmarks/tasks/membranes.py FOLDER --out runs/membranes

FOLDER has train/images, train/masks, test/images and test/masks: 24 and 6 of the 30 labelled slices, 512 x 512, every
fifth for the test; white is cell, black is membrane. All 24 are trained on, for a number of steps that is set before:
nothing is chosen by other slices. What is done is not done again: the command resumes where it was stopped.

Published: pixel error 6.1 % on the challenge's own test slices (Ronneberger et al. 2015, table 1; 31 M parameters);
92.0 and 92.2 % for a U-Net and a U-Net++ on held-out labelled slices (github.com/MY-Chen2000/Cell-Segmentation).
Target here: a pixel error of 8.0 % or less.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from segmenting import show, train_and_test

from anmok.catalogue import require_model
from anmok.tasks.image_segmenter import ImageSegmenter
from anmok.tasks.segmentation import open_masks
from anmok.training.recipes import read_recipe
from anmok.zoo.unet import UNet

SETTINGS = {
    "image_size": "232",
    "batch_size": "2",  # large squares rather than many (Ronneberger et al. 2015, sec. 3)
    "learning_rate": "1e-3",
    "learning_rate_batch": "2",
    "elastic": "10",
    "epochs": "110",
    "evaluations": "0",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--widths", type=int, nargs="+", default=[16, 32, 64], help="channels of each level")
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="settings of the recipe")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/membranes"))
    arguments = parser.parse_args()
    recipe = read_recipe("segmentation", SETTINGS | dict(pair.split("=", 1) for pair in arguments.set))
    problem = open_masks(arguments.folder, arguments.seed)
    for finding in problem.findings():
        print(f"{finding.severity}: {finding.text}")
    torch.manual_seed(arguments.seed)
    preset = require_model("unet_nano").spec
    side = preset.image_sizes.nearest(64)
    spec = replace(preset, widths=tuple(arguments.widths), img_size=(side, side))
    config = problem.config()
    network = UNet(spec, num_classes=len(config["classes"]), in_chans=3)
    segmenter = ImageSegmenter(network, tuple(config["mean"]), tuple(config["std"]))
    name = f"unet {'-'.join(map(str, arguments.widths))}"
    show(name, train_and_test(problem, segmenter, recipe, arguments.out, arguments.seed))


if __name__ == "__main__":
    main()
