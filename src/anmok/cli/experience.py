"""`anmok experience`."""

from pathlib import Path


def experience(data: str | None = None, /, *, experience: Path | None = None) -> None:
    """Show what earlier data sets taught, what it says of these images, and what following it would have cost.

    Parameters
    ----------
    data
        What `anmok select` takes: a folder, a manifest, hf://owner/name, shards, or "fashion".
    experience
        File (.sqlite), or folder that holds it, to use instead of this machine's own.
    """
    from anmok.api.experience import read_experience
    from anmok.cli.experience_tables import show_experience
    from anmok.cli.show import watching

    with watching() as observer:
        found = read_experience(data, experience=experience, observer=observer)
    show_experience(found)
