"""`anmok biases`."""


def biases(*, module: str | None = None, quick: bool = False, seed: int = 0, json: bool = False) -> None:
    """Measure what building blocks take for granted: table 1 of Battaglia et al. 2018, in two or three minutes.

    Parameters
    ----------
    module
        A building block of your own, module:callable. Called as make(n, c, out), it gives a torch module for n
        entities of c numbers, (b, n, c), that answers (b, n, out).
    quick
        Train on three of the tasks.
    seed
        Of weights and samples.
    json
        Print all results as JSON, with definitions and intervals.
    """
    from json import dumps

    from anmok.api.biases import biases as measure_biases
    from anmok.cli.show import show_text, watching
    from anmok.cli.show_biases import show_biases

    with watching() as observer:
        table = measure_biases(module, quick=quick, seed=seed, observer=observer)
    if json:
        show_text(dumps(table.to_dict(), indent=2))
    else:
        show_biases(table)
