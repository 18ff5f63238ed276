from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch.nn.functional import interpolate, log_softmax

from anmok.catalogue import create_model
from anmok.data import Augmentation
from anmok.data.border_weights import border_nearness
from anmok.data.mask_files import IGNORED, read_ids
from anmok.errors import DataError, ImageSizeError, RequestError
from anmok.evaluation.segmentation import count_pixels, mean_iou, stack
from anmok.tasks import find_task
from anmok.tasks.image_segmenter import build_segmenter, classes_of, logits_of
from anmok.tasks.segmentation import TASK, Segmentation
from anmok.tasks.segmentation_training import SegmentationTraining, Squares, median_frequency_weights
from anmok.training import loop
from anmok.training.choices import ClassBalance, Distillation, Precision
from anmok.training.loop import Fit, fit
from anmok.training.recipe import Recipe
from anmok.training.recipes import read_recipe
from anmok.training.task import Moment
from discs_and_bars import write_scenes

CPU = torch.device("cpu")
SMALL = Recipe(
    epochs=2, batch_size=4, evaluations=2, image_size=32, label_smoothing=0.0, augmentation=Augmentation.FLIP_CROP,
    precision=Precision.FP32,
)  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("yard")
    for seed, (split, count) in enumerate((("train", 12), ("val", 3), ("test", 5))):
        write_scenes(root / split, count, seed=100 * seed)
    (root / "classes.txt").write_text("ground\ndisc\nbar")
    return root


@pytest.fixture(scope="module")
def problem(root: Path) -> Segmentation:
    return TASK.open(root, 0)


def job(problem: Segmentation, name: str, recipe: Recipe = SMALL, **changes: object) -> Fit:
    torch.manual_seed(0)
    network = TASK.build(name, problem.config(), recipe, False)
    base = Fit(
        network=network, task=problem.training_task, train=problem.batches("train", recipe=recipe, seed=1),
        select=problem.batches("select", recipe=recipe, seed=None), recipe=recipe, device=CPU, seed=1,
    )  # fmt: skip
    return replace(base, **changes)


def weights(network: torch.nn.Module) -> list[bytes]:
    return [tensor.numpy().tobytes() for tensor in network.state_dict().values()]


def test_the_task_is_found_by_its_name_and_its_recipe_is_there(problem: Segmentation) -> None:
    assert find_task(TASK.task) is TASK
    recipe = read_recipe(TASK.recipe)
    job(problem, "resnet_nano", recipe)
    assert problem.splits.columns == ["id", "path", "mask", "split", "group"]
    assert [f.severity for f in problem.findings()].count("info") == 3
    config = problem.config()
    assert (config["classes"], config["ids"], config["void"]) == (["ground", "disc", "bar"], [0, 1, 2], [])


def test_a_network_learns_to_segment_and_is_tested(problem: Segmentation) -> None:
    recipe = replace(SMALL, epochs=12, evaluations=1, learning_rate=5e-3)
    training = job(problem, "resnet_nano", recipe)
    result = fit(training)
    assert result.best_score > 0.75
    assert result.seen == 12 * 12 * 32 * 32
    tested = problem.test(training.network, "test", CPU)
    assert [row.metric for row in tested.rows] == [
        *("test_mean_iou", "test_dice", "test_boundary_iou", "test_pixel_error"),
        *("test_iou_ground", "test_iou_disc", "test_iou_bar"),
    ]
    assert all(row.low <= row.value <= row.high and row.n == 5 for row in tested.rows)
    by_metric = {row.metric: row.value for row in tested.rows}
    assert by_metric["test_mean_iou"] == pytest.approx(
        np.mean([by_metric[f"test_iou_{name}"] for name in ("ground", "disc", "bar")])
    )
    assert by_metric["test_mean_iou"] > 0.7
    classes, worst = tested.sections
    assert [row[0] for row in classes.rows] == ["ground", "disc", "bar"]
    assert len(worst.pictures) == 5
    assert worst.pictures[0].caption.startswith("test/images/")
    score = problem.training_task.score(training.network, problem.batches("test", recipe=recipe, seed=None), CPU)
    assert score == pytest.approx(by_metric["test_mean_iou"])


