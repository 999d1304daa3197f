"""The ablation “w/o Diffusion”: a GRU that predicts the offsets at once, behind the denoiser's interface."""

from __future__ import annotations

import torch
from torch import nn

from ..core.facs import AU_NAMES
from .basis import HEAD_NUMBERS
from .denoiser import FEATURES


class MotionGRU(nn.Module):
    """Takes what `Denoiser` takes, and gives what it gives, without looking at the noise or the step."""

    kind = "gru"

    def __init__(self, coefficients: int, width: int = 256, layers: int = 2) -> None:
        super().__init__()
        self.skip = nn.Linear(len(AU_NAMES), coefficients, bias=False)
        self.enter = nn.Linear(len(AU_NAMES) + FEATURES + HEAD_NUMBERS, width)
        self.gru = nn.GRU(width, width, layers, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * width, coefficients)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(
        self, noisy: torch.Tensor, aus: torch.Tensor, features: torch.Tensor, head: torch.Tensor, n: torch.Tensor
    ) -> torch.Tensor:
        # E, A and P of every frame side by side, (B, T, 17 + 128 + 3), P repeated: a GRU has no other way in.
        condition = torch.cat([aus, features, head[:, None].expand(-1, aus.shape[1], -1)], dim=2)
        hidden, _ = self.gru(nn.functional.gelu(self.enter(condition)))
        return self.skip(aus) + self.out(hidden)
