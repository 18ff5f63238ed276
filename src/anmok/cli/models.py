"""`anmok models`."""

from anmok.cli.train import TaskName


def models(filter: str = "*", /, *, task: TaskName = "classification", licence: str | None = None) -> None:
    """List the models of the zoo.

    Parameters
    ----------
    filter
        Name with wildcards, such as 'resnet*'.
    task
        Those that can be trained for it.
    licence
        Only those with public weights under this licence: permissive, or an SPDX identifier such as MIT.
    """
    from anmok.api.models import list_cards
    from anmok.backbone import Task
    from anmok.cli.show_models import show_models

    show_models(list_cards(filter, task=Task(task), licence=licence))
