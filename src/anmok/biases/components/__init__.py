"""The building blocks whose relational inductive biases are tabled by Battaglia et al. 2018, arXiv:1806.01261, table 1.

Attention, which is not there, is a row of its own, with learned positions and without; and so is convolution that
pads around, because zero padding tells places apart.
"""

from anmok.biases.components.attention import with_positions, without_positions
from anmok.biases.components.convolution import circular, zero_padded
from anmok.biases.components.fully_connected import FullyConnected
from anmok.biases.components.graph_network import GraphNetwork
from anmok.biases.components.recurrent import Recurrent
from anmok.biases.entities import Component

COMPONENTS = (
    Component(name="fully connected", make=FullyConnected),
    Component(name="convolution", make=zero_padded),
    Component(name="circular convolution", make=circular),
    Component(name="recurrent", make=Recurrent),
    Component(name="graph network", make=GraphNetwork, reads_adjacency=True),
    Component(name="attention, positions", make=with_positions),
    Component(name="attention", make=without_positions),
)
