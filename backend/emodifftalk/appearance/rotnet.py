"""RotNet (EmoDiffTalk Equation 5): the rotation of every facial Gaussian from R_0, the AU codes and its position."""

from __future__ import annotations

import torch
from torch import nn

from ..core.gaussians import hamilton_product
from .network import MOVE, ROOM, PointMLP


class RotNet(nn.Module):
    """R_t = N_Rot(R_0, E_t, mu_t), a 3-layer MLP per Gaussian.

    It predicts a rotation vector relative to what it predicts for the relaxed face, so that the relaxed face keeps R_0
    exactly. The vector turns what the surface's own turn has made of R_0 (see `surface`).
    """

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.net = PointMLP(still=4 + 3, codes=17, moving=3, out=3, width=width)
        nn.init.zeros_(self.net.leave.weight)

    def begin(self, quats: torch.Tensor, means: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """quats R_0 (N, 4) wxyz, canonical means (N, 3) metres → what is the same in every frame."""
        begun = self.net.begin(torch.cat([quats, means / ROOM], dim=-1))
        return begun, self.net(begun, None, None)

    def forward(self, begun: tuple[torch.Tensor, torch.Tensor], aus: torch.Tensor, moved: torch.Tensor) -> torch.Tensor:
        """Rotation vectors (N, 3), radians.

        begun: of `begin`.
        aus: (17,) 0..1.
        moved: (N, 3) metres.
        """
        unchanging, neutral = begun
        return self.net(unchanging, aus, moved / MOVE) - neutral


def vector_to_quat(vector: torch.Tensor) -> torch.Tensor:
    """Unit quaternions (N, 4) wxyz of rotation vectors (N, 3) in radians."""
    # (cos θ/2, sin(θ/2) v / θ), θ = |v|: the tiny summand keeps θ's gradient finite where nothing turns.
    angle = torch.sqrt((vector**2).sum(dim=-1, keepdim=True) + 1e-12)
    return torch.cat([torch.cos(angle / 2), torch.sin(angle / 2) / angle * vector], dim=-1)


def torch_quat_multiply(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """`quat_multiply` of tensors (N, 4) wxyz, with gradients: first b, then a."""
    return torch.stack(hamilton_product(a.unbind(-1), b.unbind(-1)), dim=-1)
