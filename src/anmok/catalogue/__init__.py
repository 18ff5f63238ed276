"""Names -> networks: finds the zoo's architectures, builds their presets, describes them, reads public weights."""

from anmok.catalogue.cards import Card as Card
from anmok.catalogue.cards import Result as Result
from anmok.catalogue.cards import card as card
from anmok.catalogue.create import create_model as create_model
from anmok.catalogue.names import as_file_name as as_file_name
from anmok.catalogue.names import choose_task as choose_task
from anmok.catalogue.names import list_models as list_models
from anmok.catalogue.names import require_model as require_model
from anmok.catalogue.names import require_network as require_network
from anmok.catalogue.names import split_tag as split_tag
from anmok.catalogue.networks import create_network as create_network
from anmok.catalogue.public import PublicWeights as PublicWeights
from anmok.catalogue.pyramids import create_pyramid as create_pyramid
from anmok.catalogue.scaling import scale as scale
from anmok.catalogue.segmenters import create_segmenter as create_segmenter
from anmok.catalogue.weights import load_weights as load_weights
