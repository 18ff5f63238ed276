"""Names that tests go through."""

from anmok.backbone import Task
from anmok.catalogue import list_models, require_model

NANO = [name for name in list_models() if require_model(name).is_ours]  # one small preset of each family
EVERY_FAMILY = [n for n in list_models(task=Task.SEGMENTATION) if require_model(n).is_ours]
