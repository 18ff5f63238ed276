"""Ask all questions of a profile; whatever a network does, each metric gets its row."""

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache

import anmok.probes
from anmok.capture import untouched
from anmok.catalogue.makers import FAULTS, reason
from anmok.probes.probe import Probe, Profile
from anmok.probes.result import ProbeResult, Status
from anmok.probes.subject import Subject


@cache
def all_probes() -> tuple[Probe, ...]:
    """Every probe there is, by number."""
    modules = (importlib.import_module(f"anmok.probes.{m.name}") for m in pkgutil.iter_modules(anmok.probes.__path__))
    return tuple(sorted((m.PROBE for m in modules if hasattr(m, "PROBE")), key=lambda probe: probe.number))


def run_probes(
    subject: Subject,
    profile: Profile = Profile.FAST,
    *,
    progress: Callable[[int, int, str], None] = lambda *done: None,
) -> tuple[ProbeResult, ...]:
    """The results of all probes of a profile. A network that raises, or does not fit a question, gives the reason.

    The network is left as it was: weights, buffers, gradients, modes, hooks, and torch's random numbers.
    """
    probes = [probe for probe in all_probes() if probe.profile in profile.holds]
    results: list[ProbeResult] = []
    for done, probe in enumerate(probes):
        progress(done, len(probes), probe.name)
        results += ask(probe, subject)
    progress(len(probes), len(probes), "")
    return tuple(results)


def ask(probe: Probe, subject: Subject) -> tuple[ProbeResult, ...]:
    """One probe's results; those it did not hand back have failed, and say why."""
    try:
        with untouched(subject.network):
            return tuple(probe.measure(subject))
    except FAULTS as error:
        return tuple(metric.missing(reason(error), status=Status.FAILED) for metric in probe.metrics)
