"""The verbs, and what becomes of errors: one sentence and exit code 2."""

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from anmok.cli.audit import audit
from anmok.cli.bench import bench
from anmok.cli.biases import biases
from anmok.cli.card import card
from anmok.cli.claims import claims
from anmok.cli.compare import compare
from anmok.cli.demo import demo
from anmok.cli.evaluate import evaluate
from anmok.cli.experience import experience
from anmok.cli.explain import explain
from anmok.cli.export import export
from anmok.cli.models import models
from anmok.cli.pack import pack
from anmok.cli.predict import predict
from anmok.cli.probe import probe
from anmok.cli.recipes import recipes
from anmok.cli.report import report
from anmok.cli.scale_search import scale_search
from anmok.cli.select import select
from anmok.cli.train import train
from anmok.errors import AnmokError

app = App(
    name="anmok",
    help="Which vision backbone should I use for my images, and why?",
    exit_on_error=False,
    print_error=False,
    suppress_keyboard_interrupt=False,
    result_action="return_value",
)
for verb in (
    *(select, demo, models, card, probe, compare, biases, claims, audit, experience, pack, bench),
    *(recipes, train, evaluate, predict, explain, export, report, scale_search),
):
    app.command(verb)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb and exit: 0 when it succeeded, 2 when the user can mend what went wrong, 130 on Ctrl-C."""
    try:
        app(arguments)
    except CycloptsError as error:
        sys.exit(_complain(" ".join(str(error).split())))
    except AnmokError as error:
        sys.exit(_complain(str(error)))
    except KeyboardInterrupt:
        _complain("Interrupted. The same command resumes where it was.")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone: nothing to say, nobody to say it to


def _complain(sentence: str) -> int:
    sys.stderr.write(f"anmok: {sentence}\n")
    return 2
