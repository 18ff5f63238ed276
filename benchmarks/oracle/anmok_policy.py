"""Anmok's own allocation and decision as a policy, with and without experience of other data sets."""

from policies import Policy
from scores_of_replays import OURS
from truth import Choice, Session

from anmok.backbone import Kind
from anmok.experience import Memory, prior
from anmok.experience.memory import Lesson
from anmok.selection.allocation import NEAR, Stop, Terms, next_task
from anmok.selection.decide import conclude
from anmok.selection.evidence import Evidence, Finished
from anmok.selection.plan import Cost
from anmok.training.recipe import Precision


def race(session: Session, expected: dict[str, tuple[float, float]]) -> Choice:
    """Ask for trainings as a race does, until it stops; of tied models none is cheaper, so the leader wins."""
    finished: list[Finished] = []
    costs = {m: _cost(kind) for m, kind in session.kinds.items()}
    seconds = {(m, f): session.forecast(m, f) for m in session.models for f in session.fractions}
    while True:
        evidence = Evidence(train_images=session.images[1.0], finished=tuple(finished), costs=costs, prior=expected)
        task = next_task(evidence, Terms(budget=session.budget, seconds=seconds))
        if isinstance(task, Stop):
            break
        answer = session.train(task.model, task.fraction, repetition=task.seed)
        if answer is None:  # not recorded with so many seeds, or dearer than forecast
            del seconds[task.model, task.fraction]
            if not seconds:
                break
            continue
        finished.append(
            Finished(
                model=task.model,
                fraction=task.fraction,
                images=session.images[task.fraction],
                seed=task.seed,
                seconds=answer.seconds,
                correct=answer.correct,
            )
        )
    return _conclude(evidence, session, expected)


def _conclude(evidence: Evidence, session: Session, expected: dict[str, tuple[float, float]]) -> Choice:
    if not evidence.models:
        return Choice(model=max(session.models, key=lambda m: expected.get(m, (0.0, 0.0))[0]))
    decision = conclude(evidence)
    belief = evidence.belief(session.models)
    ahead = {m: belief.curves[m].expect(evidence.train_images) for m in evidence.models}
    return Choice(
        model=decision.winner,
        chance=belief.chances(NEAR)[decision.winner],  # among all models, those that were never trained too
        intervals={m: (e.low, e.high) for m, e in ahead.items()},
        tied=decision.tied,
    )


def experienced(session: Session) -> Choice:
    """Begin with what the other data sets taught."""
    lessons = tuple(
        Lesson(
            data=name,
            fingerprint=truth.fingerprint,
            shipped=True,
            judge="test",
            accuracies={m: tuple(t.test_accuracy for t in truth.trainings[m, 1.0]) for m in truth.kinds},
            trials=len(truth.trainings),
        )
        for name, truth in session.past.items()
    )
    known = prior(Memory(lessons), session.fingerprint, session.models)
    return race(session, {m: (p.mean, p.sd) for m, p in known.items()})


def inexperienced(session: Session) -> Choice:
    """Begin with nothing."""
    return race(session, {})


def _cost(kind: str) -> Cost:
    return Cost(
        kind=Kind(kind), params=0, macs=0, latency=1.0, memory=0.0, seconds_per_image=1.0, precision=Precision.FP32
    )


def once(policy: Policy) -> Policy:
    """Replay what differs only: a race draws nothing by lot, so that it is the same for the same seeds and budget."""
    known: dict[tuple[str, int, float, frozenset[str]], tuple[Choice, float]] = {}

    def choose(session: Session) -> Choice:
        key = session.data, session.turn, session.budget, frozenset(session.models)
        if key not in known:
            choice = policy(session)
            known[key] = choice, session.spent
        choice, session.spent = known[key]
        return choice

    return choose


POLICIES: dict[str, Policy] = {f"{OURS}, no experience": once(inexperienced), OURS: once(experienced)}
