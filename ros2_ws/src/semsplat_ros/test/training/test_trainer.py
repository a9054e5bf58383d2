# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The loop learns, stops on time, resumes where it was, and runs in two processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from semsplat_ros.errors import SemsplatError
from semsplat_ros.networks.compact import CompactConfig
from semsplat_ros.training import trainer
from semsplat_ros.training.losses import CompactLoss
from semsplat_ros.training.trainer import Trainer, TrainingConfig
from test.support.pairs import write_shard

SMALL = CompactConfig(
    widths=(8, 16, 16, 32), layers=2, semantic_width=12, match_width=16, text_dimension=20
)


def make(folder: Path, steps: int, **changes) -> Trainer:
    if not (folder / "data").exists():
        write_shard(folder / "data")
    bank = functional.normalize(torch.randn(6, 20, generator=torch.manual_seed(0)), dim=1)
    loss = CompactLoss(bank, torch.ones(6), torch.tensor([False] * 3 + [True] * 3))
    training = TrainingConfig(
        batch_size=2,
        steps=steps,
        warmup_steps=2,
        crop_height=16,
        crop_width=32,
        log_every=5,
        **changes,
    )
    return Trainer(folder / "data", folder / "run", loss, training, SMALL)


def test_it_learns_and_logs(tmp_path: Path) -> None:
    progress = make(tmp_path, 30).train()
    assert (progress.step, progress.pairs) == (30, 60)
    lines = [json.loads(x) for x in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert len(lines) == 6
    assert lines[-1]["semantic"] < lines[0]["semantic"]


def test_it_resumes_where_it_stopped(tmp_path: Path) -> None:
    first = make(tmp_path, 8)
    first.train(minutes=0.0)
    assert first.progress.step == 0, "no time, no step"
    first.train()
    again = make(tmp_path, 12)
    assert again.progress.step == 8
    for name, value in first.network.state_dict().items():
        assert torch.equal(value, again.network.state_dict()[name]), name
    assert again.train().step == 12


def test_minutes_anneal_the_run(tmp_path: Path) -> None:
    trainer = make(tmp_path, 10**9, finish_minutes=0.05)
    progress = trainer.train()
    assert progress.seconds >= 3.0
    assert trainer._rate() == pytest.approx(0.01, abs=1e-3)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_rates_are_scaled_in_every_precision(tmp_path: Path, precision: str) -> None:
    trainer = make(tmp_path, 3, rate_scale=0.0, precision=precision)
    before = {k: v.clone() for k, v in trainer.network.state_dict().items()}
    assert trainer.train().step == 3
    for name, value in trainer.network.state_dict().items():
        assert torch.equal(value, before[name]), "a rate of zero moves nothing"
    moved = make(tmp_path, 6, rate_scale=0.5, precision=precision)
    moved.train()
    assert any(not torch.equal(v, before[k]) for k, v in moved.network.state_dict().items())
    assert all(v.dtype is torch.float32 for v in moved.network.state_dict().values())


def test_unknown_precision_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SemsplatError, match="fp8"):
        make(tmp_path, 1, precision="fp8")


SCRIPT = """
import sys, torch, torch.distributed as dist
from pathlib import Path
torch.set_num_threads(1)
from test.training.test_trainer import make
trainer = make(Path(sys.argv[1]), 4)
trainer.train()
flat = torch.cat([p.flatten() for p in trainer.network.parameters()])
both = [torch.zeros_like(flat) for _ in range(2)]
dist.all_gather(both, flat)
assert torch.equal(*both), "the processes drifted apart"
assert trainer.progress.pairs == 16
trainer.close()
"""


def test_two_processes_stay_together(tmp_path: Path) -> None:
    write_shard(tmp_path / "data")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    package = Path(__file__).parents[2]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = f"{package}{os.pathsep}{environment.get('PYTHONPATH', '')}"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node=2", str(script), str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_it_learns_on_a_gpu_and_goes_on_on_the_cpu(tmp_path: Path) -> None:
    make(tmp_path, 20, device="cuda").train()
    lines = [json.loads(x) for x in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["semantic"] < lines[0]["semantic"]
    assert make(tmp_path, 22, device="cpu").train().step == 22


def test_formats_that_training_does_not_know_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SemsplatError, match="fp32, bf16 or auto"):
        make(tmp_path, 1, precision="fp16")


def test_an_average_is_matched_by_name(tmp_path: Path) -> None:
    first = make(tmp_path, 2)
    first.train()
    state = torch.load(first.checkpoint_path, weights_only=True)
    state["average"] = dict(reversed(state["average"].items()))
    torch.save(state, first.checkpoint_path)
    again = make(tmp_path, 3)
    again.train()
    for name, value in again.network.state_dict().items():
        assert again.average[name].shape == value.shape, name
        assert (again.average[name] - value).abs().max() < 0.2, name


def test_several_processes_on_a_gpu_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(trainer, "choose_device", lambda name: torch.device(name))
    with pytest.raises(SemsplatError, match="--processes 1 or --device cpu"):
        make(tmp_path, 1, device="cuda")
    assert trainer._device("auto").type == "cpu"


@pytest.mark.parametrize("broken", [float("inf"), float("nan")])
def test_a_step_whose_gradient_is_no_number_changes_no_weight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: float
) -> None:
    trainer = make(tmp_path, 1)
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    total = trainer.loss.total
    monkeypatch.setattr(trainer.loss, "total", lambda terms: total(terms) * broken)
    assert trainer.train().step == 1, "it is counted, and the run goes on"
    for name, value in trainer.network.state_dict().items():
        assert torch.equal(value, before[name]), name
