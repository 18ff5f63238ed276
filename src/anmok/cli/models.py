"""`anmok models`."""


def models(pattern: str = "*") -> None:
    """List the models of the zoo.

    Parameters
    ----------
    pattern
        Name with wildcards, such as 'resnet*'.
    """
    from anmok.api.models import list_cards
    from anmok.cli.show import show_models

    show_models(list_cards(pattern))
