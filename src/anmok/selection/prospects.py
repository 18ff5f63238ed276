"""How sure the choice is and what would change it: sentences, each with its numbers."""

from anmok.evaluation.measurements import Measurement
from anmok.selection.allocation import NEAR
from anmok.selection.curves import Expectation
from anmok.selection.decide import Decision
from anmok.selection.outlook import FARTHEST, Crossing


def prospects(decision: Decision) -> tuple[tuple[str, str], ...]:
    """Topic and sentence: certainty, more images, a crossing, looser limits; what is not known is left out."""
    ahead = decision.outlook
    said = [("Certainty", certainty(decision)), ("More images", _more(decision))]
    if ahead.crossing:
        said.append(("Crossing", _crossing(ahead.crossing, decision.train_images)))
    if ahead.excluded:
        out = ahead.excluded
        said.append(
            ("Limits", f"Without its limit ({out.limit}), {out.model} could be taken: {_share(out.expected)} expected.")
        )
    return tuple(said)


def certainty(decision: Decision) -> str:
    """The probability that is claimed, and of what."""
    raced = sum(c.score is not None for c in decision.candidates)
    if raced < 2:
        return f"{decision.winner} is the only model that was trained."
    of = "" if decision.objective.is_accuracy else f"({decision.objective.title}) "
    return (
        f"With a probability of {decision.chance:.0%}, {decision.winner} comes within {100 * NEAR:g} points "
        f"{of}of the best of the {raced} models that were trained, on all {decision.train_images:,} images."
    )


def optimism(decision: Decision, test: Measurement) -> str:
    """How far the score by which the winner was chosen lies above `test`, that on the untouched images."""
    winner = decision[decision.winner]
    if winner.score is None:
        return ""
    chosen, gap = winner.score, 100 * (winner.score.value - test.value)
    of = "" if decision.objective.is_accuracy else f", {decision.objective.title}"
    return (
        f"Select minus test{of}: {100 * chosen.value:.1f} % after {winner.images:,} images in the race, "
        f"{100 * test.value:.1f} % after {int(test.conditions['images']):,} in the final training: {gap:+.1f} points."
    )


def _more(decision: Decision) -> str:
    parts = (f"{_share(e)} from {e.images:,}" for e in decision.outlook.more_images)
    now = decision[decision.winner].expected
    today = f" instead of {100 * now.mean:.1f} % from {now.images:,}" if now else ""
    reach = "reach" if decision.objective.is_accuracy else f"reach {decision.objective.one} of"
    return f"With more labelled images {decision.winner} is expected to {reach} {' and '.join(parts)}{today}."


def _crossing(crossing: Crossing, images: int) -> str:
    if crossing.images is None:
        return (
            f"No Transformer or hybrid is expected to overtake {crossing.cnn} within {FARTHEST} times the images "
            f"(probability {crossing.chance:.0%}, most likely {crossing.rival})."
        )
    if crossing.images <= images:
        return f"{crossing.rival} is expected to be ahead of the best CNN, {crossing.cnn}, on these images already."
    low, high = (f"{n:,}" if n else f"over {FARTHEST * images:,}" for n in (crossing.low, crossing.high))
    return (
        f"{crossing.rival} is expected to overtake the best CNN, {crossing.cnn}, at about {crossing.images:,} "
        f"training images [{low} to {high}]."
    )


def _share(expected: Expectation) -> str:
    return f"{100 * expected.mean:.1f} % [{100 * expected.low:.1f}, {100 * expected.high:.1f}]"
