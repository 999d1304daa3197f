"""The figures of an evaluation as Markdown tables, each with its protocol, and as JSON data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..core.camera import Camera
from . import action_units, landmarks, picture_scores, speech_scores
from .held_out_set import Clip, HeldOutSet
from .measure import Evaluation, Measured, Seen
from .picture_scores import Scores
from .variants import FULL, SHARED, VARIANTS

SYNTHETIC = (
    "The data is ours and synthetic: three speech synthesizers, Cycles pictures of two CC0 heads. Figures of other "
    "data or another protocol, the paper's among them, are not comparable with these."
)
PAPER = {
    "full": (25.78, 0.86, 0.12, 3.56, 0.36),
    "no_codes4p": (20.12, 0.72, 0.21, 6.25, 0.22),
    "no_codes4o": (22.43, 0.75, 0.14, 4.75, 0.26),
    "gru": (24.96, 0.82, 0.21, 4.51, 0.36),
}
"""PSNR, SSIM, LPIPS, LMD, CPBD of the paper's Tables 1 and 3, on EmoTalk3D."""
_DIGITS = {"psnr": 2, "psnr_head": 2, "ssim": 3, "haarpsi": 3, "lpips": 3, "lmd": 2, "cpbd": 3, "cpbd_truth": 3}
_PICTURE_HEAD = (
    "PSNR ↑", "PSNR head ↑", "SSIM ↑", "HaarPSI ↑", "LPIPS ↓", "LMD ↓", "CPBD ↑", "CPBD of the truth", "pictures",
)  # fmt: skip


def markdown_table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines)


def number(value: float | None, digits: int) -> str:
    """A figure, or a dash for none."""
    return "–" if value is None else f"{value:.{digits}f}"


def percent(value: float | None) -> str:
    """A share as a percentage."""
    return "–" if value is None else f"{100 * value:.1f} %"


def picture_row(title: str, scores: Scores) -> tuple[str, ...]:
    """A row of Table 1."""
    return (title, *(number(scores[name], digits) for name, digits in _DIGITS.items()), str(scores["pictures"]))


def picture_table(rows: list[tuple[str, ...]]) -> str:
    """Rows of `picture_row` with the paper's own row beneath."""
    psnr, ssim, lpips, lmd, cpbd = PAPER["full"]
    paper = (f"{psnr}", "–", f"{ssim}", "–", f"{lpips}", f"{lmd}", f"{cpbd}", "–", "–")
    return markdown_table(("", *_PICTURE_HEAD), [*rows, ("*the paper, on EmoTalk3D*", *paper)])


def picture_protocol(size: int, lpips_missing: str, lmd: str) -> str:
    """What Table 1 was measured by. lmd: how LMD was, or why it is empty."""
    lpips = f"{lpips_missing}." if lpips_missing else "LPIPS: version 0.1, AlexNet."
    return f"*Protocol.* {picture_scores.PROTOCOL.format(size=size, lpips=lpips)} {lmd} {SYNTHETIC}"


def frame_set(evaluation: Evaluation) -> str:
    """Which sentences, voices, cameras and moments were used."""
    return frame_counts(evaluation.held_out, list(dict.fromkeys(one.subject for one in _full(evaluation).spoken)))


def frame_counts(held_out: HeldOutSet, subjects: list[str]) -> str:
    """The same of some subjects of the set."""
    clips, sitters = held_out.clips.values(), [held_out.sitters[name] for name in subjects]
    voices = sorted({clip.voice for clip in clips})
    felt, texts = sum(bool(clip.feeling) for clip in clips), len({clip.text for clip in clips})
    cameras = {name: camera for sitter in sitters for name, camera in sitter.cameras.items()}
    counts = {n: sum(m.camera == n for s in sitters for m in s.moments) for n in cameras}
    where = ", ".join(f"{_azimuth(camera):+.0f}° {counts[name]}" for name, camera in sorted(cameras.items()))
    return (
        f"*Frame set.* {len(clips)} clips: {texts} sentences never trained on by {len(voices)} voices never trained "
        f"on ({', '.join(voices)}), {felt} of them with a feeling as explicit action units, additive edit, the same "
        f"applied to the true codes; truth from exact phoneme times. Pictures: {sum(counts.values())} moments "
        "(closures, open, rounded and spread mouths, pauses) by cameras never trained on, pictures by azimuth: "
        f"{where}. Blinks and gestures of chance, which a voice does not tell, are off on both sides; no head motion, "
        "no gaze; seed 0."
    )


