"""Which backbone for these images and this budget? A decision with reasons."""
