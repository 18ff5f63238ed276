"""Why this answer for this image? One method per file -> a heat map."""

from anmok.explain.grad_cam import grad_cam

__all__ = ["grad_cam"]
