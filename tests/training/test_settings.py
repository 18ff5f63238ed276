import tomllib
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anmok.errors import RequestError, UnknownNameError
from anmok.training.recipe import Optimizer, Recipe, Schedule
from anmok.training.settings import read_settings, recipe_toml


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("epochs", "12", 12),
        ("epochs", "1e2", 100),
        ("learning_rate", "3e-4", 3e-4),
        ("learning_rate", 1, 1.0),
        ("optimizer", "lamb", Optimizer.LAMB),
        ("milestones", "0.5, 0.75", (0.5, 0.75)),
        ("milestones", "[0.5]", (0.5,)),
        ("milestones", [], ()),
        ("betas", [0.9, 0.95], (0.9, 0.95)),
        ("compile", "true", True),
        ("compile", False, False),
        ("image_size", "160", 160),
        ("image_size", "none", None),
        ("drop_rate", "none", None),
        ("drop_rate", "0.1", 0.1),
    ],
)
def test_text_and_toml_become_what_the_recipe_holds(name: str, text: object, value: Any) -> None:
    found = read_settings({name: text})[name]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("epochs", "many", "The recipe's epochs is a whole number: got 'many'. Give one, such as 30."),
        ("epochs", "2.5", "The recipe's epochs is a whole number: got '2.5'. Give one, such as 30."),
        ("epochs", True, "The recipe's epochs is a whole number: got 'True'. Give one, such as 30."),
        ("learning_rate", "none", "The recipe's learning_rate is a number: got 'none'. Give one, such as 0.1."),
        ("drop_rate", [1], "The recipe's drop_rate is a number or none: got '[1]'. Give one, such as 0.1."),
        ("compile", 1, "The recipe's compile is true or false: got '1'. Give one, such as true."),
        ("betas", "0.9", "The recipe's betas is a pair of numbers: got '0.9'. Give one, such as 0.9, 0.999."),
        ("milestones", "a", "The recipe's milestones is a list of numbers: got 'a'. Give one, such as 0.5, 0.75."),
        (
            "optimizer",
            "adam",
            "The recipe's optimizer is one of adamw, sgd, lamb, rmsprop, muon: got 'adam'. Did you mean 'adamw'?",
        ),
        (
            "schedule",
            "?",
            "The recipe's schedule is one of cosine, step, exponential, inverse-sqrt, constant: got '?'. "
            "Choose one of these.",
        ),
    ],
)
def test_what_is_of_another_kind_is_refused(name: str, given: object, message: str) -> None:
    with pytest.raises(RequestError) as caught:
        read_settings({name: given})
    assert str(caught.value) == message


def test_a_setting_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"^No setting of a recipe is called 'mixupp'. Did you mean 'mixup'?"):
        read_settings({"mixupp": 1})
    with pytest.raises(UnknownNameError, match=r"is called 'q'. `anmok recipes default` shows all.$"):
        read_settings({"q": 1})


@given(
    learning_rate=st.floats(1e-9, 1e3),
    betas=st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)),
    milestones=st.lists(st.floats(0.01, 0.99), min_size=1, max_size=4, unique=True).map(sorted).map(tuple),
    image_size=st.none() | st.integers(16, 4096),
    compile=st.booleans(),
)
def test_what_is_written_down_is_read_back_to_the_bit(**settings: Any) -> None:
    recipe = Recipe(schedule=Schedule.STEP, **settings)
    text = recipe_toml(recipe)
    assert Recipe(**read_settings(tomllib.loads(text))) == recipe
    assert len(text.splitlines()) == len([f for f in fields(Recipe) if getattr(recipe, f.name) is not None])
