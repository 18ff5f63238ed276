"""The command that makes the same run again."""

import shlex
from pathlib import Path

from anmok.selection.request import Request
from anmok.selection.run_directory import RunDirectory


def command(request: Request, out: Path) -> str:
    """Write the request as a shell command; what was not set is left out."""
    options = {
        "--task": request.task or "",
        "--weights": request.weights or "",
        "--max-latency": _number(request.max_latency, "ms"),
        "--max-params": _number(request.max_params),
        "--max-memory": _number(request.max_memory, "MiB"),
        "--budget": _number(request.budget, "s"),
        "--epochs": _number(request.epochs),
        "--image-size": _number(request.image_size),
        "--device": request.device or "",
        "--runtime": request.runtime or "",
        "--objective": request.objective or "",
        "--costs": str(RunDirectory(out).costs) if request.costs else "",
        "--prefer": request.prefer or "",
        "--experience": request.experience or "",
        "--seed": _number(request.seed),
        "--out": str(out),
    }
    words = ["anmok", "select", request.data]
    if request.models:
        words += ["--models", *request.models]
    if request.pretrained:
        words.append("--pretrained")
    for option, value in options.items():
        if value:
            words += [option, value]
    return shlex.join(words)


def _number(value: float | None, unit: str = "") -> str:
    return "" if value is None else f"{value:.12g}{unit}"
