"""OPCNet and its feature line (EmoDiffTalk Equation 6): opacity changes that paint wrinkles and tension."""

from __future__ import annotations

import torch
from torch import nn

FEATURES = 16
_ROOM = 0.1  # metres


class OPCNet(nn.Module):
    """Delta alpha = N_OPC(f_t, E_t, mu_t), a 3-layer MLP per Gaussian.

    The feature line F (17, Q, 16) holds what each action unit does to each facial Gaussian; f_t is its AU-weighted sum.
    The change is relative to the relaxed face, which keeps its canonical opacity exactly.
    """

    def __init__(self, gaussians: int, width: int = 32) -> None:
        super().__init__()
        self.line = nn.Parameter(torch.zeros(17, gaussians, FEATURES))
        self.enter = nn.Linear(FEATURES + 17 + 3, width)
        self.middle = nn.Linear(width, width)
        self.leave = nn.Linear(width, 1)
        nn.init.normal_(self.line, std=1e-3)
        nn.init.normal_(self.leave.weight, std=1e-3)

    def forward(
        self, aus: torch.Tensor, means: torch.Tensor, offsets: torch.Tensor, rest: torch.Tensor | None = None
    ) -> torch.Tensor:
        """aus (17,), canonical means (N, 3), offsets (N, 3) in metres → opacity change (N,), -1..1.

        rest: what `rest` gives, where it is known already.
        """
        rest = self.rest(means) if rest is None else rest
        features = torch.einsum("k,knf->nf", aus, self.line)
        return torch.tanh(self._change(features, aus, means + offsets) - rest)

    def rest(self, means: torch.Tensor) -> torch.Tensor:
        """What is predicted (N,) for the relaxed face, the same in every frame."""
        return self._change(means.new_zeros(len(means), FEATURES), means.new_zeros(17), means)

    def _change(self, features, aus, means) -> torch.Tensor:
        x = torch.cat([features, aus.expand(len(means), -1), means / _ROOM], dim=-1)
        x = nn.functional.silu(self.enter(x))
        return self.leave(nn.functional.silu(self.middle(x)))[:, 0]
