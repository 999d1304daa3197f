"""The stages that make a subject of a capture, each a function of the subject so far: canonical rig, 1, 2 and 3.

Every report says in one sentence (`said`) what happened, and what did not.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from ...core.errors import UserError
from ...core.opening import read_json
from ...core.subject import Subject, file_hash, load_subject
from ...core.watch import Watch
from ...data.captures.capture import Capture
from ...data.speech.recordings import SpeechRecording
from ...data.speech.spoken_motion import make_corpus
from ...data.speech.synthesizers import missing_synthesizers
from ...speech.encoder import load_speech_to_au
from ...speech.own_voice import listener, with_own_voice
from ..looks.appearance import AppearanceSettings, train_appearance
from ..motion.tune import tune_motion
from ..rig.canonical import train_canonical
from ..rig.expression_basis import with_own_expressions
from ..rig.steps import CanonicalSettings
from ..speech.tune import synthetic_figures, tune_speech


@dataclass(frozen=True)
class AllSettings:
    """How long each stage may take.

    canonical: of the canonical rig.
    canonical_from: an existing rig or subject to begin with instead of training one.
    name: what the subject is called; the capture's own without one.
    speech_minutes, motion_minutes: of wall time, at most, of stages 1 and 2.
    motion_utterances: sentences that stage 2 learns from.
    appearance_steps: pictures that stage 3 learns from, at most.
    decoder: `opcnet` or `featurenet`, what appearance changes by.
    seed: of stages 1 to 3.
    """

    canonical: CanonicalSettings = field(default_factory=CanonicalSettings)
    canonical_from: str | os.PathLike | None = None
    name: str = ""
    speech_minutes: float = 4.0
    motion_minutes: float = 5.0
    motion_utterances: int = 300
    appearance_steps: int = 1200
    decoder: str = "opcnet"
    seed: int = 0


@dataclass(frozen=True)
class Task:
    """What is trained from.

    dataset: where the data set lies.
    capture, recordings: what was read there.
    settings: of all stages.
    """

    dataset: Path
    capture: Capture
    recordings: list[SpeechRecording]
    settings: AllSettings


@dataclass(frozen=True)
class StageWork:
    """One stage at work.

    task: of all stages.
    before: file of the subject so far, None before the first stage.
    scratch: a folder for what is half finished.
    watch: who watches it.
    """

    task: Task
    before: Path | None
    scratch: Path
    watch: Watch

    def subject_path(self) -> Path:
        """The file of the subject so far. Raises ValueError in the first stage, which has none."""
        if self.before is None:
            raise ValueError("the first stage begins with no subject")
        return self.before

    def subject(self) -> Subject:
        """The subject so far."""
        return load_subject(self.subject_path())


@dataclass(frozen=True)
class Stage:
    """A step of the training.

    name: of its files.
    title: for people.
    run: makes the next subject and a report.
    share: seconds on two slow cores, to divide the progress by.
    made_from: whatever else than the subject so far decides what comes out.
    """

    name: str
    title: str
    run: Callable[[StageWork], tuple[Subject, dict]]
    share: float
    made_from: tuple = ()


def stages_of(task: Task) -> tuple[Stage, ...]:
    """The four stages of a task, in order."""
    s, pixels = task.settings, (task.settings.canonical.size / 512) ** 2
    heard = sum(one.seconds for one in task.recordings)
    heard_as = [(one.name, sha256(one.wave.tobytes() + one.aus.tobytes()).hexdigest()) for one in task.recordings]
    spoken = (s.speech_minutes, s.seed, missing_synthesizers(), heard_as)
    moved = (s.motion_minutes, s.motion_utterances, s.seed, missing_synthesizers())
    shown = (s.appearance_steps, s.decoder, s.canonical.size, s.canonical.backend, s.seed)
    rig = (s.canonical, s.name, s.canonical_from and file_hash(s.canonical_from))
    tuned = 2.0 if missing_synthesizers() else 60 * s.motion_minutes + 0.2 * s.motion_utterances
    first = 1.0 if s.canonical_from else 0.18 * pixels * s.canonical.steps
    return (
        Stage("1-canonical", "Canonical rig", _canonical, first, rig),
        Stage("2-speech", "Speech (stage 1)", _speech, 60 * s.speech_minutes if heard else 8, spoken),
        Stage("3-motion", "Motion (stage 2)", _motion, tuned, moved),
        Stage("4-appearance", "Appearance (stage 3)", _appearance,
              0.25 * pixels * s.appearance_steps + 60 * pixels, shown),
    )  # fmt: skip


def _canonical(work: StageWork) -> tuple[Subject, dict]:
    settings = work.task.settings
    if settings.canonical_from is not None:
        subject = load_subject(settings.canonical_from)
        # What stages 1 and 2 once made of it is made anew.
        subject = replace(subject, name=settings.name or subject.name, speech={}, motion={})
        return subject, {"said": f"Taken as it is from {Path(settings.canonical_from).name}."}
    out = work.scratch / "rig.safetensors"
    report = train_canonical(work.task.dataset, out, settings.canonical, work.watch, settings.name)
    rig_report = read_json(f"{out}.report.json")
    said = f"{report['gaussians']:,} Gaussians, {report['facial']:,} on the face, after {report['steps']} steps."
    return load_subject(out), {"said": said, **report, "curve": rig_report["curve"]}


def _speech(work: StageWork) -> tuple[Subject, dict]:
    subject, task = work.subject(), work.task
    before = synthetic_figures(load_speech_to_au("embedded"))
    figures = f" It was not measured here: {_missing()}."
    if before:
        figures = (
            f" On 10 synthetic sentences by a voice nobody trained on, its mean error is {before['mae']}, and the lips "
            f"close in {100 * before['closure']:.0f} % of {before['closures']} p, b and m."
        )
    if not task.recordings:
        said = "No recordings with action units lie beside the capture: the shipped speech model listens, as it is."
        return subject, {"said": said + figures, "tuned": False, "synthetic_sentences": before}
    model, report = tune_speech(
        task.recordings, task.settings.speech_minutes, task.settings.seed, work.watch.part(0.05, 1.0)
    )
    report |= {"tuned": model is not None, "synthetic_sentences": before}
    errors = f"{report['error_of_shipped']:.4f}"
    if model is None:
        said = f"Tuning to {len(task.recordings)} recordings did not help (error {errors} on “{report['held_back']}”): "
        return subject, {"said": said + "the shipped speech model listens, as it is." + figures, **report}
    report["synthetic_sentences_after"] = synthetic_figures(model)
    said = (
        f"Tuned to {len(task.recordings)} recordings, {report['seconds_of_speech']} s: the mean error of action units "
        f"on “{report['held_back']}”, never trained on, went from {errors} to {report['error']:.4f}."
    )
    if not report["mixed_with_synthetic_speech"]:
        said += f" No synthetic speech was mixed in against forgetting: {_missing()}."
    return with_own_voice(subject, model), {"said": said, **report}


def _motion(work: StageWork) -> tuple[Subject, dict]:
    settings = work.task.settings
    work.watch.check()
    work.watch.say(0.0, "What each action unit does to this face")
    subject = with_own_expressions(work.subject(), work.task.capture)
    if missing_synthesizers():
        said = f"The shared motion model is fitted to this head in closed form and not tuned further: {_missing()}."
        return subject, {"said": said, "kept": False}
    speech = listener(subject, "embedded")
    corpus = make_corpus(settings.motion_utterances, settings.seed + 1, speech, work.watch.part(0.0, 0.2))
    subject, report = tune_motion(subject, settings.motion_minutes, settings.seed, work.watch.part(0.2, 1.0), corpus)
    before, after = f"{report['lip_mm_before']:.2f} mm", f"{report['lip_mm_after']:.2f} mm"
    if report["kept"]:
        said = f"On held-back synthetic sentences the lips are {after} off, {before} before tuning."
    else:
        said = f"Tuning did not help: the shared motion model, fitted to this head, is {before} off at the lips."
    return subject, {"said": said, **report}


def _appearance(work: StageWork) -> tuple[Subject, dict]:
    settings, out = work.task.settings, work.scratch / "whole.safetensors"
    appearance = AppearanceSettings(
        steps=settings.appearance_steps,
        size=settings.canonical.size,
        backend=settings.canonical.backend,
        seed=settings.seed,
        decoder=settings.decoder,
        validate=True,
    )
    report = train_appearance(work.task.dataset, work.subject_path(), out, appearance, work.watch)
    said = "Skin turns and opacity changes with the action units."
    if report.get("with_decoders"):
        learned, plain = (report[name]["psnr"] for name in ("with_decoders", "canonical_only"))
        said = f"Expressive held-out pictures: {learned} dB, {plain} dB without what was learned here."
        if report.get("recovered", 0) > 0:
            said += f" Of the detail of wrinkles, {100 * report['recovered']:.0f} % is painted."
    return load_subject(out), {"said": said, **report}


def _missing() -> str:
    return f"{' and '.join(missing_synthesizers())} not installed"


def expect_expressions(capture: Capture, where: str) -> None:
    """Raise UserError when the capture shows no expression to a trained camera: stage 3 would have nothing to see."""
    trained = {name for name, camera in capture.cameras.items() if camera.split == "train"}
    if not any(trained & set(frame.pictures) for frame in capture.frames[1:] if not any(frame.gaze)):
        raise UserError(
            f"{where} has no pictures of an expressive face, looking ahead, by a camera to learn from: capture some, "
            "or train its rig alone with “train canonical”."
        )
