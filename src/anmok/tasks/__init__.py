"""Tasks other than image classification: how their data is read, batched and scored, and how answers are given."""

import importlib

from anmok import backbone
from anmok.tasks.task import Answer as Answer
from anmok.tasks.task import Problem as Problem
from anmok.tasks.task import Task as Task
from anmok.tasks.task import Tested as Tested


def find_task(task: backbone.Task) -> Task:
    """What is known of a task; it lies in the file of its name."""
    found: Task = importlib.import_module(f"anmok.tasks.{task.replace('-', '_')}").TASK
    return found
