"""Two processes train as one does; every image is judged once."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from anmok.data import Augmentation
from anmok.errors import TrainingError
from anmok.training import distributed
from anmok.training.inference import probabilities, share_correct
from anmok.training.job import Fit
from anmok.training.loop import fit
from anmok.training.recipe import Precision, Recipe
from halves import Halves, layer_norm_network

# 50 images in batches of 16: of the last two, one process has nothing.
RECIPE = Recipe(
    epochs=2, batch_size=16, evaluations=2, learning_rate=5e-3, precision=Precision.FP32, ema_decay=0.9,
    augmentation=Augmentation.FLIP_CROP, randaugment_layers=1, mixup=0.5, cutmix=0.5,
)  # fmt: skip
CPU = torch.device("cpu")


def train(checkpoint: Path | None) -> dict[str, object]:
    data, network = Halves(50), layer_norm_network()
    job = Fit(
        network=network, train=data.batches(seed=1), select=Halves(37).batches(), recipe=RECIPE, device=CPU, seed=0,
        num_classes=2, checkpoint=checkpoint,
    )  # fmt: skip
    result = fit(job)
    answers = probabilities(network, Halves(37).batches(), CPU)
    share = share_correct(network, Halves(37).batches(), CPU)
    return {
        "losses": result.losses,
        "accuracies": list(result.accuracies.values()),
        "images": result.images,
        "answers": answers.tolist(),
        "share": share,
    }


def main(folder: Path) -> None:
    with distributed.process_group():
        found = train(folder / "last.safetensors")
        part = distributed.this_part()
    (folder / f"{part.rank}.json").write_text(json.dumps(found))


def test_two_processes_give_the_loss_curve_of_one_and_count_every_image_once(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[1])}
    process = subprocess.run(
        [*command, "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0", __file__, str(tmp_path)],
        capture_output=True, text=True, env=environment,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    alone = train(None)
    assert first == second
    np.testing.assert_allclose(first["losses"], alone["losses"], atol=1e-4)
    np.testing.assert_allclose(first["answers"], alone["answers"], atol=1e-3)
    assert len(first["answers"]) == 37
    assert first["images"] == alone["images"] == 100
    assert first["accuracies"] == alone["accuracies"]
    assert first["share"] == alone["share"]


def test_alone_there_is_nothing_to_exchange() -> None:
    network, number = torch.nn.Linear(2, 2), torch.tensor(3.0)
    assert distributed.in_parallel(network, CPU) is network
    assert distributed.summed(number) is number
    assert distributed.gathered("a") == ["a"]
    assert distributed.is_first()
    with distributed.process_group() as device:
        assert device.type in ("cpu", "cuda", "mps")


def test_a_lost_process_is_one_sentence_however_it_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(distributed.distributed, "init_process_group", lambda *_, **__: None)
    monkeypatch.setattr(distributed.distributed, "destroy_process_group", lambda: None)
    sentence = r"^Another process of this training has ended\. Look at what it said, and repeat the command: it resumes"
    with pytest.raises(TrainingError, match=sentence), distributed.process_group():
        raise RuntimeError("[gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]:28213")
    with pytest.raises(TrainingError, match=sentence), distributed.process_group():
        signal.getsignal(signal.SIGTERM)(signal.SIGTERM, None)  # the signal itself would end the test's own process
    with pytest.raises(RuntimeError, match="mat1"), distributed.process_group():
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
