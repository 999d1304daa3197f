"""Hair as real curves: crop, brows and lashes, rooted in the skin so that they follow every pose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
import scipy.sparse as sp
from scipy.spatial import cKDTree

from emodifftalk.core.template import FacialTemplate
from emodifftalk.data.face.actor import Actor

from .colours import Places, brow_line, hair_mask
from .looks import Look


@dataclass(frozen=True)
class Strands:
    """Hairs that stand in the skin.

    roots: (H, M) sparse; `roots` @ surface are the roots (H, 3).
    triangles: (H, 3) of the surface, those that the hairs stand in.
    shape: (H, P, 3) metres, points relative to the root along the skin's side, upwards and normal directions.
    radius: metres, at the root.
    """

    roots: sp.csr_matrix
    triangles: np.ndarray
    shape: np.ndarray
    radius: float

    def points(self, surface: np.ndarray) -> np.ndarray:
        """Hair points (H, P, 3) in metres for a posed surface (M, 3)."""
        # A frame (H, 3, 3) for every hair, rows side, up, normal, of the triangle it stands in; shape @ frame turns all
        # of its points with the skin.
        corners = surface[self.triangles]
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
        side = np.cross(np.array([0, 0, 1.0]), normal)
        side /= np.linalg.norm(side, axis=1, keepdims=True) + 1e-12
        frame = np.stack([side, np.cross(normal, side), normal], axis=1)
        return (self.roots @ surface)[:, None] + self.shape @ frame


def scatter(surface: np.ndarray, triangles: np.ndarray, weight: np.ndarray, count: int, rng) -> tuple:
    """`count` random places on the triangles: sparse (count, M) and the triangles (count, 3). weight: (M,) density."""
    corners = surface[triangles]
    # Triangles are drawn by area times density, and in each a place u + v <= 1 by folding the other half of the square
    # over. A row of the sparse matrix holds three weights, so it finds the same place on any pose of the surface.
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    chance = area * weight[triangles].mean(axis=1)
    picked = triangles[rng.choice(len(triangles), count, p=chance / chance.sum())]
    u = rng.random((count, 2))
    u[u.sum(axis=1) > 1] = 1 - u[u.sum(axis=1) > 1]
    bary = np.stack([1 - u.sum(axis=1), u[:, 0], u[:, 1]], axis=1)
    rows = np.repeat(np.arange(count), 3)
    return sp.csr_matrix((bary.ravel(), (rows, picked.ravel())), shape=(count, len(surface))), picked


def crop_hair(actor: Actor, surface: np.ndarray, triangles: np.ndarray, count: int = 42000, seed: int = 3) -> Strands:
    """A short textured crop: 3 mm at the sides and the nape, 13 mm on top, faded between."""
    rng = np.random.default_rng(seed)
    places = Places.of(actor)
    roots, picked = scatter(surface, triangles, hair_mask(places, surface) ** 1.5, count, rng)
    where = roots @ surface
    top = np.clip((where[:, 2] - places.eye[2] - 0.020) / 0.065, 0, 1)
    length = (0.0030 + 0.0100 * top**1.2) * rng.uniform(0.7, 1.15, count)
    length *= 0.5 + 0.5 * hair_mask(places, where)
    t = np.linspace(0, 1, 5)
    lean = rng.normal(0, 0.35, (count, 2)) + np.array([0.0, -0.25])
    # (H, 5): a hair leans more the farther it is from its root, and curls around that line with a phase of its own.
    curl = rng.uniform(0, 2 * np.pi, count)[:, None] + 5.0 * t
    shape = np.empty((count, 5, 3))
    shape[..., 0] = (lean[:, :1] * t**1.5 + 0.20 * t * np.cos(curl)) * length[:, None]
    shape[..., 1] = (lean[:, 1:] * t**1.5 + 0.20 * t * np.sin(curl)) * length[:, None]
    shape[..., 2] = t * length[:, None]
    return Strands(roots, picked, shape, 0.00020)


def brow_hair(
    template: FacialTemplate, look: Look, surface: np.ndarray, triangles: np.ndarray, seed: int = 4
) -> Strands:
    """Brows: soft and upright at the inner end, lying along the brow further out, thin at the tail."""
    rng = np.random.default_rng(seed)
    count = 2 * look.brow_hairs
    weight, along = np.zeros(len(surface)), np.zeros(len(surface))
    across = np.zeros(len(surface))
    for side in ("left", "right"):
        line = brow_line(template, side, look)
        # Seen from the front (x, z): how far each surface point is from the brow's line, and where along it (0..1).
        gap, index = cKDTree(line[:, [0, 2]]).query(surface[:, [0, 2]])
        position = index / 80
        width = look.brow_width * (1.1 - 0.8 * position**1.5)
        on = (gap < width) & (surface[:, 1] < line[:, 1].max() + 0.01)
        on &= np.sign(surface[:, 0]) == np.sign(line[0, 0])
        weight[on] = (np.clip((width - gap) / 0.0012, 0, 1) * np.clip(position / 0.2 + 0.15, 0, 1))[on]
        along[on], across[on] = position[on], ((surface[:, 2] - line[index, 2]) / width)[on]
    roots, picked = scatter(surface, triangles, weight, count, rng)
    position = roots @ along
    outward = np.sign(roots @ surface)[:, :1] * 1.0
    length = rng.uniform(0.0050, 0.0080, count) * (1 - 0.35 * position) * np.clip(0.5 + 2 * position, 0, 1)
    t = np.linspace(0, 1, 5)
    # Degrees from the brow's outward direction: 48 more at the inner end, fading within a quarter, less towards the
    # tail and above the line, so that hairs from both sides lean to it.
    tilt = np.radians(48 * np.exp(-position / 0.25) - 10 - 16 * position - 16 * (roots @ across))
    tilt += rng.normal(0, 0.12, count)
    shape = np.empty((count, 5, 3))
    shape[..., 0] = outward * np.cos(tilt)[:, None] * t * length[:, None]
    shape[..., 1] = np.sin(tilt)[:, None] * t * length[:, None] - 0.0006 * t**2
    shape[..., 2] = (0.0002 + 0.0006 * np.sin(np.pi * t)) * np.ones((count, 1))
    return Strands(roots, picked, shape, 0.00014)


def lash_points(template: FacialTemplate, length: float, points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lashes (H, P, 3) metres along the lid margins of posed template points (V, 3)."""
    t = np.linspace(0, 1, 5)
    strands = []
    for side in ("left", "right"):
        for lid, count, share, up in (("upper", 110, 1.0, 0.25), ("lower", 50, 0.5, -0.45)):
            margin = points[template.landmarks[f"lid_{lid}_{side}"]]
            # Places between the margin's points, by numbers with a fraction; the lashes spread like spokes (by 22 times
            # the way from the middle) and bend with the square of the way along them.
            at = rng.uniform(0.6, len(margin) - 1.6, count)
            root = np.stack([np.interp(at, np.arange(len(margin)), margin[:, k]) for k in range(3)], axis=1)
            middle = margin.mean(axis=0)
            aside = (root[:, 0] - middle[0])[:, None] * 22
            out = np.stack([aside[:, 0], -np.ones(count), np.full(count, up)], axis=1)
            out += rng.normal(0, 0.12, out.shape)
            out /= np.linalg.norm(out, axis=1, keepdims=True)
            curl = np.array([0, 0, 0.38 if lid == "upper" else -0.25])
            path = t[None, :, None] * out[:, None] + (t**2)[None, :, None] * curl
            reach = share * length * rng.uniform(0.7, 1.1, count)
            strands.append(root[:, None] + path * reach[:, None, None] - np.array([0, 0.0004, 0]))
    return np.concatenate(strands)


class CurvesObject:
    """A hair-curves object whose points can be set anew for every pose."""

    def __init__(self, name: str, points: np.ndarray, radius: float, material: bpy.types.Material, tip=0.35) -> None:
        count, steps, _ = points.shape
        self._data = bpy.data.hair_curves.new(name)
        self._data.add_curves([steps] * count)
        radii = np.tile(radius * np.linspace(1, tip, steps), count).astype(np.float32)
        attributes: Any = self._data.attributes  # what data they have depends on their type
        attribute = attributes.get("radius") or attributes.new("radius", "FLOAT", "POINT")
        attribute.data.foreach_set("value", radii)
        shade = np.random.default_rng(6).lognormal(0, 0.25, count).clip(0.5, 2.0)
        attributes.new("shade", "FLOAT", "CURVE").data.foreach_set("value", shade.astype(np.float32))
        self._data.materials.append(material)
        self.object = bpy.data.objects.new(name, self._data)
        self.set_points(points)

    def set_points(self, points: np.ndarray) -> None:
        """Move the hairs: points (H, P, 3) metres."""
        self._data.position_data.foreach_set("vector", np.ascontiguousarray(points, np.float32).ravel())
        self._data.update_tag()
