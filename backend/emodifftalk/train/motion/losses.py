"""Stage 2 (EmoDiffTalk 3.4 and supplement 7, Equations 24 to 30): AU-prompt diffusion of facial point offsets.

Which term is which, all in square millimetres, x the true and x̂ the predicted clean offsets of a window:

- vertex, Equation 24: mean over frames and points of |x - x̂|². Computed on coefficients of an orthonormal basis, which
  is the same number. Weight 1.0.
- motion, Equations 25 to 27: the same for first differences, plus second differences. Weight 0.5.
- lip, Equation 28: points of the lips only, over the frames T_lip in which the voice moves the mouth; frames in which
  the lips touch count four times. Weight 0.8.
- deform, Equation 29: the paper names a "deformation regularization" without giving it. Ours is the mean squared error
  of the offsets' differences along mesh edges: the face may not stretch where it should not. Weight 0.1.
- ours: `gap`, the mean squared error of the gaps between paired inner lips and lid margins, weight 0.5 (times six where
  they should touch), because a point's error of a millimetre is nothing on a cheek and everything between two lips.

Deviations: the network predicts coefficients (see motion.basis); 128 embedded speech features stand for HuBERT's; no
classifier-free guidance (the paper has none); cosine learning rate from 1e-3, not 1e-4, for minutes instead of a day.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from ...core.template import REGIONS, FacialTemplate
from ...motion.basis import MotionBasis

LAMBDA_VERTEX, LAMBDA_MOTION, LAMBDA_DEFORM, LAMBDA_LIP = 1.0, 0.5, 0.1, 0.8  # Equation 29
LAMBDA_GAP = 0.5  # ours


@dataclass
class Batch:
    """Windows of T frames to learn from.

    aus, features, head: (B, T, 17), (B, T, 128) and (B, 3), what the network is told.
    clean: (B, T, K), the true coefficients.
    touching: (B, T, P), 1 where a pair of margin points touches; lips come first.
    speaking: (B, T), 1 where the voice moves the mouth.
    """

    aus: torch.Tensor
    features: torch.Tensor
    head: torch.Tensor
    clean: torch.Tensor
    touching: torch.Tensor
    speaking: torch.Tensor


class MotionLosses:
    """The geometric terms, each a linear image of the error in coefficients (B, T, K), divided by `spread`.

    scale: (K,) millimetres of one coefficient's unit.
    lips, edges: (K, K), whose images have the squared norm of the lips' offsets and of differences along edges.
    gaps: (K, P), from coefficients to the gaps of the pairs.
    points, lip_pairs: how many template points there are, and how many of the pairs are the lips'.
    """

    def __init__(self, template: FacialTemplate, basis: MotionBasis) -> None:
        parts = basis.components.reshape(len(basis.spread), -1, 3)
        lips = np.isin(template.regions, [i for i, name in enumerate(REGIONS) if name.startswith("lips")])
        self.points, self.lip_pairs = basis.points, len(template.landmarks["lip_inner_upper"])
        edges = np.concatenate([template.faces[:, [0, 1]], template.faces[:, [1, 2]], template.faces[:, [2, 0]]])
        edges = np.unique(np.sort(edges, axis=1), axis=0)
        # Components (K, E, 3) of the difference between the two ends of every edge.
        along = (parts[:, edges[:, 0]] - parts[:, edges[:, 1]]).reshape(len(parts), -1)
        pairs = [("lip_inner_upper", "lip_inner_lower"), ("lid_upper_left", "lid_lower_left"),
                 ("lid_upper_right", "lid_lower_right")]  # fmt: skip
        # z alone: lips and lids meet from above and below.
        gaps = [parts[:, template.landmarks[a], 2] - parts[:, template.landmarks[b], 2] for a, b in pairs]
        self.scale = torch.from_numpy(1e3 * basis.spread)
        self.lips = torch.from_numpy(_factor(parts[:, lips].reshape(len(parts), -1)) / math.sqrt(lips.sum()))
        self.edges = torch.from_numpy(_factor(along) / math.sqrt(len(edges)))
        self.gaps = torch.from_numpy(np.concatenate(gaps, axis=1).astype(np.float32))

    def __call__(self, predicted: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Equation 29 and our gap term, one number."""
        # Millimetres along orthonormal components: |error|² over K is |x - x̂|² over all 3 V coordinates (Equation 24),
        # so no term ever needs the 1,855 points.
        error = (predicted.float() - batch.clean) * self.scale
        vertex = error.square().sum(-1).mean() / self.points
        # Equations 25 to 27: first differences of the error in time, and differences of those.
        speed = error[:, 1:] - error[:, :-1]
        motion = (speed.square().sum(-1).mean() + (speed[:, 1:] - speed[:, :-1]).square().sum(-1).mean()) / self.points
        deform = (error @ self.edges).square().sum(-1).mean()
        # Equation 28 over T_lip: the mean over speaking frames, weighted 1 to 4 by the share of lip pairs that touch.
        touch = batch.touching[..., : self.lip_pairs].mean(-1)
        when = batch.speaking * (1 + 3 * touch)
        lip = ((error @ self.lips).square().sum(-1) * when).sum() / when.sum().clamp(min=1)
        gap = ((error @ self.gaps).square() * (1 + 5 * batch.touching)).mean()
        return (
            LAMBDA_VERTEX * vertex
            + LAMBDA_MOTION * motion
            + LAMBDA_DEFORM * deform
            + LAMBDA_LIP * lip
            + LAMBDA_GAP * gap
        )


def _factor(matrix: np.ndarray) -> np.ndarray:
    """(K, K) with the same squared norms as (K, many): |d @ matrix| = |d @ factor|."""
    # M Mᵀ = U Λ Uᵀ, factor U √Λ: d M Mᵀ dᵀ = |d U √Λ|². K columns instead of thousands, at every step of training.
    values, vectors = np.linalg.eigh(matrix.astype(np.float64) @ matrix.T.astype(np.float64))
    return (vectors * np.sqrt(np.maximum(values, 0))).astype(np.float32)
