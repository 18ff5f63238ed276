import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anmok.data import load_data
from anmok.data.fashion import CLASSES
from anmok.errors import DataError

PACK = Path(__file__).parents[3] / "shared" / "data" / "fashion_mnist_sub" / "fashion_mnist_sub.npz"
ASSETS = Path(__file__).parents[2] / "src" / "anmok" / "data" / "assets"


def test_the_built_in_set_is_balanced() -> None:
    data = load_data("fashion")
    assert data.classes == CLASSES == tuple(sorted(CLASSES))
    counts = data.samples.group_by("split", "label").len().sort("split", "label")
    assert counts["len"].to_list() == [100] * 10 + [400] * 10
    assert data.path(0) == "fashion/train/00000"
    assert data.path(4999) == "fashion/test/00999"


def test_the_images_are_grey_and_all_different() -> None:
    data = load_data("fashion")
    images = np.stack([data.read(id) for id in range(5000)])
    assert images.shape == (5000, 28, 28, 3)
    assert (images == images[..., :1]).all()
    assert len({image.tobytes() for image in images}) == 5000


def test_the_sheets_take_at_most_three_megabytes() -> None:
    assert sum(path.stat().st_size for path in ASSETS.iterdir()) < 3e6


def test_the_pixels_are_those_that_were_published() -> None:
    """The images are bit for bit those of the original files: their digests when the sheets were made."""
    data = load_data("fashion")
    pixels = b"".join(data.read(id)[:, :, 0].tobytes() for id in range(5000))
    assert hashlib.sha256(pixels).hexdigest() == "8f15f98cb17bda78c4409e66b3c366c451c2cbcc8af46091cf574b3501e728e7"


@pytest.mark.skipif(not PACK.exists(), reason="the shared copy of Fashion-MNIST is not here")
def test_an_independent_copy_has_the_same_images_under_the_same_names() -> None:
    """The copy holds a random sixth of Fashion-MNIST, so about a sixth of our images must be in it."""
    fashion = load_data("fashion")
    ours = {fashion.read(id)[:, :, 0].tobytes(): CLASSES[fashion.samples["label"][id]] for id in range(5000)}
    pack = np.load(PACK, allow_pickle=False)
    data, offset, classes = pack["data"], pack["offset"], pack["classes"]
    common = 0
    for label, start, end in zip(pack["label"], offset[:-1], offset[1:], strict=True):
        pixels = np.asarray(Image.open(io.BytesIO(data[start:end].tobytes()))).tobytes()
        if pixels in ours:
            common += 1
            assert ours[pixels] == classes[label]
    assert 600 < common < 1200


def test_a_misspelt_name_is_an_error_that_helps() -> None:
    with pytest.raises(DataError, match=r"data set is called 'fashon'\. Did you mean 'fashion'\?"):
        load_data("fashon")


def test_another_kind_of_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(DataError, match=r"a folder or a manifest: '.*a\.txt' is another kind of file\. Give a folder,"):
        load_data(tmp_path / "a.txt")
