import tomllib
from pathlib import Path

import pytest

from anmok.errors import RequestError, UnknownNameError
from anmok.training.recipe import Distillation, Optimizer, Recipe, Schedule
from anmok.training.recipes import choose_recipe, list_recipes, read_recipe, recipe_card, recipe_toml

FAMILIES = {
    *("default", "finetune", "resnet", "googlenet", "efficientnet", "vit", "augreg", "deit", "swin"),
    *("convnext", "coatnet", "cmt", "rsb", "airbench"),
    *("segmentation", "text_cnn", "translation", "transformer", "gcn", "graph_network"),
}
OURS = ("default", "finetune", "segmentation", "translation", "graph_network")  # of no paper


def test_these_recipes_come_with_anmok() -> None:
    names = [card.name for card in list_recipes()]
    assert names[:2] == ["default", "finetune"]
    assert {name.partition(":")[0] for name in names} == FAMILIES
    levels = [name for name in names if ":" in name]
    assert levels == [
        *(f"augreg:{level}" for level in ("none", "light1", "light2", "medium1", "medium2", "strong1", "strong2")),
        *("deit:hard", "deit:soft", "rsb:a1", "rsb:a2", "rsb:a3"),
    ]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("card", list_recipes(), ids=lambda card: card.name)
def test_each_says_where_it_is_from_and_is_read_back_from_what_it_prints(card, tmp_path: Path) -> None:
    assert card.summary
    assert card.source
    assert all(note.endswith(".") for note in card.notes)
    assert bool(card.paper) == (card.name not in OURS)
    assert read_recipe(card.name) == card.recipe
    (tmp_path / "mine.toml").write_text(card.toml())
    mine = recipe_card(str(tmp_path / "mine.toml"))
    assert mine.recipe == card.recipe
    assert card.source.split()[0] in card.toml()
    assert all(len(line) <= 120 for line in card.toml().splitlines())


def test_the_papers_trainings_are_seen_through() -> None:
    for card in list_recipes():
        if card.paper:
            assert card.recipe.patience >= card.recipe.evaluations
            assert card.recipe.learning_rate_batch or card.name == "gcn"  # its batch is the graph


def test_the_default_is_the_default() -> None:
    assert read_recipe("default") == Recipe()
    assert choose_recipe(pretrained=False) == "default"
    assert choose_recipe(pretrained=True) == "finetune"
    tuned = read_recipe("finetune")
    assert tuned.layer_decay < 1
    assert tuned.head_epochs > 0


@pytest.mark.parametrize(
    ("level", "mixup", "layers", "magnitude"),
    [
        ("none", 0.0, 0, None),
        ("light1", 0.0, 2, 0.0),
        ("light2", 0.2, 2, 10.0),
        ("medium1", 0.2, 2, 15.0),
        ("medium2", 0.5, 2, 15.0),
        ("strong1", 0.5, 2, 20.0),
        ("strong2", 0.8, 2, 20.0),
    ],
)
def test_augregs_levels_are_as_published(level: str, mixup: float, layers: int, magnitude: float | None) -> None:
    recipe = read_recipe(f"augreg:{level}")
    assert (recipe.mixup, recipe.randaugment_layers) == (mixup, layers)
    if magnitude is not None:
        assert (recipe.randaugment_magnitude, recipe.randaugment_deviation) == (magnitude, 0.0)
        assert recipe.randaugment_probability == 1.0
    assert (recipe.weight_decay, recipe.drop_rate, recipe.drop_path_rate, recipe.cutmix) == (0.1, 0.0, 0.0, 0.0)
    assert (recipe.epochs, recipe.learning_rate, recipe.learning_rate_batch) == (300, 1e-3, 4096)


