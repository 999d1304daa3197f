"""Where a character's head is, which way it looks and how large it is: measured from how its face moves.

Our frame: metres, z up, looking along -y, x to the head's left, the eyes where those of the shipped template are.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

EYES_AT = np.array([0.0, -0.130, 0.886])
"""Middle between the eyes in our frame, metres."""
_EYE_GAPS = (0.035, 0.2)
"""Metres between the eyes of a head, a human's or a cartoon's."""
_FACE_HEIGHTS = (0.07, 0.5)
_UNITS = (1.0, 0.01, 0.1, 10.0, 100.0, 0.001, 0.0254, 0.3048)
"""Metres per scene unit that a file may mean, likeliest first."""
_SNAP = np.cos(np.radians(15))
_UPPER, _LOWER = ("AU45", "AU05", "AU01", "AU02", "AU04", "AU07"), ("AU26", "AU25", "AU12", "AU15", "AU17")
_BEHIND_LIDS = 0.012


def centre_of(points: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Middle (3,) of the points (N, 3), each weighted by how far it moves in moved (N, 3)."""
    weight = np.linalg.norm(moved, axis=1)
    return weight @ points / max(float(weight.sum()), 1e-12)


def axes(points: np.ndarray, moved: dict[str, np.ndarray], sides: tuple[np.ndarray, np.ndarray] | None) -> np.ndarray:
    """Rows: the head's left, back and up as directions (3, 3) of the scene.

    points: (N, 3) the relaxed face in the scene. moved: unit to displacement (N, 3). sides: displacement by all left
    and by all right shapes, None when the shapes know no sides. Directions near an axis of the scene are taken for it.
    """
    up = _upwards(points, moved)
    # The face's middle is weighted by the longest way (N,) of each point under any unit; from the middle of the whole
    # head to there is forward, since only the front moves.
    face = centre_of(points, np.stack([np.linalg.norm(m, axis=1) for m in moved.values()]).max(axis=0)[:, None])
    forward = face - (points.min(axis=0) + points.max(axis=0)) / 2
    if sides is not None:
        left = _level(centre_of(points, sides[0]) - centre_of(points, sides[1]), up)
        ahead = np.cross(left, up)
        # Some name the sides as the onlooker sees them; then the face would lie behind the head: left is the other way.
        reach = np.ptp(points @ ahead)
        left = -left if forward @ ahead < -0.2 * reach else left
    else:
        left = np.cross(up, _level(forward, up))
    return np.stack([left, np.cross(up, left), up])


def _upwards(points: np.ndarray, moved: dict[str, np.ndarray]) -> np.ndarray:
    upper, lower = ([m for unit, m in moved.items() if unit in units] for units in (_UPPER, _LOWER))
    if not upper or not lower:
        return np.array([0.0, 0.0, 1.0])
    # From the middle of what lower units move to that of what upper ones move: the nearest axis of the scene, signed.
    high, low = (np.mean([centre_of(points, m) for m in part], axis=0) for part in (upper, lower))
    rise = high - low
    axis = int(np.abs(rise).argmax())
    return np.eye(3)[axis] * np.sign(rise[axis])


def _level(direction: np.ndarray, up: np.ndarray) -> np.ndarray:
    """The direction without its part along `up`, on an axis of the scene when it is near one, length 1."""
    direction = direction - (direction @ up) * up
    direction = direction / max(float(np.linalg.norm(direction)), 1e-12)
    axis = int(np.abs(direction).argmax())
    return np.eye(3)[axis] * np.sign(direction[axis]) if abs(direction[axis]) > _SNAP else direction


def metres_per_unit(eye_gap: float, face_height: float) -> float:
    """Metres that one unit of the scene stands for. eye_gap: units between the eyes, 0 when unknown; face_height: units
    from the highest to the lowest point that the face moves. A head of no believable size is made human."""
    measure, (low, high), human = (eye_gap, _EYE_GAPS, 0.062) if eye_gap > 0 else (face_height, _FACE_HEIGHTS, 0.17)
    fitting = [unit for unit in _UNITS if low <= measure * unit <= high]
    return fitting[0] if fitting else human / max(measure, 1e-9)


def eyes_of(eyeballs: dict[str, np.ndarray], points: np.ndarray, blink: np.ndarray | None, scale: float) -> np.ndarray:
    """Centres (2, 3) of the left and the right eye, in turned scene units. Raises ValueError when nothing tells them.

    eyeballs: "left" and "right" to points (n, 3) of the eyeballs, where there are any; else they lie behind the lids,
    the points (N, 3) that blink (N, 3) moves. scale: metres per unit.
    """
    if all(len(eyeballs.get(side, ())) for side in ("left", "right")):
        return np.stack([(eyeballs[s].min(axis=0) + eyeballs[s].max(axis=0)) / 2 for s in ("left", "right")])
    if blink is None:
        raise ValueError("neither eyeballs nor a blink")
    middle = centre_of(points, blink)[0]
    # Each lid's middle, weighted by how far the blink moves its points; the eyeball lies behind it (+y is backwards).
    halves = [(points[:, 0] - middle) * sign > 0 for sign in (1, -1)]
    lids = np.stack([centre_of(points[half], blink[half]) for half in halves])
    return lids + np.array([0, _BEHIND_LIDS / scale, 0])


def picture_frame(
    head: Iterable[np.ndarray], face: np.ndarray, jaw: np.ndarray | None, eyes: np.ndarray
) -> tuple[np.ndarray, float]:
    """Middle (3,) and height of what the pictures show, in our frame: from the collar to a little above the hair.

    head: points (n, 3) of everything photographed. face: (N, 3); jaw: (N, 3) how opening the jaw moves it, or None.
    eyes: (2, 3).
    """
    middle = eyes.mean(axis=0)
    gap = float(np.linalg.norm(eyes[0] - eyes[1]))
    chin = middle[2] - 1.7 * gap
    if jaw is not None:
        fall = np.linalg.norm(jaw, axis=1)
        chin = float(np.quantile(face[fall > 0.4 * fall.max(), 2], 0.01))
    # Of everything photographed, what is less than five eye gaps from the head's axis in x and y, and above the chin:
    # hair counts, shoulders and a wide room do not. Quantiles, so that a stray strand does not widen the picture.
    near = [points[np.hypot(*(points[:, :2] - middle[:2]).T) < 5 * gap] for points in head]
    above = np.concatenate([points[points[:, 2] > chin] for points in near])
    low, high = np.quantile(above, 0.001, axis=0), np.quantile(above, 0.999, axis=0)
    tall = float(high[2] - chin)
    height = max(1.36 * tall, 1.08 * float((high - low)[:2].max()))
    return np.array([middle[0], (low[1] + high[1]) / 2, (high[2] + chin) / 2 - 0.087 * tall]), height
