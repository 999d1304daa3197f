"""The report of `train all`: one page for the person who will animate the head and for the one who measures it."""

from __future__ import annotations

import html
import json
from dataclasses import asdict
from pathlib import Path

from ... import __version__
from ...core.errors import UserError
from ...core.subject import Subject, load_subject
from ...core.watch import Watch
from ..shared.held_out import held_out_summary, unseen_frames
from ..shared.page import chart, embedded, html_page, html_table, save_page
from .measure import Model, contact_sheet, portrait_score
from .speaking import Spoken, speak, voice_for
from .stages import Task

_AXES = {
    "1-canonical": ("training loss", "training PSNR, dB"),
    "2-speech": ("training loss", "mean error of action units on what is held back"),
    "3-motion": ("training loss", "error of the lips on held-back sentences, mm"),
    "4-appearance": ("training loss", "PSNR of held-back training pictures, dB"),
}
"""Of each stage's curve: what its second and third column are."""
_LOWER = {"2-speech", "3-motion"}
_APART = {"stage", "title", "said", "curve", "notes", "resumed", "subject"}


def write_whole_report(out: Path, task: Task, subject_path: Path, stages: list[dict], watch: Watch) -> dict:
    """Measure the finished subject, write `OUT.report.html` and `OUT.report.json`, return what the latter holds.

    Neither names a folder of this computer. Raises UserError when they cannot be written, Cancelled.
    """
    subject = load_subject(subject_path)
    model = Model(subject, task.capture, task.settings.canonical.backend)
    report: dict = {
        "subject": subject.name,
        "file": out.name,
        "gaussians": len(subject.gaussians),
        "emodifftalk": __version__,
        "data": _data(task, subject),
        "held_out": _measured(model, task, watch.part(0.0, 0.6)),
        "stages": [{**stage, "notes": list(stage.get("notes", ()))} for stage in stages],
        "settings": _settings(task),
        "notes": list(task.capture.notes),
    }
    watch.check()
    watch.say(0.6, "Drawing its expressions")
    sheet = embedded(contact_sheet(model), "JPEG")
    watch.check()
    watch.say(0.8, "Letting it speak")
    report["spoken"], said = _spoken(task, subject)
    report = _without_folders(report, task, out)
    save_page(Path(f"{out}.report.json"), json.dumps(report, indent=1, default=str))
    save_page(Path(f"{out}.report.html"), html_page(report["subject"], _body(report, sheet, said)))
    return report


def _data(task: Task, subject: Subject) -> str:
    capture = task.capture
    pictures = sum(len(frame.pictures) for frame in capture.frames)
    kind = "synthetic pictures: no person was captured" if subject.synthetic else "photographs of a person"
    spoken = f", {len(task.recordings)} recordings with action units" if task.recordings else ""
    return f"{pictures} pictures by {len(capture.cameras)} cameras of {len(capture.frames)} moments{spoken}; {kind}"


def _measured(model: Model, task: Task, watch: Watch) -> dict:
    capture, size = task.capture, task.settings.canonical.size
    held_out = {name for name, camera in capture.cameras.items() if camera.split == "test"}
    pairs = [(i, name) for i, frame in enumerate(capture.frames) for name in frame.pictures if name in held_out]
    scores = []
    for done, (index, name) in enumerate(pairs):
        watch.check()
        watch.say(done / len(pairs), f"Measuring on held-out cameras, picture {done + 1} of {len(pairs)}")
        scores.append(portrait_score(index, model.portrait(index, name, size)))
    return held_out_summary(scores, size, unseen_frames(capture))


def _spoken(task: Task, subject: Subject) -> tuple[str, Spoken | None]:
    voice = voice_for(task.dataset, task.recordings)
    if voice is None:
        return "no recording and no synthesizer: it was not heard speaking", None
    try:
        return voice[0], speak(subject, *voice)
    except UserError as error:
        return f"it was not heard speaking: {error}", None


def _settings(task: Task) -> dict:
    given = asdict(task.settings)
    rig = given["canonical_from"]
    return given | {"canonical_from": rig and Path(rig).name}