def test_figures_of_the_other_papers() -> None:
    resnet, googlenet, efficientnet = (read_recipe(name) for name in ("resnet", "googlenet", "efficientnet"))
    assert (resnet.optimizer, resnet.learning_rate, resnet.weight_decay) == (Optimizer.SGD, 0.1, 1e-4)
    assert googlenet.auxiliary_weight == 0.3
    assert (efficientnet.optimizer, efficientnet.schedule) == (Optimizer.RMSPROP, Schedule.EXPONENTIAL)
    assert (efficientnet.decay, efficientnet.decay_epochs, efficientnet.ema_decay) == (0.97, 2.4, 0.9999)
    hard, soft = read_recipe("deit:hard"), read_recipe("deit:soft")
    assert (hard.distillation, hard.distillation_weight) == (Distillation.HARD, 0.5)
    assert (soft.distillation, soft.distillation_weight, soft.temperature) == (Distillation.SOFT, 0.1, 3.0)
    lengths = [(r.epochs, r.learning_rate, r.weight_decay) for r in map(read_recipe, ("rsb:a1", "rsb:a2", "rsb:a3"))]
    assert lengths == [(600, 5e-3, 0.01), (300, 5e-3, 0.02), (100, 8e-3, 0.02)]
    assert (read_recipe("rsb:a3").image_size, read_recipe("rsb:a3").test_size) == (160, 224)


@pytest.mark.parametrize(("name", "level"), [("augreg", "medium1"), ("rsb", "a2")])
def test_a_bare_name_with_levels_takes_the_one_that_it_says(name: str, level: str) -> None:
    card = recipe_card(name)
    assert card == recipe_card(f"{name}:{level}")
    assert card.name == f"{name}:{level}"
    assert card.summary.endswith(f"what '{name}' alone means")


def test_settings_can_be_changed_by_text() -> None:
    recipe = read_recipe("augreg:medium1", {"learning_rate": "3e-4", "drop_path_rate": "0.1", "epochs": "20"})
    assert (recipe.learning_rate, recipe.drop_path_rate, recipe.epochs, recipe.mixup) == (3e-4, 0.1, 20, 0.2)
    assert read_recipe("resnet", {"schedule": "cosine"}).milestones == ()
    with pytest.raises(RequestError, match=r"^The recipe's mixup is out of range: got 33.0. Choose 0 to 32.$"):
        read_recipe("deit", {"mixup": "33"})


def test_a_file_may_have_levels_and_an_origin(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('summary = "Mine"\nepochs = 5\n[levels.long]\nepochs = 50\nsummary = "long"\n')
    assert read_recipe(str(path)) == Recipe(epochs=5)
    card = recipe_card(f"{path}:long")
    assert (card.recipe, card.summary) == (Recipe(epochs=50), "Mine; long")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("augrag", "No recipe is called 'augrag'. Did you mean 'augreg'?"),
        ("zzz", "No recipe is called 'zzz'. `anmok recipes` lists all; a file's name ends in .toml."),
        ("augreg:medium3", "The recipe 'augreg' has no level 'medium3'. Did you mean 'medium2'?"),
        ("rsb:zzz", "The recipe 'rsb' has no level 'zzz'. Choose a1, a2, a3."),
        ("swin:strong1", "The recipe 'swin' has no levels: got 'strong1'. Leave ':strong1' out."),
    ],
)
def test_a_name_that_does_not_exist_is_refused(name: str, message: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        read_recipe(name)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs = ", "^A recipe is a TOML file: '.*mine.toml' is not"),
        ("levels = 3", "^A recipe's levels is a table of tables: got 3 in '.*mine.toml'. Mend it or drop it.$"),
        ("notes = 'one'", "^A recipe's notes is a list of texts: got one in"),
        ("epochs = 0", "^The recipe's epochs is out of range: got 0. Choose 1 or more.$"),
        ("[levels]\na = 3", "^A recipe's levels is a table of tables"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(RequestError, match=message):
        read_recipe(str(path))


def test_a_file_that_is_missing_is_refused() -> None:
    with pytest.raises(RequestError, match=r"^A recipe is read from a file that exists: got 'none.toml'."):
        read_recipe("none.toml")


def test_the_file_that_is_kept_beside_weights_is_whole() -> None:
    stored = tomllib.loads(recipe_toml(read_recipe("deit")))
    assert stored["mixup"] == 0.8
    assert stored["precision"] == "auto"
