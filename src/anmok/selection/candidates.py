"""Who may race: the models that were named, take these images and meet the limits."""

from collections.abc import Mapping, Sequence

from anmok.backbone import Task
from anmok.catalogue import list_models, require_model
from anmok.errors import ImageSizeError, RequestError
from anmok.evaluation.measurements import Measurement
from anmok.selection.campaign import Campaign
from anmok.selection.costs import measure_costs
from anmok.selection.evidence import KIND, read_costs
from anmok.selection.meter import HERE, FileMeter
from anmok.selection.plan import Cost
from anmok.selection.segment_material import AnyMaterial

LIMITS = {
    "latency": ("--max-latency", "ms"),
    "params": ("--max-params", ""),
    "memory": ("--max-memory", "MiB"),
}


def find_models(patterns: Sequence[str], task: Task = Task.CLASSIFICATION) -> list[str]:
    """The catalogue's models for a task that match any pattern, and those from elsewhere that are named, sorted.

    Without patterns, the small preset of every family.

    Raises `UnknownNameError` for a name that is none.
    """
    found = set() if patterns else {name for name in list_models(task=task) if require_model(name).is_ours}
    for pattern in patterns:
        found.update(list_models(pattern, task=task) or [require_model(pattern).name])
    return sorted(found)


def admit(names: Sequence[str], material: AnyMaterial, campaign: Campaign) -> list[str]:
    """Measure what each model costs and keep those within the limits; each other gets a row that says why.

    Raises `RequestError` with the nearest misses when none is left.
    """
    request, table, observer = campaign.request, campaign.table, campaign.observer
    if not table.rows(metric=KIND):
        observer.stage("Costs")
        unfit = _unfit(names, material)
        fitting = [name for name in names if name not in unfit]
        if not fitting:
            raise RequestError(
                f"None of the models takes these images: {next(iter(unfit.values()))} Choose another --image-size."
            )
        for name, reason in unfit.items():
            observer.note(f"{name} is left out: {reason}")
        rows = measure_costs(fitting, material, campaign.meter)
        table.append([*rows, *(_excluded(name, reason) for name, reason in unfit.items())])
    elif isinstance(campaign.meter, FileMeter):
        campaign.meter.check_unchanged(table.rows(metric="latency"))
    costs = read_costs(table)
    broken = check_limits(
        costs,
        {"latency": request.max_latency, "params": request.max_params, "memory": request.max_memory},
        campaign.meter.machine or HERE,
    )
    known = {row.subject for row in table.rows(metric="excluded")}
    table.append(_excluded(model, reason) for model, reason in broken.items() if model not in known)
    for model, reason in broken.items():
        observer.note(f"{model} is left out: {reason}")
    return [model for model in costs if model not in broken]


def check_limits(costs: Mapping[str, Cost], limits: Mapping[str, float | None], machine: str = HERE) -> dict[str, str]:
    """Which models break which limit, in words; raises `RequestError` with the nearest misses when all do."""
    broken: dict[str, str] = {}
    excess: dict[str, float] = {}
    for model, cost in costs.items():
        over = {q: getattr(cost, q) / limit for q, limit in limits.items() if limit and getattr(cost, q) > limit}
        if over:
            broken[model] = ", ".join(_phrase(cost, quantity, limits[quantity] or 0.0) for quantity in over)
            excess[model] = max(over.values())
    if len(broken) == len(costs):
        nearest = "; ".join(f"{m} ({broken[m]})" for m in sorted(excess, key=excess.__getitem__)[:3])
        asked = " and ".join(LIMITS[quantity][0] for quantity, limit in limits.items() if limit)
        raise RequestError(
            f"No model meets {asked} on {machine}. Nearest: {nearest}. Loosen the limit or name other --models."
        )
    return broken


def _phrase(cost: Cost, quantity: str, limit: float) -> str:
    unit = f" {LIMITS[quantity][1]}".rstrip()
    return f"{quantity} {getattr(cost, quantity):,.4g}{unit} > {limit:,.4g}{unit}"


def _unfit(names: Sequence[str], material: AnyMaterial) -> dict[str, str]:
    reasons = {}
    for name in names:
        try:
            material.fresh(name)
        except ImageSizeError as error:
            reasons[name] = str(error)
    return reasons


def _excluded(model: str, reason: str) -> Measurement:
    return Measurement(subject=model, metric="excluded", value=1.0, note=reason)