@pytest.mark.parametrize("name", ["resnet_nano", "vit_nano", "cmt_nano", "unet_nano"])
def test_any_kind_of_encoder_is_trained_tested_and_answers(
    problem: Segmentation, root: Path, tmp_path: Path, name: str
) -> None:
    recipe = replace(SMALL, epochs=1, evaluations=1, batch_size=6, image_size=80 if name == "unet_nano" else 32)
    training = job(problem, name, recipe, train=problem.source(np.arange(6), recipe, 1))
    result = fit(training)
    assert np.isfinite(result.losses).all()
    assert len(problem.test(training.network, "select", CPU).rows) >= 5
    (answer,) = TASK.answer(training.network, problem.config(), [str(root / "test/images/001.png")], tmp_path)
    assert answer.answer == str(tmp_path / "001-mask.png")
    assert read_ids(Path(answer.answer).read_bytes(), "mask").shape == (48, 64)
    assert 1 / 3 < answer.probability <= 1
    again = TASK.build(name, problem.config(), Recipe(), False).eval()
    again.load_state_dict(training.network.state_dict())
    image = problem.data.images.read(0).transpose(2, 0, 1)
    torch.testing.assert_close(logits_of(again, image), logits_of(training.network, image), rtol=1e-3, atol=1e-3)


class _KilledError(Exception):
    """Stands for kill -9."""