def _azimuth(camera: Camera) -> float:
    # The camera's place -Rᵀ t of x_camera = R x + t.
    x, y, _ = -camera.viewmat[:3, :3].T @ camera.viewmat[:3, 3]
    # Around the world's axis, which is the middle of the sample heads.
    return float(np.degrees(np.arctan2(x, -y)))


def _full(evaluation: Evaluation) -> Measured:
    return evaluation.measured[FULL.name]


def pictures_section(evaluation: Evaluation) -> str:
    """Table 1, and the same by camera, feeling and voice."""
    full = _full(evaluation)
    subjects = list(dict.fromkeys(one.subject for one in full.seen))
    rows = [picture_row(f"**{name.capitalize()}**", full.pictures(name)) for name in subjects]
    if len(subjects) > 1:
        rows.append(picture_row("**all**", full.pictures()))
    clips = evaluation.held_out.clips
    parts: dict[str, Callable[[Seen], bool]] = {
        "within 34° of the front": lambda one: one.moment.camera in ("test00", "test01"),
        "from the side and behind": lambda one: one.moment.camera not in ("test00", "test01"),
        "no feeling": lambda one: not clips[one.moment.clip].feeling,
        "with a feeling": lambda one: bool(clips[one.moment.clip].feeling),
    }
    for voice in sorted({clip.voice for clip in clips.values()}):
        parts[voice] = _spoken_by(voice, clips)
    part_scores = {title: full.pictures(keep=keep) for title, keep in parts.items()}
    rows += [picture_row(title, scores) for title, scores in part_scores.items() if scores["pictures"]]
    size = evaluation.held_out.size
    lmd = _lmd_protocol(evaluation)
    return f"{picture_table(rows)}\n\n{picture_protocol(size, evaluation.lpips, lmd)}\n\n{frame_set(evaluation)}"


def _spoken_by(voice: str, clips: dict[str, Clip]) -> Callable[[Seen], bool]:
    return lambda one: clips[one.moment.clip].voice == voice


def _lmd_protocol(evaluation: Evaluation) -> str:
    said = landmarks.PROTOCOL.format(count=evaluation.landmarks, size=evaluation.held_out.size)
    if not evaluation.floor:
        return said
    return f"{said} Moved by the true codes, the template itself has an LMD of {np.mean(evaluation.floor):.2f} px."


def _unfelt_by(voice: str) -> Callable[[Clip], bool]:
    return lambda clip: clip.voice == voice and not clip.feeling


def speech_section(evaluation: Evaluation) -> str:
    """AU errors, closures, sync, silence, jitter."""
    full, clips = _full(evaluation), evaluation.held_out.clips
    head = (
        "", "AU error upper ↓", "AU error lower ↓", "of the codes: upper", "lower", "LMD, all frames ↓",
        "p b m closed ↑", "lag, frames", "lag, size ↓", "silence ↓", "jitter", "clips",
    )  # fmt: skip
    kinds: dict[str, Callable[[Clip], bool]] = {
        "no feeling": lambda clip: not clip.feeling,
        "with a feeling": lambda clip: bool(clip.feeling),
    }
    voices = sorted({clip.voice for clip in clips.values()})
    kinds |= {f"{v}, no feeling": _unfelt_by(v) for v in voices}
    subjects = list(dict.fromkeys(one.subject for one in full.spoken))
    rows = []
    for title, keep in kinds.items():
        names = [name for name, clip in clips.items() if keep(clip)]
        for subject in (*subjects, None) if title in ("no feeling", "with a feeling") else (None,):
            if names:
                who = f"**{subject.capitalize()}**, {title}" if subject else f"all, {title}"
                rows.append((who, *_speech_cells(full.speech(subject, names)), str(len(names))))
    lmd = (
        "LMD, all frames: as in the table above, of every frame by the camera at 11°, against the template's own "
        "truth, in which lips stop at each other."
    )
    protocol = f"*Protocol.* {action_units.PROTOCOL} {lmd} {speech_scores.PROTOCOL} {SYNTHETIC}"
    return f"{markdown_table(head, rows)}\n\n{protocol}\n\n{frame_set(evaluation)}"


