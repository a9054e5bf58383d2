# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The training loop: one process or several under torchrun, resumable, bounded by steps and
minutes."""

import gc
import json
import logging
import math
import os
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.registry import choose_device, choose_precision
from semsplat_ros.networks.compact import CompactConfig, CompactNetwork
from semsplat_ros.training.augmentation import augment
from semsplat_ros.training.losses import CompactLoss
from semsplat_ros.training.optimizers import MatrixOptimizer
from semsplat_ros.training.shards import PairBatch, PairShards, decode
from semsplat_ros.training.targets import inputs

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides a run; stored in its checkpoints and beside exported weights."""

    batch_size: int = 6
    """Pairs per step and process."""
    steps: int = 6000
    finish_minutes: float = 0.0
    """If > 0, the run also ends, its learning rate at zero, after so many minutes of training."""
    muon_rate: float = 2e-3
    adamw_rate: float = 1.4e-3
    rate_scale: float = 1.0
    """Of both learning rates; below 1 to go on from trained weights."""
    device: str = "cpu"
    """auto, cpu, cuda or cuda:N; several processes train on the CPU alone, and auto is that."""
    precision: str = "auto"
    """Of the network: fp32, bf16, or auto for bf16 where the device computes in it. Weights,
    losses and the optimiser are float32 always."""
    weight_decay: float = 0.03
    warmup_steps: int = 100
    clip_norm: float = 2.0
    ema_decay: float = 0.998
    baseline_drop: float = 0.3
    """Share of the stereo pairs whose baseline the network is not told."""
    intrinsics_drop: float = 0.12
    crop_height: int = 96
    crop_width: int = 128
    crop_until: float = 0.6
    """Share of the run that is trained on crops; the rest on whole images."""
    seed: int = 0
    log_every: int = 20
    save_seconds: float = 180.0


@dataclass
class Progress:
    """Where a run is."""

    step: int = 0
    seconds: float = 0.0
    pairs: int = 0


