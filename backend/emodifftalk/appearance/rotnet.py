"""RotNet (EmoDiffTalk Equation 5): the rotation of every facial Gaussian from R_0, the AU codes and its position."""

from __future__ import annotations

import torch
from torch import nn

_ROOM = 0.1  # metres that count as one: inputs of the networks are of order 1


class RotNet(nn.Module):
    """R_t = N_Rot(R_0, E_t, mu_t), a 3-layer MLP per Gaussian.

    It predicts a rotation vector relative to what it predicts for the relaxed face, so that the relaxed face keeps R_0
    exactly.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.enter = nn.Linear(4 + 17 + 3 + 3, width)
        self.middle = nn.Linear(width, width)
        self.leave = nn.Linear(width, 3)
        nn.init.zeros_(self.leave.weight)

    def forward(
        self,
        quats: torch.Tensor,
        aus: torch.Tensor,
        means: torch.Tensor,
        offsets: torch.Tensor,
        rest: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """quats R_0 (N, 4) wxyz, aus (17,), canonical means (N, 3) and offsets (N, 3) in metres → quats R_t (N, 4).

        rest: what `rest` gives, where it is known already.
        """
        rest = self.rest(quats, means) if rest is None else rest
        return quat_multiply(vector_to_quat(self._vector(quats, aus, means, offsets) - rest), quats)

    def rest(self, quats: torch.Tensor, means: torch.Tensor) -> torch.Tensor:
        """The rotation vectors (N, 3) predicted for the relaxed face, the same in every frame."""
        return self._vector(quats, means.new_zeros(17), means, torch.zeros_like(means))

    def _vector(self, quats, aus, means, offsets) -> torch.Tensor:
        codes = aus.expand(len(quats), -1)
        x = torch.cat([quats, codes, means / _ROOM, offsets / (0.1 * _ROOM)], dim=-1)
        x = nn.functional.silu(self.enter(x))
        return self.leave(nn.functional.silu(self.middle(x)))


def vector_to_quat(vector: torch.Tensor) -> torch.Tensor:
    """Unit quaternions (N, 4) wxyz of rotation vectors (N, 3) in radians."""
    angle = torch.sqrt((vector**2).sum(dim=-1, keepdim=True) + 1e-12)
    return torch.cat([torch.cos(angle / 2), torch.sin(angle / 2) / angle * vector], dim=-1)


def quat_multiply(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Hamilton product (N, 4) wxyz: first b, then a."""
    aw, ax, ay, az = a.unbind(-1)
    bw, bx, by, bz = b.unbind(-1)
    return torch.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        dim=-1,
    )