def _speech_cells(s: dict) -> tuple[str, ...]:
    errors = (number(s[name], 4) for name in ("au_upper", "au_lower", "code_upper", "code_lower"))
    closed = f"{percent(s['closure'])} of {s['closures']}"
    lag = (f"{s['lag']:+.2f}", number(s["lag_size"], 2))
    return (*errors, number(s["lmd"], 2), closed, *lag, percent(s["silence"]), number(s["jitter"], 2))


def ablation_section(evaluation: Evaluation) -> str:
    """Table 3."""
    head = (
        "", "PSNR ↑", "SSIM ↑", "HaarPSI ↑", "LPIPS ↓", "LMD ↓", "CPBD ↑", "AU error upper ↓", "AU error lower ↓",
        "p b m closed ↑", "lag, size ↓", "*paper:* PSNR", "*LMD*",
    )  # fmt: skip
    rows = []
    for variant in VARIANTS:
        if variant is SHARED and variant.name not in evaluation.measured:
            continue
        paper = (f"*{PAPER[variant.name][0]}*", f"*{PAPER[variant.name][3]}*") if variant.name in PAPER else ("–", "–")
        if variant.name not in evaluation.measured:
            rows.append((variant.title, *["–"] * 10, *paper))
            continue
        p, s = evaluation.measured[variant.name].pictures(), evaluation.measured[variant.name].speech()
        cells = [number(p[name], _DIGITS[name]) for name in ("psnr", "ssim", "haarpsi", "lpips", "lmd", "cpbd")]
        cells += [number(s["au_upper"], 4), number(s["au_lower"], 4), percent(s["closure"]), number(s["lag_size"], 2)]
        rows.append((variant.title, *cells, *paper))
    absent = [v for v in VARIANTS if v.name in evaluation.missing and v is not SHARED]
    notes = [f"*{variant.title}:* not measured. {evaluation.missing[variant.name]}" for variant in absent]
    lpips = f" {evaluation.lpips}." if evaluation.lpips else ""
    size = evaluation.held_out.size
    protocol = (
        "*Protocol.* As in the two tables above (whole pictures on black, all clips and moments of all subjects, lip "
        f"landmarks without detector at {size} × {size}).{lpips} {order(evaluation)} {SYNTHETIC}"
    )
    return "\n\n".join([markdown_table(head, rows), *notes, protocol])


def order(evaluation: Evaluation) -> str:
    """Whether the variants that were measured come in the paper's order."""
    names = [variant.name for variant in VARIANTS if variant.name in evaluation.measured and variant.name in PAPER]
    if len(names) < 2:
        return ""
    said = []
    for metric, place, better in (("PSNR", 0, 1), ("LMD", 3, -1)):
        ours = {name: evaluation.measured[name].pictures()[metric.lower()] for name in names}
        best = sorted(names, key=lambda name: better * (ours[name] or 0), reverse=True)
        papers = sorted(names, key=lambda name: better * PAPER[name][place], reverse=True)
        same = "the paper's order is kept" if best == papers else f"from best to worst {', '.join(best)}"
        said.append(f"on {metric} {same}")
    text = "; ".join(said)
    return f"{text[0].upper()}{text[1:]}{'' if len(names) == len(PAPER) else ' (of the variants measured)'}."


