"""What a bare head lacks: colours of skin, lips, eyes, mouth and shirt, painted from geometry. Linear RGB."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from emodifftalk.data.actor import Actor


@dataclass(frozen=True)
class Palette:
    """Linear RGB base colours."""

    skin: tuple[float, float, float] = (0.26, 0.118, 0.066)
    blush: tuple[float, float, float] = (0.30, 0.095, 0.055)
    lips: tuple[float, float, float] = (0.215, 0.068, 0.055)
    inner_lips: tuple[float, float, float] = (0.28, 0.085, 0.075)
    cavity: tuple[float, float, float] = (0.030, 0.006, 0.005)
    scalp: tuple[float, float, float] = (0.030, 0.017, 0.012)
    shirt: tuple[float, float, float] = (0.045, 0.085, 0.13)
    iris: tuple[float, float, float] = (0.085, 0.032, 0.012)
    sclera: tuple[float, float, float] = (0.62, 0.57, 0.53)


@dataclass(frozen=True)
class Places:
    """Where things are on this actor's head, metres: found from its anatomy, not typed in."""

    eye: np.ndarray
    mouth: np.ndarray
    neckline: float

    @staticmethod
    def of(actor: Actor) -> Places:
        eye = actor.neutral[actor.vertices_of("eye_left")].mean(axis=0)
        corner = actor.anchors["mouth_corner"]
        return Places(eye, np.array([0.0, corner[1], corner[2]]), float(corner[2] - 0.108))


def hair_mask(places: Places, points: np.ndarray) -> np.ndarray:
    """0..1 (P,): 1 where the scalp grows hair, with a soft hairline over 6 mm."""
    back = points[:, 1] - places.eye[1]
    above = points[:, 2] - places.eye[2]
    line = np.interp(
        back, [-0.03, 0.000, 0.018, 0.034, 0.050, 0.070, 0.095, 0.11, 0.15, 0.22],
        [0.064, 0.060, 0.052, 0.036, 0.020, -0.008, 0.030, -0.030, -0.062, -0.075],
    )
    ear = (np.abs(points[:, 0]) > 0.0775) & (above < 0.028) & (above > -0.06) & (back < 0.16) & (back > 0.05)
    return np.clip((above - line) / 0.006 + 0.5, 0, 1) * ~ear


def skin_colours(
    actor: Actor, surface: np.ndarray, face: np.ndarray, lips: np.ndarray, palette: Palette, seed: int = 1
) -> np.ndarray:
    """Linear RGB (P, 3) of surface points (P, 3) in the neutral pose.

    face: (V, 3) template points, lips: (n, 3) points along the lip margins.
    """
    places = Places.of(actor)
    rng = np.random.default_rng(seed)
    colour = np.tile(np.array(palette.skin), (len(surface), 1))
    blotches = _smooth_noise(surface, rng, 0.012)
    pores = _smooth_noise(surface, rng, 0.0025)
    for centre, radius, strength in (
        ((0.045, None, places.eye[2] - 0.040), 0.022, 0.55),
        ((0.0, None, places.mouth[2] + 0.035), 0.016, 0.45),
        ((0.085, None, places.eye[2] - 0.02), 0.020, 0.5),
    ):
        delta = np.abs(surface[:, [0, 2]]) - np.array([centre[0], centre[2]])
        delta[:, 0] = np.abs(surface[:, 0]) - centre[0]
        near = np.exp(-(delta**2).sum(axis=1) / (2 * radius**2)) * (surface[:, 1] < places.eye[1] + 0.09)
        colour += (strength * near)[:, None] * (np.array(palette.blush) - colour)
    across, up = (np.abs(surface[:, 0]) - places.eye[0]) / 0.020, (surface[:, 2] - places.eye[2]) / 0.011
    socket = np.exp(-(across**2 + up**2))
    colour *= (1 - 0.28 * socket * (surface[:, 1] < places.eye[1] + 0.02))[:, None]
    colour *= (1 + 0.10 * blotches + 0.07 * pores)[:, None]

    gap = cKDTree(lips).query(surface)[0]
    width = 0.0105 - 0.004 * np.clip(np.abs(surface[:, 0]) / 0.028, 0, 1)
    front = surface[:, 1] < places.mouth[1] + 0.012
    on_lips = np.clip((width - gap) / 0.0018, 0, 1) * front
    lip = np.array(palette.lips) * (1 + 0.12 * pores)[:, None]
    lip += np.clip((0.0028 - gap) / 0.002, 0, 1)[:, None] * (np.array(palette.inner_lips) - np.array(palette.lips))
    colour += on_lips[:, None] * (lip - colour)
    colour += _cavity(surface, places, face)[:, None] * (np.array(palette.cavity) - colour)
    colour += hair_mask(places, surface)[:, None] * (np.array(palette.scalp) - colour)
    colour += shirt_mask(places, surface)[:, None] * (np.array(palette.shirt) - colour)
    return np.clip(colour, 0.002, 1)


def shirt_mask(places: Places, surface: np.ndarray) -> np.ndarray:
    """1 where the shirt covers the skin: below a crew neckline that dips in front."""
    dip = 0.020 * np.clip((places.eye[1] + 0.06 - surface[:, 1]) / 0.06, -0.7, 1)
    return np.clip((places.neckline + 0.012 - dip - surface[:, 2]) / 0.003 + 0.5, 0, 1)


def _cavity(surface: np.ndarray, places: Places, face: np.ndarray) -> np.ndarray:
    """0..1: the inside of the mouth, behind the lips and away from the outer skin."""
    around = (np.abs(surface[:, 0]) < 0.034) & (np.abs(surface[:, 2] - places.mouth[2]) < 0.027)
    behind = surface[:, 1] - places.mouth[1]
    outer = cKDTree(face).query(surface)[0]
    return np.clip((outer - 0.0035) / 0.002, 0, 1) * around * (behind > -0.01) * (behind < 0.09)


def _smooth_noise(points: np.ndarray, rng: np.random.Generator, cell: float) -> np.ndarray:
    """Noise about -1..1 that varies over `cell` metres."""
    waves = rng.normal(size=(24, 3)) / cell
    return np.cos(points @ waves.T + rng.uniform(0, 2 * np.pi, 24)).sum(axis=1) / np.sqrt(24) / 1.2


def eye_colours(directions: np.ndarray, palette: Palette, seed: int = 2) -> np.ndarray:
    """Linear RGB (P, 3) of an eyeball's surface by unit direction (P, 3) from its centre; it looks along -y."""
    rng = np.random.default_rng(seed)
    angle = np.degrees(np.arccos(np.clip(-directions[:, 1], -1, 1)))
    spoke = np.arctan2(directions[:, 2], directions[:, 0])
    streaks = sum(np.cos(k * spoke + p) for k, p in zip((9, 17, 29, 41), rng.uniform(0, 6.28, 4), strict=True)) / 4
    iris = np.array(palette.iris) * (1.1 + 0.45 * streaks + 0.9 * np.exp(-(((angle - 13) / 4) ** 2)))[:, None]
    colour = np.array(palette.sclera) * (1 - 0.0045 * np.clip(angle - 30, 0, 60))[:, None]
    colour = colour + np.clip((24.0 - angle) / 1.5, 0, 1)[:, None] * (0.25 * np.array(palette.iris) - colour)
    colour = colour + np.clip((22.0 - angle) / 1.5, 0, 1)[:, None] * (iris - colour)
    colour = colour + np.clip((9.0 - angle) / 1.0, 0, 1)[:, None] * (0.003 - colour)
    return np.clip(colour, 0.001, 1)