def _without_folders(report: dict, task: Task, out: Path) -> dict:
    """The report goes to other people: what it quotes of this computer's folders are names of files only."""
    text = json.dumps(report, default=str)  # NaN, which JSON does not know, becomes null below
    for folder in {task.dataset, task.dataset.resolve(), out.parent, out.parent.resolve(), Path.home()}:
        if len(folder.parts) > 1:
            text = text.replace(json.dumps(f"{folder}/")[1:-1], "").replace(json.dumps(str(folder))[1:-1], folder.name)
    return json.loads(text, parse_constant=lambda name: None)


def _body(report: dict, sheet: str, said: Spoken | None) -> str:
    h = html.escape
    minutes = sum(stage.get("minutes", 0) for stage in report["stages"])
    parts = [
        f"<h1>{h(report['subject'])}</h1><p>{h(_verdict(report['held_out']))}</p>",
        f"<p class=aside>{h(report['data'])}. {report['gaussians']:,} Gaussians, {minutes:.0f} minutes of training, "
        f"EmoDiffTalk {h(report['emodifftalk'])}. The subject is {h(report['file'])}, beside this page.</p>",
        "<h2>What it looks like</h2><figure>" + sheet,
        "<figcaption>Above the subject, below the photograph: the face at rest from all sides, then expressions, by "
        "held-out cameras where one sees them from the front.</figcaption></figure>",
        "<h2>How it speaks</h2>" + _speaking(report["spoken"], said),
        "<h2>What was learned, stage by stage</h2>" + "".join(map(_stage, report["stages"])),
    ]
    if report["notes"]:
        parts.append("<h2>Notes about the data</h2>" + "".join(f"<p>{h(str(note))}</p>" for note in report["notes"]))
    parts.append("<h2>Held-out figures</h2>" + html_table(report["held_out"]))
    parts.append("<h2>Settings</h2>" + html_table(report["settings"]))
    return "".join(parts)


def _verdict(held_out: dict) -> str:
    if "neutral" not in held_out and "expressive" not in held_out:
        return "This capture has no held-out cameras: nobody can say how the head looks from elsewhere."
    kinds = (("neutral", "at rest"), ("expressive", "in expressions"))
    figures = [f"{held_out[kind]['psnr']} dB {words}" for kind, words in kinds if kind in held_out]
    return (
        f"Seen by cameras it has not learned from, its PSNR is {' and '.join(figures)} (higher is better; the sample "
        "subjects have 35 to 37 dB)."
    )


def _speaking(words: str, said: Spoken | None) -> str:
    if said is None:
        return f"<p>{html.escape(words[0].upper() + words[1:])}.</p>"
    pictures = "".join(embedded(picture, "JPEG") for picture in said.pictures)
    times = ", ".join(f"{second:.1f}" for second in said.seconds)
    seconds = [i / 25 for i in range(len(said.opening))]
    return (
        f"<figure class=strip>{pictures}<figcaption>Voice: {html.escape(words)}. The mouth wide and "
        f"closed in turn, at {times} seconds.</figcaption></figure><div class=curves>"
        f"<div>Between the lips, mm, by second{chart(list(zip(seconds, said.opening, strict=True)))}</div>"
        f"<div>Loudness of the voice, by second{chart(list(zip(seconds, said.loudness, strict=True)))}</div></div>"
    )


def _stage(stage: dict) -> str:
    curve = stage.get("curve") or []
    # Before the first step there is a figure to compare with, and no loss yet.
    columns = [[(row[0], row[i]) for row in curve if row[i] is not None and (row[0] or i == 2)] for i in (1, 2)]
    best = None
    if curve and stage["stage"] != "1-canonical" and columns[1]:
        best = (min if stage["stage"] in _LOWER else max)(columns[1], key=lambda point: point[1])[0]
    drawn = "".join(
        f"<div>{html.escape(name[0].upper() + name[1:])}, by step{chart(points, best if i else None)}</div>"
        for i, (name, points) in enumerate(zip(_AXES[stage["stage"]], columns, strict=True))
        if points
    )
    marked = " The green point is what was kept." if best is not None else ""
    figures = {name: value for name, value in stage.items() if name not in _APART}
    return (
        f"<h3>{html.escape(stage['title'])}</h3><p>{html.escape(stage['said'])}{marked}</p>"
        f"<div class=curves>{drawn}</div><details><summary>Figures</summary>{html_table(figures)}</details>"
    )
