"""A script: what a process grows by that loads an ONNX file and answers one image, KiB. Nothing else may live in it."""

import sys
from pathlib import Path


def grow(graph: str, threads: int) -> int:
    """From before the file is read to the peak; Linux tells it."""
    import numpy as np
    import onnxruntime

    before = _status("VmRSS")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    (pixels,) = session.get_inputs()
    session.run(None, {pixels.name: np.zeros((1, *pixels.shape[1:]), np.uint8)})
    return _status("VmHWM") - before


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


if __name__ == "__main__":
    sys.stdout.write(str(grow(sys.argv[1], int(sys.argv[2]))))
