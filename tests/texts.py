"""What tests of the networks that read texts share."""

import torch
from torch import Tensor, nn

LENGTHS = (7, 1, 12, 0, 3)


def texts(vocabulary: int = 40, *, padding: int = 0) -> Tensor:
    """Texts of several lengths, one without words, and as much padding more as is wished."""
    generator = torch.Generator().manual_seed(1)
    tokens = torch.zeros(len(LENGTHS), max(LENGTHS) + padding, dtype=torch.int64)
    for row, length in enumerate(LENGTHS):
        tokens[row, :length] = torch.randint(1, vocabulary, (length,), generator=generator)
    return tokens


def check_that_padding_changes_nothing(model: nn.Module, vocabulary: int = 40) -> None:
    """Not how much there is of it, nor what else is in the batch."""
    model = model.double().eval()
    together = model(texts(vocabulary))
    torch.testing.assert_close(model(texts(vocabulary, padding=9)), together)
    for row, length in enumerate(LENGTHS):
        alone = texts(vocabulary)[row : row + 1, : max(1, length)]
        torch.testing.assert_close(model(alone), together[row : row + 1])
