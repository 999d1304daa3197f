"""What became of a queue: one page for people, the same as JSON for programs."""

from __future__ import annotations

import html
import json
import os
from collections import Counter
from pathlib import Path

from .names import CANCELLED, DONE, FAILED
from .queue_folder import QueueFolder, write_whole

_WORDS = {DONE: "done", FAILED: "failed", CANCELLED: "not finished"}
_STYLE = """body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.45rem .8rem;border-bottom:1px solid #ddd;
vertical-align:top}td.n{text-align:right;white-space:nowrap}.failed{color:#a11}.done{color:#162}.cancelled{color:#850}
ul{margin:0;padding-left:1.1rem}small{color:#666}"""


def write_queue_report(folder: QueueFolder, status: dict) -> Path:
    """Write `report.html` and `report.json` into the output folder; returns the page. Raises UserError."""
    write_whole(folder.output / "report.json", json.dumps(status, indent=1, ensure_ascii=False))
    write_whole(folder.report, report_page(status, folder.output))
    return folder.report


def status_sentence(status: dict) -> str:
    """One sentence on all of it."""
    counts = Counter(_WORDS.get(shot["state"], _WORDS[CANCELLED]) for shot in status["shots"])
    said = ", ".join(f"{counts[words]} {words}" for words in _WORDS.values() if counts[words])
    frames = sum(shot["rendered"] for shot in status["shots"])
    took = f"{_count(frames, 'frame')} rendered in {clock(status['seconds'])}"
    return f"{_count(len(status['shots']), 'shot')}: {said}; {took}"


def report_page(status: dict, base: Path) -> str:
    """The page; its links are relative to folder `base`."""
    rows = "".join(_row(shot, base) for shot in status["shots"])
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Shots</title><style>{_STYLE}</style>'
        f"<h1>Shots</h1><p>{html.escape(status_sentence(status))}, {_count(status['jobs'], 'Blender')} at a time.</p>"
        "<table><tr><th>Shot<th>State<th>Frames<th>Time<th>Per frame<th>What to know</tr>"
        f"{rows}</table></html>"
    )


def remarks(shot: dict) -> list[str]:
    """What a person should know of a shot, a sentence each."""
    said = [shot["problem"]] if shot["problem"] else []
    others = [f"Frame {frame}: {why}" for frame, why in shot["failed"].items() if why != shot["problem"]]
    low = f"{_count(len(shot['low']), 'frame')} of low confidence: {ranges(shot['low'])}." if shot["low"] else ""
    return [*said, *others, *shot["notes"], *([low] if low else [])]


def ranges(frames: list[int]) -> str:
    """Frame numbers in order, runs of them joined: 1–4, 9."""
    runs: list[list[int]] = []
    for frame in frames:
        if runs and frame == runs[-1][1] + 1:
            runs[-1][1] = frame
        else:
            runs.append([frame, frame])
    return ", ".join(f"{first}" if first == last else f"{first}–{last}" for first, last in runs)


def clock(seconds: float) -> str:
    """A duration: 12 s, 3:05 min, 2:10 h."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, remaining = divmod(round(seconds), 60)
    return f"{minutes}:{remaining:02d} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d} h"


def _row(shot: dict, base: Path) -> str:
    known = f"{shot['done']} of {shot['total']}" if shot["total"] is not None else "not known"
    earlier = shot["done"] - shot["rendered"]
    known += f"<br><small>{earlier} from before</small>" if earlier else ""
    each = f"{shot['seconds'] / shot['rendered']:.2f} s" if shot["rendered"] else ""
    items = "".join(f"<li>{html.escape(sentence)}" for sentence in remarks(shot))
    places = {"folder": shot["folder"], "movie": shot["movie"], "log": shot["log"]}
    links = [_link(words, path, base) for words, path in places.items() if path and os.path.exists(path)]
    return (
        f"<tr><td><b>{html.escape(shot['name'])}</b><br><small>{' · '.join(links)}</small>"
        f'<td class="{shot["state"]}">{_WORDS.get(shot["state"], shot["state"])}<td class="n">{known}'
        f'<td class="n">{clock(shot["seconds"]) if shot["rendered"] else ""}<td class="n">{each}'
        f"<td>{f'<ul>{items}</ul>' if items else ''}</tr>"
    )


def _link(words: str, path: str, base: Path) -> str:
    try:
        target = Path(os.path.relpath(path, base)).as_posix()
    except ValueError:  # another drive on Windows
        target = Path(path).as_uri()
    return f'<a href="{html.escape(target, quote=True)}">{words}</a>'


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