def aims_section(evaluation: Evaluation) -> str:
    """What this project asks of itself, and what was found."""
    full = _full(evaluation)
    pictures, plain = full.pictures(), [name for name, clip in evaluation.held_out.clips.items() if not clip.feeling]
    speech = full.speech(None, plain)
    heard = max(evaluation.voice_seconds, 1e-9)
    pace, work = evaluation.perform_seconds / heard, evaluation.processor_seconds / heard
    psnr, ssim = pictures["psnr"] or 0.0, pictures["ssim"] or 0.0
    sharp = (pictures["cpbd"] or 0.0) - (pictures["cpbd_truth"] or 0.0)
    aims = [
        ("PSNR", "over 27.0 dB", number(psnr, 2), psnr > 27),
        ("SSIM", "over 0.90", number(ssim, 3), ssim > 0.9),
        ("LMD", "under 2.5 px", number(pictures["lmd"], 2), (pictures["lmd"] or 99) < 2.5),
        ("CPBD against the truth's", "at least -0.03", f"{sharp:+.3f}", sharp >= -0.03),
        ("p b m closed, no feeling", "95 %", percent(speech["closure"]), (speech["closure"] or 0) >= 0.95),
        ("lag, size, no feeling", "within 1 frame", number(speech["lag_size"], 2), speech["lag_size"] <= 1),
        ("lip opening in silence", "under 3 %", percent(speech["silence"]), (speech["silence"] or 0) < 0.03),
        (
            "voice to take, a second of voice, on the machine of this run",
            "1.0 s",
            f"{pace:.2f} s by the clock, {work:.2f} s of processor time",
            pace <= 1,
        ),
    ]
    return markdown_table(
        ("", "aim", "found", ""), [(a, b, c, "reached" if ok else "**missed**") for a, b, c, ok in aims]
    )


def markdown(evaluation: Evaluation) -> str:
    """All tables."""
    parts = [
        ("Aims", aims_section(evaluation)),
        ("Pictures (the metrics of the paper's Table 1)", pictures_section(evaluation)),
        ("Speech and action units", speech_section(evaluation)),
    ]
    if len(evaluation.measured) + len(evaluation.missing) > 1:
        parts.append(("Ablation (the paper's Table 3)", ablation_section(evaluation)))
    return "\n\n".join(f"## {title}\n\n{text}" for title, text in parts) + "\n"


def as_json(evaluation: Evaluation) -> dict:
    """Everything, picture by picture and clip by clip."""
    full, size = _full(evaluation), evaluation.held_out.size
    subjects = list(dict.fromkeys(one.subject for one in full.spoken))
    lmd = _lmd_protocol(evaluation)
    return {
        "format": "emodifftalk.evaluation",
        "schema": 1,
        "protocol": {
            "pictures": picture_protocol(size, evaluation.lpips, lmd),
            "speech": f"{action_units.PROTOCOL} {speech_scores.PROTOCOL}",
            "frames": frame_set(evaluation),
        },
        "seconds": round(evaluation.seconds, 1),
        "voice_seconds": round(evaluation.voice_seconds, 2),
        "perform_seconds": round(evaluation.perform_seconds, 2),
        "perform_processor_seconds": round(evaluation.processor_seconds, 2),
        "missing": evaluation.missing,
        "variants": {
            name: {
                "pictures": {s: rounded(m.pictures(s)) for s in subjects} | {"all": rounded(m.pictures())},
                "speech": {s: rounded(m.speech(s)) for s in subjects} | {"all": rounded(m.speech())},
                "by_picture": {one.moment.picture: rounded(one.scores) for one in m.seen},
                "by_clip": {f"{one.subject}_{one.clip}": rounded(one.scores) for one in m.spoken},
            }
            for name, m in evaluation.measured.items()
        },
    }


def rounded(values: dict) -> dict:
    """Figures with five digits, as a file should hold them."""
    return {key: round(value, 5) if isinstance(value, float) else value for key, value in values.items()}
