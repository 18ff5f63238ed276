"""The recipes of training, for who looks for one."""

from anmok.training.recipes import RecipeCard, list_recipes, recipe_card

__all__ = ["RecipeCard", "list_recipes", "recipe_card"]
