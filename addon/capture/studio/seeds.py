"""Places to start the other-than-face Gaussians from: points on everything the character shows."""

from __future__ import annotations

import numpy as np

from emodifftalk.core.colour_space import display_colour
from emodifftalk.core.subject import OTF_GROUPS

from .surfaces import Surface

COUNTS = {"surround": 9000, "hair": 3000, "eye": 450, "teeth": 320, "tongue": 220}
"""Surround is thinned later, where the face's own Gaussians lie."""
_LOOKING = -0.35
"""Cosine to the back beyond which a place on an eyeball is in front."""


def eyeballs(surfaces: list[Surface], middle: float) -> dict[str, np.ndarray]:
    """Points (n, 3) of the left and the right eyeball. middle: x between them."""
    points = [s.points[np.unique(s.triangles[s.kind == "eye"])] for s in surfaces if (s.kind == "eye").any()]
    together = np.concatenate(points) if points else np.empty((0, 3))
    return {"left": together[together[:, 0] > middle], "right": together[together[:, 0] < middle]}


def seeds(
    surfaces: list[Surface], eyes: np.ndarray, centre: np.ndarray, height: float, seed: int = 7
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places (M, 3) metres, colours (M, 3) sRGB and groups (M,) uint8 index into OTF_GROUPS.

    surfaces: all of them, in our frame.
    eyes: (2, 3) centres, left and right.
    centre, height: (3,) and metres, what pictures show.
    """
    rng = np.random.default_rng(seed)
    near = [_near(s, centre, 0.62 * height) for s in surfaces]
    meshes, hair = ([part for part in near if bool(len(part[0].triangles)) == solid] for solid in (True, False))
    parts = [_sample([(s, keep & (s.kind == "")) for s, keep in meshes], COUNTS["surround"], rng)]
    parts.append(_sample_hair(hair, COUNTS["hair"], rng))
    groups = [np.zeros(len(places), int) for places, _ in parts]
    for kind in ("eye", "teeth", "tongue"):
        places, rgb = _sample([(s, keep & (s.kind == kind)) for s, keep in meshes], 8 * COUNTS[kind], rng)
        for group, chosen in _split(kind, places, eyes).items():
            some = np.flatnonzero(chosen)[: COUNTS[kind]]
            parts.append((places[some], rgb[some]))
            groups.append(np.full(len(some), OTF_GROUPS.index(group)))
    colours = display_colour(np.concatenate([rgb for _, rgb in parts])).clip(0, 1)
    return np.concatenate([places for places, _ in parts]), colours, np.concatenate(groups).astype(np.uint8)


def _near(surface: Surface, centre: np.ndarray, radius: float) -> tuple[Surface, np.ndarray]:
    points = surface.points
    places = points[surface.triangles].mean(axis=1) if len(surface.triangles) else points
    return surface, np.linalg.norm(places - centre, axis=1) < radius


def _sample(parts: list[tuple[Surface, np.ndarray]], count: int, rng) -> tuple[np.ndarray, np.ndarray]:
    """`count` places (n, 3) and colours (n, 3) spread evenly over the marked triangles; none where none is marked."""
    corners = [s.points[s.triangles[marked]] for s, marked in parts]
    colours = [s.rgb[marked] for s, marked in parts]
    if not sum(map(len, corners)):
        return np.empty((0, 3)), np.empty((0, 3))
    corner, rgb = np.concatenate(corners), np.concatenate(colours)
    # Triangles are drawn by area, and in each a place u + v <= 1 by folding the other half of the square over: even
    # density everywhere. Areas are twice their size, which the division by their sum takes out.
    area = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1)
    if area.sum() <= 0:
        return np.empty((0, 3)), np.empty((0, 3))
    picked = rng.choice(len(corner), count, p=area / area.sum())
    u = rng.random((count, 2))
    u[u.sum(axis=1) > 1] = 1 - u[u.sum(axis=1) > 1]
    bary = np.stack([1 - u.sum(axis=1), u[:, 0], u[:, 1]], axis=1)
    return np.einsum("nk,nkc->nc", bary, corner[picked]), rgb[picked]


def _sample_hair(parts: list[tuple[Surface, np.ndarray]], count: int, rng) -> tuple[np.ndarray, np.ndarray]:
    points = np.concatenate([np.empty((0, 3)), *(s.points[marked] for s, marked in parts)])
    rgb = np.concatenate([np.empty((0, 3)), *(s.rgb[marked] for s, marked in parts)])
    some = rng.choice(len(points), min(count, len(points)), replace=False)
    return points[some], rgb[some]


def _split(kind: str, places: np.ndarray, eyes: np.ndarray) -> dict[str, np.ndarray]:
    """Which places (n,) bool belong to which group."""
    if kind == "tongue":
        return {"tongue": np.ones(len(places), bool)}
    if kind == "teeth":
        middle = (places[:, 2].min() + places[:, 2].max()) / 2 if len(places) else 0.0
        return {"teeth_upper": places[:, 2] >= middle, "teeth_lower": places[:, 2] < middle}
    split = {}
    for side, centre, other in (("left", eyes[0], eyes[1]), ("right", eyes[1], eyes[0])):
        # Nearer to this eye than to the other, and on the side that looks along -y: cos(angle) = y / length.
        towards = places - centre
        own = np.linalg.norm(towards, axis=1) <= np.linalg.norm(places - other, axis=1)
        front = towards[:, 1] < _LOOKING * np.linalg.norm(towards, axis=1)
        split[f"eye_{side}"] = own & front
    return split
