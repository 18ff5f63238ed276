"""`anmok card`."""


def card(name: str) -> None:
    """Show what one model is, and why: paper, inductive bias, cost, published accuracy with its source.

    Parameters
    ----------
    name
        Model of the zoo; `anmok models` lists them.
    """
    from anmok.api.models import read_card
    from anmok.cli.show_models import show_card

    show_card(read_card(name))
