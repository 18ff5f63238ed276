"""A trained network at work: predict, export, run fast."""

from anmok.serving.onnx import ExportReport, export_onnx
from anmok.serving.optimization import OptimizedNetwork, optimize
from anmok.serving.prediction import Prediction
from anmok.serving.trained import Classifier, load

__all__ = ["Classifier", "ExportReport", "OptimizedNetwork", "Prediction", "export_onnx", "load", "optimize"]