def test_a_training_that_was_killed_goes_on_to_the_same_bits(
    problem: Segmentation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    monkeypatch.setattr(loop, "CHECKPOINT_SHARE", float("inf"))
    everything = replace(
        SMALL, elastic=3.0, border_weight=10.0, color_jitter=0.3, class_balance=ClassBalance.LOSS, drop_rate=0.2,
        augmentation=Augmentation.FLIP_RESIZED_CROP, label_smoothing=0.1,
    )  # fmt: skip
    whole = job(problem, "resnet_nano", everything)
    undisturbed = fit(whole)

    def die(done: int, total: int) -> None:
        if done == 2:
            raise _KilledError

    path = tmp_path / "last.safetensors"
    with pytest.raises(_KilledError):
        fit(job(problem, "resnet_nano", everything, checkpoint=path, on_step=die))
    resumed = job(problem, "resnet_nano", everything, checkpoint=path)
    result = fit(resumed)
    assert weights(resumed.network) == weights(whole.network)
    assert (result.losses, result.scores) == (undisturbed.losses, undisturbed.scores)


def logits_and_classes() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    classes = torch.randint(0, 3, (2, 6, 7))
    classes[:, :2, :3] = IGNORED
    return torch.randn(2, 3, 6, 7, dtype=torch.float64).float(), classes


@pytest.mark.parametrize("balance", [ClassBalance.NONE, ClassBalance.LOSS])
@pytest.mark.parametrize("border_weight", [0.0, 10.0])
def test_the_loss_is_equation_1_with_the_weights_of_equation_2(
    problem: Segmentation, balance: ClassBalance, border_weight: float
) -> None:
    logits, classes = logits_and_classes()
    task = SegmentationTraining(3, torch.tensor([0.5, 2.0, 3.0]))
    borders = border_weight * torch.rand(2, 6, 7) if border_weight else None
    squares = Squares(torch.rand(2, 3, 6, 7), classes, borders)
    recipe = replace(SMALL, class_balance=balance, border_weight=border_weight)
    training = job(problem, "resnet_nano", recipe)
    loss = task.loss(lambda _: [logits], squares, training)
    expected = 0.0
    for image, row, column in np.ndindex(2, 6, 7):
        label = int(classes[image, row, column])
        if label == IGNORED:
            continue
        weight = (0.5, 2.0, 3.0)[label] if balance is ClassBalance.LOSS else 1.0
        weight += float(borders[image, row, column]) if borders is not None else 0.0
        expected -= weight * float(log_softmax(logits[image, :, row, column].double(), 0)[label])
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    assert squares.weight == 2 * (6 * 7 - 6)
    parts = [task.loss(lambda _, i=i: [logits[i : i + 1]], squares.part(slice(i, i + 1)), training) for i in (0, 1)]
    assert float(sum(parts)) == pytest.approx(expected, rel=1e-5)
    blank = squares.blank()
    assert (len(blank), blank.weight) == (1, 1)
    assert float(task.loss(lambda _: [logits[:1]], blank, training)) == 0.0


def test_image_classes_and_borders_of_a_square_stay_together(problem: Segmentation) -> None:
    recipe = replace(SMALL, elastic=3.0, border_weight=10.0)
    training = job(problem, "resnet_nano", recipe)
    batch = next(iter(training.train.epoch(0)))
    squares = problem.training_task.examples(batch, Moment(0, 0), training)
    assert squares.images.shape == (4, 3, 32, 32)
    assert squares.borders.max() > 2
    red, green, blue = (255 * squares.images).unbind(1)
    discs, bars = red > green + 60, blue > green + 50
    assert (discs == (squares.classes == 1)).float().mean() > 0.95
    assert (bars == (squares.classes == 2)).float().mean() > 0.95


def test_a_network_without_padding_learns_from_the_middle(problem: Segmentation) -> None:
    recipe = replace(SMALL, image_size=88, border_weight=10.0, augmentation=Augmentation.NONE, shift=0.125)
    training = job(problem, "unet_nano", recipe)
    batch = next(iter(training.train.epoch(0)))
    squares = problem.training_task.examples(batch, Moment(0, 0), training)
    assert squares.images.shape == (4, 3, 88, 88)
    assert squares.classes.shape == squares.borders.shape == (4, 48, 48)
    id = int(next(training.train.order.batches(0)).rows[0])
    np.testing.assert_array_equal(squares.classes[0], problem.data.mask(id)[:, 8:56])
    np.testing.assert_allclose(squares.borders[0], 10 * border_nearness(problem.data.mask(id))[:, 8:56], atol=0.021)


def test_weights_are_the_median_frequency_over_each() -> None:
    areas = np.array([[80, 20, 0, 0], [50, 0, 50, 0], [90, 5, 5, 0]])
    frequencies = np.array([220 / 300, 25 / 200, 55 / 200])
    expected = [*(np.median(frequencies) / frequencies), 1.0]
    np.testing.assert_allclose(median_frequency_weights(areas), expected, rtol=1e-6)


def test_a_large_image_is_answered_at_its_own_size(problem: Segmentation, tmp_path: Path) -> None:
    network = job(problem, "resnet_nano").network.eval()
    rows, columns = np.mgrid[:540, :530]
    image = np.stack((rows % 251, columns % 251, (rows + columns) % 251), axis=2).astype(np.uint8)
    (tmp_path / "in" / "sub").mkdir(parents=True)
    for name in ("in/a.png", "in/sub/a.bmp"):
        Image.fromarray(image).save(tmp_path / name)
    config = problem.config() | {"ids": [7, 0, 255]}
    answers = list(TASK.answer(network, config, [str(tmp_path / "in")], tmp_path / "out"))
    assert [Path(answer.answer).name for answer in answers] == ["a-mask.png", "a-mask-2.png"]
    found = read_ids(Path(answers[0].answer).read_bytes(), "mask")
    assert found.shape == (540, 530)
    assert set(np.unique(found)) <= {7, 0, 255}
    logits = torch.randn(1, 3, 30, 40)
    enlarged = interpolate(logits, (45, 70), mode="bilinear")[0].argmax(0)
    np.testing.assert_array_equal(classes_of(logits, 45, 70), enlarged)


def said(network: torch.nn.Module, problem: Segmentation, id: int) -> np.ndarray:
    return classes_of(logits_of(network, problem.data.images.read(id).transpose(2, 0, 1)), 48, 64)


def test_further_images_are_tested_in_the_networks_classes(problem: Segmentation, root: Path, tmp_path: Path) -> None:
    network = job(problem, "resnet_nano").network.eval()
    write_scenes(tmp_path, 3, seed=200)  # those of the test split, without names
    (tmp_path / "masks" / "002.png").write_text("x")
    further = TASK.reopen(tmp_path, problem.config())
    assert further.splits["split"].null_count() == further.splits.height == 2
    assert [f.text for f in further.findings()] == [
        "'masks/002.png' cannot be read and is left out: it is not an image of a known kind."
    ]
    rows = further.test(network, None, CPU).rows
    again = TASK.reopen(root, problem.config())
    ids = problem.ids("test")[:2]
    expected = [count_pixels(said(network, problem, id), problem.data.mask(id), 3) for id in ids.tolist()]
    pooled = stack(expected).pooled()
    assert rows[0].value == pytest.approx(float(mean_iou(pooled)))
    assert again.config() == problem.config()
    with pytest.raises(DataError, match=r"^There are no train images in '.*'\. Name another split, or none\.$"):
        further.test(network, "train", CPU)


def refused(problem: Segmentation, name: str = "resnet_nano", **changes: object) -> str:
    with pytest.raises((RequestError, ImageSizeError)) as error:
        job(problem, name, SMALL.changed(changes))
    return str(error.value)


def test_settings_without_effect_are_refused(problem: Segmentation) -> None:
    assert refused(problem, mixup=0.2) == ("The recipe's mixup has no effect on segmentation: got 0.2. Leave it out.")
    assert "randaugment_layers has no effect" in refused(problem, randaugment_layers=2)
    assert "distillation has no effect" in refused(problem, distillation=Distillation.HARD)
    assert refused(problem, class_balance=ClassBalance.SAMPLING) == (
        "An image to be segmented has many classes: got class_balance='sampling'. Set it to 'loss', or leave it out."
    )


def test_squares_that_a_network_without_padding_sees_nothing_of_are_refused(problem: Segmentation) -> None:
    assert refused(problem, "unet_nano", image_size=64) == (
        "A network without padding learns from the middle of what it sees, 24 of 64 pixels a side. "
        "Set image_size to 80 or more."
    )
    assert refused(problem, "unet_nano", image_size=90).startswith(
        "This network takes heights and widths that are multiples of 4 pixels from 44 pixels: got 90 x 90."
    )


def test_too_few_images_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        TASK.open(write_scenes(tmp_path / "yard", 2), 0)
    assert str(error.value) == (
        "Images are needed to train, to select and to test: the 2 of 'yard' leave none for select. Add images."
    )


def test_a_folder_without_images_cannot_be_asked_about(problem: Segmentation, tmp_path: Path) -> None:
    network = job(problem, "resnet_nano").network
    with pytest.raises(DataError) as error:
        next(TASK.answer(network, problem.config(), [str(tmp_path)], tmp_path))
    assert str(error.value) == (
        f"Images are needed: '{tmp_path}' holds none. Give image files, or folders that hold some."
    )


def test_skips_can_be_left_out(problem: Segmentation) -> None:
    whole, without = (
        build_segmenter("resnet_nano", problem.config() | changes, SMALL, pretrained=False)
        for changes in ({}, {"skips": False})
    )
    assert sum(p.numel() for p in without.parameters()) < sum(p.numel() for p in whole.parameters())


def test_pretrained_weights_bring_the_colours_that_they_know(problem: Segmentation, tmp_path: Path) -> None:
    backbone = create_model("resnet_nano", num_classes=5)
    save_file(backbone.state_dict(), tmp_path / "weights.safetensors")
    recipe = replace(SMALL, drop_rate=0.3)
    network = build_segmenter("resnet_nano", problem.config(), recipe, pretrained=tmp_path / "weights.safetensors")
    assert torch.equal(network.network.encoder.model.stem.conv.weight, backbone.stem.conv.weight)
    assert network.network.dropout.p == 0.3
    known = backbone.pretrained_cfg
    assert network.mean.tolist() == pytest.approx(known["mean"])
    assert network.std.tolist() == pytest.approx(known["std"])
    plain = build_segmenter("resnet_nano", problem.config(), recipe, pretrained=False)
    assert plain.state_dict()["mean"].tolist() == pytest.approx(problem.config()["mean"])
    assert list(plain.state_dict()) == list(network.state_dict())
