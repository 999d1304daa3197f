"""Which moments and which cameras of a recording a capture is made of."""

from __future__ import annotations

import numpy as np

from ....core.errors import UserError
from ....core.facs import AU_NAMES
from ....core.formats.openface import read_openface
from ....core.opening import is_plain_file, resolve_inside
from .recording import DatasetSettings, Recording, is_number

HOLD_OUT_EVERY = 6
LEAST_CAMERAS = 5
"""With fewer, all are needed to learn from."""


def keep_cameras(recording: Recording, settings: DatasetSettings) -> None:
    """Leave only the cameras that were asked for, and the moments that have a picture and a mesh.

    Raises UserError when a camera does not exist or nothing is left, naming the file to add.
    """
    names = set(settings.cameras) or set(recording.cameras)
    if unknown := sorted((names | set(settings.held_out)) - set(recording.cameras)):
        raise UserError(f"There is no camera {unknown[0]} in {recording.folder}: {_some(sorted(recording.cameras))}.")
    seen = {m: {c: s for c, s in views.items() if c in names} for m, views in recording.moments.items()}
    seen = {m: views for m, views in seen.items() if views}
    if not seen:
        raise UserError(f"{recording.folder} has no pictures of its cameras: copy it again.")
    tracked = recording.meshes.names()
    tracked_views = {m: views for m, views in seen.items() if m in tracked}
    if not tracked_views:
        first = next(iter(seen))
        raise UserError(
            f"There is no tracked mesh in {recording.meshes.where}: add {first}.obj (or .ply, .npy) there and one for "
            f"every other moment you want to use, all with one vertex order."
        )
    if len(tracked_views) < len(seen):
        recording.notes.append(
            f"{len(seen) - len(tracked_views)} of {len(seen)} moments have no tracked mesh: left out."
        )
    used = {c for views in tracked_views.values() for c in views}
    recording.photographed = list(seen)
    _expect_pictures(recording, tracked_views, names, used, bool(settings.cameras))
    recording.cameras = {c: device for c, device in recording.cameras.items() if c in used}
    recording.moments = tracked_views


def _expect_pictures(recording: Recording, views_of: dict, names: set[str], used: set[str], chosen: bool) -> None:
    """Note cameras with fewer pictures than others. Raises UserError when more than half of one's are missing."""
    if bare := sorted(names - used):
        said = f"{_some(bare, 'camera')} of {recording.folder} took no picture at a moment with a tracked mesh"
        if chosen:
            raise UserError(f"{said}: copy the data set again, whole, or take it out of “cameras” in dataset.json.")
        recording.notes.append(f"{said}: left out.")
    # Pictures per camera over all moments.
    counts = {c: sum(c in views for views in views_of.values()) for c in sorted(used)}
    most = max(counts.values())
    for name, count in counts.items():
        # A camera that moves is one camera per place: then none took more than one picture.
        if count < most:
            missing = next(m for m, views in views_of.items() if name not in views)
            said = f"camera {name} took {count} pictures where others took {most}, the first missing is {missing}"
            if 2 * count < most:
                raise UserError(
                    f"{recording.folder} seems half copied: {said}; copy it again, whole, or name the cameras to use "
                    "as “cameras” in dataset.json."
                )
            recording.notes.append(f"{said[0].upper()}{said[1:]}.")


def action_units(recording: Recording, settings: DatasetSettings) -> np.ndarray | None:
    """Intensities (F, 17) of all moments, or None when there is no CSV. Raises UserError when the times do not fit."""
    path = resolve_inside(recording.folder, settings.openface)
    if not is_plain_file(path):
        if settings.openface != DatasetSettings.openface:
            raise UserError(f"The action units {path} do not exist.")
        recording.notes.append(
            f"No action units: every frame is taken as neutral. Add {settings.openface}, OpenFace's CSV of the front "
            "camera, to learn how the skin changes with them."
        )
        return None
    track = read_openface(path)
    recording.notes.extend(track.notes)
    names, taken, fps = list(recording.moments), recording.photographed, settings.fps or recording.fps
    # A row per picture, or times: counted from the first picture, whether or not that has a mesh.
    if len(taken) == len(track.times):
        return track.aus[[taken.index(name) for name in names]]
    if not fps:
        raise UserError(
            f"{path.name} has {len(track.times)} rows for {len(taken)} moments: set “fps”, the pictures per second, in "
            "dataset.json."
        )
    # Seconds of each moment: its number from the first picture on, the names' own where they are numbers.
    numbered = all(is_number(name) for name in taken)
    number = {name: int(name) if numbered else i for i, name in enumerate(taken)}
    index = np.array([number[name] for name in names], float) - min(number.values())
    seconds = index / fps + track.times[0]
    beyond = int((seconds > track.times[-1] + 1.5 / fps).sum())
    if beyond:
        recording.notes.append(f"{beyond} moments are later than the last row of {path.name}: they repeat it.")
    return track.at(seconds)


