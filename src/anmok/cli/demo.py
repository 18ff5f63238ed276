"""`anmok demo`."""

from pathlib import Path

MODELS = ("mlp_nano", "resnet_nano", "convnext_anmok_nano", "vit_nano", "swin_nano", "cmt_nano")


def demo(*, out: Path = Path("runs/demo")) -> None:
    """Choose a backbone for the built-in images: 5,000 photographs of clothes, ten classes, a few minutes.

    Parameters
    ----------
    out
        Run directory; the same command resumes it.
    """
    from anmok.api.select import select
    from anmok.cli.show import show_selection, watching

    with watching() as observer:
        result = select("fashion", models=MODELS, budget="8m", epochs=8, out=out, observer=observer)
    show_selection(result)
