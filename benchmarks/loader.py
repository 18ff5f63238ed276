"""The loader beside Pillow with torchvision's transforms, and beside its own ceiling, in one process.

    python benchmarks/loader.py --images imagenet/sample --count 200 --photos 6

Both sides take turns on the same files; a rate is images per second of one thread's CPU time, the best of the rounds.
What is compared: decode + random resized crop to 224, and the same + mirror + RandAugment(2, 9) + float, where both
sides interpolate bilinearly and, in the line with a star, theirs takes the nearest pixel, its default; DALI's crop
where it is installed (FFCV, which has a format of its own, is only looked for). Photographs of 12 megapixels are made
from the images: enlarged, with a sensor's noise, quality 92, 4:2:0. Without --images, textures of ImageNet's usual
size and weight are made. The ceiling of the loader is the same decoding in a plain loop.
"""

import argparse
import importlib.util
import io
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import mean

import anmok  # noqa: F401 (before torch: it keeps OpenMP from spinning)

import numpy as np  # isort: skip
import torch  # isort: skip
from PIL import Image  # isort: skip

from anmok.data import CenterCrop, Draws, Loader, Order, ResizedCrop, Variation, load_data, vary  # isort: skip
from anmok.data import turbojpeg  # isort: skip
from anmok.data.picture import open_picture, reduction, show, upright_size  # isort: skip
from anmok.data.views import Crop, draw_numbers  # isort: skip

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from oracles import reference

SIZE = 224
BATCH = 32
VIEWS = 4  # of each photograph: how much of it is decoded depends on where the crop lies
POLICY = Variation(augmentation="flip-resized-crop", randaugment_layers=2, randaugment_magnitude=9)  # type: ignore[arg-type]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, help="a folder of JPEGs")
    parser.add_argument("--count", type=int, default=200, help="images of it")
    parser.add_argument("--photos", type=int, default=6, help="photographs of 12 megapixels to make")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0, help="of the loader, for its rate by the clock")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"decoder: {decoder()}; one thread of {torch.backends.cpu.get_cpu_capability()}")
    for name in ("nvidia.dali", "ffcv"):
        print(f"{name} is {'' if installed(name) else 'not '}installed")
    images = read(arguments.images, arguments.count) if arguments.images else list(textures(arguments.count))
    photos = list(photographs(images[: arguments.photos])) * VIEWS
    for kind, files, target in (("ImageNet size", images, 2), ("12 megapixels", photos, 6)):
        print(f"\n{kind}: {len(files)} images, {mean(map(len, files)) / 1000:.0f} KB each")
        compare(files, arguments.rounds, target)
        load(files, arguments.rounds, arguments.threads)


def compare(files: Sequence[bytes], rounds: int, target: float) -> None:
    """Print the rates of both sides and how far their pixels lie apart."""
    work: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "decode + crop": (lambda: ours(files, ResizedCrop()), lambda: theirs(files)),
        "decode + centre": (lambda: ours(files, CenterCrop()), lambda: theirs(files, test=True)),
        "+ RandAugment": (lambda: augmented(files), lambda: theirs(files, augment=Image.Resampling.BILINEAR)),
        "+ the same*": (lambda: augmented(files), lambda: theirs(files, augment=Image.Resampling.NEAREST)),
    }
    for name, sides in work.items():
        our, their = (len(files) / seconds for seconds in best(sides, rounds))
        print(f"  {name:16} {our:7.1f}/s, Pillow + torchvision {their:7.1f}/s: {our / their:5.2f} times (>= {target})")
    if installed("nvidia.dali"):
        (seconds,) = best((dali(files),), rounds, clock=time.process_time)
        print(f"  decode + crop by DALI on one processor {len(files) / seconds:.1f}/s")
    for name, crop in (("crop", ResizedCrop()), ("centre", CenterCrop())):
        all_numbers = draw_numbers(crop, Draws(0, 0, np.arange(len(files))))
        apart = [difference(data, crop, numbers) for data, numbers in zip(files, all_numbers, strict=True)]
        print(f"  {name}: {mean(apart):.3f} grey levels from Pillow on the mean, {max(apart):.3f} at most")


def load(files: Sequence[bytes], rounds: int, threads: int) -> None:
    """Print the rate of the loader, of its ceiling, and of the loader from memory."""
    with tempfile.TemporaryDirectory() as root:
        paths = [Path(root) / f"class_{number % 2}" / f"{number:05}.jpg" for number in range(len(files))]
        for path, content in zip(paths, files, strict=True):
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        data = load_data(root)
        order = Order(np.arange(len(files)), batch_size=BATCH, seed=0)
        loader = Loader(data=data, order=order, size=SIZE, crop=ResizedCrop(), threads=1, memory=0)
        sides = (lambda: exhaust(loader), lambda: plainly(paths, order))
        ours_, ceiling = (len(files) / seconds for seconds in best(sides, rounds, clock=time.process_time))
        print(f"  loader {ours_:.1f}/s, its ceiling {ceiling:.1f}/s: {ours_ / ceiling:.0%} (>= 90%)")
        many = Loader(data=data, order=order, size=SIZE, crop=ResizedCrop(), threads=threads, memory=0)
        (clock,) = best((lambda: exhaust(many),), rounds, clock=time.perf_counter)
        print(f"  loader with {threads or 'all'} threads: {len(files) / clock:.1f}/s by the clock")
        cached = Loader(data=data, order=order, size=SIZE, crop=ResizedCrop(), threads=1)
        exhaust(cached)
        (clock,) = best((lambda: exhaust(cached),), rounds, clock=time.process_time)
        print(f"  loader, second epoch: {len(files) / clock:.1f}/s")


