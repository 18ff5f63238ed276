from dataclasses import replace

import pytest

from anmok.data import Audit, Finding, Spread, Unreadable, resolvable_difference

CLEAN = Audit(
    num_images=1200,
    class_counts={"cat": 700, "dog": 500},
    distinct_counts={"cat": 700, "dog": 500},
    unreadable=[],
    strays=[],
    exact_duplicates=[],
    near_duplicates=[],
    label_conflicts=[],
    leaks=[],
    leaked=[],
    width=Spread(100, 200, 4000),
    height=Spread(100, 150, 3000),
    short_side=Spread(100, 150, 3000),
    odd_sizes=[],
    odd_aspects=[],
    grey_share=0.25,
    num_select=160,
)


def warning(**changes: object) -> str:
    (finding,) = (finding for finding in replace(CLEAN, **changes).findings() if finding.severity == "warning")
    return finding.text


def test_clean_data_gets_facts_alone() -> None:
    assert CLEAN.findings() == [
        Finding("info", "1,200 readable images in 2 classes of 500 to 700."),
        Finding(
            "info",
            "Images are 100 to 4,000 px (median 200) wide and 100 to 3,000 px (median 150) high; 25% are grey.",
        ),
        Finding(
            "info",
            "With 160 images to compare models on, accuracies that differ by less than 5.0 points cannot be told "
            "apart (if two models disagree on 10 % of them).",
        ),
    ]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"unreadable": [Unreadable(3, "a.jpg", "image file is truncated")] * 2},
            "2 of 1,200 files cannot be read and will be left out, first 'a.jpg': image file is truncated.",
        ),
        (
            {"strays": ["x.jpg"]},
            "1 image has no label or class folder and will be left out, first 'x.jpg'.",
        ),
        (
            {"label_conflicts": [[1, 2], [3, 4, 5]]},
            "2 pictures appear under more than one label (5 images): no model can get all of these right.",
        ),
        (
            {"leaks": [[1, 2, 9]], "leaked": [1, 2]},
            "1 picture appears in more than one given split: 2 copies will leave train or select, and test stays "
            "whole.",
        ),
        (
            {"exact_duplicates": [[1, 2], [3, 4, 5]]},
            "3 images are exact copies of another; copies will share a split.",
        ),
        (
            {"near_duplicates": [[1, 2], [3, 4, 5]]},
            "5 images are near duplicates, in 2 groups of at most 3; each group will share a split.",
        ),
        (
            {"distinct_counts": {"a": 8, "b": 9, "c": 7, "d": 6}},
            "4 classes have fewer than 10 different images: 'a' (8), 'b' (9), 'c' (7) and 1 more.",
        ),
        ({"class_counts": {"a": 700, "b": 100}}, "Class 'a' has 7.0 times as many images as 'b'."),
        ({"odd_sizes": [1, 2]}, "2 images are over 5 times larger or smaller than the median."),
        (
            {"odd_aspects": [1]},
            "1 image is longer than 3:1, and only the square in the middle will be seen.",
        ),
    ],
)
def test_each_problem_is_one_sentence_with_numbers(changes: dict[str, object], text: str) -> None:
    assert warning(**changes) == text


def test_images_of_one_size_are_said_to_be_so() -> None:
    facts = replace(CLEAN, width=Spread(28, 28, 28), height=Spread(32, 32, 32), grey_share=1.0).findings()
    assert facts[1].text == "Images are 28 px wide and 32 px high; 100% are grey."


def test_the_resolvable_difference_is_two_standard_errors() -> None:
    """Two models that disagree on 10 % of 1,000 images: the difference of accuracies has a deviation of 1 %."""
    assert resolvable_difference(1000) == pytest.approx(2.0)
    assert resolvable_difference(250) == pytest.approx(4.0)
    assert resolvable_difference(1000, disagreement=0.4) == pytest.approx(4.0)
