"""Put a claim to the test; what its records hold is not repeated."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from anmok.claims.claim import Claim, Finding, Record, Situation
from anmok.claims.material import Material
from anmok.claims.records import Records
from anmok.errors import RequestError


def run_claim(
    claim: Claim,
    material: Material | None,
    records: Records,
    *,
    scale: float = 1.0,
    seeds: int = 3,
    progress: Callable[[int, int, str], None] = lambda *done: None,
) -> Finding:
    """Run the arms that the records lack, all of a replicate before the next one."""
    if scale <= 0:
        raise RequestError(f"--scale is positive: got {scale:g}. 1 is the protocol as it stands.")
    if seeds < 2:
        raise RequestError(f"An interval takes at least two seeds: got {seeds}. Choose 2 or more.")
    scale = scale if claim.trains else 1.0
    replicates = claim.all_replicates(seeds)
    for done, replicate in enumerate(replicates):
        _run(claim, material, records, scale, replicate, partial(progress, done, len(replicates)))
    finding = records.finding(claim)
    if finding is None:
        raise RequestError(f"'{claim.name}' was repeated over too few {claim.over} to say anything. Add some.")
    return finding


def _run(
    claim: Claim,
    material: Material | None,
    records: Records,
    scale: float,
    replicate: str,
    progress: Callable[[str], None],
) -> None:
    arms = claim.arms(scale)
    keys: dict[str, Record] = {
        name: {
            "claim": claim.name,
            "version": claim.version,
            "arm": name,
            "replicate": replicate,
            "data": material.data.name if material else "",
            "listed": material.data.samples.height if material else 0,
            "scale": scale,
        }
        for name in arms
    }
    missing = [name for name in arms if records.find(keys[name]) is None]
    teachers = {arms[name].teacher for name in missing} - {""}
    missing += [name for name in teachers if name not in missing and not records.weights(keys[name]).exists()]

    def weights(name: str) -> Path:
        return records.weights(keys[name])

    situation = Situation(material=material, replicate=replicate, weights=weights)
    for name in sorted(missing, key=list(arms).index):
        progress(f"{claim.name}, {claim.over} {replicate}: {name}")
        cpu = time.process_time()
        row = arms[name].run(situation, weights(name) if name in teachers else None)
        records.append(keys[name] | row | {"cpu seconds": round(time.process_time() - cpu, 1)})
