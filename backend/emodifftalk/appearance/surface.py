"""How the skin itself turns: known geometry, which RotNet need not learn."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from ..core.template import FacialTemplate


class SurfaceTurns(nn.Module):
    """The rotation of every triangle of a template from the relaxed face to a moved one."""

    _neutral: torch.Tensor
    _corners: torch.Tensor
    _neutral_frames: torch.Tensor

    def __init__(self, template: FacialTemplate) -> None:
        super().__init__()
        neutral = torch.from_numpy(np.ascontiguousarray(template.neutral, np.float32))
        corners = torch.from_numpy(template.faces.astype(np.int64))
        self.register_buffer("_neutral", neutral, persistent=False)
        self.register_buffer("_corners", corners, persistent=False)
        self.register_buffer("_neutral_frames", _frames(neutral[corners]), persistent=False)

    def forward(self, offsets: torch.Tensor) -> torch.Tensor:
        """Movement (V, 3) metres of the template points → unit quaternions (F, 4) wxyz."""
        turned = _frames((self._neutral + offsets)[self._corners])
        # M_f = T_f N_fᵀ, (F, 3, 3): from the neutral frame N to the turned one T; N is orthonormal, so its transpose
        # undoes it.
        m = torch.einsum("fik,fjk->fij", turned, self._neutral_frames)
        # No skin turns by half a circle: the one of the four formulas that is good everywhere else.
        w = torch.sqrt((1 + m[:, 0, 0] + m[:, 1, 1] + m[:, 2, 2]).clamp(min=1e-4)) / 2
        axis = torch.stack([m[:, 2, 1] - m[:, 1, 2], m[:, 0, 2] - m[:, 2, 0], m[:, 1, 0] - m[:, 0, 1]], dim=-1)
        return nn.functional.normalize(torch.cat([w[:, None], axis / (4 * w[:, None])], dim=-1), dim=-1)


def _frames(corners: torch.Tensor) -> torch.Tensor:
    """Corners (F, 3, 3) → rotation matrices (F, 3, 3): columns along the first edge, across it, and the normal."""
    along = nn.functional.normalize(corners[:, 1] - corners[:, 0], dim=-1, eps=1e-12)
    normal = torch.linalg.cross(along, corners[:, 2] - corners[:, 0])
    normal = nn.functional.normalize(normal, dim=-1, eps=1e-12)
    return torch.stack([along, torch.linalg.cross(normal, along), normal], dim=-1)
