"""Why this answer for this image? One method per file -> a heat map."""

from anmok.explain.deletion import Deletion as Deletion
from anmok.explain.deletion import check_by_deletion as check_by_deletion
from anmok.explain.grad_cam import grad_cam as grad_cam
from anmok.explain.integrated_gradients import integrated_gradients as integrated_gradients
from anmok.explain.methods import METHODS as METHODS
from anmok.explain.methods import explanations as explanations
from anmok.explain.occlusion import occlusion as occlusion
from anmok.explain.overlay import overlay as overlay
from anmok.explain.overlay import write_overlay as write_overlay
from anmok.explain.rollout import attention_rollout as attention_rollout
