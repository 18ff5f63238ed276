"""The training behind `anmok train`: from images that are ready to a model in best/."""

import warnings
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import nn

from anmok.api.train_images import TrainImages
from anmok.api.train_request import TrainRequest
from anmok.catalogue import create_model, require_model, split_tag
from anmok.data.atomic import written_whole
from anmok.evaluation.measurements import Measurement
from anmok.evaluation.metrics import Proportion, accuracy
from anmok.selection.observer import Observer
from anmok.training.classifier import ClassifierConfig, ImageClassifier, save_classifier
from anmok.training.distributed import is_first
from anmok.training.finder import find_learning_rate
from anmok.training.image_classification import ImageClassification
from anmok.training.inference import probabilities
from anmok.training.job import EpochProgress, Fit
from anmok.training.logs import Log, open_logs
from anmok.training.loop import fit
from anmok.training.losses import class_weights
from anmok.training.pretrained import preprocessing, weights_of
from anmok.training.recipe import ClassBalance, Recipe
from anmok.training.recipes import read_recipe, recipe_toml
from anmok.training.teacher import find_teacher


@dataclass(frozen=True)
class TrainJob:
    """The training of one request, on images that are ready."""

    request: TrainRequest
    images: TrainImages
    device: torch.device
    observer: Observer
    logs: tuple[str, ...]
    shard: bool

    def run(self, pretrained: bool | str | Path, teacher: str | Path | nn.Module | None) -> None:  # noqa: FBT001
        """Train, test, save."""
        images, request = self.images, self.request
        torch.manual_seed(request.seed)
        if self.shard:  # it warns of a danger that the zoo avoids: no output of a block is changed in place
            warnings.filterwarnings("ignore", "FSDP2-wrapped module", UserWarning)
        classifier = self._classifier(pretrained)
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
            checkpoint=images.run.checkpoint("train", "last"),
            shard=self.shard,
            on_epoch=self._on_epoch(),
            on_step=lambda done, total: self.observer.progress(done, total, ""),
        )
        recipe = self._settle(job)
        self.observer.stage(f"Training {request.model}")
        result = fit(replace(job, recipe=recipe))
        self.observer.stage("Test")
        answers = probabilities(classifier, images.evaluation("test"), self.device)
        tested = accuracy(answers.argmax(1) == images.labels("test"))
        if is_first():
            self._keep(classifier, recipe, tested, result.seconds)

    def _classifier(self, pretrained: bool | str | Path) -> ImageClassifier:  # noqa: FBT001
        request, images, recipe = self.request, self.images, self.request.recipe
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

    def _settle(self, job: Fit) -> Recipe:
        """The recipe with its learning rate; searched for once, where that was asked for, and written down."""
        path = self.images.run.root / "recipe.toml"
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

    def _on_epoch(self) -> Log:
        logs = open_logs(self.logs, self.images.run.root) if is_first() else []

        def tell(progress: EpochProgress) -> None:
            judged = "" if progress.score is None else f", {100 * progress.score:.1f} % of the select images right"
            rate = f"{progress.rate:,.0f} images/s"
            self.observer.note(f"epoch {progress.epoch}: loss {progress.loss:.3f}{judged}, {rate}")
            if progress.note:
                self.observer.note(progress.note)
            for log in logs:
                log(progress)

        return tell

    def _keep(self, classifier: ImageClassifier, recipe: Recipe, tested: Proportion, seconds: float) -> None:
        request, images = self.request, self.images
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
        images.run.best.mkdir(exist_ok=True)
        (images.run.best / "recipe.toml").write_text(recipe_toml(recipe), encoding="utf-8")
        images.run.measurements.append([took, row])
        save_classifier(classifier.cpu(), images.run.best, facts)
