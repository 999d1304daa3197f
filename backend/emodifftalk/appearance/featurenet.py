"""FeatureNet of EmoTalk3D (its Equation 6) as an alternative to OPCNet: the colour of every Gaussian changes too."""

from __future__ import annotations

import torch
from torch import nn

from .network import MOVE, ROOM, PointMLP

FEATURES = 16


class FeatureNet(nn.Module):
    """H_t = FeatureNet(H_0, e, p, delta mu), a 4-layer MLP per Gaussian, with AU codes for the emotion e.

    H_0 is a learned feature (16,) beside the canonical colour; the change is relative to the relaxed face, which keeps
    its look exactly. Opacity changes along with the colour.
    """

    def __init__(self, gaussians: int, width: int = 24) -> None:
        super().__init__()
        self.latent = nn.Parameter(0.3 * torch.randn(gaussians, FEATURES))
        self.net = PointMLP(still=FEATURES + 3 + 3, codes=17, moving=3, out=4, width=width, layers=4)
        nn.init.normal_(self.net.leave.weight, std=1e-2)

    def begin(self, means: torch.Tensor, colors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Canonical means (N, 3) metres and colours (N, 3) → what is the same in every frame."""
        begun = self.net.begin(torch.cat([self.latent, means / ROOM, colors], dim=-1))
        return begun, self.net(begun, None, None)

    def features(self, aus: torch.Tensor) -> torch.Tensor | None:
        """Nothing is weighted by action unit beforehand: None."""
        return None

    def forward(
        self,
        begun: tuple[torch.Tensor, torch.Tensor],
        aus: torch.Tensor,
        moved: torch.Tensor,
        features: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Changes of opacity (N,), -1..1, and of colour (N, 3), -0.5..0.5.

        begun: of `begin`.
        aus: (17,) 0..1.
        moved: (N, 3) metres.
        features: None, see `features`.
        """
        # tanh(net(H_0, e, p, Δμ) - net(H_0, 0, p, 0)), (N, 4): exactly 0 on the relaxed face, and never beyond 1.
        unchanging, neutral = begun
        change = torch.tanh(self.net(unchanging, aus, moved / MOVE) - neutral)
        return change[:, 0], 0.5 * change[:, 1:]
