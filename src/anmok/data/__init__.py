"""A user's images -> audited, split, decoded, augmented batches."""

from anmok.data.auditing import audit
from anmok.data.augment import Augmentation, Variation, vary
from anmok.data.batches import Batch, Batches, BatchSource, channel_statistics
from anmok.data.decode import RgbImage, read_image
from anmok.data.draws import Draws
from anmok.data.findings import Audit, Finding, Severity, Spread, Unreadable, resolvable_difference
from anmok.data.imagedata import ImageData, Split
from anmok.data.load import load_data
from anmok.data.order import WHOLE, Order, Part
from anmok.data.pixels import Prepared, image_size, prepare, prepare_file, read_pixels, write_pixels
from anmok.data.splits import make_splits, nested_fraction, read_splits, write_splits
from anmok.data.threads import Progress

__all__ = [
    "WHOLE",
    "Audit",
    "Augmentation",
    "Batch",
    "BatchSource",
    "Batches",
    "Draws",
    "Finding",
    "ImageData",
    "Order",
    "Part",
    "Prepared",
    "Progress",
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
    "nested_fraction",
    "prepare",
    "prepare_file",
    "read_image",
    "read_pixels",
    "read_splits",
    "resolvable_difference",
    "vary",
    "write_pixels",
    "write_splits",
]
