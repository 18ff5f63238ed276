"""`anmok audit`."""


def audit(data: str) -> None:
    """Show what is in a folder of images, and what is wrong with it.

    Parameters
    ----------
    data
        Folder with a sub-folder per class, CSV or Parquet manifest (path,label[,split,group]), shards (a folder, or
        train-{0000..0007}.tar, here or at https://), hf://owner/name, or "fashion".
    """
    from anmok.api.audit import audit as run_audit
    from anmok.cli.show import show_audit, watching

    with watching() as observer:
        images, health = run_audit(data, observer=observer)
    show_audit(images, health)
