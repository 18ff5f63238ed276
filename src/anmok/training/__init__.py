"""A recipe, a network and data become a fitted network: one loop."""
