"""Principal axes, and how far to shrink a covariance."""

import numpy as np
from jaxtyping import Float


def principal(rows: Float[np.ndarray, "n d"]) -> tuple[Float[np.ndarray, "n r"], Float[np.ndarray, " r"]]:
    """Coordinates along the eigenvectors of `rows.T @ rows`, and its eigenvalues; those that are zero are left out.

    From the smaller of the two Gram matrices, n x n or d x d.
    """
    n, d = rows.shape
    if n < d:
        values, vectors = np.linalg.eigh(rows @ rows.T)
        kept = values > values[-1] * d * np.finfo(np.float64).eps
        return vectors[:, kept] * np.sqrt(values[kept]), values[kept]
    values, vectors = np.linalg.eigh(rows.T @ rows)
    kept = values > values[-1] * n * np.finfo(np.float64).eps
    return rows @ vectors[:, kept], values[kept]


def ledoit_wolf(
    squares: Float[np.ndarray, " n"], eigenvalues: Float[np.ndarray, " r"], width: int
) -> tuple[float, float]:
    """The intensity a and the scale m of the shrunken covariance (1 - a) S + a m I; a lies in [0, 1].

    `squares` are the squared lengths of the n centred rows x, of `width` channels; `eigenvalues` those of the sum of
    x x^T, n S. m = tr(S) / width; a = b^2 / d^2, with d^2 = |S - m I|^2 and b^2 the mean of |x x^T - S|^2 over n,
    at most d^2. Ledoit & Wolf 2004, J. Multivariate Anal. 88(2), sec. 3 (their norm divides by the width).
    """
    n = len(squares)
    scale = float(squares.sum()) / (n * width)
    length = float((eigenvalues**2).sum()) / n**2
    distance = length - width * scale**2
    if distance <= length * np.finfo(np.float64).eps * width:
        return 0.0, scale  # S is m I already
    error = (float((squares**2).sum()) / n - length) / n
    return min(1.0, max(error, 0.0) / distance), scale
