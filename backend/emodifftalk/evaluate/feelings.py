"""Feelings end to end: prompts over one neutral sentence, read back off the moved points of both sample subjects."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..core.facs import AU_INDEX, AU_NAMES
from ..core.gaussians import Gaussians
from ..core.performance import Performance, Prompt
from ..core.subject import Subject, load_subject
from ..core.take import Take, load_take
from ..core.unit_reader import UnitReader
from ..core.watch import UNWATCHED, Watch
from ..data.speech.visemes import bilabial_frames
from ..emotion.controller import load_text_to_au
from ..perform.pipeline import perform
from ..train.motion.report import closing
from .held_out_set import MUTED, Clip, HeldOutSet
from .speech_scores import CLOSED

PROMPTS = (
    "happy", "sad", "angry", "terrified", "disgusted", "surprised", "a smug smirk", "deeply worried",
    "a nervous half-smile", "she just won the lottery", "he smells something rotten", "biting back tears",
    "barely suppressed rage", "relieved but still shaking", "a warm, proud smile", "bored out of her mind",
    "suspicious of every word", "he cannot believe what he hears", "slightly amused", "raised eyebrows",
    "lips pressed together", "eyes closed, at peace", "wincing in pain", "a sleepy yawn",
)  # fmt: skip
"""Plain emotions, nuances, situations, held back and mixed feelings, degrees and features."""
ROSE = 0.2
"""Of full intensity: what counts as asked for, and as risen."""
PROTOCOL = (
    "One neutral sentence by a held-out synthetic voice, each prompt at full intensity all along, default style but no "
    "gestures or blinks, seed 0. Asked: action units that the model reads from the words at 0.2 or more (AU45 too). "
    "Risen: their intensity, fitted to the moved template points (the 17 units and 6 articulations within 0..1, least "
    "squares), is on average over the sentence 0.2 or more above the same sentence without a prompt. Units the mouth "
    "speaks with (AU17, 23, 24, 25, 26) are held back while it speaks, which counts against us. Closure: share of p, b "
    "and m whose least lip opening is under 15 % of the vowels beside."
)


@dataclass(frozen=True)
class Felt:
    """One prompt on one subject.

    prompt: its words, "" for none.
    asked: (17,) 0..1, what the words mean.
    rise: (17,), intensity above the sentence without a prompt, measured on the points.
    closed, closures: how many p b m are closed, and how many there are.
    gaussians: the head at the sheet's moment.
    """

    prompt: str
    asked: np.ndarray
    rise: np.ndarray
    closed: int
    closures: int
    gaussians: Gaussians

    @property
    def risen(self) -> np.ndarray:
        """Asked units that rose, (17,) bool."""
        return (self.asked >= ROSE) & (self.rise >= ROSE)

    @property
    def unasked(self) -> np.ndarray:
        """Units that rose unasked, (17,) bool."""
        return (self.asked < ROSE) & (self.rise >= ROSE)


@dataclass(frozen=True)
class OnSubject:
    """All prompts on one subject; plain: the same sentence without a prompt."""

    subject: Subject
    plain: Felt
    felt: tuple[Felt, ...]


def measure_feelings(held_out: HeldOutSet, subjects: dict[str, Path], watch: Watch = UNWATCHED) -> dict[str, OnSubject]:
    """Perform and measure PROMPTS on subjects by name. Raises UserError, Cancelled."""
    clip = _sentence(held_out)
    measured: dict[str, OnSubject] = {}
    count = len(subjects) * (1 + len(PROMPTS))
    with tempfile.TemporaryDirectory() as folder:
        for name, path in subjects.items():
            subject = load_subject(path)
            reader = UnitReader(subject.template)
            all_felt: list[Felt] = []
            calm = None
            for words in ("", *PROMPTS):
                watch.check()
                watch.say(
                    (len(measured) * (1 + len(PROMPTS)) + len(all_felt)) / count, f"{name}: {words or 'no prompt'}"
                )
                take = _take(path, clip.performance, words, folder)
                offsets = np.stack([take.frame(i).offsets for i in range(take.frames)])
                # Mean intensities (17,) over the sentence, less those without a prompt, which comes first: what is left
                # is the feeling's, whatever the voice does.
                aus = reader.aus(offsets).mean(axis=0)
                calm = aus if calm is None else calm
                all_felt.append(_felt(subject, clip, words, aus - calm, take, offsets))
            measured[name] = OnSubject(subject, all_felt[0], tuple(all_felt[1:]))
    return measured


def neutral_performance(held_out: HeldOutSet) -> Performance:
    """The neutral sentence of these measurements, without a prompt."""
    return _sentence(held_out).performance


def table(measured: dict[str, OnSubject]) -> str:
    """The figures as Markdown, the protocol under them."""
    names = list(measured)
    head = ["prompt", *(f"{n.capitalize()}: asked, risen, unasked" for n in names)]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row in zip(*(measured[name].felt for name in names), strict=True):
        cells = [f"{(f.asked >= ROSE).sum()}, {f.risen.sum()}, {_named(f.unasked)}" for f in row]
        lines.append("| " + " | ".join([f"“{row[0].prompt}”", *cells]) + " |")
    for name in names:
        felt, plain = measured[name].felt, measured[name].plain
        asked, risen = sum((f.asked >= ROSE).sum() for f in felt), sum(f.risen.sum() for f in felt)
        unasked = sum(f.unasked.sum() for f in felt)
        closed, closures = sum(f.closed for f in felt), sum(f.closures for f in felt)
        lines.append(
            f"\n{name.capitalize()}: {risen} of {asked} asked units rose, {unasked} rose unasked; p b m closed "
            f"{closed / closures:.1%} of {closures} with a feeling, {plain.closed} of {plain.closures} without."
        )
    return "\n".join([*lines, "", PROTOCOL, ""])


def as_json(measured: dict[str, OnSubject]) -> dict:
    """The figures as data: per subject and prompt the asked and the measured units, and the closures."""

    def units(values: np.ndarray) -> dict[str, float]:
        return {au: round(float(v), 3) for au, v in zip(AU_NAMES, values, strict=True)}

    return {
        name: {
            f.prompt: {"asked": units(f.asked), "rise": units(f.rise), "closed": f.closed, "closures": f.closures}
            for f in (on.plain, *on.felt)
        }
        for name, on in measured.items()
    }


def _sentence(held_out: HeldOutSet) -> Clip:
    """The neutral clip with the most p, b and m."""
    plain = [clip for clip in held_out.clips.values() if not clip.feeling]
    return max(plain, key=lambda clip: (len(bilabial_frames(clip.utterance)), clip.name))


def _take(subject: Path, plain: Performance, words: str, folder: str) -> Take:
    prompts = (Prompt(words, id="prompt", ease_in=0.0, ease_out=0.0),) if words else ()
    out = os.path.join(folder, "take.safetensors")
    # A mute of blinks would mute closed eyes as well: it is lifted where they are asked for.
    asks_shut = words and load_text_to_au().read(words).aus[AU_INDEX[MUTED]] >= ROSE
    perform(subject, replace(plain, prompts=prompts, au_offsets={} if asks_shut else plain.au_offsets), out)
    return load_take(out)


def _felt(subject: Subject, clip: Clip, words: str, rise: np.ndarray, take: Take, offsets: np.ndarray) -> Felt:
    asked = load_text_to_au().read(words).aus
    opening = subject.template.lip_opening(offsets)
    shares = [closing(opening, *at) for at in bilabial_frames(clip.utterance)]
    closed = sum(share < CLOSED for share in shares)
    return Felt(words, asked, rise, closed, len(shares), take.frame(_moment(clip)).gaussians(subject))


def _moment(clip: Clip) -> int:
    """The frame of the sheet: in the silence after the sentence, where nothing but the feeling shows."""
    return len(clip.true_aus) - 4


def _named(units: np.ndarray) -> str:
    names = [name for name, on in zip(AU_NAMES, units, strict=True) if on]
    return f"{len(names)} ({', '.join(names)})" if names else "0"
