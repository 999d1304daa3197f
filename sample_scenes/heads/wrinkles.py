"""Expression wrinkles of the dressed actor: where the skin creases, and how deep when action units act.

The mesh itself is smooth. Every group of creases is a field over the skin at rest: `phase`, whole numbers where a
crease runs, and masks saying which action unit opens it. The skin's material turns them into relief and shade, so that
creases are as fine as the picture, not as the mesh, and ride on the skin. Metres; the left half of the face, mirrored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emodifftalk.core.facs import AU_INDEX
from emodifftalk.core.template import FacialTemplate

LAYERS: tuple[str, ...] = ("crease_a", "crease_b", "crease_c")
"""Creases of one layer lie apart from each other; those of different layers may cross."""
DIMPLES = "dimples"
_ALONE = 0.020  # metres between creases that have no neighbours


@dataclass(frozen=True)
class Creases:
    """One group.

    layer: one of LAYERS.
    phase: (P,) whole numbers on a crease.
    pitch: (P,) distance between two creases, in widths of one.
    openings: masks (P,) in millimetres of depth, each with the action units that open it and how strongly.
    """

    layer: str
    phase: np.ndarray
    pitch: np.ndarray
    openings: tuple[tuple[np.ndarray, dict[str, float]], ...]

    def depth(self, aus: np.ndarray) -> np.ndarray:
        """Millimetres (P,) at AU intensities (17,)."""
        deep = np.zeros(len(self.phase))
        for mask, units in self.openings:
            strength = sum(weight * float(aus[AU_INDEX[name]]) for name, weight in units.items())
            deep = np.maximum(deep, mask * min(max(strength, 0.0), 1.0))
        return deep

    @property
    def reach(self) -> np.ndarray:
        """(P,) the deepest it can get."""
        return np.max([mask for mask, _ in self.openings], axis=0)


class Wrinkles:
    """All creases of a face whose skin at rest is `surface` (P, 3). template: fitted to this face."""

    def __init__(self, template: FacialTemplate, anchors: dict[str, np.ndarray], surface: np.ndarray) -> None:
        face = _Face.of(template, anchors, surface)
        self._groups = [make(face) for make in _GROUPS]
        self._chin = 0.55 * _bell(np.hypot(face.x, face.z - face.chin_z), 0.011)

    def fields(self) -> dict[str, np.ndarray]:
        """What never changes (P,): each layer's phase and pitch, by attribute name."""
        fields = {}
        for layer in LAYERS:
            groups = [group for group in self._groups if group.layer == layer]
            # A point of no group takes its nearest one's phase: nothing may run across the triangles at its edge.
            owner = np.argmax([group.reach for group in groups], axis=0)
            for name in ("phase", "pitch"):
                fields[f"{layer}_{name}"] = np.choose(owner, [getattr(group, name) for group in groups])
        return fields

    def depths(self, aus: np.ndarray) -> dict[str, np.ndarray]:
        """Millimetres (P,) of every layer and of the chin's dimples, by attribute name, at AU intensities (17,)."""
        depths = {layer: np.zeros(len(self._chin)) for layer in LAYERS}
        for group in self._groups:
            depths[group.layer] += group.depth(aus)
        # What is left of a bell far away is nothing.
        depths = {layer: np.clip(deep - 0.02, 0, None) for layer, deep in depths.items()}
        depths[DIMPLES] = self._chin * float(aus[AU_INDEX["AU17"]])
        return depths


@dataclass(frozen=True)
class _Face:
    """The skin folded onto the left half, and the places that creases are laid out from. All metres.

    x, y, z: (P,) of the skin, x as its distance from the middle.
    brow, lid: (K, 3) along the left brow, and along the lower lid from its inner end.
    eye_corner, nostril, mouth: (3,) the outer corner of the eye, the side of the nose, the corner of the mouth.
    lip_z, chin_z: heights of the lower lip's edge and of the chin.
    """

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    brow: np.ndarray
    lid: np.ndarray
    eye_corner: np.ndarray
    nostril: np.ndarray
    mouth: np.ndarray
    lip_z: float
    chin_z: float

    @staticmethod
    def of(template: FacialTemplate, anchors: dict[str, np.ndarray], surface: np.ndarray) -> _Face:
        at = {name: template.neutral[rows].astype(float) for name, rows in template.landmarks.items()}
        lid = at["lid_lower_left"]
        mouth = at["lip_inner_upper"][-1]
        lip_z = at["lip_outer"][:, 2].min()
        return _Face(
            np.abs(surface[:, 0]), surface[:, 1], surface[:, 2], at["brow_left"], lid[np.argsort(lid[:, 0])],
            lid[np.argmax(lid[:, 0])], anchors["nose_side"], mouth, lip_z, float(at["chin"][0, 2]),
        )  # fmt: skip

    @property
    def front(self) -> np.ndarray:
        """(P,) 1 on the face, 0 behind the temples."""
        return _fade(self.y, self.mouth[1] + 0.055, self.mouth[1] + 0.045)


