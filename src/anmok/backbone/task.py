"""What a network's answer is about."""

from enum import StrEnum


class Task(StrEnum):
    """What is asked of a network, by the words of `--task`."""

    CLASSIFICATION = "classification"  # one class for an image
    SEGMENTATION = "segmentation"  # one for each of its pixels
    TEXT_CLASSIFICATION = "text-classification"  # one for a text
    TRANSLATION = "translation"  # a text for a text
    NODE_CLASSIFICATION = "node-classification"  # one class for each node of a graph
    GRAPH_CLASSIFICATION = "graph-classification"  # one for a graph
