"""Planning a capture: the range of motion, moments of a spoken sentence, and the folder they go to."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core import tensors
from ...core.dome import VIEWS, layout
from ...core.errors import UserError
from ...core.facs import AU_NAMES, FPS
from ...core.opening import opened, read_json
from ...core.plan import ENGINES, MESHES, NAME, Plan, expect_mapping, load_plan, save_plan
from ...core.range_of_motion import POSES, Units, schedule
from ...core.subject import file_hash
from ...core.whole_file import whole_file

VOICE = Path(__file__).parents[4] / "sample_scenes" / "hello.wav"
"""The sentence spoken when the person brings none."""
_OURS = ("pictures", NAME, MESHES, "capture.json", "points.safetensors", "voice.wav", "voice_aus.safetensors")
_FAINT = 0.03
_SIZES = (32, 4096)


@dataclass(frozen=True)
class CaptureRequest:
    """What a person asks for.

    mapping: path of a mapping of shape names to shape keys, empty for none.
    voice: path of a recording, empty for the sample sentence.
    spoken: how many moments of the voice are photographed.

    The others as in `Plan`.
    """

    character: str = ""
    views: int = 11
    size: int = 512
    samples: int = 24
    engine: str = "cycles"
    studio_light: bool = False
    mapping: str = ""
    voice: str = ""
    spoken: int = 16


def plan_capture(out: str | os.PathLike, settings: CaptureRequest, overwrite: bool = False) -> Plan:
    """Plan a capture into folder `out` and write the plan there, or find the one that was begun with these settings.

    Raises UserError for settings that make no sense, or when the folder holds something else; nothing is changed then.
    """
    out = Path(out)
    mapping = _read_mapping(settings.mapping)
    if settings.views not in VIEWS:
        raise UserError(f"There is no dome of {settings.views} cameras, there are {', '.join(map(str, VIEWS))}.")
    if not _SIZES[0] <= settings.size <= _SIZES[1] or settings.samples < 1 or settings.engine not in ENGINES:
        raise UserError(f"Pictures are {_SIZES[0]} to {_SIZES[1]} pixels wide and have at least one sample.")
    voice = Path(settings.voice or VOICE)
    voice_hash = file_hash(voice) if settings.spoken else ""
    places = tuple(layout(settings.views))
    asked = Plan(
        settings.character, settings.size, settings.samples, settings.engine, settings.studio_light,
        places, (), mapping, settings.spoken, voice_hash,
    )  # fmt: skip
    begun = _begun(out, asked, overwrite)
    if begun is not None:
        return begun
    track, spoken = spoken_poses(voice, settings.spoken)
    shots = tuple(schedule({**POSES, **spoken}, list(places)))
    _clear(out)
    _keep_voice(out, voice, track)
    plan = Plan(**{**vars(asked), "shots": shots})
    save_plan(out, plan)
    return plan


def spoken_poses(voice: Path, count: int) -> tuple[np.ndarray, dict[str, Units]]:
    """The AU track (T, 17) of a recording and the `count` moments of it that differ most from each other.

    Names end with the frame at 25 per second. Raises UserError when the recording cannot be read.
    """
    if count <= 0:
        return np.zeros((0, len(AU_NAMES)), np.float32), {}
    from ...speech.audio import load_audio
    from ...speech.blinks import add_blinks
    from ...speech.encoder import load_speech_to_au

    wave = load_audio(voice)
    track = add_blinks(load_speech_to_au().predict(wave).aus, wave, 0)
    poses = {}
    for frame in farthest(track, count):
        units = {au: round(float(value), 3) for au, value in zip(AU_NAMES, track[frame], strict=True) if value > _FAINT}
        poses[f"spoken_{frame:04d}"] = units
    return track, {name: units for name, units in poses.items() if units}


def farthest(track: np.ndarray, count: int) -> list[int]:
    """At most `count` rows of track (T, 17), in order, each as far as can be from the neutral face and the others."""
    # Farthest-point sampling: distance (T,) to the nearest of what is chosen, the neutral face (0) among it at first.
    # Each choice can only lessen it, so one pass over the track per moment does.
    distance, chosen = np.linalg.norm(track, axis=1), list[int]()
    while len(chosen) < count and distance.max(initial=0.0) > _FAINT:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(track - track[chosen[-1]], axis=1))
    return sorted(chosen)


def _read_mapping(path: str) -> dict:
    if not path:
        return {}
    mapping = read_json(path, what="The mapping")
    try:
        expect_mapping(mapping)
    except ValueError as error:
        raise UserError(f"The mapping {path} makes no sense: {error}.") from error
    return mapping


def _begun(out: Path, asked: Plan, overwrite: bool) -> Plan | None:
    """The plan of a capture begun in `out` with the same settings, None when a new one may be written there."""
    held = [path.name for path in out.iterdir() if not path.name.startswith(".")] if out.is_dir() else []
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file: choose a folder.")
    if NAME in held:
        begun = load_plan(out) if not overwrite else _readable(out)
        differing = asked.differences(begun) if begun is not None else ["plan"]
        if not differing and not overwrite:
            return begun
        if not overwrite and _holds_pictures(out):
            listed = ", ".join(key.replace("_", " ") for key in differing)
            raise UserError(f"{out} holds a capture with another {listed}: choose another folder, or overwrite it.")
    elif held and (not overwrite or set(held) & set(_OURS)):
        what = "a capture that was not made here" if "capture.json" in held else f"other things (“{held[0]}”)"
        raise UserError(f"{out} holds {what}: choose an empty folder.")
    return None


def _readable(out: Path) -> Plan | None:
    try:
        return load_plan(out)
    except UserError:
        return None


def _holds_pictures(out: Path) -> bool:
    return (out / "capture.json").exists() or any((out / "pictures").glob("*.png"))


def _clear(out: Path) -> None:
    """Remove what an earlier capture left, and nothing else."""
    if not (out / NAME).exists():
        return
    try:
        for name in _OURS:
            path = out / name
            if path.is_dir():
                for picture in path.glob("*.png"):
                    picture.unlink()
            else:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"{error.filename} cannot be removed: {error.strerror}.") from error


def _keep_voice(out: Path, voice: Path, track: np.ndarray) -> None:
    """Copy the recording as voice.wav, with its AU track."""
    if not len(track):
        return
    from ...speech.audio import SAMPLE_RATE, load_audio

    try:
        out.mkdir(parents=True, exist_ok=True)
        with whole_file(out / "voice.wav") as copy:
            if voice.suffix.lower() == ".wav":
                with opened(voice, None, "The recording") as stream:
                    shutil.copyfileobj(stream, copy)
            else:
                import soundfile

                soundfile.write(copy, load_audio(voice), SAMPLE_RATE, format="WAV")
    except (OSError, RuntimeError) as error:
        raise UserError(f"{out / 'voice.wav'} cannot be written: {error}.") from error
    about = {"format": "emodifftalk.au_track", "schema": "1", "fps": str(FPS), "au_names": json.dumps(AU_NAMES)}
    tensors.save(out / "voice_aus.safetensors", {"aus": track.astype(np.float32)}, about)
