"""The contract: what every backbone is, and what a zoo file exports."""

from anmok.backbone.architecture import Architecture as Architecture
from anmok.backbone.architecture import Paper as Paper
from anmok.backbone.architecture import Task as Task
from anmok.backbone.backbone import Backbone as Backbone
from anmok.backbone.feature_info import FeatureInfo as FeatureInfo
from anmok.backbone.feature_list import FeatureList as FeatureList
from anmok.backbone.head import linear_head as linear_head
from anmok.backbone.segmenter import Segmenter as Segmenter
from anmok.backbone.spec import FeatureShape as FeatureShape
from anmok.backbone.spec import ImageSizes as ImageSizes
from anmok.backbone.spec import Kind as Kind
from anmok.backbone.spec import Scaling as Scaling
from anmok.backbone.spec import Spec as Spec
