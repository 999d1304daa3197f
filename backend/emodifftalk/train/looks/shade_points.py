"""Shade points: facial Gaussians that nobody sees at rest, for opacity to paint wrinkles with.

At rest all of the skin is opaque and of skin colour: however its opacities change, no dark line can come of it. So
Gaussians of opacity zero are laid on the skin where expressive pictures show fine detail that the canonical face
lacks, dark or light as the pictures are there; OPCNet raises them. They are ordinary facial Gaussians in every other
way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from ...core.gaussians import Gaussians, matrix_to_quat
from ...core.subject import Subject
from ...core.template import FacialTemplate
from ..rig.binding import triangle_frames

SHADE_POINTS = 8000
_SPACING = 0.0007
"""Metres between two of them at least, about: a third of the width of a wrinkle."""
_SCALES = (0.0006, 0.0006, 0.00016)
_ABOVE = 0.6
"""How far over the skin, in sizes of its Gaussians: nearer, those beside would cover them in slanting views."""
_LEAST = 0.014
_DARKER = 2.5
"""How much more the colour differs from the skin's than the picture does: opacity stays well below 1."""
_START, _RIDGE = 0.4, 0.3


@dataclass(frozen=True)
class Candidates:
    """Places over the skin where shade points may be laid.

    triangle: (C,) int32, of the template.
    bary: (C, 3) float32, barycentric coordinates in it.
    height: (C,) metres over it, along its normal.
    """

    triangle: np.ndarray
    bary: np.ndarray
    height: np.ndarray

    @staticmethod
    def all_over(subject: Subject, count: int, rng: np.random.Generator) -> Candidates:
        """Evenly by area, a little above the skin's Gaussians."""
        template, face, g = subject.template, subject.n_face, subject.gaussians
        corners = template.neutral[template.faces]
        # Evenly by area: triangles drawn by their area, then places in each by folding the unit square along u + v = 1.
        area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
        triangle = np.sort(rng.choice(len(area), count, p=area / area.sum()))
        u = rng.random((count, 2))
        u[u.sum(axis=1) > 1] = 1 - u[u.sum(axis=1) > 1]
        bary = np.stack([1 - u.sum(axis=1), u[:, 0], u[:, 1]], axis=1)
        flat = Candidates(triangle.astype(np.int32), bary.astype(np.float32), np.zeros(count))
        skin = Candidates(subject.triangle, subject.bary, np.zeros(face))
        on_skin, normal = skin.on(template, template.neutral), skin.normals(template, template.neutral)
        # How far the skin's own Gaussians stand off the template around each candidate, and 0.6 of their size on top.
        lift = ((g.means[:face] - on_skin) * normal).sum(axis=1)
        near = _neighbours(on_skin, flat.on(template, template.neutral))
        above = np.median(g.scales[:face][near].max(axis=-1), axis=1)
        return replace(flat, height=lift[near].mean(axis=1) + _ABOVE * above)

    def on(self, template: FacialTemplate, points: np.ndarray) -> np.ndarray:
        """Positions (C, 3) over template points (V, 3)."""
        flat = np.einsum("nk,nkc->nc", self.bary, points[template.faces[self.triangle]])
        return flat + self.height[:, None] * self.normals(template, points)

    def normals(self, template: FacialTemplate, points: np.ndarray) -> np.ndarray:
        """(C, 3) of their triangles."""
        return triangle_frames(points, template.faces)[self.triangle, :, 2]

    def some(self, rows: np.ndarray) -> Candidates:
        """These rows alone."""
        return Candidates(self.triangle[rows], self.bary[rows], self.height[rows])


def without_shade_points(subject: Subject) -> Subject:
    """The subject as it was before it got shade points, and without its decoder, which does not fit any more."""
    keep = np.flatnonzero(subject.gaussians.opacities[: subject.n_face] > 0)
    if len(keep) == subject.n_face:
        return replace(subject, appearance={})
    rows = np.concatenate([keep, np.arange(subject.n_face, len(subject.gaussians))])
    return replace(
        subject,
        gaussians=Gaussians(**{name: value[rows] for name, value in vars(subject.gaussians).items()}),
        triangle=subject.triangle[keep],
        bary=subject.bary[keep],
        appearance={},
    )