def best(
    sides: Sequence[Callable[[], object]], rounds: int, clock: Callable[[], float] = time.thread_time
) -> list[float]:
    """Least seconds of each side over the rounds, in turns."""
    seconds = [float("inf")] * len(sides)
    for _ in range(rounds + 1):
        for index, side in enumerate(sides):
            start = clock()
            side()
            seconds[index] = min(seconds[index], clock() - start)
    return seconds


def exhaust(loader: Loader) -> None:
    for _ in loader.epoch(0):
        pass


def plainly(paths: Sequence[Path], order: Order) -> None:
    """Do the loader's work, view for view, in a loop."""
    for rows, positions in order.batches(0):
        ours([paths[row].read_bytes() for row in rows], ResizedCrop(), positions)


def ours(files: Sequence[bytes], crop: Crop, positions: np.ndarray | None = None) -> torch.Tensor:
    positions = np.arange(len(files)) if positions is None else positions
    pixels = torch.empty(len(files), 3, SIZE, SIZE, dtype=torch.uint8)
    for square, data, numbers in zip(pixels, files, draw_numbers(crop, Draws(0, 0, positions)), strict=True):
        picture = open_picture(data)
        square.copy_(show(picture, crop.view(*upright_size(picture), SIZE, numbers)))
    return pixels


def augmented(files: Sequence[bytes]) -> None:
    for first in range(0, len(files), BATCH):
        pixels = ours(files[first : first + BATCH], ResizedCrop())
        vary(pixels, POLICY, Draws(0, 0, np.arange(len(pixels))))


def theirs(files: Sequence[bytes], *, augment: Image.Resampling | None = None, test: bool = False) -> None:
    transforms, mode = reference("torchvision").transforms, Image.Resampling.BICUBIC
    crop = [transforms.RandomResizedCrop(SIZE, interpolation=mode)]
    if test:
        crop = [transforms.Resize(256, interpolation=mode), transforms.CenterCrop(SIZE)]
    more = [transforms.PILToTensor()]
    if augment is not None:
        policy = transforms.RandAugment(2, 9, interpolation=augment)
        more = [transforms.RandomHorizontalFlip(), policy, transforms.ToTensor()]
    chain = transforms.Compose([*crop, *more])
    torch.manual_seed(0)
    for data in files:
        chain(Image.open(io.BytesIO(data)).convert("RGB"))


def dali(files: Sequence[bytes]) -> Callable[[], object]:
    from nvidia.dali import fn, pipeline_def, types

    arrays = [np.frombuffer(data, np.uint8) for data in files]

    @pipeline_def(batch_size=len(files), num_threads=1, device_id=None, exec_pipelined=False, exec_async=False)
    def pipeline() -> object:
        encoded = fn.external_source(source=lambda: arrays, batch=True)
        cropped = fn.decoders.image_random_crop(encoded, device="cpu", random_area=[0.08, 1.0])
        return fn.resize(cropped, size=[SIZE, SIZE], interp_type=types.INTERP_CUBIC, antialias=True)

    built = pipeline()
    built.build()
    return built.run


def difference(data: bytes, crop: Crop, numbers: np.ndarray) -> float:
    """Mean difference in grey levels from Pillow's decode, crop and bicubic resize of the same view."""
    picture = open_picture(data)
    view = crop.view(*upright_size(picture), SIZE, numbers)
    rows, columns, size = view
    scale = reduction(picture, rows, columns)
    top, left = rows.start // scale * scale, columns.start // scale * scale  # as `show` has it
    box = (left, top, left + columns.length, top + rows.length)
    whole = Image.open(io.BytesIO(data)).convert("RGB").crop(box)
    resized = np.asarray(whole.resize((columns.resized, rows.resized), Image.Resampling.BICUBIC))
    square = resized[rows.cut : rows.cut + size, columns.cut : columns.cut + size].astype(int)
    return float(np.abs(show(picture, view).permute(1, 2, 0).numpy() - square).mean())


def read(folder: Path, count: int) -> list[bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    return [path.read_bytes() for path in paths[:count]]


def textures(count: int) -> Iterator[bytes]:
    """JPEGs of 500 x 375 whose spectrum falls off as a photograph's does."""
    random = np.random.default_rng(0)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(500), np.fft.fftfreq(375)))
    for _ in range(count):
        spectrum = np.fft.fft2(random.normal(size=(3, 375, 500))) / np.maximum(frequency, 1 / 500) ** 1.2
        levels = np.fft.ifft2(spectrum).real
        levels = 128 + 50 * levels / levels.std()
        yield encode(Image.fromarray(levels.clip(0, 255).astype(np.uint8).transpose(1, 2, 0)), quality=92)


def photographs(files: Sequence[bytes]) -> Iterator[bytes]:
    random = np.random.default_rng(0)
    for data in files:
        image = Image.open(io.BytesIO(data)).convert("RGB").resize((4032, 3024), Image.Resampling.BICUBIC)
        levels = np.asarray(image, np.int16) + random.normal(0, 4, (3024, 4032, 3)).astype(np.int16)
        yield encode(Image.fromarray(levels.clip(0, 255).astype(np.uint8)), quality=92)


def encode(image: Image.Image, *, quality: int) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return file.getvalue()


def decoder() -> str:
    if turbojpeg.decoder() is not None:
        return "libjpeg-turbo 3"
    return "simplejpeg" if installed("simplejpeg") else "Pillow"


def installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


if __name__ == "__main__":
    main()
