"""The training behind `anmok train`: from labelled images to a model in best/, and what other tasks share of it."""

import warnings
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import nn

from anmok.api.train_images import TrainImages, read_images, split_images
from anmok.api.train_notes import notes_of
from anmok.api.train_request import TrainRequest
from anmok.catalogue import create_model, require_model, split_tag
from anmok.data import ImageData
from anmok.data.atomic import written_whole
from anmok.evaluation.measurements import Measurement
from anmok.evaluation.metrics import Proportion, accuracy
from anmok.selection.observer import Observer
from anmok.selection.run_directory import RunDirectory
from anmok.training.classifier import CONFIG, ClassifierConfig, ImageClassifier, save_classifier
from anmok.training.distributed import is_first, wait_for_all
from anmok.training.finder import find_learning_rate
from anmok.training.image_classification import ImageClassification
from anmok.training.inference import probabilities
from anmok.training.job import Fit
from anmok.training.logs import Log
from anmok.training.loop import fit
from anmok.training.losses import class_weights
from anmok.training.pretrained import Source, preprocessing, weights_of
from anmok.training.recipe import ClassBalance, Recipe
from anmok.training.recipes import read_recipe, recipe_toml
from anmok.training.teacher import find_teacher


@dataclass(frozen=True)
class TrainJob:
    """The training of one request, in a run directory that has been claimed."""

    request: TrainRequest
    run: RunDirectory
    device: torch.device
    observer: Observer
    logs: tuple[str, ...]
    shard: bool

    def train_on(self, data: ImageData, pretrained: Source, teacher: str | Path | nn.Module | None) -> None:
        """Split, train, test and save, unless that is done."""
        if (self.run.best / CONFIG).exists():
            return
        request = self.request
        size = request.recipe.image_size or require_model(split_tag(request.model)[0]).spec.img_size[0]
        if is_first():
            split_images(data, self.run, request.seed, self.observer)
            read_images(data, self.run, request.recipe, size).decode(self.observer)
        wait_for_all()
        self._train(read_images(data, self.run, request.recipe, size), pretrained, teacher)

    def settle(self, job: Fit) -> Recipe:
        """The recipe with its learning rate; searched for once, where that was asked for, and written down."""
        path = self.run.root / "recipe.toml"
        if path.exists():
            return read_recipe(str(path))
        recipe = job.recipe
        if self.request.search_rate:
            self.observer.stage("Learning rate")
            found = find_learning_rate(job).suggestion
            self.observer.note(f"learning rate: {found:g}")
            recipe = replace(recipe, learning_rate=found, learning_rate_batch=None)
        if is_first():
            with written_whole(path) as partial:
                partial.write_text(recipe_toml(recipe), encoding="utf-8")
        return recipe

    def on_epoch(self, measure: str) -> Log:
        """What tells the observer and the logs how an epoch went; `measure` is that of the training's task."""
        return notes_of(self.observer, self.logs, self.run.root, measure)

    def _train(self, images: TrainImages, pretrained: Source, teacher: str | Path | nn.Module | None) -> None:
        request = self.request
        torch.manual_seed(request.seed)
        if self.shard:  # it warns of a danger that the zoo avoids: no output of a block is changed in place
            warnings.filterwarnings("ignore", "FSDP2-wrapped module", UserWarning)
        classifier = self._classifier(images, pretrained)
        balanced = request.recipe.class_balance is ClassBalance.LOSS
        classes = images.data.classes
        job = Fit(
            network=classifier,
            task=ImageClassification(
                num_classes=len(classes),
                class_weights=class_weights(images.labels(*images.learned), len(classes)) if balanced else None,
                teacher=find_teacher(teacher, classes) if teacher is not None else None,
            ),
            train=images.training(request.seed),
            recipe=request.recipe,
            device=self.device,
            seed=request.seed,
            select=images.evaluation("select") if request.recipe.evaluations else None,
            checkpoint=self.run.checkpoint("train", "last"),
            shard=self.shard,
            on_epoch=self.on_epoch(ImageClassification.measure),
            on_step=lambda done, total: self.observer.progress(done, total, ""),
        )
        recipe = self.settle(job)
        self.observer.stage(f"Training {request.model}")
        result = fit(replace(job, recipe=recipe))
        self.observer.stage("Test")
        answers = probabilities(classifier, images.evaluation("test"), self.device)
        tested = accuracy(answers.argmax(1) == images.labels("test"))
        if is_first():
            self._keep(images, classifier, recipe, tested, result.seconds)

    def _classifier(self, images: TrainImages, pretrained: Source) -> ImageClassifier:
        request, recipe = self.request, self.request.recipe
        name, _ = split_tag(request.model)
        has_auxiliary = hasattr(require_model(name).spec, "auxiliary") and recipe.auxiliary_weight > 0
        pretrained = weights_of(pretrained)
        backbone = create_model(
            request.model,
            pretrained,
            num_classes=len(images.data.classes),
            img_size=images.test_size,
            drop_rate=recipe.drop_rate,
            drop_path_rate=recipe.drop_path_rate,
            auxiliary=True if has_auxiliary else None,
        )
        mean, std = preprocessing(pretrained, backbone) if pretrained else images.statistics()
        config = ClassifierConfig(
            model=name,
            classes=images.data.classes,
            image_size=images.test_size,
            mean=mean,
            std=std,
            crop_share=images.crop_share,
        )
        return ImageClassifier(config, backbone=backbone)

    def _keep(
        self, images: TrainImages, classifier: ImageClassifier, recipe: Recipe, tested: Proportion, seconds: float
    ) -> None:
        request = self.request
        facts = {
            "data": request.data,
            "recipe": asdict(recipe),
            "train_images": len(images.labels(*images.learned)),
            "test_accuracy": tested.value,
            "test_interval": [tested.low, tested.high],
            "test_images": tested.n,
            "seed": request.seed,
            "pretrained": request.pretrained,
            "teacher": request.teacher,
        }
        row = Measurement(
            subject=request.model, metric="test_accuracy", value=tested.value, unit="share", low=tested.low,
            high=tested.high, n=tested.n, seed=request.seed, conditions={"stage": "train"},
        )  # fmt: skip
        took = replace(row, metric="train_seconds", value=seconds, unit="s", low=None, high=None, n=None)
        self.run.best.mkdir(exist_ok=True)
        (self.run.best / "recipe.toml").write_text(recipe_toml(recipe), encoding="utf-8")
        self.run.measurements.append([took, row])
        save_classifier(classifier.cpu(), self.run.best, facts)
