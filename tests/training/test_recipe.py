import pytest

from anmok.errors import RequestError
from anmok.training.recipe import Recipe


@pytest.mark.parametrize(
    ("name", "value"),
    [("epochs", 0), ("batch_size", 1), ("learning_rate", 0.0), ("weight_decay", -1.0), ("warmup", 1.0)],
)
def test_what_is_out_of_range_is_refused(name: str, value: float) -> None:
    with pytest.raises(RequestError, match=f"^The recipe's {name} is out of range: got {value}.$"):
        Recipe(**{name: value})
