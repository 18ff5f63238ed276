"""The contract: what every backbone is, and what a zoo file exports."""

from anmok.backbone.architecture import Architecture as Architecture
from anmok.backbone.architecture import Paper as Paper
from anmok.backbone.backbone import Backbone as Backbone
from anmok.backbone.feature_info import FeatureInfo as FeatureInfo
from anmok.backbone.feature_list import FeatureList as FeatureList
from anmok.backbone.graphs import GraphClassifier as GraphClassifier
from anmok.backbone.graphs import Graphs as Graphs
from anmok.backbone.head import linear_head as linear_head
from anmok.backbone.pyramid import Pyramid as Pyramid
from anmok.backbone.segmenter import Segmenter as Segmenter
from anmok.backbone.sequence import TextClassifier as TextClassifier
from anmok.backbone.sequence import Translator as Translator
from anmok.backbone.spec import FeatureShape as FeatureShape
from anmok.backbone.spec import ImageSizes as ImageSizes
from anmok.backbone.spec import Kind as Kind
from anmok.backbone.spec import NetworkSpec as NetworkSpec
from anmok.backbone.spec import Scaling as Scaling
from anmok.backbone.spec import Spec as Spec
from anmok.backbone.task import Task as Task
