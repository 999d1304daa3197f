"""From a recording in its own world to a capture in ours: registered, aligned, held still, cut out, checked, seeded."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ....core.camera import Camera
from ....core.errors import UserError
from ....core.template import REGIONS, FacialTemplate, load_template
from ...face.registration import register_template
from ...similarity import Similarity, fit_rigid, fit_similarity
from .choose import action_units, choose_moments, keep_cameras, neutral_units, split_cameras
from .eyes import eye_centers
from .picture import Picture
from .record import Capture, CaptureCamera, CaptureFrame
from .recording import DatasetSettings, Device, Recording, Sight
from .seeds import make_seeds
from .world import find_world, read_landmarks

STIFF = ("forehead", "nose")
"""Regions that move with the skull: they say how the head moved."""
HEAD = 0.19
"""Metres around the middle of the head that are cut out of the pictures: hair, neck and collar."""
_MIDDLE = np.array([0.0, 0.06, 0.015])
"""From the middle of the template's points to the middle of the head."""
_LEAST_FIT = 0.6
"""Share of the neutral face's points that must lie inside the mattes."""
_CHECK = 128
_FEW, _LONGEST_SIDE = 300, 0.2
"""Of more triangles than these, half are shorter than this share of the head."""


def assemble(recording: Recording, settings: DatasetSettings) -> Capture:
    """The capture. Raises UserError, one sentence, where something does not fit together."""
    keep_cameras(recording, settings)
    aus = action_units(recording, settings)
    names = list(recording.moments)
    chosen = choose_moments(recording, settings, aus)
    names = [names[i] for i in chosen]
    units = neutral_units(len(names)) if aus is None else aus[chosen]
    template = load_template()
    points, world = _follow(recording, names, template)
    points, heads = _hold_still(recording, points, template)
    cameras = {name: world.camera(device.camera) for name, device in recording.cameras.items()}
    middle = points[0].mean(axis=0) + _MIDDLE
    boxes = {
        name: _box(recording, name, camera, [_moved(middle, head) for head in heads])
        for name, camera in cameras.items()
    }
    split = split_cameras(recording, settings, {name: _angle(camera, middle) for name, camera in cameras.items()})
    frames = [
        CaptureFrame(name, units[i], _pictures(recording, name, boxes), heads[i] if i else None)
        for i, name in enumerate(names)
    ]
    square = {n: CaptureCamera(n, _cut_out(camera, boxes[n]), split[n]) for n, camera in cameras.items()}
    _expect_fit(recording, square, frames[0], points[0])
    extra = world.points(recording.extra), recording.extra_colors
    eyes = eye_centers(recording, settings, world, points[0], template)
    seeds = make_seeds(square, frames[0], points[0], template, middle, extra, eyes)
    if seeds.note:
        recording.notes.append(seeds.note)
    return Capture(
        settings.name or recording.name,
        settings.credit or recording.credit,
        settings.synthetic,
        square,
        frames,
        points,
        seeds.points,
        seeds.colors,
        seeds.group,
        tuple(recording.notes),
        licence=settings.licence,
        consent=settings.consent,
        eye_centers=eyes,
    )


def _follow(recording: Recording, names: list[str], template: FacialTemplate) -> tuple[np.ndarray, Similarity]:
    """The template's points (F, V, 3) in our world, and the way there."""
    neutral = recording.meshes.vertices(names[0])
    triangles = recording.meshes.triangles()
    if triangles.max() >= len(neutral):
        raise UserError(f"The triangles of {recording.meshes.where} belong to another mesh than its vertices.")
    _expect_surface(recording, neutral, triangles)
    landmarks, given = read_landmarks(recording.folder, neutral)
    world = given or find_world(recording.folder, landmarks, neutral, recording.metric)
    ours = {name: world.points(place) for name, place in landmarks.items()}
    attachment = register_template(world.points(neutral), triangles, landmarks=ours)
    recording.notes.append(
        f"Our template was laid on the mesh by {len(ours)} landmarks alone: its points may be millimetres off."
    )
    moved = [attachment.follow(world.points(recording.meshes.vertices(name))) for name in names]
    points = np.stack(moved).astype(np.float64)
    if given is None:
        # A few landmarks lay the head straight to some degrees only; the whole face does better.
        straight = fit_similarity(points[0], template.neutral.astype(np.float64), scaled=False)
        points, world = straight.points(points), world.then(straight)
    return points, world


def _expect_surface(recording: Recording, vertices: np.ndarray, triangles: np.ndarray) -> None:
    """Raise UserError when triangles join points from all over the head: what lies between them would take for ever."""
    sides = np.linalg.norm(vertices[triangles] - vertices[np.roll(triangles, 1, axis=1)], axis=2)
    size = float(np.ptp(vertices, axis=0).max())
    if len(triangles) > _FEW and np.median(sides) > _LONGEST_SIDE * size:
        raise UserError(f"The triangles of {recording.meshes.where} belong to another mesh than its vertices.")


