"""`anmok recipes`."""


def recipes(name: str | None = None, /) -> None:
    """List the training recipes, or print one as a file to change and train with.

    Parameters
    ----------
    name
        Recipe, such as 'deit' or 'augreg:medium1', or a recipe file.
    """
    from anmok.api.recipes import list_recipes, recipe_card
    from anmok.cli.show import show_text

    if name is not None:
        show_text(recipe_card(name).toml().rstrip())
        return
    cards = list_recipes()
    width = max(len(card.name) for card in cards)
    for card in cards:
        show_text(f"{card.name:<{width}}  {card.summary}")
