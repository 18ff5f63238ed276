"""`anmok audit`."""

from anmok.cli.train import TaskName


def audit(data: str, *, task: TaskName = "classification") -> None:
    """Show what is in a folder of images, or in the data of another task, and what is wrong with it.

    Parameters
    ----------
    data
        Folder with a sub-folder per class, CSV or Parquet manifest (path,label[,split,group]), shards (a folder, or
        train-{0000..0007}.tar, here or at https://), hf://owner/name, or "fashion"; for other tasks what `anmok train`
        takes for them.
    task
        What the data is for.
    """
    from anmok.api.audit import audit as run_audit
    from anmok.api.audit import audit_for
    from anmok.backbone import Task
    from anmok.cli.show import show_audit, show_findings, watching

    if Task(task) is not Task.CLASSIFICATION:
        show_findings(audit_for(Task(task), data))
        return
    with watching() as observer:
        images, health = run_audit(data, observer=observer)
    show_audit(images, health)
