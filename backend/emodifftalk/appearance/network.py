"""The small network of all decoders: an MLP over the facial Gaussians, laid out so that a frame costs little."""

from __future__ import annotations

import torch
from torch import nn

ROOM = 0.1
"""Metres that count as one, so that inputs are of order 1."""
MOVE = 0.01
"""The same of movements."""


class PointMLP(nn.Module):
    """`layers` layers whose first one takes apart what never changes, the AU codes, and what moves.

    The first share is worked out once (`begin`), the second once a frame, only the third for every Gaussian and frame:
    to the letter the layer over all of them together.
    """

    def __init__(self, still: int, codes: int, moving: int, out: int, width: int, layers: int = 3) -> None:
        super().__init__()
        self.still = nn.Linear(still, width)
        self.codes = nn.Linear(codes, width, bias=False) if codes else None
        self.moving = nn.Linear(moving, width, bias=False)
        self.inner = nn.ModuleList(nn.Linear(width, width) for _ in range(layers - 2))
        self.leave = nn.Linear(width, out)

    def begin(self, still: torch.Tensor) -> torch.Tensor:
        """still (N, S) → the unchanging share (N, width) of the first layer."""
        return self.still(still)

    def forward(self, begun: torch.Tensor, codes: torch.Tensor | None, moving: torch.Tensor | None) -> torch.Tensor:
        """(N, out) of every Gaussian.

        begun: (N, width) of `begin`.
        codes: AU codes (17,), None for the relaxed face.
        moving: (N, M), None for the relaxed face.
        """
        # W [s, e, m] + b = (W_s s + b) + W_e e + W_m m: of (N, width) rows only the last term is new in a frame, and
        # addmm puts it on top without a second array of that size.
        x = begun
        if codes is not None and self.codes is not None:
            x = x + self.codes(codes)
        if moving is not None:
            x = torch.addmm(x, moving, self.moving.weight.T)
        # While learning the earlier values are still needed.
        thrifty = not torch.is_grad_enabled() and x is not begun
        x = nn.functional.silu(x, inplace=thrifty)
        for layer in self.inner:
            x = nn.functional.silu(layer(x), inplace=not torch.is_grad_enabled())
        return self.leave(x)
