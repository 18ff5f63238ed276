"""Why this model: sentences, each with numbers that stand in the table."""

from anmok.selection.curves import Expectation
from anmok.selection.decide import Candidate, Decision, Status
from anmok.selection.preference import Preference
from anmok.selection.quantities import format_count


def reasons(decision: Decision) -> tuple[str, str, str]:
    """Three reasons for the winner: accuracy, cost, and how it profits from data."""
    return _accuracy(decision), _cost(decision), _data(decision)


def advice(decision: Decision) -> str:
    """When to take the runner-up instead."""
    if decision.runner_up is None:
        return "There is no runner-up: no other model was trained."
    winner, other = decision[decision.winner], decision[decision.runner_up]
    mine, its = winner.cost, other.cost
    gain, title = _expected(other) - _expected(winner), decision.objective.title
    spared = decision.preference
    ratio = _times(spared.price(its) / spared.price(mine))
    cases = {
        f"{gain:.1f} points of expected {title} are worth {ratio} the {spared.noun}": gain > 0,
        **{
            f"{cost.noun} must be below {cost.describe(mine)} (it has {cost.describe(its)})": (
                cost.price(its) < cost.price(mine)
            )
            for cost in dict.fromkeys((Preference.LATENCY, spared))
            if cost is not Preference.PARAMS
        },
        f"the model must have fewer than {format_count(mine.params)} parameters (it has {format_count(its.params)})": (
            its.params < mine.params
        ),
        f"far more images will be labelled: its {_error(decision)} falls faster "
        f"({_law(other)} against {_law(winner)})": (other.exponent or 0) > (winner.exponent or 0),
    }
    speaking = [case for case, holds in cases.items() if holds]
    if not speaking:
        worse = "less accurate" if decision.objective.is_accuracy else f"lower in {title}"
        return f"Nothing measured here speaks for the runner-up {other.model}: it is {worse}, slower and larger."
    return f"Choose the runner-up {other.model} if {', or if '.join(speaking)}."


def _accuracy(decision: Decision) -> str:
    winner = decision[decision.winner]
    row = winner.score
    if row is None:
        return f"{winner.model} is the only model that was trained."
    share = f"{100 * row.value:.1f} % [{100 * row.low:.1f}, {100 * row.high:.1f}]"
    text = f"{winner.model} answers {share} of {row.n} images right that it was not trained on"
    if not decision.objective.is_accuracy:
        text = (
            f"{winner.model} reaches {decision.objective.one} of {share} on {row.n} images that it was not trained on"
        )
    if winner.against_leader:
        lead = winner.against_leader
        return (
            f"{text}; {decision.leader} is {100 * lead.difference:+.1f} points apart "
            f"[{100 * lead.low:+.1f}, {100 * lead.high:+.1f}], which these images cannot tell from chance "
            f"(p = {lead.p_value:.2g})."
        )
    beaten = [c for c in decision.candidates if c.against_leader]
    if not beaten:
        return f"{text}; no other model went as far in the race."
    verb = "tied with" if beaten[0].status is Status.TIED else "ahead of"
    return f"{text}, {verb} {beaten[0].model} ({beaten[0].note})."


def _cost(decision: Decision) -> str:
    winner = decision[decision.winner]
    cost = winner.cost
    size = format_count(cost.params)
    text = f"{winner.model} takes {cost.latency:.2f} ms an image on {cost.latency_on} and has {size} parameters"
    rivals = [c for c in decision.candidates if c.status in (Status.TIED, Status.WORSE)]
    if not rivals:
        return f"{text}; it needs {cost.memory:.1f} MiB to answer."
    spared, other = decision.preference, rivals[0].cost
    ratio = _times(spared.price(cost) / spared.price(other))
    return f"{text}: {ratio} the {spared.noun} of {rivals[0].model} ({spared.describe(other)})."


def _data(decision: Decision) -> str:
    winner = decision[decision.winner]
    if winner.expected is None:
        return f"{winner.model} was not raced."
    text = (
        f"Its {_error(decision)} falls with the number of images as {_law(winner)}: {_interval(winner.expected)} "
        f"expected at {winner.expected.images:,} images"
    )
    rivals = [c for c in decision.candidates if c.expected and c.cost.kind != winner.cost.kind]
    if not rivals:
        return f"{text}."
    best = max(rivals, key=_expected)
    return f"{text}, against {_expected(best):.1f} % for the best {best.cost.kind}, {best.model}."


def _times(ratio: float) -> str:
    return f"{ratio:.0f} times" if ratio >= 10 else f"{ratio:.2g} times"


def _error(decision: Decision) -> str:
    """What the learning curve is about."""
    return "error" if decision.objective.is_accuracy else f"distance to 100 % {decision.objective.title}"


def _law(candidate: Candidate) -> str:
    return f"n^-{candidate.exponent or 0:.2f}"


def _interval(expected: Expectation) -> str:
    return f"{100 * expected.mean:.1f} % [{100 * expected.low:.1f}, {100 * expected.high:.1f}]"


def _expected(candidate: Candidate) -> float:
    return 100 * candidate.expected.mean if candidate.expected else 0.0
