"""Every number with every number: a multilayer perceptron over all entities at once."""

from torch import Tensor, nn

from anmok.biases.entities import Adjacency, Entities, FixedSizeError


class FullyConnected(nn.Module):
    """One hidden layer; each place has weights of its own, so the number of places is fixed."""

    def __init__(self, entities: Entities, width: int) -> None:
        super().__init__()
        self.entities = entities
        self.hidden = nn.Linear(entities.n * entities.c, width)
        self.answer = nn.Linear(width, entities.out * (1 if entities.pooled else entities.n))

    def forward(self, x: Tensor, adjacency: Adjacency = None) -> Tensor:
        """The answers."""
        if x.shape[1] != self.entities.n:
            raise FixedSizeError(f"There are weights for {self.entities.n} entities: got {x.shape[1]}.")
        return self.answer(self.hidden(x.flatten(1)).relu()).unflatten(1, self.entities.answer)
