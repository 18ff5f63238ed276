"""A user's images -> audited, split, decoded, augmented batches."""

from anmok.data.auditing import audit
from anmok.data.augment import Augmentation, Mixing, Variation, mix, one_hot, vary
from anmok.data.batches import Batch, Batches, BatchSource, channel_statistics
from anmok.data.decode import RgbImage, read_image
from anmok.data.draws import Draws
from anmok.data.findings import Audit, Finding, Severity, Spread, Unreadable, resolvable_difference
from anmok.data.imagedata import ImageData, Split
from anmok.data.load import load_data
from anmok.data.loader import Loader
from anmok.data.machine import processor_count
from anmok.data.order import WHOLE, Order, Part
from anmok.data.packing import Packed, pack
from anmok.data.pixels import Prepared, image_size, prepare, prepare_file, read_pixels, write_pixels
from anmok.data.splits import make_splits, nested_fraction, read_splits, write_splits
from anmok.data.threads import Progress
from anmok.data.views import CenterCrop, Crop, ResizedCrop

__all__ = [
    "WHOLE",
    "Audit",
    "Augmentation",
    "Batch",
    "BatchSource",
    "Batches",
    "CenterCrop",
    "Crop",
    "Draws",
    "Finding",
    "ImageData",
    "Loader",
    "Mixing",
    "Order",
    "Packed",
    "Part",
    "Prepared",
    "Progress",
    "ResizedCrop",
    "RgbImage",
    "Severity",
    "Split",
    "Spread",
    "Unreadable",
    "Variation",
    "audit",
    "channel_statistics",
    "image_size",
    "load_data",
    "make_splits",
    "mix",
    "nested_fraction",
    "one_hot",
    "pack",
    "prepare",
    "prepare_file",
    "processor_count",
    "read_image",
    "read_pixels",
    "read_splits",
    "resolvable_difference",
    "vary",
    "write_pixels",
    "write_splits",
]
