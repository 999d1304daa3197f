"""Making a held-out set: held-out voices speak held-out sentences, feelings are added, moments are chosen.

Needs the synthesizers espeak-ng, flite and festival. `sample_scenes/heads/held_out.py` takes the pictures.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from ..core.facs import AU_INDEX, FPS
from ..data.speech.corpus import TEST_SENTENCES, generate, pad
from ..data.speech.synthesizers import BILABIALS, SAMPLE_RATE, VOWELS, Phoneme, Utterance
from ..data.speech.visemes import bilabial_frames, viseme_targets
from ..emotion.track import edited_track
from .held_out_set import MUTED, PAUSE, Clip, Moment

VOICES = {"slt": "test", "f5": "test_espeak", "ked": "test_festival"}
"""Short name of a held-out voice to its split of the speech corpus. `ked` is of a synthesizer never trained on, too."""
PLAIN = 6
"""Sentences that are spoken without a feeling; the others have one, each voice its own, `ked` none."""
FEELINGS: dict[str, tuple[tuple[str, dict[str, float]], ...]] = {
    "slt": (
        ("surprised", {"AU01": 0.9, "AU02": 0.9, "AU05": 0.6}),
        ("angry", {"AU04": 1.0, "AU07": 0.6, "AU23": 0.4}),
        ("happy", {"AU06": 0.9, "AU12": 0.9}),
        ("disgusted", {"AU09": 0.9, "AU10": 0.5, "AU04": 0.3}),
    ),
    "f5": (
        ("delighted", {"AU06": 0.7, "AU12": 0.8, "AU01": 0.4, "AU02": 0.4}),
        ("sad", {"AU01": 0.9, "AU04": 0.5, "AU15": 0.8}),
        ("worried", {"AU01": 0.8, "AU02": 0.3, "AU04": 0.6, "AU07": 0.3}),
        ("contemptuous", {"AU14": 0.9, "AU12": 0.2, "AU04": 0.3}),
    ),
}
STRIPS = {"nora": ("slt", 1), "kofi": ("f5", 2)}
"""The clip of each subject's film strip: voice and number of the sentence."""
STRIP_MOMENTS, OTHER_MOMENTS = 8, 3
FRONT = "test01"
"""The held-out camera 11 degrees from the front."""
_CAMERAS = (FRONT, "test00", "test02", FRONT, "test00", "test03")
_KINDS: tuple[frozenset[str], ...] = (
    BILABIALS,
    frozenset(("aa", "ae", "ay", "aw", "ao", "ah", "eh")),
    frozenset(("uw", "ow", "w", "oy", "uh")),
    frozenset("fv"),
    frozenset(("iy", "ey")),
    frozenset(("pau",)),
)
"""Kinds of mouth, each of which the moments are to show."""


def record_clips(folder: Path) -> dict[str, Clip]:
    """Speak all clips, write their recordings under `folder`/voices, and say what the face does in them.

    Raises UserError when a synthesizer is not installed.
    """
    import soundfile

    (folder / "voices").mkdir(parents=True, exist_ok=True)
    clips = {}
    for voice, split in VOICES.items():
        count = len(TEST_SENTENCES) if voice in FEELINGS else PLAIN
        for index, spoken in enumerate(generate(count, 0, split)):
            name, path = f"{voice}{index:02d}", folder / "voices" / f"{voice}{index:02d}.flac"
            utterance = pad(spoken, PAUSE, PAUSE)
            soundfile.write(path, utterance.wave, SAMPLE_RATE, subtype="PCM_16")
            feeling = FEELINGS[voice][index - PLAIN] if index >= PLAIN else ("", {})
            clips[name] = _clip(name, utterance, feeling, path)
    return clips


def _clip(name: str, utterance: Utterance, feeling: tuple[str, dict[str, float]], path: Path) -> Clip:
    frames = math.ceil(len(utterance.wave) / SAMPLE_RATE * FPS)
    aus, articulations = viseme_targets(utterance, frames)
    clip = Clip(name, utterance.voice, utterance.text, *feeling, utterance.phonemes, path, aus, articulations)
    # The very edit that a performance applies to the codes it hears, applied to the true ones.
    edited, *_ = edited_track(aus, clip.performance)
    edited[:, AU_INDEX[MUTED]] = 0
    return Clip(name, utterance.voice, utterance.text, *feeling, utterance.phonemes, path, edited, articulations)


