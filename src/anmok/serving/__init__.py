"""A trained network at work: predict, export, run fast."""

from anmok.serving.onnx import ExportReport as ExportReport
from anmok.serving.onnx import export_onnx as export_onnx
from anmok.serving.optimization import OptimizedNetwork as OptimizedNetwork
from anmok.serving.optimization import optimize as optimize
from anmok.serving.prediction import Prediction as Prediction
from anmok.serving.trained import Classifier as Classifier
from anmok.serving.trained import load as load
from anmok.tasks.trained import TaskNetwork as TaskNetwork