def _hold_still(
    recording: Recording, points: np.ndarray, template: FacialTemplate
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Points (F, V, 3) float32 without the motion of the head, and that motion: (4, 4) per frame, world to head."""
    # The rigid motion of forehead and nose from each frame to the first is how the skull moved; taken off all points,
    # only expression is left.
    stiff = np.isin(template.regions, [REGIONS.index(name) for name in STIFF])
    still = [fit_rigid(frame[stiff], points[0][stiff]) for frame in points]
    middle = points[0].mean(axis=0)
    far = max(float(np.linalg.norm(s.points(middle) - middle)) for s in still)
    if far > 0.005:
        recording.notes.append(
            f"The head moves by up to {1000 * far:.0f} mm: it is held still, so neck and shoulders blur instead."
        )
    held = np.stack([s.points(frame) for s, frame in zip(still, points, strict=True)])
    return held.astype(np.float32), [s.matrix() for s in still]


def _moved(middle: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Where the middle (3,) of the head held still is in the world at a moment."""
    return (np.linalg.inv(head) @ np.append(middle, 1))[:3]


def _box(recording: Recording, name: str, camera: Camera, middles: list[np.ndarray]) -> tuple[int, int, int]:
    """Left, top and side of the square of a camera's pictures that holds the head in all frames."""
    places = camera.project(np.array(middles))
    if (places[:, 2] <= 0.05).any() or not _inside(places, camera).any():
        raise UserError(
            f"{recording.layout} {recording.folder.name}: camera {name} does not see the head, so its calibration, its "
            "axes or the landmarks are wrong."
        )
    # Pixels that 19 cm at the nearest middle take up (f · r / z): the box holds the head wherever it moves.
    radius = HEAD * camera.K[[0, 1], [0, 1]].max() / places[:, 2].min()
    low, high = places[:, :2].min(axis=0) - radius, places[:, :2].max(axis=0) + radius
    shorter = min(camera.width, camera.height)
    side = int(np.ceil((high - low).max()))
    if side >= shorter:
        # Padded where the picture ends, rather than losing what is at its ends.
        side = min(side, max(camera.width, camera.height))
    # Inside the picture where it can be, in the middle of it where it cannot.
    left, top = (
        float(np.clip(c, 0, size - side)) if side <= size else (size - side) / 2
        for c, size in zip((low + high - side) / 2, (camera.width, camera.height), strict=True)
    )
    return int(np.floor(left)), int(np.floor(top)), side


def _inside(places: np.ndarray, camera: Camera) -> np.ndarray:
    return ((places[:, :2] > 0) & (places[:, :2] < (camera.width, camera.height))).all(axis=1)


def _cut_out(camera: Camera, box: tuple[int, int, int]) -> Camera:
    """The camera of the square only: exact, whole pixels are taken away."""
    left, top, side = box
    K = camera.K.copy()
    K[:2, 2] -= (left, top)
    return Camera(camera.viewmat, K, side, side)


def _pictures(recording: Recording, moment: str, boxes: dict[str, tuple[int, int, int]]) -> dict[str, Path | Picture]:
    views = recording.moments[moment]
    return {name: _picture(recording.cameras[name], sight, boxes[name]) for name, sight in views.items()}


def _picture(device: Device, sight: Sight, box: tuple[int, int, int]) -> Picture:
    return Picture(sight.color, sight.matte, device.lens, box, (device.camera.width, device.camera.height))


def _angle(camera: Camera, middle: np.ndarray) -> float:
    """Where the camera stands around the head, radians."""
    # The camera's place is -Rᵀ t; 0 in front of the face, which looks along -y, positive to the head's left.
    place = -camera.viewmat[:3, :3].T @ camera.viewmat[:3, 3] - middle
    return float(np.arctan2(place[0], -place[1]))


def _expect_fit(
    recording: Recording, cameras: dict[str, CaptureCamera], frame: CaptureFrame, points: np.ndarray
) -> None:
    """Raise UserError when the neutral face's points miss the mattes: then calibration and pictures disagree."""
    shares = {}
    for name, picture in frame.pictures.items():
        matte = picture.read(_CHECK)[1]  # type: ignore[union-attr]
        places = cameras[name].camera.resized(_CHECK, _CHECK).project(points)[:, :2]
        inside = ((places > 0) & (places < _CHECK)).all(axis=1)
        column, row = places[inside].astype(int).T
        shares[name] = float((matte[row, column] > 0.5).sum() / len(points))
    typical = float(np.median(list(shares.values())))
    worst = min(shares, key=shares.__getitem__)
    if typical < _LEAST_FIT or shares[worst] < 0.5 * _LEAST_FIT:
        raise UserError(
            f"{recording.layout} {recording.folder.name}: only {100 * shares[worst]:.0f} % of the face's points fall "
            f"on the matte of camera {worst} at {frame.name}, so its calibration, its matte or the landmarks are wrong."
        )