def choose_held_out_moments(subject: str, clips: dict[str, Clip]) -> tuple[Moment, ...]:
    """About 32 moments: eight of the subject's strip from near the front, and three of each of eight other clips.

    Four of these have a feeling; the two sample subjects share the feelings out between them.
    """
    voice, index = STRIPS[subject]
    turn = list(STRIPS).index(subject)
    strip = f"{voice}{index:02d}"
    moments = [_moment(subject, clips[strip], *at, FRONT) for at in _spread(clips[strip], STRIP_MOMENTS, 0)]
    plain = [f"{name}{number:02d}" for name in VOICES for number in range(PLAIN) if f"{name}{number:02d}" != strip]
    # Of each voice's four feelings the pair 2 (turn xor i), + 0 and + 1: the other subject's turn has the
    # other bit and so gets the other pair, and both have two of either voice.
    felt = [f"{name}{PLAIN + (2 * (turn ^ i) + k):02d}" for i, name in enumerate(FEELINGS) for k in range(2)]
    others = felt + plain[1 + turn :: 4][:4]
    cameras = _cycle(_CAMERAS)
    for number, name in enumerate(others):
        for at in _spread(clips[name], OTHER_MOMENTS, number + 1):
            moments.append(_moment(subject, clips[name], *at, next(cameras)))
    return tuple(moments)


def _moment(subject: str, clip: Clip, frame: int, sound: str, camera: str) -> Moment:
    return Moment(f"{subject}_{clip.name}_{frame:03d}_{camera}", clip.name, frame, camera, sound)


def _cycle(names: tuple[str, ...]) -> Iterator[str]:
    while True:
        yield from names


def _spread(clip: Clip, count: int, turn: int) -> list[tuple[int, str]]:
    """`count` (frame, phoneme) of a clip in the order of time: one in each stretch of it, other kinds of mouth in
    turn. `turn` says which kind comes first."""
    at = [(_frame(clip, p), p) for p in clip.phonemes]
    spoken = [(frame, p) for frame, p in at if p.symbol != "pau"]
    first, last = spoken[0][1].start, spoken[-1][1].end
    candidates = [*spoken, (8, Phoneme("pau", 0.0, first))]
    chosen: list[tuple[int, str]] = []
    used: list[int] = []
    for part in range(count):
        low, high = (first + (last - first) * (part + k) / count for k in (0, 1))
        inside = [(f, p) for f, p in candidates if low <= f / FPS < high and f not in [g for g, _ in chosen]]
        if part == 0 and turn % 4 == 3:  # some moments of silence, too
            inside = [candidates[-1]]
        order = sorted(range(len(_KINDS)), key=lambda kind: (used.count(kind), (kind - turn) % len(_KINDS)))
        present = [kind for kind in order if any(p.symbol in _KINDS[kind] for _, p in inside)]
        if present:
            inside = [(frame, p) for frame, p in inside if p.symbol in _KINDS[present[0]]]
            used.append(present[0])
        if inside:
            frame, phoneme = max(inside, key=lambda one: one[1].end - one[1].start)
            chosen.append((frame, phoneme.symbol))
    return sorted(chosen)


def _frame(clip: Clip, phoneme: Phoneme) -> int:
    """Where a phoneme shows best: closures at the middle of their contact, diphthongs early, others in the middle."""
    middle = (phoneme.start + phoneme.end) / 2
    if phoneme.symbol in BILABIALS:
        closures = [frame for frame, _, _ in bilabial_frames(clip.utterance)]
        near = [frame for frame in closures if phoneme.start - 0.04 <= frame / FPS <= phoneme.end + 0.04]
        if near:
            return near[0]
        middle = phoneme.start + 0.35 * (phoneme.end - phoneme.start)
    elif phoneme.symbol in VOWELS:
        middle = phoneme.start + 0.4 * (phoneme.end - phoneme.start)
    return min(round(middle * FPS), len(clip.true_aus) - 1)
