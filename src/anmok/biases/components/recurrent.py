"""One entity after another, and at every step alike."""

from torch import Tensor, nn

from anmok.biases.entities import Adjacency, Answer, Entities


class Recurrent(nn.Module):
    """A gated recurrent unit (Cho et al. 2014, arXiv:1406.1078) that reads forward; a grid row by row."""

    def __init__(self, entities: Entities, width: int) -> None:
        super().__init__()
        self.unit = nn.GRU(entities.c, width, batch_first=True)
        self.answer = Answer(width, entities)

    def forward(self, x: Tensor, adjacency: Adjacency = None) -> Tensor:
        """The answers."""
        return self.answer(self.unit(x)[0])