def choose_moments(recording: Recording, settings: DatasetSettings, aus: np.ndarray | None) -> list[int]:
    """Indices of the moments to learn from, the neutral one first.

    Neutral is the named one, else the one of the least action units, else the first. When there are more pictures than
    are wanted, moments are chosen that differ most in their action units, or evenly over time.
    """
    names = list(recording.moments)
    if settings.neutral:
        if settings.neutral not in names:
            raise UserError(f"There is no moment {settings.neutral} with pictures and a mesh: {_some(names)}.")
        first, why = names.index(settings.neutral), "as named"
    elif aus is not None:
        first, why = int(aus.sum(axis=1).argmin()), "it has the least action units"
    else:
        first, why = 0, "the first, for want of action units"
    recording.notes.append(f"The neutral moment is {names[first]}: {why}.")
    # How many moments the wished number of pictures pays for, at the mean number of cameras per moment.
    views = np.mean([len(v) for v in recording.moments.values()])
    most = max(1, int(settings.most_pictures / views))
    if len(names) <= most:
        return [first, *(i for i in range(len(names)) if i != first)]
    recording.notes.append(f"{most} of {len(names)} moments are used: “most_pictures” is {settings.most_pictures}.")
    if aus is None:
        even = np.linspace(0, len(names) - 1, most).round().astype(int)
        return [first, *[int(i) for i in even if i != first][: most - 1]]
    # Farthest-point sampling in the 17 units, beginning at the neutral moment: gap (F,) to the nearest that is chosen.
    chosen, gap = [first], np.linalg.norm(aus - aus[first], axis=1)
    while len(chosen) < most and gap.max() > 0:
        chosen.append(int(gap.argmax()))
        gap = np.minimum(gap, np.linalg.norm(aus - aus[chosen[-1]], axis=1))
    return [first, *sorted(chosen[1:])]


def split_cameras(recording: Recording, settings: DatasetSettings, around: dict[str, float]) -> dict[str, str]:
    """Camera to `train` or `test`: as named, as the layout says, else every sixth between others around the head.

    around: camera to its angle. Raises UserError when nothing is left to learn from.
    """
    names = sorted(around, key=around.__getitem__)
    if settings.held_out:
        split = {name: "test" if name in settings.held_out else "train" for name in names}
    elif any(device.split == "test" for device in recording.cameras.values()):
        split = {name: recording.cameras[name].split or "train" for name in names}
    else:
        held = set(names[HOLD_OUT_EVERY // 2 : -1 : HOLD_OUT_EVERY]) if len(names) >= LEAST_CAMERAS else set()
        split = {name: "test" if name in held else "train" for name in names}
        recording.notes.append(
            f"Held out to measure with: {', '.join(sorted(held))}."
            if held
            else f"No camera is held out: {len(names)} are too few to spare one."
        )
    if "train" not in split.values():
        raise UserError(f"All cameras of {recording.folder} are held out: leave some to learn from.")
    return split


def neutral_units(count: int) -> np.ndarray:
    """(count, 17) float32 of nothing moving."""
    return np.zeros((count, len(AU_NAMES)), np.float32)


def _some(names: list[str], kind: str = "") -> str:
    listed = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    if not kind:
        return f"there are {listed}"
    return f"{kind.capitalize()}{'s' if len(names) > 1 else ''} {listed}"
