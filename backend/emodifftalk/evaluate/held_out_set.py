"""The held-out set: recordings, what the face truly does in them, and pictures of that.

A folder with

    set.json            clips (words, voice, feeling, phoneme times), subjects, cameras, moments
    truth.safetensors   aus.CLIP (T, 17), articulations.CLIP (T, 6), both 25 a second, after the feeling; and
                        lips.SUBJECT (M, L, 3), where the lip landmarks are at that subject's moments, metres
    voices/CLIP.flac    16 kHz
    pictures/*.webp     the moments as their cameras see them, on black

Everything in it is synthetic: three synthesizers spoke, Cycles took the pictures of two CC0 heads
(docs/science/evaluation.md).
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..core import tensors
from ..core.camera import Camera
from ..core.checks import expect, expect_format
from ..core.errors import UserError
from ..core.facs import ARTICULATIONS, AU_NAMES
from ..core.opening import read_json, resolve_inside
from ..core.performance import Performance, Prompt, Style, VoiceStrip
from ..core.template import FacialTemplate
from ..core.whole_file import whole_file
from ..data.speech.synthesizers import PHONEMES, Phoneme, Utterance

SCHEMA = 1
_LARGEST = 8192
"""Pixels along a side of a picture."""
SHIPPED = Path(__file__).parents[3] / "sample_scenes" / "held_out"
PAUSE = 0.8
"""Seconds of silence before and after every recording."""
MUTED = "AU45"
"""Blinks are not heard in a voice: the truth has none, and the performances mute them."""


@dataclass(frozen=True)
class Clip:
    """One held-out recording.

    name, voice, text: what it is called, who speaks, and which words.
    feeling: its name, "" for none.
    aus: the action units the feeling means, 0..1.
    phonemes: with their exact times.
    recording: its file.
    true_aus: (T, 17) 0..1 at 25 fps, what the face does, the feeling included.
    true_articulations: (T, 6), the same.
    """

    name: str
    voice: str
    text: str
    feeling: str
    aus: dict[str, float]
    phonemes: tuple[Phoneme, ...]
    recording: Path
    true_aus: np.ndarray
    true_articulations: np.ndarray

    @property
    def performance(self) -> Performance:
        """What is asked of a subject: the voice, the feeling all along, no blinks or gestures, seed 0."""
        feeling = (Prompt(self.feeling, aus=self.aus, id=self.feeling),) if self.feeling else ()
        still = Style(liveliness=0.0)  # gestures are chance, the truth has others
        return Performance((VoiceStrip(self.recording),), feeling, {MUTED: ((0.0, -1.0),)}, style=still)

    @property
    def utterance(self) -> Utterance:
        """Its phonemes, for what is measured at them; the samples are left in the file."""
        return Utterance(np.zeros(0, np.float32), self.phonemes, self.text, self.voice)


@dataclass(frozen=True)
class Moment:
    """One frame of a clip by one held-out camera.

    picture: its name, without folder or ending.
    clip, frame, camera: which.
    sound: the phoneme of the frame.
    """

    picture: str
    clip: str
    frame: int
    camera: str
    sound: str


@dataclass(frozen=True)
class Sitter:
    """A subject's part of the set.

    identity: the CC0 head its pictures show.
    strip: the clip of its film strip.
    cameras: by name.
    moments: M of them.
    lips: (M, L, 3) metres, see `lip_landmarks`; empty in a set whose pictures have not been taken.
    """

    name: str
    identity: str
    strip: str
    cameras: dict[str, Camera]
    moments: tuple[Moment, ...]
    lips: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 3), np.float32))


@dataclass(frozen=True)
class HeldOutSet:
    """size: pixels of the square pictures."""

    folder: Path
    size: int
    clips: dict[str, Clip]
    sitters: dict[str, Sitter]

    def picture_path(self, moment: Moment) -> Path:
        """Where the picture of a moment lies."""
        return self.folder / "pictures" / f"{moment.picture}.webp"


def lip_landmarks(template: FacialTemplate) -> np.ndarray:
    """All lip landmarks of the template, (L,) vertex indices in rising order: both inner edges and the outer one."""
    names = ("lip_inner_upper", "lip_inner_lower", "lip_outer")
    return np.unique(np.concatenate([template.landmarks[name] for name in names]))


def load_held_out(folder: str | os.PathLike = SHIPPED) -> HeldOutSet:
    """Read and check a held-out set; its pictures and recordings are only located.

    Raises UserError naming the file that is missing or damaged.
    """
    folder = Path(folder)
    path = folder / "set.json"
    data = read_json(path, what="The held-out set")
    file = tensors.TensorFile(folder / "truth.safetensors")
    expect_format(file, "held_out_truth", SCHEMA)
    if file.metadata.get("au_names") != json.dumps(AU_NAMES):
        raise UserError(f"{file.path} lists other action units than this version knows.")
    try:
        if data["format"] != "emodifftalk.held_out" or data["schema"] != SCHEMA:
            raise ValueError(f"format {data['format']}, schema {data['schema']}")
        clips = {item["name"]: _clip(item, folder, file) for item in data["clips"]}
        sitters = {name: _sitter(name, item, file) for name, item in data["subjects"].items()}
        held_out = HeldOutSet(folder, int(data["size"]), clips, sitters)
        _check(held_out)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise UserError(f"{path} is damaged or of another version: {str(error)[:200]}.") from error
    return held_out


def _clip(item: dict, folder: Path, file: tensors.TensorFile) -> Clip:
    name = str(item["name"])
    aus = expect(file, f"aus.{name}", (None, len(AU_NAMES))).astype(np.float32)
    articulations = expect(file, f"articulations.{name}", (len(aus), len(ARTICULATIONS))).astype(np.float32)
    phonemes = tuple(Phoneme(s, float(a), float(b), stressed=bool(c)) for s, a, b, c in item["phonemes"])
    if unknown := {p.symbol for p in phonemes} - set(PHONEMES):
        raise ValueError(f"unknown phonemes {', '.join(sorted(unknown))}")
    recording = resolve_inside(folder, item["recording"])
    feeling = {au: float(value) for au, value in item["aus"].items()}
    return Clip(name, item["voice"], item["text"], item["feeling"], feeling, phonemes, recording, aus, articulations)


def _sitter(name: str, item: dict, file: tensors.TensorFile) -> Sitter:
    cameras = {key: _camera(key, c) for key, c in item["cameras"].items()}
    moments = tuple(Moment(**moment) for moment in item["moments"])
    lips = expect(file, f"lips.{name}", (len(moments), None, 3)).astype(np.float32)
    return Sitter(name, item["identity"], item["strip"], cameras, moments, lips)


def _camera(name: str, item: dict) -> Camera:
    view, K = np.array(item["viewmat"], float).reshape(4, 4), np.array(item["K"], float).reshape(3, 3)
    width, height = item["size"]
    sizes = all(type(n) is int and 0 < n <= _LARGEST for n in (width, height))
    if not sizes or not (np.isfinite(view).all() and np.isfinite(K).all()):
        raise ValueError(f"camera {name} is not calibrated")
    return Camera(view, K, width, height)


def _check(held_out: HeldOutSet) -> None:
    if not 0 < held_out.size <= _LARGEST:
        raise ValueError(f"pictures of {held_out.size} pixels")
    for sitter in held_out.sitters.values():
        if sitter.strip not in held_out.clips:
            raise ValueError(f"no clip {sitter.strip}")
        for moment in sitter.moments:
            known = moment.clip in held_out.clips and moment.camera in sitter.cameras and type(moment.frame) is int
            inside = known and 0 <= moment.frame < len(held_out.clips[moment.clip].true_aus)
            if not inside or Path(moment.picture).name != moment.picture:
                raise ValueError(f"moment {moment.picture} is of no clip, frame or camera")


def save_held_out(held_out: HeldOutSet) -> None:
    """Write set.json and truth.safetensors; recordings and pictures are written by those who make them."""
    arrays = {f"aus.{clip.name}": clip.true_aus.astype(np.float16) for clip in held_out.clips.values()}
    arrays |= {f"articulations.{c.name}": c.true_articulations.astype(np.float16) for c in held_out.clips.values()}
    arrays |= {f"lips.{sitter.name}": sitter.lips.astype(np.float32) for sitter in held_out.sitters.values()}
    about = {"format": "emodifftalk.held_out_truth", "schema": str(SCHEMA), "au_names": json.dumps(AU_NAMES)}
    tensors.save(held_out.folder / "truth.safetensors", arrays, about)
    clips = [
        {
            "name": clip.name,
            "voice": clip.voice,
            "text": clip.text,
            "feeling": clip.feeling,
            "aus": clip.aus,
            "recording": clip.recording.relative_to(held_out.folder).as_posix(),
            "phonemes": [[p.symbol, round(p.start, 4), round(p.end, 4), int(p.stressed)] for p in clip.phonemes],
        }
        for clip in held_out.clips.values()
    ]
    subjects = {
        sitter.name: {
            "identity": sitter.identity,
            "strip": sitter.strip,
            "cameras": {
                name: {"viewmat": c.viewmat.ravel().tolist(), "K": c.K.ravel().tolist(), "size": [c.width, c.height]}
                for name, c in sitter.cameras.items()
            },
            "moments": [vars(moment) for moment in sitter.moments],
        }
        for sitter in held_out.sitters.values()
    }
    data = {"format": "emodifftalk.held_out", "schema": SCHEMA, "size": held_out.size}
    text = json.dumps({**data, "clips": clips, "subjects": subjects}, ensure_ascii=False)
    # A clip or a moment a line: readable, and small.
    text = text.replace('{"name"', '\n{"name"').replace('{"picture"', '\n{"picture"').replace('"test', '\n"test')
    with whole_file(held_out.folder / "set.json") as stream:
        stream.write(f"{text}\n".encode())
