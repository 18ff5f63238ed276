"""What heat is scaled to, and what an explanation asks of an answer."""

from types import SimpleNamespace

import pytest
import torch

from anmok.errors import RequestError
from anmok.explain.absent import blurred
from anmok.explain.heat import logits_of, rectified, stretched


def test_the_maximum_becomes_one_and_what_is_negative_nothing():
    heat = torch.tensor([[[-1.0, 2.0], [4.0, 1.0]], [[-1.0, -2.0], [0.0, -3.0]]])
    torch.testing.assert_close(rectified(heat), torch.tensor([[[0, 0.5], [1, 0.25]], [[0, 0], [0, 0]]]))


def test_a_few_outliers_do_not_leave_the_rest_black():
    heat = torch.ones(1, 10, 10)
    heat[0, 0, 0] = 1000
    assert torch.equal(rectified(heat, saturated=0.01), torch.ones(1, 10, 10))
    assert torch.equal(rectified(heat - 1, saturated=0.01).nonzero(), torch.tensor([[0, 0, 0]]))


def test_a_stretched_map_goes_from_nothing_to_one():
    heat = stretched(torch.tensor([[[3.0, 4.0], [5.0, 3.0]], [[2.0, 2.0], [2.0, 2.0]]]))
    torch.testing.assert_close(heat, torch.tensor([[[0, 0.5], [1, 0]], [[0, 0], [0, 0]]]))


def test_blurring_keeps_the_mean_of_an_even_image_and_takes_the_detail():
    even = torch.full((1, 3, 20, 30), 0.3)
    torch.testing.assert_close(blurred(even), even)
    checks = (torch.arange(20)[:, None] + torch.arange(30)).remainder(2).float().expand(1, 3, 20, 30)
    assert float((blurred(checks) - 0.5).abs().mean()) < 0.05


def test_logits_may_be_wrapped():
    logits = torch.zeros(2, 3)
    assert logits_of(logits) is logits
    assert logits_of((logits, None)) is logits
    assert logits_of(SimpleNamespace(logits=logits)) is logits


@pytest.mark.parametrize(("answer", "given"), [(torch.zeros(2, 3, 4), r"\(2, 3, 4\)"), ({"a": 1}, "dict")])
def test_what_has_no_logits(answer, given):
    message = rf"^An explanation needs a logit for each image and class: the network gives {given}.$"
    with pytest.raises(RequestError, match=message):
        logits_of(answer)