def _forehead(face: _Face) -> Creases:
    # The inner brows push the skin over them up more than that between them: at rest its creases lie higher.
    above = face.z - face.brow[:, 2].max() - 0.0022 * _bell(face.x, 0.011)
    band = _fade(above, 0.0050, 0.0100) * _fade(above, 0.037, 0.027) * face.front
    inner, outer = _fade(face.x, 0.036, 0.016), _fade(face.x, 0.052, 0.034) * _fade(face.x, 0.010, 0.026)
    # The upper ones lie farther apart.
    above = above - 6.0 * above**2
    pitch = 0.0066
    openings = ((0.62 * band * inner, {"AU01": 1.0}), (0.62 * band * outer, {"AU02": 1.0}))
    return Creases("crease_a", above / pitch - 0.70, np.full(len(above), pitch / 0.00095), openings)


def _nasolabial(face: _Face) -> Creases:
    n, m = face.nostril, face.mouth
    path = [(n[0] + 0.0005, n[2] + 0.006), (n[0] + 0.0050, n[2] - 0.003), (m[0] + 0.0095, m[2] + 0.009),
            (m[0] + 0.0125, m[2] - 0.001), (m[0] + 0.0125, m[2] - 0.009)]  # fmt: skip
    return _line(face, "crease_a", path, 0.0018, 0.95, {"AU12": 0.9, "AU10": 0.8, "AU09": 0.7, "AU14": 0.2})


def _under_lip(face: _Face) -> Creases:
    middle = 0.55 * face.lip_z + 0.45 * face.chin_z
    path = [(-0.010, middle), (0.0, middle), (0.010, middle + 0.001), (0.019, middle - 0.003)]
    return _line(face, "crease_a", path, 0.0018, 0.8, {"AU17": 1.0, "AU24": 0.3, "AU15": 0.3})


def _glabella(face: _Face) -> Creases:
    inner = face.brow[np.argmin(face.brow[:, 0])]
    x, z = inner[0] * 0.34, inner[2]
    path = [(x - 0.0005, z - 0.010), (x, z - 0.002), (x + 0.0006, z + 0.006), (x + 0.0022, z + 0.015)]
    return _line(face, "crease_b", path, 0.0013, 1.0, {"AU04": 1.0, "AU09": 0.35})


def _crows_feet(face: _Face) -> Creases:
    corner = face.eye_corner
    out = np.hypot(face.x - corner[0], face.y - corner[1]) * np.sign(face.x - corner[0]) + 0.005
    up = face.z - corner[2] + 0.001
    # Polar coordinates about a place just inside the eye's corner, on the skin: creases are spokes, `step` apart, so
    # their pitch grows with the radius.
    angle, radius = np.arctan2(up, out), np.hypot(out, up)
    step = np.radians(19)
    fan = _fade(angle, np.radians(-62), np.radians(-44)) * _fade(angle, np.radians(34), np.radians(22))
    reach = _fade(radius, 0.0095, 0.0135) * _fade(radius, 0.031, 0.020) * face.front
    mask = 0.62 * fan * reach * (out > 0)
    pitch = np.clip(step * radius, 0.002, None) / 0.0009
    return Creases("crease_b", (angle + np.radians(7)) / step, pitch, ((mask, {"AU06": 0.85, "AU12": 0.2}),))


def _marionette(face: _Face) -> Creases:
    m = face.mouth
    path = [(m[0] + 0.0035, m[2] - 0.005), (m[0] + 0.0060, m[2] - 0.013), (m[0] + 0.0068, m[2] - 0.024)]
    return _line(face, "crease_b", path, 0.0015, 0.65, {"AU15": 1.0})


