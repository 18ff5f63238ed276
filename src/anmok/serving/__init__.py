"""A trained classifier at work: predict, export."""

from anmok.serving.onnx import ExportReport, export_onnx
from anmok.serving.prediction import Prediction
from anmok.serving.trained import Classifier, load

__all__ = ["Classifier", "ExportReport", "Prediction", "export_onnx", "load"]
