from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from anmok.catalogue import create_model
from anmok.data import Batches, Order
from anmok.errors import RequestError
from anmok.training.classifier import ClassifierConfig, ImageClassifier, save_classifier
from anmok.training.image_classification import ImageClassification
from anmok.training.job import Fit
from anmok.training.loop import fit
from anmok.training.recipe import Distillation, Precision, Recipe
from anmok.training.teacher import find_teacher
from random_classifiers import random_classifier

CLASSES = ("cat", "dog", "owl")


def test_a_saved_classifier_teaches_at_its_own_size(tmp_path: Path) -> None:
    classifier = random_classifier()
    save_classifier(classifier, tmp_path / "run" / "best")
    images = torch.rand(2, 3, 32, 32)
    for directory in (tmp_path / "run", tmp_path / "run" / "best"):
        teacher = find_teacher(directory, CLASSES)
        torch.testing.assert_close(teacher(images), classifier(images))
    assert teacher(torch.rand(2, 3, 48, 40)).shape == (2, 3)


def test_a_module_of_the_users_teaches_as_it_is() -> None:
    module = nn.Linear(2, 2)
    assert find_teacher(module, CLASSES) is module


def test_other_classes_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_classifier(random_classifier(), tmp_path)
    with pytest.raises(RequestError, match=r"knows 3 \(cat, dog, owl\), and the images have 2 \(ant, bee\)\. Train"):
        find_teacher(tmp_path, ("ant", "bee"))
    backbone = create_model("mlp_nano", num_classes=10)
    monkeypatch.setattr("anmok.training.teacher.create_model", lambda *_, **__: backbone)
    with pytest.raises(RequestError, match=r"the public weights of mlp_nano have 10 classes, and the images have 3\."):
        find_teacher("mlp_nano", CLASSES)


def test_public_weights_teach_with_their_own_preprocessing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = create_model("mlp_nano", num_classes=3)
    save_file(backbone.state_dict(), tmp_path / "model.safetensors")
    monkeypatch.setattr("anmok.training.teacher.create_model", lambda *_, **__: backbone)
    teacher = find_teacher("mlp_nano", CLASSES).eval()
    images = torch.rand(2, 3, 32, 32)
    mean, std = (torch.tensor(x)[:, None, None] for x in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    torch.testing.assert_close(teacher(images), backbone.eval()((images - mean) / std))


class _Known(nn.Module):
    """Always the second class."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        assert not self.training
        assert not torch.is_grad_enabled()
        return torch.tensor([[0.0, 9.0, 0.0]]).expand(len(images), 3)


@pytest.mark.parametrize(("model", "kind"), [("deit_nano", Distillation.HARD), ("mlp_nano", Distillation.SOFT)])
def test_students_with_and_without_a_token_learn_from_the_teacher(model: str, kind: Distillation) -> None:
    """The labels say cat, the teacher dog: a token's head learns the teacher's answer and the other the labels'."""
    random = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (16, 3, 32, 32), generator=random, dtype=torch.uint8).numpy()
    torch.manual_seed(0)
    config = ClassifierConfig(model=model, classes=CLASSES, image_size=32, mean=(0.5,) * 3, std=(0.3,) * 3)
    student = ImageClassifier(config)
    recipe = Recipe(
        epochs=4, batch_size=8, precision=Precision.FP32, label_smoothing=0.0, distillation=kind,
        distillation_weight=0.5 if student.distilled else 0.9,
    )  # fmt: skip
    labels = torch.zeros(16, dtype=torch.int64).numpy()
    order = Order(torch.arange(16).numpy(), batch_size=8, seed=0)
    job = Fit(
        network=student, train=Batches(pixels, labels, order), recipe=recipe, device=torch.device("cpu"), seed=0,
        task=ImageClassification(teacher=_Known()),
    )  # fmt: skip
    fit(job)
    answers = student.training_logits(torch.from_numpy(pixels) / 255)
    assert student.distilled == (len(answers) == 2)
    assert (answers[-1].argmax(1) == 1).all()
    assert not student.distilled or (answers[0].argmax(1) == 0).all()
    with pytest.raises(RequestError, match=r"^A teacher belongs to a recipe that distils: got distillation 'none' and"):
        fit(replace(job, recipe=Recipe()))
