"""How experience looks in a terminal."""

from rich.console import Console
from rich.table import Table

from anmok.api.experience import Experience, Outlook
from anmok.cli.show import show_text
from anmok.experience import Backtest, Lesson

_Z80 = 1.2815515655446004  # standard normal quantile of 0.9
_NEAREST = 5
_POLICIES = (
    ("the past's first choice", "regret"),
    ("the best of its first three", "shortlist_regret"),
    ("always the best on average elsewhere", "average_regret"),
    ("a model drawn by lot", "random_regret"),
)


def show_experience(found: Experience) -> None:
    """What it knows, what it says of the data that were given, and how far it can be trusted."""
    for note in found.notes:
        show_text(f"note: {note}")
    memory = found.memory
    own = sum(lesson.trials for lesson in memory.lessons if not lesson.shipped)
    shipped = sum(lesson.trials for lesson in memory.lessons if lesson.shipped)
    show_text(
        f"{len(memory.data_sets):,} data sets, {len(memory.models):,} models, {own + shipped:,} trainings: "
        f"{shipped:,} that ship with Anmok, {own:,} in {found.path}\n"
    )
    _print_lessons(memory.lessons)
    if found.outlook is not None:
        _print_outlook(found.outlook)
    _print_backtest(found.backtest)


_WORDS = ("data", "from", "model", "best", "past's choice")  # columns of words; the others hold numbers


def _table(*headings: str, caption: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), caption=caption, caption_justify="left")
    for heading in headings:
        table.add_column(heading, justify="left" if heading in _WORDS else "right", no_wrap=True)
    return table


def _print_lessons(lessons: tuple[Lesson, ...]) -> None:
    table = _table(
        *("data", "from", "images", "classes", "pixels", "models", "trainings", "best", "accuracy %"),
        caption="best: on all of the data, mean over seeds",
    )
    for lesson in lessons:
        facts = lesson.fingerprint
        best = max(lesson.accuracies, key=lesson.mean, default=None)
        table.add_row(
            lesson.data, "Anmok" if lesson.shipped else "here", f"{facts.images:,}", f"{facts.classes:,}",
            str(facts.side), str(len(lesson.accuracies)), f"{lesson.trials:,}", best or "",
            f"{100 * lesson.mean(best):.1f} ({lesson.judge})" if best else "",
        )  # fmt: skip
    Console(highlight=False).print(table)


def _print_outlook(outlook: Outlook) -> None:
    nearest = list(outlook.alike.items())[:_NEAREST]
    named = ", ".join(f"{data} {likeness:.2f}" for data, likeness in nearest) or "none is known"
    show_text(f"\n{outlook.data} is most like (1: the same, 0.14: unrelated): {named}\n")
    table = _table(
        *("model", "gains, points", "80 % interval", "weight of the past", "data sets"),
        caption="accuracy on all of the data, compared with the mean of these models",
    )
    for model, prior in outlook.models.items():
        low, high = (100 * (prior.mean + sign * _Z80 * prior.sd) for sign in (-1, 1))
        table.add_row(
            model, f"{100 * prior.mean:+.1f}", f"[{low:+.1f}, {high:+.1f}]", f"{prior.weight:.0%}", str(prior.data_sets)
        )
    Console(highlight=False).print(table)


def _print_backtest(backtest: Backtest) -> None:
    if not backtest.replays:
        show_text("\nThe past cannot be tested on itself before it knows two data sets with three models each.")
        return
    table = _table(
        *("data", "past's choice", "best", "costs", "of three", "average", "lot"),
        caption="accuracy lost to the best model, points; each data set asked about with all runs on it forgotten",
    )
    for replay in backtest.replays:
        regrets = (getattr(replay, regret) for _, regret in _POLICIES)
        table.add_row(replay.data, replay.choice, replay.best, *(f"{100 * r:.2f}" for r in regrets))
    show_text("")
    Console(highlight=False).print(table)
    mean, worst = backtest.cost("regret")
    show_text(
        f"\nFollowing my past advice would have cost you {100 * mean:.2f} points on average and {100 * worst:.2f} at "
        f"worst, over {len(backtest.replays)} data sets:"
    )
    for policy, regret in _POLICIES:
        cost = backtest.cost(regret)
        show_text(f"  {policy:<38} {100 * cost.mean:5.2f} on average, {100 * cost.worst:5.2f} at worst")
    show_text(f"  {backtest.covered:.0%} of its 80 % intervals held")