def choose_places(at: np.ndarray, error: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Rows (at most `count`) of candidates at `at` (C, 3) metres by what their pictures miss, evenly spread.

    error: (F, C, 3), NaN where not seen.
    """
    # (C,): mean over channels, greatest over frames: a wrinkle need only show once.
    strength = np.abs(np.nan_to_num(error)).mean(axis=-1).max(axis=0)
    wanted = np.flatnonzero(strength > _LEAST)
    # One of each cell of a grid, so that a line becomes a line and not a row of clumps.
    cells = np.floor(at[wanted] / _SPACING).astype(np.int64)
    wanted = wanted[np.unique(cells, axis=0, return_index=True)[1]]
    if len(wanted) > count:
        # The largest of log weight + Gumbel noise: drawn without replacement.
        keys = 2 * np.log(strength[wanted]) + rng.gumbel(size=len(wanted))
        wanted = wanted[np.argsort(-keys)[:count]]
    return np.sort(wanted)


def with_shade_points(subject: Subject, places: Candidates, error: np.ndarray) -> Subject:
    """The subject with one invisible Gaussian at each place, behind its other facial ones in order.

    error: (F, M, 3) what the pictures of each frame miss there, NaN where not seen.
    """
    template, count, g = subject.template, subject.n_face, subject.gaussians
    at = places.on(template, template.neutral)
    near = _neighbours(g.means[:count], at)
    frames = triangle_frames(template.neutral, template.faces)[places.triangle]
    strongest = _strongest(error)
    colors = g.colors[:count][near].mean(axis=1) + _DARKER * strongest
    new = {
        "means": at,
        "quats": matrix_to_quat(frames),
        "scales": np.tile(_SCALES, (len(at), 1)),
        "opacities": np.zeros(len(at)),
        "colors": np.clip(colors, 0.01, 1.0),
    }
    joined = {
        name: np.concatenate([value[:count], new[name], value[count:]]).astype(np.float32)
        for name, value in vars(g).items()
    }
    return replace(
        subject,
        gaussians=Gaussians(**joined),
        triangle=np.concatenate([subject.triangle, places.triangle]),
        bary=np.concatenate([subject.bary, places.bary]),
        appearance={},
    )


def first_features(error: np.ndarray, drivers: np.ndarray) -> np.ndarray:
    """What the direct features start from, (K, M): the ridge regression of the wanted change of opacity on `drivers`.

    error: (F, M, 3) what the pictures of each frame miss, NaN where not seen.
    drivers: (F, K) for all points alike (AU intensities), or (F, M, 1) of each one.
    """
    toward = _strongest(error)
    # Projection of each frame's error on the strongest one: how much of that shade a frame wants (F, M).
    share = np.nansum(error * toward, axis=-1) / np.maximum((toward**2).sum(axis=-1), 1e-9)
    seen = ~np.isnan(error[..., 0])
    wanted = _START * np.clip(np.where(seen, share, 0), 0, 1.2)
    if drivers.ndim == 2:
        # (DᵀD + r I)⁻¹ Dᵀ W with one D (F, 17) for all points: a single 17 × 17 inverse.
        inverse = np.linalg.inv(drivers.T @ drivers + _RIDGE * np.eye(drivers.shape[1]))
        return inverse @ drivers.T @ wanted
    # One driver of its own for each point: the same regression is a quotient of sums.
    drive = drivers[..., 0] * seen
    return ((drive * wanted).sum(axis=0) / ((drive**2).sum(axis=0) + _RIDGE))[None]


def _neighbours(skin: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The six nearest rows (C, 6) of skin (N, 3) to places (C, 3)."""
    return cKDTree(skin).query(at, k=min(6, len(skin)))[1].reshape(len(at), -1)


def _strongest(error: np.ndarray) -> np.ndarray:
    """(M, 3): the error of the frame where it is greatest."""
    known = np.nan_to_num(error)
    frame = np.abs(known).mean(axis=-1).argmax(axis=0)
    return known[frame, np.arange(known.shape[1])]
