"""What the mesh lacks: colours of skin, lips, eyes, mouth and shirt, painted from geometry. Linear RGB."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from emodifftalk.core.template import FacialTemplate
from emodifftalk.data.face.actor import Actor

from .looks import Look


@dataclass(frozen=True)
class Places:
    """Where things are on this actor's head, metres: measured on its anatomy, not typed in.

    eye, mouth, ear: (3,) the middle of the left eye, a corner of the mouth, the left ear.
    neckline: height of the shirt's.
    """

    eye: np.ndarray
    mouth: np.ndarray
    ear: np.ndarray
    neckline: float

    @staticmethod
    def of(actor: Actor) -> Places:
        """Measure an actor."""
        eye = actor.neutral[actor.vertices_of("eye_left")].mean(axis=0)
        corner = actor.anchors["mouth_corner"]
        skin = actor.neutral[actor.vertices_of("skin")]
        beside = (np.abs(skin[:, 2] - eye[2] + 0.01) < 0.05) & (skin[:, 1] > eye[1] + 0.04)
        ear = skin[beside & (skin[:, 0] > np.quantile(skin[beside, 0], 0.93))].mean(axis=0)
        return Places(eye, np.array([corner[0], corner[1], corner[2]]), ear, float(corner[2] - 0.102))


def hair_mask(places: Places, points: np.ndarray, sideburns: bool = True) -> np.ndarray:
    """0..1 (P,): 1 where the scalp grows hair, with a soft hairline over 8 mm that goes round the ears."""
    back = (points[:, 1] - places.eye[1]) / (places.ear[1] - places.eye[1])
    above = points[:, 2] - places.eye[2]
    line = np.interp(
        back,
        [-0.45, -0.20, 0.02, 0.22, 0.42, 0.60, 0.70, 0.86, 1.0, 1.25, 1.5, 2.2],
        [0.063, 0.063, 0.061, 0.053, 0.040, 0.016, -0.018, -0.024, -0.022, -0.040, -0.055, -0.072],
    )
    # How far outside an ellipse around the ear a point lies, in its radii, seen from the side: hair stops short of it.
    over = np.stack([(points[:, 1] - places.ear[1] + 0.002) / 0.0190, (points[:, 2] - places.ear[2]) / 0.031], axis=1)
    clear = np.clip((np.linalg.norm(over, axis=1) - 1) / 0.12, 0, 1)
    if not sideburns:
        before = (points[:, 1] - places.ear[1] - 0.004) / 0.006
        clear *= np.clip(np.maximum((points[:, 2] - places.ear[2] - 0.020) / 0.006, before), 0, 1)
    return np.clip((above - line) / 0.008 + 0.5, 0, 1) * clear


def skin_colours(actor: Actor, surface: np.ndarray, template: FacialTemplate, look: Look, seed: int = 1) -> np.ndarray:
    """Linear RGB (P, 3) of surface points (P, 3) in the neutral pose. template: fitted to this actor."""
    places = Places.of(actor)
    rng = np.random.default_rng(seed)
    colour = np.tile(np.array(look.skin), (len(surface), 1))
    _blush(colour, surface, places, look)
    # A Gaussian around each eye, both halves in one by |x|: the socket is darker, and redder: red loses least.
    across, up = (np.abs(surface[:, 0]) - places.eye[0]) / 0.022, (surface[:, 2] - places.eye[2] + 0.002) / 0.012
    socket = np.exp(-(across**2 + up**2)) * (surface[:, 1] < places.eye[1] + 0.02)
    colour *= 1 - socket[:, None] * np.array([0.20, 0.26, 0.24])
    if look.stubble:
        colour *= (1 - look.stubble * _beard(surface, places))[:, None] * np.ones(3)
    colour *= (1 + 0.05 * _smooth_noise(surface, rng, 0.014) + 0.03 * _smooth_noise(surface, rng, 0.004))[:, None]
    _lips(colour, surface, places, template, look, rng)
    colour += _cavity(surface, places, template.neutral)[:, None] * (np.array(look.cavity) - colour)
    under = 0.45 * _brow_shadow(surface, template, look)
    colour += under[:, None] * (np.array(look.brow) - colour)
    scalp = hair_mask(places, surface, sideburns=look.hair_style == "crop")
    colour += scalp[:, None] * (np.array(look.scalp) - colour)
    return np.clip(colour, 0.002, 1)


def _blush(colour: np.ndarray, surface: np.ndarray, places: Places, look: Look) -> None:
    for centre, radius, strength in (
        ((0.047, places.eye[2] - 0.042), 0.019, 0.45),
        ((0.0, places.mouth[2] + 0.035), 0.013, 0.45),
        ((0.0, places.mouth[2] - 0.036), 0.012, 0.25),
        ((0.082, places.ear[2]), 0.022, 0.6),
    ):
        delta = np.stack([np.abs(surface[:, 0]) - centre[0], surface[:, 2] - centre[1]], axis=1)
        near = np.exp(-(delta**2).sum(axis=1) / (2 * radius**2)) * (surface[:, 1] < places.ear[1] + 0.03)
        colour += (strength * near)[:, None] * (np.array(look.blush) - colour)


def _beard(surface: np.ndarray, places: Places) -> np.ndarray:
    low = np.clip((places.mouth[2] + 0.022 - surface[:, 2]) / 0.012, 0, 1)
    chin = np.clip((surface[:, 2] - places.mouth[2] + 0.062) / 0.016, 0, 1)
    cheek = np.clip((surface[:, 2] - places.mouth[2] - 0.012) / 0.02, 0, 1) * (np.abs(surface[:, 0]) > 0.024)
    return low * chin * (1 - 0.8 * cheek) * (surface[:, 1] < places.ear[1])


def _lips(colour, surface: np.ndarray, places: Places, template: FacialTemplate, look: Look, rng) -> None:
    """Vermilion: bounded by a cupid's bow above and an arc below the line where the lips meet."""
    upper, lower = (template.neutral[template.landmarks[f"lip_inner_{k}"]] for k in ("upper", "lower"))
    line = (upper + lower) / 2
    half = np.abs(line[:, 0]).max()
    # t: 0 in the middle, 1 at the corners. Height above the line where the lips meet against two curves over t, the bow
    # with its dip in the middle and the arc; how far inside both, over 1.2 mm, is how much of the lip's colour shows.
    t = np.clip(np.abs(surface[:, 0]) / half, 0, 1)
    order = np.argsort(line[:, 0])
    height = surface[:, 2] - np.interp(surface[:, 0], line[order, 0], line[order, 2])
    bow = 0.0078 * look.lip_fullness * (1 - t**1.7) ** 0.8 * (1 - 0.16 * np.exp(-((t / 0.16) ** 2))) + 0.0008
    arc = 0.0102 * look.lip_fullness * (1 - t**2.2) ** 0.75 + 0.0006
    inside = np.minimum(bow - height, arc + height) / 0.0012
    front = (surface[:, 1] < places.mouth[1] + 0.010) & (np.abs(surface[:, 0]) < half + 0.0015)
    on = np.clip(inside, 0, 1) * front
    lip = np.array(look.lips) * (1 + 0.10 * _smooth_noise(surface, rng, 0.0016))[:, None]
    margin = np.concatenate([upper, lower])[np.abs(np.concatenate([upper, lower])[:, 0]) < 0.85 * half]
    gap = cKDTree(margin).query(surface)[0]
    lip += np.clip((0.0030 - gap) / 0.0025, 0, 1)[:, None] * (np.array(look.inner_lips) - np.array(look.lips))
    colour += on[:, None] * (lip - colour)


