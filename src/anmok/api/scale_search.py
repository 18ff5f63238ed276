"""Compound scaling on a user's images: which factors make the most of a network that may cost twice as much?"""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from anmok.api.listing import list_images
from anmok.catalogue import scale
from anmok.data import ImageData
from anmok.selection.campaign import Campaign
from anmok.selection.log import Logged
from anmok.selection.observer import Observer, Silent
from anmok.selection.quantities import parse_seconds
from anmok.selection.request import Request
from anmok.selection.run_directory import RunDirectory
from anmok.selection.scaling.search import search_scaling
from anmok.selection.scaling.verdict import ScalingVerdict


@dataclass(frozen=True, kw_only=True)
class ScaleSearch:
    """What a search found and left behind."""

    path: Path  # the run directory
    verdict: ScalingVerdict

    @property
    def table(self) -> pl.DataFrame:
        """All triples, best first: factors, MACs, accuracy on the select split with its 95 % interval."""
        return self.verdict.table

    @property
    def code(self) -> str:
        """A line of Python that gives the spec for the best triple."""
        return self.verdict.code


def scale_search(  # noqa: PLR0913 - one argument for each option of the command
    data: str | Path | ImageData,
    *,
    model: str = "efficientnet_nano",
    constraint: float | None = None,
    budget: str = "30m",
    epochs: int | None = None,
    image_size: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    observer: Observer | None = None,
) -> ScaleSearch:
    """Find alpha, beta and gamma of compound scaling by grid search on labelled images, with phi = 1.

    Tan & Le 2019, arXiv:1905.11946, sec. 3.3. MACs grow about `constraint` times: 2 unless the family's paper has
    another figure (CMT: 2.5). `image_size` is that of the unscaled network; leave room to the images' own size, above
    which resolution only enlarges them. The run lies in `out`, by default runs/<name of the data>-scaling; the same
    call resumes it. Raises an `AnmokError` whose message says what to do.
    """
    images = list_images(data, observer or Silent())
    published = round(2 * scale(model, phi=1).scaling.macs) / 2  # 1.92 is called about 2, 2.35 about 2.5
    request = Request(
        data=images.name if isinstance(data, ImageData) else str(data),
        models=(model,),
        budget=parse_seconds(budget, "--budget"),
        epochs=epochs,
        image_size=image_size,
        constraint=published if constraint is None else float(constraint),
        seed=seed,
    )
    with RunDirectory(Path(out) if out else Path("runs") / f"{images.name}-scaling") as run:
        run.claim(request)
        verdict = search_scaling(images, Campaign(request, run, Logged(observer or Silent(), run.log)))
    return ScaleSearch(path=run.root, verdict=verdict)
