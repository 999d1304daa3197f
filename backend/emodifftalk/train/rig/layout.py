"""What a rig consists of: where its Gaussians sit on the face and around it, before anything is learned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.subject import OTF_GROUPS
from ...core.template import FacialTemplate
from ...data.captures.capture import Capture
from .binding import sample_face
from .pruning import well_seen

FACE_GAUSSIANS = 20_000
SEEDS_SEEN = 0.7
"""Share of the neutral pictures that must contain a seed."""


@dataclass(frozen=True)
class Layout:
    """Facial Gaussians by triangle (Nf,) int32 and bary (Nf, 3) float32; the others by seeds (No, 3) metres, colors
    (No, 3) 0..1 and group (No,) uint8 into OTF_GROUPS."""

    triangle: np.ndarray
    bary: np.ndarray
    seeds: np.ndarray
    colors: np.ndarray
    group: np.ndarray

    @staticmethod
    def of(capture: Capture, template: FacialTemplate, count: int = FACE_GAUSSIANS, seed: int = 0) -> Layout:
        """`count` facial Gaussians and all seeds of the capture that its pictures show."""
        triangle, bary = sample_face(capture.points, template, count, seed)
        kept = well_seen(capture, capture.seed_points, SEEDS_SEEN)
        seeds = capture.seed_points[kept].astype(np.float32), capture.seed_colors[kept].astype(np.float32)
        return Layout(triangle, bary, *seeds, capture.seed_group[kept])

    def on_face(self, template: FacialTemplate) -> np.ndarray:
        """Places (Nf, 3) of the facial Gaussians on the neutral face, metres."""
        corners = template.neutral[template.faces[self.triangle]]
        return np.einsum("nk,nkc->nc", self.bary, corners).astype(np.float32)

    @property
    def surround(self) -> np.ndarray:
        """(No,) bool: hair, ears, neck and clothes, which may drift; eyes and mouth have surfaces of their own."""
        return self.group == OTF_GROUPS.index("surround")

    def split(self, rows: np.ndarray, rng: np.random.Generator, spread: np.ndarray) -> tuple[Layout, np.ndarray]:
        """The layout with the Gaussians at `rows` (R,) doubled, and where each Gaussian of it comes from (N + R,).

        A facial twin lies elsewhere on the same triangle, another one up to `spread` (R, 3) metres away.
        """
        count, total = len(self.triangle), len(self.triangle) + len(self.seeds)
        facial, others = rows < count, rows >= count
        face, rest = rows[facial], rows[others] - count
        near = 0.5 * self.bary[face] + 0.5 * rng.dirichlet((1, 1, 1), len(face))
        moved = self.seeds[rest] + rng.normal(size=(len(rest), 3)) * spread[others]
        doubled = Layout(
            np.concatenate([self.triangle, self.triangle[face]]),
            np.concatenate([self.bary, near]).astype(np.float32),
            np.concatenate([self.seeds, moved]).astype(np.float32),
            np.concatenate([self.colors, self.colors[rest]]),
            np.concatenate([self.group, self.group[rest]]),
        )
        origin = np.concatenate([np.arange(count), face, np.arange(count, total), rest + count])
        return doubled, origin
