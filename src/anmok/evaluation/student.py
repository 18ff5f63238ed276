"""Student's quantile for any number of degrees of freedom, exactly: short samples are its business."""

from math import cos, pi, sin, sqrt, tan


def student_quantile(degrees: int) -> float:
    """How many standard errors lie on each side of a mean in its 95 % interval.

    Found by bisection of the distribution, which for whole degrees of freedom is a finite sum (Abramowitz & Stegun
    1964, 26.7.3 and 26.7.4).
    """
    low, high = 0.0, pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, degrees) < 0.95 else (low, middle)
    return sqrt(degrees) * tan(low)


def _within(angle: float, degrees: int) -> float:
    """P(|T| < t) for t = sqrt(degrees) tan(angle)."""
    odd = degrees % 2
    total, term = 0.0, cos(angle) ** odd
    for power in range(odd, degrees - 1, 2):
        total += term
        term *= (power + 1) / (power + 2) * cos(angle) ** 2
    total *= sin(angle)
    return 2 / pi * (angle + total) if odd else total
