"""Triplane colour (EmoDiffTalk Equation 1): c = M(F_xy ⊕ F_xz ⊕ F_yz)."""

from __future__ import annotations

import torch
from torch import nn


class TriplaneColor(nn.Module):
    """RGB (N, 3) in 0..1 of points (N, 3) in metres, from three feature planes over a box and an MLP decoder.

    low, high: (3,) metres, corners of the box.
    planes: (3, channels, resolution, resolution), the features F_xy, F_xz, F_yz.
    decode: the decoder M, of all three features of a point.
    """

    low: torch.Tensor
    high: torch.Tensor

    def __init__(self, low: torch.Tensor, high: torch.Tensor, resolution: int = 256, channels: int = 10) -> None:
        super().__init__()
        self.register_buffer("low", low)
        self.register_buffer("high", high)
        self.planes = nn.Parameter(0.05 * torch.randn(3, channels, resolution, resolution))
        layers = (nn.Linear(3 * channels, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 3))
        self.decode = nn.Sequential(*layers)

    def forward(self, points: torch.Tensor, tint: torch.Tensor | float = 0.0) -> torch.Tensor:
        """tint: (N, 3), added before the last squashing: detail finer than the planes are."""
        # Each plane is a picture, read bilinearly at two of the point's coordinates, the box being -1..1.
        # One grid_sample does all three: planes (3, C, R, R) at pairs (3, N, 1, 2) give (3, C, N, 1).
        unit = 2 * (points - self.low) / (self.high - self.low) - 1
        pairs = torch.stack([unit[:, [0, 1]], unit[:, [0, 2]], unit[:, [1, 2]]])
        features = nn.functional.grid_sample(self.planes, pairs[:, :, None], align_corners=True, padding_mode="border")
        # ⊕ is concatenation: (3, C, N) to (N, 3 C). A sigmoid, because colours are display-referred and end at 1.
        return torch.sigmoid(self.decode(features[..., 0].permute(2, 0, 1).reshape(len(points), -1)) + tint)
