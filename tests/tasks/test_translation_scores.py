from math import exp, log

import pytest

from anmok.tasks import translation_scores
from anmok.tasks.section import Picture
from anmok.tasks.translation_scores import Translations, bleu, chrf, lengths_apart

pytest.importorskip("sacrebleu")
SOURCES = [" ".join(["Wort"] * n) for n in (3, 4, 4, 5, 6, 6, 7, 8, 9, 20)]
REFERENCES = [" ".join(f"w{i}" for i in range(n)) for n in range(5, 15)]


def test_equal_texts_have_all_points() -> None:
    same = Translations("de", SOURCES, REFERENCES, REFERENCES)
    for score in (bleu(same), chrf(same)):
        assert (score.value, score.low, score.high) == pytest.approx((100, 100, 100))


def test_bleu_is_the_papers_formula() -> None:
    # One sentence: 5 of 6 words, 3 of 5 pairs, 2 of 4 triples and 1 of 3 fours are right; 6 words against 7.
    found = Translations("de", ["x"], ["the cat sat on the mat today"], ["the cat sat on a mat"])
    counted = [5 / 6, 3 / 5, 2 / 4, 1 / 3]
    expected = 100 * exp(1 - 7 / 6) * exp(sum(map(log, counted)) / 4)
    assert bleu(found).value == pytest.approx(expected)


def test_intervals_hold_the_value_and_shrink_with_more_sentences() -> None:
    worse = [text.replace("w3", "x") for text in REFERENCES]
    few, many = (Translations("de", SOURCES * n, REFERENCES * n, worse * n) for n in (1, 20))
    for score in (bleu(few), bleu(many), chrf(few)):
        assert score.low < score.value < score.high
    assert bleu(many).high - bleu(many).low < 0.4 * (bleu(few).high - bleu(few).low)
    assert bleu(few) == bleu(few)  # the bootstrap has a seed


def test_a_network_that_says_next_to_nothing_has_a_score() -> None:
    hopeless = Translations("de", SOURCES, REFERENCES, [""] * 9 + ["w3 w4"])
    assert bleu(hopeless).value < 1e-3
    assert 0 <= chrf(hopeless).value < 20  # with an interval or without: see `_score`


def test_the_signature_says_how() -> None:
    same = Translations("de", SOURCES, REFERENCES, REFERENCES)
    assert bleu(same).signature.startswith("nrefs:1|bs:1000|seed:12345|case:mixed|eff:no|tok:13a|smooth:exp|version:2.")
    assert "|tok:zh|" in bleu(Translations("zh-CN", SOURCES, REFERENCES, REFERENCES)).signature
    assert chrf(same).signature.startswith(
        "nrefs:1|bs:1000|seed:12345|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2."
    )


def test_groups_of_lengths_hold_every_sentence_once() -> None:
    translations = Translations("de", SOURCES, REFERENCES, REFERENCES)
    groups = lengths_apart(translations)
    assert groups == [(3, 4), (5, 5), (6, 6), (7, 8), (9, 9), (10, 20)]
    assert sum(len(translations.of_length(*group).found) for group in groups) == 10
    assert lengths_apart(Translations("de", ["a b"], ["c"], ["c"])) == [(2, 2)]


def test_rows_and_sections() -> None:
    translations = Translations("de", SOURCES, REFERENCES, REFERENCES)
    rows, sections = translation_scores.tested(translations, [])
    assert [(row.metric, row.value, row.n) for row in rows] == [
        ("test_bleu", pytest.approx(100), 10),
        ("test_chrf", pytest.approx(100), 10),
    ]
    assert rows[0].note == bleu(translations).signature
    assert [section.title for section in sections] == ["BLEU by length", "Translations"]
    assert sections[0].rows[0] == ("3 to 4", "3", "100.0", "[100.0, 100.0]")
    assert sections[0].rows[-1][:2] == ("10 to 20", "1")
    assert sections[1].rows[0] == (SOURCES[0], REFERENCES[0], REFERENCES[0])
    drawn = translation_scores.tested(translations, [Picture(caption="x", svg="<svg/>")]).sections
    assert [section.title for section in drawn] == ["BLEU by length", "Alignment", "Translations"]
