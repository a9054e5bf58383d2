# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Muon for the hidden matrices, AdamW for everything else.

Muon (Jordan et al. 2024) takes the momentum of a matrix to its nearest orthogonal matrix before
the step. torch.optim.Muon does so in bfloat16 alone, which a CPU without bfloat16 units emulates
more than ten times slower than the float32 used here, and it would repeat the work in every
data-parallel process.
"""

from collections import defaultdict

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn

ADAMW_PREFIXES = ("head.", "focal_head.", "text_projection.", "down_half.", "semantic_quarter.")
"""First and last layers, where orthogonal updates do not help."""
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Quintic coefficients of Jordan et al."""


def orthogonalise(
    matrices: Float[Tensor, "*batch m n"], steps: int = 5
) -> Float[Tensor, "*batch m n"]:
    """Roughly the nearest semi-orthogonal matrices: singular values between 0.7 and 1.2."""
    a, b, c = NEWTON_SCHULZ
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class MatrixOptimizer:
    """Both optimisers behind one step.

    Args:
        network: its convolution kernels count as matrices, outputs x everything else.
        muon_rate: peak learning rate of Muon, in AdamW's scale (updates of the same size).
        adamw_rate: peak learning rate of AdamW.
        weight_decay: of all matrices, decoupled.
        momentum: of Muon.
    """

    def __init__(
        self,
        network: nn.Module,
        muon_rate: float,
        adamw_rate: float,
        weight_decay: float,
        momentum: float = 0.95,
    ) -> None:
        self._rate, self._decay, self._momentum = muon_rate, weight_decay, momentum
        self._matrices: list[nn.Parameter] = []
        decayed, plain = [], []
        for name, parameter in network.named_parameters():
            if parameter.dim() < 2:
                plain.append(parameter)
            elif name.startswith(ADAMW_PREFIXES):
                decayed.append(parameter)
            else:
                self._matrices.append(parameter)
        self._velocity = [torch.zeros_like(p) for p in self._matrices]
        groups = [
            {"params": decayed, "weight_decay": weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ]
        self._adamw = torch.optim.AdamW(groups, lr=adamw_rate, betas=(0.9, 0.98))
        self._adamw_rate = adamw_rate

    @torch.no_grad()
    def step(self, factor: float) -> None:
        """One update at `factor` of the peak learning rates."""
        for group in self._adamw.param_groups:
            group["lr"] = self._adamw_rate * factor
        self._adamw.step()
        rate = self._rate * factor
        for parameter, update in zip(self._matrices, self._directions(), strict=True):
            parameter.mul_(1.0 - rate * self._decay).add_(update, alpha=-rate)

    def _directions(self) -> list[Tensor]:
        """Orthogonalised Nesterov momentum of every matrix; the processes share the work."""
        world = dist.get_world_size() if dist.is_initialized() else 1
        rank = dist.get_rank() if world > 1 else 0
        directions = [torch.zeros_like(p) for p in self._matrices]
        shapes: dict[tuple[int, int], list[int]] = defaultdict(list)
        momenta: dict[int, Tensor] = {}
        for index, (parameter, velocity) in enumerate(
            zip(self._matrices, self._velocity, strict=True)
        ):
            gradient = parameter.grad if parameter.grad is not None else directions[index]
            velocity.lerp_(gradient, 1.0 - self._momentum)
            if index % world == rank:
                momenta[index] = gradient.lerp(velocity, self._momentum).flatten(1)
                shapes[tuple(momenta[index].shape)].append(index)
        # Matrices of one shape go together: alone they are too small to fill a GPU.
        for shape, indices in shapes.items():
            together = orthogonalise(torch.stack([momenta[i] for i in indices]))
            together = together * (0.2 * max(shape) ** 0.5)
            for index, direction in zip(indices, together, strict=True):
                directions[index] = direction.reshape(self._matrices[index].shape)
        if world > 1:
            flat = torch.cat([d.flatten() for d in directions])
            dist.all_reduce(flat)
            parts = flat.split([d.numel() for d in directions])
            directions = [p.view(d.shape) for p, d in zip(parts, directions, strict=True)]
        return directions

    def state_dict(self) -> dict:
        """State of both."""
        return {"velocity": self._velocity, "adamw": self._adamw.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        """Restore what :meth:`state_dict` gave."""
        for mine, saved in zip(self._velocity, state["velocity"], strict=True):
            mine.copy_(saved)
        self._adamw.load_state_dict(state["adamw"])
