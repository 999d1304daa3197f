"""The denoising network D of Equations 4 and 30: a transformer over the frames of a window.

Every frame is one token: its noisy coefficients, its AU codes E, and its speech features A with their neighbours; the
head's shape P and the step n are added to all of them. Frames attend to each other with a strength that fades with
their distance (lower layers only to near ones), so a window of any length will do. What the AUs alone would do to the
face is a linear skip, started at the template's own basis: the layers only have to learn what the voice adds.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from ..core.facs import AU_NAMES
from .basis import HEAD_NUMBERS

FEATURES = 128
_LOCAL_REACH = 8  # frames


class Denoiser(nn.Module):
    """Clean coefficients (B, T, K) from noisy ones, on one of the bases of `basis`.

    noisy: (B, T, K), of step n.
    aus: (B, T, 17) 0..1, the codes E.
    features: (B, T, 128), the speech features A.
    head: (B, 3), the code of the head's shape P.
    n: (B,), the step.
    """

    kind = "diffusion"

    def __init__(self, coefficients: int, width: int = 224, heads: int = 4, layers: int = 4) -> None:
        super().__init__()
        self.skip = nn.Linear(len(AU_NAMES), coefficients, bias=False)
        self.noisy, self.codes = nn.Linear(coefficients, width), nn.Linear(len(AU_NAMES), width)
        self.voice = nn.Conv1d(FEATURES, width, 5, padding=2)
        self.head = nn.Linear(HEAD_NUMBERS, width)
        self.step = nn.Sequential(nn.Linear(64, width), nn.GELU(), nn.Linear(width, width))
        self.layers = nn.ModuleList(_Layer(width, heads, local=i < layers // 2) for i in range(layers))
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, coefficients)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(
        self, noisy: torch.Tensor, aus: torch.Tensor, features: torch.Tensor, head: torch.Tensor, n: torch.Tensor
    ) -> torch.Tensor:
        # Tokens (B, T, width): a layer for each input, summed, which is one layer over all of them side by side; only
        # the voice also sees two frames to either side. P and n (B, 1, width) are the same for all frames.
        x = self.noisy(noisy) + self.codes(aus) + self.voice(features.mT).mT
        x = x + (self.head(head) + self.step(_waves(n)))[:, None]
        for layer in self.layers:
            x = layer(x)
        return self.skip(aus) + self.out(self.norm(x))


class UncodedDenoiser(Denoiser):
    """The ablation “w/o Codes4P”: it hears the voice and is not told the AU codes."""

    kind = "no_codes"

    def forward(
        self, noisy: torch.Tensor, aus: torch.Tensor, features: torch.Tensor, head: torch.Tensor, n: torch.Tensor
    ) -> torch.Tensor:
        return super().forward(noisy, torch.zeros_like(aus), features, head, n)


def _waves(n: torch.Tensor) -> torch.Tensor:
    """Sinusoids (B, 64) of the step."""
    # sin and cos of n / 10000^(i / 32), i = 0..31.
    rates = torch.exp(-math.log(1e4) * torch.arange(32, device=n.device) / 32)
    angles = n[:, None].float() * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class _Layer(nn.Module):
    def __init__(self, width: int, heads: int, local: bool) -> None:
        super().__init__()
        self.heads, self.local = heads, local
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed = nn.Sequential(nn.Linear(width, 3 * width), nn.GELU(), nn.Linear(3 * width, width))
        self.slope = nn.Parameter(torch.linspace(-2.0, 0.5, heads))
        self.lean = nn.Parameter(torch.linspace(-0.1, 0.1, heads))  # earlier or later frames first

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, frames, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(batch, frames, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        at = torch.arange(frames, device=x.device)
        # b_h(i, j) = lean_h (j - i) - 0.3 exp(slope_h) |j - i|, (H, T, T), added to the logits of attention: of
        # distances alone, so that no position beyond the training's windows is ever unknown.
        gap = (at[None, :] - at[:, None]).float()
        bias = self.lean[:, None, None] * gap - torch.exp(self.slope)[:, None, None] * gap.abs() * 0.3
        if self.local:
            bias = bias.masked_fill(gap.abs() > _LOCAL_REACH, -torch.inf)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype))
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, frames, width))
        return x + self.feed(self.norm2(x))
