# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Loading needs the memory of the weights and hardly more."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

LAYERS, WIDTH = 24, 1448
BYTES = LAYERS * (WIDTH * WIDTH + WIDTH) * 4
"""About 200 MB."""
SCRIPT = """
import sys
from pathlib import Path
import torch
from torch import nn
from semsplat_ros.families.weights.checkpoints import read_checkpoint
from semsplat_ros.families.loading import network_from

def memory(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))

def build():
    return nn.Sequential(*(nn.Linear({width}, {width}) for _ in range({layers})))

torch.set_num_threads(1)
before = memory("VmRSS")
dtype = getattr(torch, sys.argv[2])
module = network_from(build, read_checkpoint(sys.argv[1]), torch.device("cpu"), dtype)
module(torch.ones(1, {width}, dtype=dtype))  # touches every weight
print(memory("VmHWM") - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="measures with Linux's /proc")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("container", ["safetensors", "pth"])
def test_peak_memory_is_at_most_a_fifth_more_than_the_file(tmp_path, container, dtype):
    torch.manual_seed(0)
    layers = [nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS)]
    state = nn.Sequential(*layers).state_dict()
    path = tmp_path / f"weights.{container}"
    if container == "pth":
        torch.save({"model": state}, path)
    else:
        save_file(state, path)
    script = SCRIPT.format(width=WIDTH, layers=LAYERS)
    command = [sys.executable, "-c", script, str(path), dtype]
    grown = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    kept = BYTES if dtype == "float32" else BYTES / 2
    assert 0.9 * kept < grown < 1.2 * BYTES, f"{grown / BYTES:.2f} times the file"
