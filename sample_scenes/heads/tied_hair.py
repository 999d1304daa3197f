"""Long hair combed back over the skull and tied into a bun."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.spatial import cKDTree

from emodifftalk.data.face.actor import Actor

from .colours import Places, hair_mask
from .hair import scatter

_STEPS = 14
_LOCKS = 420
_BUN_RADIUS = 0.031


@dataclass(frozen=True)
class CombedStrands:
    """Hairs that lie on the skull, which does not move; only near its root a hair follows the skin.

    roots: (H, M) sparse; `roots` @ surface are the roots (H, 3).
    neutral: (H, P, 3) metres, in the neutral pose.
    anchor: (H, 3) metres, the roots there.
    radius: metres, at the root.
    """

    roots: sp.csr_matrix
    neutral: np.ndarray
    anchor: np.ndarray
    radius: float

    def points(self, surface: np.ndarray) -> np.ndarray:
        """Hair points (H, P, 3) in metres for a posed surface (M, 3)."""
        # (1 - t)^3: the skin's displacement (H, 3) carries a hair fully at its root and hardly past its middle.
        fade = (1 - np.linspace(0, 1, self.neutral.shape[1])) ** 3
        moved = self.roots @ surface - self.anchor
        return self.neutral + fade[None, :, None] * moved[:, None]


class Skull:
    """How far the scalp lies from the middle of the head in any direction; ears and face openings are bridged."""

    def __init__(self, places: Places, surface: np.ndarray, triangles: np.ndarray) -> None:
        surface = surface[np.unique(triangles)]
        self.centre = np.array([0.0, places.ear[1] + 0.010, places.eye[2] + 0.020])
        beside = np.abs(surface[:, 0]) > 0.8 * places.ear[0]
        ear = np.hypot((surface[:, 1] - places.ear[1]) / 0.026, (surface[:, 2] - places.ear[2]) / 0.040) < 1
        head = (surface[:, 2] > places.ear[2] - 0.09) & ~(beside & ear) & (surface[:, 1] > places.eye[1] - 0.03)
        # The skull as a function on the sphere: directions from its middle in a tree, lengths beside them. What is
        # nearer than 55 mm lies inside it: the walls of ears and mouth.
        towards = surface[head] - self.centre
        self._length = np.linalg.norm(towards, axis=1)
        outer = self._length > 0.055
        self._length = self._length[outer]
        self._tree = cKDTree(towards[outer] / self._length[:, None])

    def radius(self, directions: np.ndarray) -> np.ndarray:
        """Metres (...,) for unit directions (..., 3)."""
        # Mean of the twelve nearest directions by inverse square distance: smooth, and it bridges what was left out.
        gap, index = self._tree.query(directions, k=12)
        weight = 1 / (gap + 0.01) ** 2
        return (weight * self._length[index]).sum(axis=-1) / weight.sum(axis=-1)


def combed_hair(
    actor: Actor, surface: np.ndarray, triangles: np.ndarray, count: int = 30000, seed: int = 3
) -> CombedStrands:
    """Hair from its roots along the skull to the knot, in locks that lie over each other.

    No sideburns: their hairs would lie across the ears.
    """
    rng = np.random.default_rng(seed)
    places = Places.of(actor)
    skull = Skull(places, surface, triangles)
    roots, _ = scatter(surface, triangles, hair_mask(places, surface, sideburns=False), count, rng)
    anchor = roots @ surface
    start = anchor - skull.centre
    start /= np.linalg.norm(start, axis=1, keepdims=True)
    knot = _knot_direction()
    goal = knot + rng.normal(0, 0.07, (count, 3))
    goal /= np.linalg.norm(goal, axis=1, keepdims=True)
    t = np.linspace(0, 1, _STEPS)
    directions = _slerp(start, goal, t)
    lock = _locks(start, rng)
    phase, depth = rng.uniform(0, 2 * np.pi, (_LOCKS, 2)), rng.random(_LOCKS)
    # (H, P): locks sway to their side, none at either end, and every hair strays a little on its own; then each lies
    # above the skull by its lock's depth, rising out of the skin within the first third.
    side = np.cross(goal, start)
    side /= np.linalg.norm(side, axis=1, keepdims=True) + 1e-9
    sway = 0.010 * np.sin(4.0 * t + phase[lock, :1]) * np.sin(np.pi * t) + rng.normal(0, 0.004, (count, 1)) * t
    directions = directions + sway[..., None] * side[:, None]
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    lift = 0.0004 + (0.0035 + 0.0012 * depth[lock][:, None] + 0.0012 * rng.random((count, 1))) * (1 - np.exp(-3 * t))
    lift += 0.0004 * np.sin(9.0 * t + phase[lock, 1:]) * t
    neutral = skull.centre + directions * (skull.radius(directions) + lift)[..., None]
    neutral[:, 0] = anchor
    return CombedStrands(roots, neutral, anchor, 0.00026)


def bun(actor: Actor, surface: np.ndarray, triangles: np.ndarray, count: int = 7000, seed: int = 8) -> np.ndarray:
    """Hairs (H, P, 3) metres wound into a bun at the back of the head; it does not move with the face."""
    rng = np.random.default_rng(seed)
    skull = Skull(Places.of(actor), surface, triangles)
    axis = _knot_direction()
    centre = skull.centre + axis * (skull.radius(axis[None])[0] + 0.62 * _BUN_RADIUS)
    u = np.cross(axis, [0, 0, 1.0])
    u /= np.linalg.norm(u)
    v = np.cross(axis, u)
    t = np.linspace(0, 1, _STEPS)
    bands = 30
    band = rng.integers(0, bands, count)
    lean = rng.uniform(-0.95, 0.95, bands)
    lean[: bands // 3] = rng.uniform(1.0, 1.57, bands // 3)  # some locks go over the top, so that no hole is left
    heading = rng.uniform(0, 2 * np.pi, bands)
    turn = rng.uniform(0, 2 * np.pi, count)[:, None] + rng.uniform(1.4, 2.6, count)[:, None] * t
    # Each band winds around its own leaning axis, a little off the middle.
    tip = np.cos(heading)[:, None] * u + np.sin(heading)[:, None] * v
    spin = np.cos(lean)[:, None] * axis + np.sin(lean)[:, None] * tip
    first = np.cross(spin, np.cos(heading + 1.0)[:, None] * u + np.sin(heading + 1.0)[:, None] * v)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(spin, first)
    # A hair is a ring around its band's axis (first, second, spin are at right angles) at a latitude, on a ball of its
    # own radius; the ball is flattened by 22 % along the axis of the knot.
    latitude = rng.uniform(-0.45, 0.45, bands)[band] + rng.normal(0, 0.085, count)
    radius = _BUN_RADIUS * (0.90 + 0.07 * rng.random(bands)[band] + 0.05 * rng.random(count))
    ring = np.cos(turn)[..., None] * first[band][:, None] + np.sin(turn)[..., None] * second[band][:, None]
    path = np.cos(latitude)[:, None, None] * ring + np.sin(latitude)[:, None, None] * spin[band][:, None]
    path -= 0.22 * (path @ axis)[..., None] * axis
    return centre + radius[:, None, None] * path


def _knot_direction() -> np.ndarray:
    knot = np.array([0.0, np.cos(np.radians(24)), np.sin(np.radians(24))])
    return knot / np.linalg.norm(knot)


def _slerp(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Unit vectors (H, P, 3) from a (H, 3) to b (H, 3) along the great circle."""
    # sin((1-t) angle) a + sin(t angle) b, over sin(angle): the way on the sphere, at an even pace. The cosine is kept
    # off +-1, where the sine is nothing.
    angle = np.arccos(np.clip((a * b).sum(axis=1), -0.9999, 0.9999))[:, None]
    first, second = np.sin((1 - t) * angle) / np.sin(angle), np.sin(t * angle) / np.sin(angle)
    return first[..., None] * a[:, None] + second[..., None] * b[:, None]


def _locks(start: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Which lock (H,) each hair belongs to: that of the nearest of some roots."""
    seeds = start[rng.choice(len(start), _LOCKS, replace=False)]
    return cKDTree(seeds).query(start)[1]
