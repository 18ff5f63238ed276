import tomllib

import pytest

from anmok.cli.app import main
from anmok.training.recipe import Recipe
from anmok.training.settings import read_settings


def test_recipes_are_listed_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    main(["recipes"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["default", "finetune", "airbench"]
    assert "mixup 0.2, RandAugment 2 x 15" in next(line for line in lines if line.startswith("augreg:medium1"))


def test_a_recipe_is_printed_with_its_origin_as_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    main(["recipes", "rsb:a3"])
    printed = capsys.readouterr().out
    assert "# Paper: Wightman et al. 2021, arXiv:2110.00476\n" in printed
    assert Recipe(**read_settings(tomllib.loads(printed))).epochs == 100


def test_a_recipe_that_does_not_exist_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["recipes", "dait"])
    assert leaving.value.code == 2
    assert capsys.readouterr().err == "anmok: No recipe is called 'dait'. Did you mean 'deit'?\n"
