"""`anmok models`."""


def models(filter: str = "*", /, *, licence: str | None = None) -> None:
    """List the models of the zoo.

    Parameters
    ----------
    filter
        Name with wildcards, such as 'resnet*'.
    licence
        Only those with public weights under this licence: permissive, or an SPDX identifier such as MIT.
    """
    from anmok.api.models import list_cards
    from anmok.cli.show import show_models

    show_models(list_cards(filter, licence=licence))