def _brow_shadow(surface: np.ndarray, template: FacialTemplate, look: Look) -> np.ndarray:
    total = np.zeros(len(surface))
    for side in ("left", "right"):
        line = brow_line(template, side, look)
        gap, index = cKDTree(line[:, [0, 2]]).query(surface[:, [0, 2]])
        width = look.brow_width * (1.15 - 0.75 * index / 80)
        front = surface[:, 1] < line[:, 1].max() + 0.012
        total = np.maximum(total, np.clip((1.25 * width - gap) / width, 0, 1) * front)
    return total


def brow_line(template: FacialTemplate, side: str, look: Look) -> np.ndarray:
    """81 points (81, 3) along the brow of one side, from its inner end outwards, metres."""
    line = template.neutral[template.landmarks[f"brow_{side}"]].astype(float)
    if abs(line[0, 0]) > abs(line[-1, 0]):
        line = line[::-1]
    # A cubic through the nine landmarks, one for each coordinate, at 81 places.
    smooth = [np.polyval(np.polyfit(np.arange(9), line[:, k], 3), np.linspace(0, 8, 81)) for k in range(3)]
    fine = np.stack(smooth, axis=1)
    fine[:, 2] += look.brow_lift
    return fine


def shirt_height(places: Places, surface: np.ndarray) -> np.ndarray:
    """Height (P,) in metres below the crew neckline, which dips in front; negative above it."""
    dip = 0.018 * np.clip((places.eye[1] + 0.06 - surface[:, 1]) / 0.06, -0.7, 1)
    return places.neckline + 0.010 - dip - surface[:, 2]


