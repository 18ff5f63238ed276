from concurrent.futures import ThreadPoolExecutor

import torch

from anmok.selection.kept import Trained, forget, keep, recall
from anmok.selection.run_directory import RunDirectory
from anmok.training.classifier import ClassifierConfig, ImageClassifier


def classifier(seed: int) -> ImageClassifier:
    torch.manual_seed(seed)
    return ImageClassifier(
        ClassifierConfig(model="mlp_nano", classes=("a", "b"), image_size=8, mean=(0.5,) * 3, std=(0.2,) * 3)
    )


def test_the_network_that_saw_most_images_is_recalled(tmp_path):
    run, networks = RunDirectory(tmp_path), [classifier(seed) for seed in range(3)]
    assert recall(run, "mlp_nano") is None
    keep(run, Trained("mlp_nano", 0.5, 0), networks[0])
    keep(run, Trained("mlp_nano", 1.0, 0), networks[1])
    keep(run, Trained("mlp_nano", 0.25, 0), networks[2])
    found = recall(run, "mlp_nano")
    assert torch.equal(found.backbone.head.weight, networks[1].backbone.head.weight)
    assert len(list((tmp_path / "trials" / "mlp_nano").iterdir())) == 1  # all others are dropped


def test_what_was_not_written_whole_is_not_there(tmp_path):
    run = RunDirectory(tmp_path)
    keep(run, Trained("mlp_nano", 0.5, 0), classifier(0))
    (tmp_path / "trials" / "mlp_nano" / "kept-1.0000").mkdir()
    assert recall(run, "mlp_nano") is not None


def test_a_name_with_a_slash_is_one_folder_and_all_is_forgotten(tmp_path):
    run = RunDirectory(tmp_path)
    keep(run, Trained("hf:owner/name", 1.0, 0), classifier(0))
    assert recall(run, "hf:owner/name") is not None
    other = run.checkpoint("mlp_nano", "race")
    other.parent.mkdir()
    other.touch()
    forget(run)
    assert recall(run, "hf:owner/name") is None
    assert other.exists()


def test_of_as_many_images_the_first_seed_counts_whoever_ends_last(tmp_path):
    run, networks = RunDirectory(tmp_path), [classifier(seed) for seed in range(3)]
    for seed in (1, 0, 2):
        keep(run, Trained("mlp_nano", 1.0, seed), networks[seed])
    assert torch.equal(recall(run, "mlp_nano").backbone.head.weight, networks[0].backbone.head.weight)


def test_the_same_training_may_be_kept_twice_at_a_time(tmp_path):
    """As when a worker outlives a killed run for a moment and the resumed one repeats its training."""
    run = RunDirectory(tmp_path)
    with ThreadPoolExecutor(4) as threads:
        for future in [threads.submit(keep, run, Trained("mlp_nano", 1.0, 0), classifier(0)) for _ in range(12)]:
            future.result()
    assert recall(run, "mlp_nano") is not None
