"""All figures of one evaluation: every variant performs every clip, every moment is drawn and scored."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..core.errors import UserError
from ..core.facs import FPS
from ..core.subject import load_subject
from ..core.unit_reader import UnitReader
from ..core.watch import UNWATCHED, Watch
from ..motion.contact import TouchingFace
from .action_units import au_errors
from .held_out_set import HeldOutSet, Moment, Sitter, lip_landmarks
from .landmarks import projected_distance, sees_lips
from .perceptual import Lpips
from .picture_scores import Scores, mean, picture_score, read_on_black
from .predict import Performed, Portraits, perform_clip
from .speech_scores import TrueMotion, lip_range, pooled, speech_scores
from .variants import FULL, VARIANTS, Variant, why_not

_FRONT = "test01"
"""The camera through which the lips of all frames are compared."""


@dataclass(frozen=True)
class MeasureOptions:
    """What is measured, and with what.

    subjects: name to file.
    ablation: whether the variants of Table 3 are measured too.
    steps: of DDIM sampling.
    lpips_weights: AlexNet's, when they are not where torch keeps them.
    rasterizer: `auto`, `cpu` or `gsplat`.
    """

    subjects: dict[str, Path]
    ablation: bool = True
    steps: int = 10
    lpips_weights: Path | None = None
    rasterizer: str = "auto"


@dataclass
class Seen:
    """One moment drawn by one variant."""

    subject: str
    moment: Moment
    picture: np.ndarray
    scores: Scores


@dataclass
class PerformedClip:
    """One clip performed by one variant.

    subject, clip: which.
    scores: of its speech and its action units, see `speech_scores`.
    codes: (T, 17), the AU codes that moved the face.
    opening: (T,) metres, of its lips.
    truth: (T,) metres, the true opening.
    """

    subject: str
    clip: str
    scores: dict
    codes: np.ndarray
    opening: np.ndarray
    truth: np.ndarray


@dataclass
class Measured:
    """Everything measured of one variant."""

    variant: Variant
    seen: list[Seen] = field(default_factory=list)
    spoken: list[PerformedClip] = field(default_factory=list)

    def pictures(self, subject: str | None = None, keep=lambda seen: True) -> Scores:
        """Mean picture scores, of one subject or all."""
        return mean(one.scores for one in self.seen if subject in (None, one.subject) and keep(one))

    def speech(self, subject: str | None = None, clips: Iterable[str] | None = None) -> dict:
        """Pooled speech scores, of one subject or all, of some clips or all."""
        some = {one.clip for one in self.spoken} if clips is None else set(clips)
        scores = [one.scores for one in self.spoken if subject in (None, one.subject) and one.clip in some]
        weights = [one["frames"] for one in scores]
        names = ("au_upper", "au_lower", "code_upper", "code_lower", "lmd")
        # Means over all frames of all clips: each clip's own mean counts by its frames.
        return pooled(scores) | {n: float(np.average([one[n] for one in scores], weights=weights)) for n in names}


@dataclass
class Evaluation:
    """Everything an evaluation found.

    measured: by variant name.
    missing: why a variant of Table 3 is not there, by its name.
    lpips: why its column is empty, or "".
    landmarks: how many lip landmarks.
    floor: LMD in pixels of every moment when the true codes move the template.
    seconds: wall time of all of it.
    voice_seconds: of voice performed by the full system.
    perform_seconds, processor_seconds: what that took by the clock, and of processor time.
    """

    held_out: HeldOutSet
    measured: dict[str, Measured]
    missing: dict[str, str]
    lpips: str
    landmarks: int
    floor: list[float] = field(default_factory=list)
    seconds: float = 0.0
    voice_seconds: float = 0.0
    perform_seconds: float = 0.0
    processor_seconds: float = 0.0


def evaluate(held_out: HeldOutSet, options: MeasureOptions, watch: Watch = UNWATCHED) -> Evaluation:
    """Measure the full system and, if asked for, the variants of Table 3, on all clips and moments of the set.

    Raises UserError when a subject is not in the set, or a file is missing or damaged, and Cancelled.
    """
    for name in options.subjects:
        if name not in held_out.sitters:
            raise UserError(f"The held-out set has no pictures of “{name}”, it has {', '.join(held_out.sitters)}.")
    began = time.perf_counter()
    lpips = Lpips(options.lpips_weights)
    wanted = VARIANTS if options.ablation else (FULL,)
    missing = {v.name: reason for v in wanted if (reason := why_not(v, held_out.folder, options.subjects))}
    if FULL.name in missing:
        raise UserError(missing[FULL.name])
    variants = [variant for variant in wanted if variant.name not in missing]
    evaluation = Evaluation(
        held_out, {variant.name: Measured(variant) for variant in variants}, missing, lpips.missing, 0
    )
    for turn, (name, path) in enumerate(options.subjects.items()):
        part = watch.part(turn / len(options.subjects), (turn + 1) / len(options.subjects))
        _sit(evaluation, variants, held_out.sitters[name], path, lpips, options, part)
    evaluation.seconds = time.perf_counter() - began
    return evaluation


def _sit(
    evaluation: Evaluation,
    variants: list[Variant],
    sitter: Sitter,
    path: Path,
    lpips: Lpips,
    options: MeasureOptions,
    watch: Watch,
) -> None:
    """Everything of one subject."""
    clips = evaluation.held_out.clips
    template = load_subject(path).template
    face, reader, lips = TouchingFace(template), UnitReader(template), lip_landmarks(template)
    evaluation.landmarks = len(lips)
    if sitter.lips.shape != (len(sitter.moments), len(lips), 3):
        raise UserError(f"The held-out set's lip landmarks do not fit {path}: it has another facial template.")
    heard = {
        n: TrueMotion(c, face.offsets(c.true_aus, c.true_articulations).astype(np.float32)) for n, c in clips.items()
    }
    opening = lip_range(template, [one for one in heard.values() if not one.clip.feeling])
    readings = {name: reader.aus(one.truth) for name, one in heard.items()}
    for moment, points in zip(sitter.moments, sitter.lips, strict=True):
        if sees_lips(moment.camera):
            # Lip landmarks (L, 3) where the true codes move the template: the distance left is that of the template
            # from the photographed head, not of a motion from the true one.
            moved = template.neutral[lips] + heard[moment.clip].truth[moment.frame][lips]
            evaluation.floor.append(float(projected_distance(moved, points, sitter.cameras[moment.camera])))
    portraits = [Portraits(path, sitter, evaluation.held_out, variant, options.rasterizer) for variant in variants]
    truths: dict[str, np.ndarray] = {}
    total = len(clips) * len(variants)
    with tempfile.TemporaryDirectory(prefix="emodifftalk") as folder:
        performed: dict[tuple[str, bool], Performed] = {}
        for step, (name, one) in enumerate(heard.items()):
            performed.clear()
            for place, (variant, portrait) in enumerate(zip(variants, portraits, strict=True)):
                watch.check()
                said = f"{sitter.name}: {variant.title} says “{one.clip.text}”"
                watch.say((step * len(variants) + place) / total, said)
                key = (variant.motion, variant.tuned)
                if key not in performed:
                    performed[key] = perform_clip(path, one.clip, variant, Path(folder), options.steps)
                did, into = performed[key], evaluation.measured[variant.name]
                if variant is FULL:
                    evaluation.voice_seconds += len(did.aus) / FPS
                    evaluation.perform_seconds += did.seconds
                    evaluation.processor_seconds += did.processor
                scores = speech_scores(template, one, did.offsets, opening)
                scores |= _frame_scores(template, lips, sitter, reader, readings[name], one, did)
                gaps = (template.lip_opening(offsets) for offsets in (did.offsets, one.truth))
                into.spoken.append(PerformedClip(sitter.name, name, scores, did.aus, *gaps))
                for index, moment in enumerate(sitter.moments):
                    if moment.clip != name:
                        continue
                    picture = portrait.draw(moment, did.take)
                    if moment.picture not in truths:
                        truths[moment.picture] = read_on_black(
                            evaluation.held_out.picture_path(moment), evaluation.held_out.size
                        )
                    values = picture_score(picture, truths[moment.picture], lpips)
                    if sees_lips(moment.camera):
                        points = template.neutral[lips] + did.offsets[moment.frame][lips]
                        camera = sitter.cameras[moment.camera]
                        values["lmd"] = float(projected_distance(points, sitter.lips[index], camera))
                    into.seen.append(Seen(sitter.name, moment, picture, values))


def _frame_scores(template, lips, sitter: Sitter, reader: UnitReader, reading, one: TrueMotion, did: Performed) -> dict:
    """What is measured on every frame of a clip: AU errors off the points and of the codes, LMD from near the front."""
    read = au_errors(reader.aus(did.offsets), reading)
    codes = au_errors(did.aus, one.clip.true_aus)
    points, truth = (template.neutral[lips] + offsets[:, lips] for offsets in (did.offsets, one.truth))
    return {
        "frames": len(did.aus),
        "au_upper": read["upper"],
        "au_lower": read["lower"],
        "code_upper": codes["upper"],
        "code_lower": codes["lower"],
        "lmd": float(projected_distance(points, truth, sitter.cameras[_FRONT]).mean()),
    }