def bust_edge(places: Places, surface: np.ndarray) -> np.ndarray:
    """Height (P,) in metres above the cut through the chest where the bust ends."""
    return surface[:, 2] - (places.neckline - 0.046)


def _cavity(surface: np.ndarray, places: Places, face: np.ndarray) -> np.ndarray:
    """0..1: the inside of the mouth, behind the lips and away from the outer skin."""
    around = (np.abs(surface[:, 0]) < 0.034) & (np.abs(surface[:, 2] - places.mouth[2]) < 0.027)
    behind = surface[:, 1] - places.mouth[1]
    outer = cKDTree(face).query(surface)[0]
    return np.clip((outer - 0.0035) / 0.002, 0, 1) * around * (behind > -0.01) * (behind < 0.09)


def _smooth_noise(points: np.ndarray, rng: np.random.Generator, cell: float) -> np.ndarray:
    """Noise about -1..1 that varies over `cell` metres."""
    # Cosines of 24 random directions and phases, (P, 24), added up: by their number's root the sum has an even spread.
    waves = rng.normal(size=(24, 3)) / cell
    return np.cos(points @ waves.T + rng.uniform(0, 2 * np.pi, 24)).sum(axis=1) / np.sqrt(24) / 1.2


def teeth_colours(points: np.ndarray, upper: bool) -> tuple[np.ndarray, np.ndarray]:
    """Linear RGB (P, 3) of a row of teeth with its gums, darker towards the throat; and along the row which tooth it is
    (P,), counted from the middle, whole numbers where two teeth meet."""
    shade = np.tile(np.array((0.76, 0.68, 0.55) if upper else (0.68, 0.60, 0.48)), (len(points), 1))
    # The row is an arc, open at the back: its foremost point in every bin of |x| (y, gaps filled in), made to fall back
    # only, and the length along it from the middle. There the widths of teeth, millimetres, are counted off.
    bins = np.linspace(0, np.abs(points[:, 0]).max(), 24)
    which = np.digitize(np.abs(points[:, 0]), bins)
    front = np.array([points[which == k, 1].min() if (which == k).any() else np.nan for k in range(1, len(bins) + 1)])
    front = np.interp(bins, bins[~np.isnan(front)], front[~np.isnan(front)])
    arc = np.concatenate([[0], np.cumsum(np.hypot(np.diff(bins), np.diff(np.maximum.accumulate(front))))])
    along = np.interp(np.abs(points[:, 0]), bins, arc)
    widths = (8.4, 6.6, 7.6, 7.0, 6.8, 9.5) if upper else (5.3, 5.9, 6.8, 7.0, 7.1, 10.5)
    tooth = np.interp(along, np.concatenate([[0], np.cumsum(widths)]) / 1000, np.arange(len(widths) + 1))
    height = (points[:, 2] - points[:, 2].min()) / np.ptp(points[:, 2])
    high = height if upper else 1 - height
    shade += np.clip((high - 0.62) / 0.12, 0, 1)[:, None] * (np.array((0.36, 0.11, 0.10)) - shade)
    depth = np.clip((points[:, 1] - points[:, 1].min()) / 0.035, 0, 1)
    return shade * (1 - 0.75 * depth)[:, None], tooth


def eye_colours(directions: np.ndarray, look: Look, seed: int = 2) -> np.ndarray:
    """Linear RGB (P, 3) of an eyeball's surface by unit direction (P, 3) from its centre; it looks along -y."""
    rng = np.random.default_rng(seed)
    angle = np.degrees(np.arccos(np.clip(-directions[:, 1], -1, 1)))
    # Colours by the angle from the pupil, degrees, from outside inwards: sclera with veins, the dark ring, iris, pupil.
    # Streaks are four waves around, all whole numbers so that the circle closes.
    spoke = np.arctan2(directions[:, 2], directions[:, 0])
    streaks = sum(np.cos(k * spoke + p) for k, p in zip((11, 19, 31, 47), rng.uniform(0, 6.28, 4), strict=True)) / 4
    iris = np.array(look.iris) * (1.0 + 0.5 * streaks + 1.2 * np.exp(-(((angle - 13.5) / 4) ** 2)))[:, None]
    veins = np.clip(angle - 34, 0, 50)[:, None] * np.array([0.0035, 0.0062, 0.0066])
    colour = np.array(look.sclera) * (1 - veins)
    colour = colour + np.clip((26.2 - angle) / 2.0, 0, 1)[:, None] * (0.22 * np.array(look.iris) - colour)
    colour = colour + np.clip((23.6 - angle) / 2.2, 0, 1)[:, None] * (iris - colour)
    colour = colour + np.clip((10.5 - angle) / 1.0, 0, 1)[:, None] * (0.002 - colour)
    return np.clip(colour, 0.001, 1)
