"""OPCNet and its feature line (EmoDiffTalk Equation 6): opacity changes that paint wrinkles and tension."""

from __future__ import annotations

import torch
from torch import nn

from .network import MOVE, ROOM, PointMLP

FEATURES = 16


class OPCNet(nn.Module):
    """Delta alpha = N_OPC(f_t, E_t, mu_t), a 3-layer MLP per Gaussian.

    The feature line F (17, Q, 16) holds what each action unit does to each facial Gaussian; f_t is its AU-weighted sum.
    The change is relative to the relaxed face, which keeps its canonical opacity exactly. Beside the MLP features reach
    the change directly, through a linear layer: what one AU does to one Gaussian is learned in tens of steps instead of
    thousands.

    codes False is the ablation “w/o Codes4O”: one feature (16,) per Gaussian, no AU enters; the direct features count
    by how far the Gaussian has moved.
    """

    def __init__(self, gaussians: int, codes: bool = True, width: int = 24) -> None:
        super().__init__()
        self.with_codes = codes
        if codes:
            self.line = nn.Parameter(torch.zeros(17, gaussians, FEATURES))
            self.net = PointMLP(still=3, codes=17, moving=FEATURES + 3, out=1, width=width)
        else:
            self.line = nn.Parameter(torch.zeros(gaussians, FEATURES))
            self.net = PointMLP(still=3 + FEATURES, codes=0, moving=3, out=1, width=width)
        self.direct = nn.Parameter(torch.zeros(FEATURES))
        nn.init.normal_(self.line, std=1e-3)
        nn.init.normal_(self.net.leave.weight, std=1e-2)
        with torch.no_grad():
            self.direct[0] = 1.0

    def begin(self, means: torch.Tensor, colors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Canonical means (N, 3) metres (colours do not matter here) → what is the same in every frame."""
        place = means / ROOM
        begun = self.net.begin(place if self.with_codes else torch.cat([place, self.line], dim=-1))
        return begun, self.net(begun, None, None)

    def features(self, aus: torch.Tensor) -> torch.Tensor | None:
        """f_t (T, N, 16) of aus (T, 17): the feature line, weighted by action unit."""
        # f_t = Σ_k E_tk F_k, (T, 17) x (17, N, 16), Equation 6's input: for several frames at once, since the line is
        # large and reading it costs more than the sums.
        return torch.tensordot(aus, self.line, dims=1) if self.with_codes else None

    def forward(
        self,
        begun: tuple[torch.Tensor, torch.Tensor],
        aus: torch.Tensor,
        moved: torch.Tensor,
        features: torch.Tensor | None,
    ) -> tuple[torch.Tensor, None]:
        """Change of opacity (N,), -1..1, and none of colour.

        begun: of `begin`.
        aus: (17,) 0..1.
        moved: (N, 3) metres.
        features: (N, 16) of `features`, None without codes.
        """
        unchanging, neutral = begun
        step = moved / MOVE
        if features is not None:
            inner = self.net(unchanging, aus, torch.cat([features, step], dim=-1))
        else:
            features = self.line * step.norm(dim=-1, keepdim=True)
            inner = self.net(unchanging, None, step)
        # tanh(N_OPC(f, E, mu) - N_OPC(rest) + f · d), (N,), d (16,): 0 on the relaxed face, where f is 0 too.
        return torch.tanh((inner - neutral)[:, 0] + features @ self.direct), None
