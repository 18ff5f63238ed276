"""What `anmok bench` writes on a small computer."""

from typing import Any

from anmok.evaluation.device_costs import Device, DeviceCost, Runtime

PI = Device(
    processor="Raspberry Pi 5",
    cores=4,
    accelerator="none",
    type="cpu",
    runtime=Runtime.ONNXRUNTIME,
    threads=1,
    versions={"torch": "2.13"},
)


def row(model: str, **changes: Any) -> DeviceCost:
    values = {"image_size": 32, "num_classes": 10, "latency_ms": 2.0, "latency_p95_ms": 2.5, "n": 60}
    return DeviceCost(**{"model": model, "memory_mib": 8.0, "params": 10, "macs": 0, **values, **changes})