class Trainer:
    """Trains a compact network on shards.

    Args:
        data: directory of shards; new shards are taken in while it runs.
        run: directory for checkpoints and the log.
        loss: the terms.
        training: how.
        network: sizes.
        initial: state dict to start from instead of random weights (not used when resuming).
    """

    def __init__(
        self,
        data: Path,
        run: Path,
        loss: CompactLoss,
        training: TrainingConfig,
        network: CompactConfig,
        initial: dict[str, Tensor] | None = None,
    ) -> None:
        self.device = _device(training.device)
        self.rank, self.world = _join_process_group(self.device)
        self.run, self.training = Path(run), replace(training, device=str(self.device))
        self.loss = loss.to(self.device)
        self.run.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(training.seed)
        self.network = CompactNetwork(network)
        if initial is not None:
            self.network.load_state_dict(initial)
        self.network = self.network.to(self.device, memory_format=torch.channels_last)
        self._half = _computes_in_bf16(training.precision, self.device)
        self.optimizer = MatrixOptimizer(
            self.network, training.muon_rate, training.adamw_rate, training.weight_decay
        )
        self.average = {k: v.clone() for k, v in self.network.state_dict().items()}
        self.progress = Progress()
        self.shards = PairShards(data)
        self._sums: dict[str, Tensor] = {}
        self._done = 0.0
        if self.checkpoint_path.exists():
            self._resume()
        self.random = np.random.default_rng((training.seed, self.rank, self.progress.step))
        torch.manual_seed(hash((training.seed, self.rank, self.progress.step)) % 2**31)
        self.model: nn.Module = self.network
        if self.world > 1:
            self.model = DistributedDataParallel(self.network, gradient_as_bucket_view=True)

    @property
    def checkpoint_path(self) -> Path:
        """The newest checkpoint; always whole."""
        return self.run / "last.pt"

    def train(self, minutes: float = math.inf) -> Progress:
        """Run until all steps are done or this call's minutes are over; saves on the way out."""
        self.model.train()
        with ThreadPoolExecutor(1, "pairs") as reader:
            self._loop(minutes, reader)
        self.save()
        return self.progress

    def close(self) -> None:
        """Leave the group of processes; to be called by every one of them when it is done."""
        if self.world > 1:
            # What refers to the group keeps its threads, and the interpreter cannot end with them.
            self.model = self.network
            gc.collect()
            dist.barrier()
            dist.destroy_process_group()

    def _loop(self, minutes: float, reader: Executor) -> None:
        started = saved = time.monotonic()
        before = self.progress.seconds
        stored = self._read(reader)
        while True:
            self.progress.seconds = before + time.monotonic() - started
            self._done, stop = self._agreed(time.monotonic() - started > minutes * 60)
            if stop or self._done >= 1.0:
                break
            ready = stored.result()
            stored = self._read(reader)  # the next pairs, while this step computes
            for name, value in self._step(self._prepare(ready)).items():
                # Not read here: a GPU works on while the next step is prepared.
                self._sums[name] = self._sums.get(name, 0.0) + value.detach()
            if self.rank == 0 and self.progress.step % self.training.log_every == 0:
                self._log()
            if time.monotonic() - saved > self.training.save_seconds:
                saved = time.monotonic()
                self.shards.refresh()
                self.save()

    def _read(self, reader: Executor) -> Future[dict[str, Tensor]]:
        indices = self.random.integers(0, len(self.shards), self.training.batch_size)
        return reader.submit(self.shards.read, indices)

    def _prepare(self, stored: dict[str, Tensor]) -> PairBatch:
        size, batch = self.training, decode(stored, self.device)
        if self._done < size.crop_until:
            return augment(batch, size.crop_height, size.crop_width)
        return augment(batch, *batch.images.shape[-2:])

    def _step(self, batch: PairBatch) -> dict[str, Tensor]:
        chance = torch.rand(2, len(batch), device=self.device)
        baseline_known = chance[0] >= self.training.baseline_drop
        intrinsics_known = chance[1] >= self.training.intrinsics_drop
        x = inputs(batch, baseline_known, intrinsics_known)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._half):
            prediction = self.model(x.contiguous(memory_format=torch.channels_last))
        terms = self.loss(self.network, prediction, batch)
        self.network.zero_grad(set_to_none=True)
        self.loss.total(terms).backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.training.clip_norm)
        if torch.isfinite(norm):
            self.optimizer.step(self._rate())
        self.progress.step += 1
        self.progress.pairs += len(batch) * self.world
        self._update_average()
        return {**terms, "gradient_norm": norm}

    def _rate(self) -> float:
        """Linear warm-up, then a cosine to one percent."""
        warm = min(1.0, (self.progress.step + 1) / self.training.warmup_steps)
        cosine = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, self._done)))
        return self.training.rate_scale * warm * cosine

    def _update_average(self) -> None:
        decay = min(self.training.ema_decay, (self.progress.step + 1) / (self.progress.step + 20))
        live = self.network.state_dict()
        average = [self.average[name] for name in live]
        with torch.no_grad():
            # All at once: a kernel for each of them would keep a GPU waiting.
            torch._foreach_lerp_(average, list(live.values()), 1.0 - decay)

    def _agreed(self, stop: bool) -> tuple[float, bool]:
        """Which share of the run is done, and whether to stop: the first process decides for
        all."""
        done = self.progress.step / self.training.steps
        if self.training.finish_minutes > 0:
            done = max(done, self.progress.seconds / 60.0 / self.training.finish_minutes)
        if self.world == 1:
            return done, stop
        word = torch.tensor([done, float(stop)], dtype=torch.float64)
        dist.broadcast(word, 0)
        return float(word[0]), bool(word[1])

    def _log(self) -> None:
        count = self.training.log_every
        record = {k: round(v.item() / count, 4) for k, v in self._sums.items()}
        self._sums.clear()
        record = {
            **asdict(self.progress),
            "done": round(self._done, 4),
            "distinct": len(self.shards),
            **record,
        }
        record["seconds"] = round(record["seconds"], 1)
        with (self.run / "log.jsonl").open("a") as file:
            file.write(json.dumps(record) + "\n")
        LOGGER.info("%s", json.dumps(record))

    def save(self) -> None:
        """Write the checkpoint under its name only when it is whole."""
        if self.rank != 0:
            return
        state = {
            "network": self.network.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "progress": asdict(self.progress),
            "training": asdict(self.training),
            "sizes": asdict(self.network.config),
            "class_names": list(self.shards.class_names),
        }
        temporary = self.checkpoint_path.with_suffix(".tmp")
        torch.save(state, temporary)
        os.replace(temporary, self.checkpoint_path)

    def _resume(self) -> None:
        state = torch.load(self.checkpoint_path, weights_only=True, map_location="cpu")
        self.network.load_state_dict(state["network"])
        self.average = {k: v.to(self.device) for k, v in state["average"].items()}
        self.optimizer.load_state_dict(state["optimizer"])
        self.progress = Progress(**state["progress"])
        LOGGER.info("resuming %s at step %d", self.run, self.progress.step)


def _device(name: str) -> torch.device:
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    return choose_device("cpu" if several and name == "auto" else name)


def _computes_in_bf16(precision: str, device: torch.device) -> bool:
    if precision == "fp16":
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            "precision 'fp16' was asked for; training computes in fp32, bf16 or auto",
        )
    return choose_precision(precision, device) is torch.bfloat16


def _join_process_group(device: torch.device) -> tuple[int, int]:
    """Rank and number of processes; joins the group torchrun describes, if there is one."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world > 1 and device.type != "cpu":
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"{world} processes were asked for on {device}; several train on the CPU alone: take "
            "--processes 1 or --device cpu",
        )
    if world > 1 and not dist.is_initialized():
        dist.init_process_group("gloo")
    return int(os.environ.get("RANK", "0")), world
