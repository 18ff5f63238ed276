"""What networks cost as they are exported: through onnxruntime, preprocessing included."""

import copy
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import numpy as np
from torch import Tensor, nn

from anmok.evaluation.cost import measure_memory, take_turns
from anmok.evaluation.device_costs import Device, Runtime
from anmok.selection.meter import Reading
from anmok.serving import resident
from anmok.serving.graph import Session
from anmok.serving.onnx import FromPixels, require_packages, write_graph
from anmok.training.classifier import ImageClassifier


@dataclass(frozen=True)
class OnnxMeter:
    """Measures here, by onnxruntime on the CPU.

    Memory is what a process grows by that loads the file and answers, which only Linux tells; elsewhere it is that of
    the same network in PyTorch. Raises `ExportError` where a package is missing or a network cannot be translated.
    """

    threads: int = 1
    machine: str = ""

    @property
    def device(self) -> Device:
        """The machine that this runs on."""
        require_packages()
        return Device.here("cpu", Runtime.ONNXRUNTIME, self.threads)

    def __call__(self, networks: Mapping[str, nn.Module], image: Tensor) -> list[Reading]:
        """All in turns; the networks are classifiers of images."""
        require_packages()
        runs, memory = [], []
        with TemporaryDirectory() as folder:
            for i, classifier in enumerate(networks.values()):
                file = Path(folder) / f"{i}.onnx"
                write_graph(FromPixels(cast(ImageClassifier, copy.deepcopy(classifier).cpu().eval())), file)
                memory.append(self._growth(file) or measure_memory(classifier, image))
                runs.append(partial(Session(file, threads=self.threads), image.numpy().astype(np.uint8)))
                file.unlink()
        return [Reading(latency, peak) for latency, peak in zip(take_turns(runs), memory, strict=True)]

    def _growth(self, file: Path) -> float | None:
        """Of a process of its own, MiB; None where the system does not tell."""
        if sys.platform != "linux":
            return None
        # -P: the script's folder has modules that are called like packages.
        script = [sys.executable, "-P", resident.__file__, str(file), str(self.threads)]
        return int(subprocess.run(script, capture_output=True, check=True, text=True).stdout) / 1024
