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
    """Where the Gaussians of a rig begin.

    triangle, bary: (Nf,) int32 and (Nf, 3) float32, of the facial Gaussians.
    seeds: (No, 3) metres, of the others.
    colors: (No, 3) 0..1.
    group: (No,) uint8 into OTF_GROUPS.
    """

    triangle: np.ndarray
    bary: np.ndarray
    seeds: np.ndarray
    colors: np.ndarray
    group: np.ndarray

    @staticmethod
    def of(capture: Capture, template: FacialTemplate, count: int = FACE_GAUSSIANS, seed: int = 0) -> Layout:
        """`count` facial Gaussians and all seeds of the capture that its pictures show."""
        triangle, bary = sample_face(capture.points, template, count, seed)
        seen = well_seen(capture, capture.seed_points, SEEDS_SEEN)
        seeds = capture.seed_points[seen].astype(np.float32), capture.seed_colors[seen].astype(np.float32)
        return Layout(triangle, bary, *seeds, capture.seed_group[seen])

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
        facial = rows < count
        face, others = rows[facial], rows[~facial] - count
        # Halfway to a place drawn evenly over the triangle (Dirichlet (1, 1, 1)): apart, yet in its neighbourhood.
        near = 0.5 * self.bary[face] + 0.5 * rng.dirichlet((1, 1, 1), len(face))
        moved = self.seeds[others] + rng.normal(size=(len(others), 3)) * spread[~facial]
        doubled = Layout(
            np.concatenate([self.triangle, self.triangle[face]]),
            np.concatenate([self.bary, near]).astype(np.float32),
            np.concatenate([self.seeds, moved]).astype(np.float32),
            np.concatenate([self.colors, self.colors[others]]),
            np.concatenate([self.group, self.group[others]]),
        )
        # Facial twins stand behind the facial ones, other twins at the end: the face stays the first rows.
        origin = np.concatenate([np.arange(count), face, np.arange(count, total), others + count])
        return doubled, origin
