from pathlib import Path

import numpy as np
import pytest

from anmok.errors import RequestError
from anmok.evaluation.error_costs import as_csv, cost_matrix, parse_error_costs, read_error_costs

CLASSES = ("cat", "dog", "owl")


def test_every_error_has_its_cost() -> None:
    costs = parse_error_costs("true,predicted,cost\ncat,dog,5\nowl,,3\nowl,cat,0\n", CLASSES)
    np.testing.assert_array_equal(cost_matrix(costs, CLASSES), [[0, 5, 1], [1, 0, 1], [0, 3, 0]])


def test_a_cost_by_class_is_that_of_every_error_on_it() -> None:
    costs = parse_error_costs("class,cost\ndog,4\ncat,2\n", CLASSES)
    np.testing.assert_array_equal(cost_matrix(costs, CLASSES), [[0, 2, 2], [4, 0, 4], [1, 1, 0]])
    assert costs == parse_error_costs("true,predicted,cost\ndog,,4\ncat,,2\n", CLASSES)


def test_the_same_costs_are_the_same_text(tmp_path: Path) -> None:
    path = tmp_path / "costs.csv"
    path.write_text('\ufeffnote, cost,true ,predicted\nworst, 5.0, "cat",dog\n,1e-1,dog,cat\n,0,dog,dog\n', "utf-8")
    costs = read_error_costs(path, CLASSES)
    assert as_csv(costs) == "true,predicted,cost\ncat,dog,5\ndog,cat,0.1\ndog,dog,0\n"
    assert parse_error_costs(as_csv(costs), CLASSES) == costs


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"^--costs takes a CSV file with the columns true,predicted,cost or class,cost: this one has none\."),
        ("from,to,cost\ncat,dog,1", r"this one has from,to,cost\.$"),
        ("class,cost\n", r"^--costs needs a row for every error that does not cost 1, .* it has none\.$"),
        ("class,cost\ncat,2\ndgo,3", r"^--costs names classes of the images: row 2 has 'dgo'\. Did you mean 'dog'\?$"),
        ("class,cost\nhorse,2", r"row 1 has 'horse'\. The classes are cat, dog, owl\.$"),
        ("true,predicted,cost\ncat,,2\n,dog,3", r"row 2 has ''\."),
        ("class,cost\ncat,-1", r"^A cost is a number, 0 or more: row 1 of --costs has '-1'\.$"),
        ("class,cost\ncat,much", r"row 1 of --costs has 'much'\.$"),
        ("class,cost\ncat,nan", r"row 1 of --costs has 'nan'\.$"),
        ("class,cost\ncat", r"row 1 of --costs has ''\.$"),
        ("true,predicted,cost\ncat,cat,2", r"^A right answer costs nothing: row 1 of --costs has 'cat,cat'\."),
        ("class,cost\ncat,2\ncat,3", r"^Every error has one cost: row 2 of --costs is about 'cat' again\."),
        ("class,cost\ncat,2\ndog,2\nowl,2", r"^With these --costs every error costs the same, which is accuracy\."),
    ],
)
def test_what_cannot_be_used_is_one_sentence(text: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        parse_error_costs(text, CLASSES)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"costs\.csv' cannot be read \(No such file or directory\)\.$"):
        read_error_costs(tmp_path / "costs.csv", CLASSES)
    (tmp_path / "costs.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RequestError, match=r"costs\.csv' cannot be read \("):
        read_error_costs(tmp_path / "costs.csv", CLASSES)