def _under_eye(face: _Face) -> Creases:
    below = np.interp(face.x, face.lid[:, 0], face.lid[:, 2]) - face.z
    along = (face.x - face.lid[0, 0]) / np.ptp(face.lid[:, 0])
    below = below + 0.0035 * (along - 0.5) ** 2
    band = _fade(below, 0.0015, 0.0030) * _fade(below, 0.0125, 0.0085) * face.front
    ends = _fade(along, -0.12, 0.12) * _fade(along, 1.18, 0.92)
    pitch = 0.0040
    opening = (0.50 * band * ends, {"AU07": 0.75, "AU06": 0.75, "AU09": 0.3})
    return Creases("crease_c", below / pitch - 0.9, np.full(len(below), pitch / 0.0008), (opening,))


def _nose_bridge(face: _Face) -> Creases:
    top = face.eye_corner[2] + 0.001
    height = face.z - top - 0.42 * np.hypot(face.x, 0.003)
    band = _fade(height, -0.021, -0.014) * _fade(height, 0.007, 0.001) * _fade(face.x, 0.0150, 0.0090) * face.front
    pitch = 0.0061
    opening = (0.58 * band, {"AU09": 1.0})
    return Creases("crease_c", height / pitch + 0.2, np.full(len(height), pitch / 0.00105), (opening,))


def _dimpler(face: _Face) -> Creases:
    m = face.mouth
    path = [(m[0] + 0.0055, m[2] + 0.008), (m[0] + 0.0078, m[2]), (m[0] + 0.0066, m[2] - 0.009)]
    return _line(face, "crease_c", path, 0.0015, 0.95, {"AU14": 1.0})


_GROUPS = (
    _forehead, _nasolabial, _under_lip, _glabella, _crows_feet, _marionette, _under_eye, _nose_bridge, _dimpler,
)  # fmt: skip


def _line(face: _Face, layer: str, path: list, width: float, depth: float, units: dict[str, float]) -> Creases:
    """One crease along a path of (|x|, z), metres, that runs out at both ends. depth: millimetres."""
    curve = _smooth(np.array(path))
    across, along = _beside(np.stack([face.x, face.z], axis=1), curve)
    ends = _fade(along, -0.02, 0.25) * _fade(along, 1.0, 0.60)
    # Wide enough for the relief to end by itself.
    mask = depth * ends * _bell(np.abs(across), 3.2 * width) * face.front
    phase = np.clip(across / _ALONE, -0.49, 0.49)
    return Creases(layer, phase, np.full(len(phase), _ALONE / width), ((mask, units),))


def _smooth(path: np.ndarray, count: int = 48) -> np.ndarray:
    """A curve (count, 2) through the corners (K, 2) of a path."""
    at = np.linspace(0, 1, len(path))
    power = np.polynomial.polynomial.polyfit(at, path, min(3, len(path) - 1))
    return np.polynomial.polynomial.polyval(np.linspace(0, 1, count), power).T


def _beside(points: np.ndarray, curve: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance (P,) from a curve (C, 2), positive to its left, and how far along it, 0..1 between its ends."""
    # Of the nearest piece (by its middle, (P, C - 1) distances): the share of it is the foot of the perpendicular,
    # which may lie beyond its ends, the distance the cross product over its length.
    start, step = curve[:-1], np.diff(curve, axis=0)
    nearest = np.linalg.norm(points[:, None] - (start + step / 2), axis=2).argmin(axis=1)
    towards, way = points - start[nearest], step[nearest]
    length = np.linalg.norm(way, axis=1)
    share = (towards * way).sum(axis=1) / length**2
    across = (way[:, 0] * towards[:, 1] - way[:, 1] * towards[:, 0]) / length
    return across, (nearest + share) / len(step)


def _fade(value: np.ndarray, none: float, full: float) -> np.ndarray:
    """0 at `none`, 1 at `full` and beyond, smoothly."""
    t = np.clip((value - none) / (full - none), 0, 1)
    return t * t * (3 - 2 * t)


def _bell(distance: np.ndarray, radius: float) -> np.ndarray:
    return np.exp(-((distance / radius) ** 2))
