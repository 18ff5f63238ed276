"""`anmok evaluate`."""

from pathlib import Path
from typing import Literal


def evaluate(
    model: Path,
    data: str,
    /,
    *,
    split: Literal["train", "select", "test"] | None = None,
    views: Literal[1, 2, 6] = 1,
    json: bool = False,
) -> None:
    """Test a trained model: on labelled images accuracy, every class, calibration; else what its task is scored by.

    Parameters
    ----------
    model
        Run directory, or its best/ folder.
    data
        What `anmok train` takes for its task; for images a folder, a manifest, hf://owner/name, shards, or "fashion".
    split
        Which images; test where there are splits, all where not.
    views
        Answer with the mean over so many views, often a little better and as many times as slow: 2 adds the mirror
        image, 6 both of them shifted.
    json
        One JSON object, for machines.
    """
    from anmok.api.evaluate import evaluate as run_evaluation
    from anmok.api.evaluate_task import evaluate_task, is_of_task
    from anmok.cli.show import watching
    from anmok.cli.show_training import show_evaluation, show_rows

    if is_of_task(model, views=views):
        show_rows(evaluate_task(model, data, split=split), as_json=json)
        return
    with watching() as observer:
        result = run_evaluation(model, data, split=split, views=views, observer=observer)
    if result.is_first:
        show_evaluation(result, as_json=json)
