"""Held-out report of a motion model, measured through the deployed chain: wave → speech model → motion model.

Protocol. Voices: flite `slt`, never trained on, with the ten sentences of `TEST_SENTENCES`, never trained on, clean
synthetic speech with 0.6 s of silence around; no blinks and no feelings. Truth: targets from exact phoneme times,
contact resolved. Lip opening: `FacialTemplate.lip_opening`, the raw mean gap of the middle third, the rest gap of
0.55 mm included, nothing subtracted. A p, b or m between two vowels counts as closed when the least opening of three
frames around the middle of its contact is under 15 percent of the mean opening at the middles of both vowels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...core.facs import AU_INDEX, AU_NAMES, FPS
from ...core.template import REGIONS, FacialTemplate, load_template
from ...data.speech.corpus import generate, pad
from ...data.speech.synthesizers import SAMPLE_RATE
from ...data.speech.visemes import bilabial_frames, viseme_targets
from ...motion.contact import TouchingFace
from ...motion.generate import MotionModel
from ...speech.encoder import SpeechModel

_FEW = 5  # sentences, where every number of steps is tried
_NO_ARTICULATION = np.zeros((1, 6), np.float32)


@dataclass(frozen=True)
class _Heard:
    """A held-out sentence.

    aus, features: (T, 17) and (T, 128), the deployed inputs.
    truth: (T, V, 3) metres, with contact resolved.
    closures: frames of where its lips must close, and of the vowels before and after.
    """

    aus: np.ndarray
    features: np.ndarray
    truth: np.ndarray
    closures: list[tuple[int, int, int]]


def evaluate_motion(model: MotionModel, speech: SpeechModel, steps: int = 10) -> dict:
    """Everything below, for voices and for silence."""
    template = load_template()
    face = TouchingFace(template)
    report: dict = {
        "protocol": "10 unseen sentences, unseen flite voice slt, predicted AU codes, contact-resolved truth"
    }
    report["slt"] = speaking_report(model, template, _listen(speech, face, "test"), steps)
    report["espeak_f5"] = speaking_report(model, template, _listen(speech, face, "test_espeak"), steps)
    report["silence"] = silence_report(model, template, face, speech, steps)
    if model.kind == "diffusion":
        heard = _listen(speech, face, "test")[:_FEW]
        names = ("lip_vertex_mm", "lip_opening_mm", "closure", "opening_speed_ratio")
        by_steps = {n: speaking_report(model, template, heard, n) for n in (50, 10, 4, 2)}
        report["sampling_steps"] = {n: {name: figures[name] for name in names} for n, figures in by_steps.items()}
        report["seeds"] = seeds_report(model, template, heard, steps)
    return report


def seeds_report(model: MotionModel, template: FacialTemplate, heard: list[_Heard], steps: int) -> dict:
    """Two seeds of the same words, millimetres while they last: mean and 95th percentile of the distance between them,
    over the points of the brows (those AU01 and AU02 move most), and over those of the lips."""
    # The points that rise by more than half of what the most moved one does, under AU01 and AU02 together.
    raised = np.linalg.norm(template.au_basis[[AU_INDEX["AU01"], AU_INDEX["AU02"]]].sum(axis=0), axis=1)
    parts = {"brows": raised > 0.5 * raised.max(), "lips": _lips(template)}
    distances: dict[str, list[np.ndarray]] = {part: [] for part in parts}
    for one in heard:
        first, second = (model.generate(template.neutral, one.aus, one.features, seed, steps) for seed in (1, 2))
        apart = 1e3 * np.linalg.norm(first - second, axis=-1)
        for part, rows in parts.items():
            distances[part].append(apart[:, rows].mean(axis=1))
    together = {part: np.concatenate(rows) for part, rows in distances.items()}
    return {
        f"{part}_mm_{name}": round(float(measure(rows)), 3)
        for part, rows in together.items()
        for name, measure in (("mean", np.mean), ("p95", lambda rows: np.percentile(rows, 95)))
    }


def _listen(speech: SpeechModel, face: TouchingFace, split: str) -> list[_Heard]:
    heard = []
    for utterance in (pad(spoken, 0.6, 0.6) for spoken in generate(10, 0, split)):
        frames = math.ceil(len(utterance.wave) / SAMPLE_RATE * FPS)
        track = speech.predict(utterance.wave, frames)
        truth = face.offsets(*viseme_targets(utterance, frames))
        heard.append(_Heard(track.aus, track.features, truth, bilabial_frames(utterance)))
    return heard


def speaking_report(model: MotionModel, template: FacialTemplate, heard: list[_Heard], steps: int) -> dict:
    """Errors in millimetres (mean distance over points, over lip points; mean difference of lip opening) and closures.

    closure_truth and closure_basis are the same measure on the truth and on `template.displace` of the predicted AU
    codes alone, which is all that one could do without a motion model.
    """
    lips = _lips(template)
    vertex, lip, opening, speed = [], [], [], []
    closed: dict[str, list[bool]] = {"closure": [], "closure_truth": [], "closure_basis": []}
    depth = []
    for one in heard:
        offsets = model.generate(template.neutral, one.aus, one.features, seed=0, steps=steps)
        error = 1e3 * np.linalg.norm(offsets - one.truth, axis=-1)
        vertex.append(error.mean(axis=1))
        lip.append(error[:, lips].mean(axis=1))
        ways = {"closure": offsets, "closure_truth": one.truth, "closure_basis": template.displace(one.aus)}
        gaps = {name: 1e3 * template.lip_opening(moved) for name, moved in ways.items()}
        # speed: how fast lips open and close beside the truth; under 1 is a mouth that mumbles.
        opening.append(np.abs(gaps["closure"] - gaps["closure_truth"]))
        speed.append(np.abs(np.diff(gaps["closure"])).mean() / np.abs(np.diff(gaps["closure_truth"])).mean())
        for name, gap in gaps.items():
            shares = [closing(gap, *at) for at in one.closures]
            closed[name] += [share < 0.15 for share in shares]
            if name == "closure":
                depth += [gap[max(0, c - 1) : c + 2].min() for c, _, _ in one.closures]
    return {
        "vertex_mm": round(float(np.concatenate(vertex).mean()), 3),
        "lip_vertex_mm": round(float(np.concatenate(lip).mean()), 3),
        "lip_opening_mm": round(float(np.concatenate(opening).mean()), 3),
        "opening_speed_ratio": round(float(np.mean(speed)), 3),
        **{name: round(float(np.mean(shut)), 3) for name, shut in closed.items()},
        "closures": len(depth),
        "closed_gap_mm_median": round(float(np.median(depth)), 2),
        "closed_gap_mm_p90": round(float(np.percentile(depth, 90)), 2),
    }


def _lips(template: FacialTemplate) -> np.ndarray:
    """(V,) bool."""
    return np.isin(template.regions, [i for i, name in enumerate(REGIONS) if name.startswith("lips")])


def closing(gap: np.ndarray, closure: int, before: int, after: int) -> float:
    """Least gap around a closure as a share of the mean gap at its neighbouring vowels."""
    last = len(gap) - 1
    vowels = (gap[min(before, last)] + gap[min(after, last)]) / 2
    return float(gap[max(0, closure - 1) : closure + 2].min() / max(vowels, 1e-6))


def silence_report(
    model: MotionModel, template: FacialTemplate, face: TouchingFace, speech: SpeechModel, steps: int
) -> dict:
    """Each AU alone at 1 over digital silence, and nothing at all.

    ratio: the projection of the generated offsets on the truth over the truth's own length (1 is right; truth is the
        basis with contact resolved).
    similarity: their cosine.
    basis_ratio: as ratio, against the bare basis.
    blink_lid_gap: mean lid gap at AU45 = 1 as a share of the gap at rest.
    jitter_mm, jitter_max_mm: mean and greatest point speed in millimetres a frame, in silence at rest.
    rest_mm, rest_opening_mm: mean offset and lip opening there.
    """
    frames = 60
    features = speech.predict(np.zeros(frames * SAMPLE_RATE // FPS, np.float32), frames).features
    ratio, similarity, basis_ratio = {}, {}, {}
    for name, index in AU_INDEX.items():
        aus = np.zeros((frames, len(AU_NAMES)), np.float32)
        aus[:, index] = 1
        moved = model.generate(template.neutral, aus, features, seed=0, steps=steps)[10:-10].mean(axis=0).ravel()
        # All offsets as one vector (3 V,): a · b / b · b is how much of b there is in a, whatever else moves.
        truth = face.offsets(aus[:1], _NO_ARTICULATION)[0].ravel()
        bare = template.au_basis[index].ravel()
        ratio[name] = round(float(moved @ truth / (truth @ truth)), 3)
        basis_ratio[name] = round(float(moved @ bare / (bare @ bare)), 3)
        similarity[name] = round(float(moved @ truth / np.linalg.norm(moved) / np.linalg.norm(truth)), 3)
        if name == "AU45":
            blink = _lid_gap(template, moved.reshape(-1, 3)) / _lid_gap(template, 0 * template.neutral)
    still = model.generate(template.neutral, np.zeros((frames, len(AU_NAMES)), np.float32), features, 0, steps)
    speed = 1e3 * np.linalg.norm(np.diff(still, axis=0), axis=-1)
    return {
        "ratio": ratio,
        "basis_ratio": basis_ratio,
        "similarity": similarity,
        "blink_lid_gap": round(float(blink), 3),
        "jitter_mm": round(float(speed.mean()), 4),
        "jitter_max_mm": round(float(speed.max()), 4),
        "rest_mm": round(float(1e3 * np.linalg.norm(still, axis=-1).mean()), 4),
        "rest_opening_mm": round(float(1e3 * template.lip_opening(still).mean()), 3),
    }


def _lid_gap(template: FacialTemplate, offsets: np.ndarray) -> float:
    height = (template.neutral + offsets)[:, 2]
    gaps = [height[template.landmarks[f"lid_upper_{side}"]] - height[template.landmarks[f"lid_lower_{side}"]]
            for side in ("left", "right")]  # fmt: skip
    return float(np.maximum(np.concatenate(gaps), 0).mean())
