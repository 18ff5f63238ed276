"""Names that tests go through."""

from anmok.catalogue import list_models, require_model

NANO = [name for name in list_models() if require_model(name).is_ours]  # one small preset of each family
