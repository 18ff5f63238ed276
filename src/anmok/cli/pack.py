"""`anmok pack`."""

from pathlib import Path


def pack(data: str, out: Path, /, *, size: str = "1GB") -> None:
    """Write images into tar shards (WebDataset), for data that is too large or too far away for a folder.

    Parameters
    ----------
    data
        What `anmok select` takes: a folder, a manifest, hf://owner/name, other shards, or "fashion".
    out
        Folder for the shards; the same command goes on with what was interrupted.
    size
        Upper bound for one shard, such as 1GB or 256MiB.
    """
    from anmok.api.pack import pack as run_pack
    from anmok.cli.show import show_text, watching

    with watching() as observer:
        packed = run_pack(data, out, size=size, observer=observer)
    show_text(f"{packed.images:,} images in {packed.shards:,} shards, {packed.bytes / 1e6:,.1f} MB: {packed.path}")
