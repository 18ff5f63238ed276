"""`anmok explain`."""

from pathlib import Path
from typing import Literal


def explain(
    model: Path,
    /,
    *images: Path,
    method: Literal["grad-cam", "rollout", "integrated-gradients", "occlusion"] = "grad-cam",
    target: str | None = None,
    out: Path = Path("explanations"),
    check: bool = False,
) -> None:
    """Show where in an image lies what speaks for the answer.

    Parameters
    ----------
    model
        Run directory, or its best/ folder.
    images
        Files and folders.
    method
        grad-cam for networks with feature maps; rollout for global attention; the other two for any network, slower.
    target
        Class to show; the predicted one where none is given.
    out
        Folder for the pictures: image, and heat over it.
    check
        Test each map: how fast does the class lose its probability when the hottest pixels are blurred first?
    """
    from anmok.api.explain import explain as run_explanation
    from anmok.cli.show_explanations import show_explanations

    show_explanations(run_explanation(model, images, method=method, target=target, out=out, check=check))
