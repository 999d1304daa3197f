"""What words were read to mean, remembered on this computer: undo and reopening a file ask for nothing twice."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from typing import Any

from emodifftalk import __version__
from emodifftalk.core.errors import UserError
from emodifftalk.core.facs import AU_NAMES
from emodifftalk.core.opening import read_json
from emodifftalk.core.whole_file import whole_file

from ..backend import connection
from ..blender.state import State
from ..scene.heads import user_folder
from . import memory

_FILE = "readings.json"
_MOST = 1000
"""Readings remembered, the latest."""
_MOST_BYTES = 4 << 20


@dataclass
class _Readings(State):
    """by_words: what the backend answered, by the words.
    reader: which version and which model answered.
    looked: whether the file of earlier sessions has been read.
    """

    by_words: dict[str, dict] = field(default_factory=dict)
    reader: str = ""
    looked: bool = False


_readings = memory.keep(_Readings())


def recall(words: str) -> dict | None:
    """What the backend answered for these words, {"aus": values by name, "answer": a sentence or ""}; None when it
    has not been asked, or when another model would answer now."""
    _look()
    return _readings.by_words.get(words) if _readings.reader == _reader() else None


def remember(words: str, result: dict) -> None:
    """Keep what the backend has answered, for this session and those that follow."""
    _look()
    if _readings.reader != _reader():
        _readings.by_words.clear()
        _readings.reader = _reader()
    aus = {au: round(float(result.get("aus", {}).get(au, 0.0)), 4) for au in AU_NAMES}
    reading = {"aus": aus, "answer": str(result.get("answer", ""))}
    if _readings.by_words.pop(words, None) == reading:
        _readings.by_words[words] = reading
        return
    _readings.by_words[words] = reading
    for oldest in list(_readings.by_words)[:-_MOST]:
        del _readings.by_words[oldest]
    data = {"reader": _readings.reader, "readings": _readings.by_words}
    with contextlib.suppress(OSError), whole_file(user_folder("words") / _FILE) as stream:  # else it is asked again
        stream.write(json.dumps(data, ensure_ascii=False, indent=0).encode())


def forget() -> None:
    """Have never asked for anything."""
    _readings.clear()
    _readings.looked = True


def _reader() -> str:
    """Who answers: this version, with the model that the backend has named, or as long as none runs the last one."""
    model = connection.client.hello.get("text_encoder") or _readings.reader.partition(" ")[2]
    return f"{__version__} {model}"


def _look() -> None:
    """Read the file of earlier sessions, once; what is damaged is forgotten."""
    if _readings.looked:
        return
    _readings.looked = True
    try:
        data = read_json(user_folder("words") / _FILE, _MOST_BYTES)
    except (UserError, OSError):
        return
    if isinstance(data, dict) and isinstance(data.get("readings"), dict) and isinstance(data.get("reader"), str):
        _readings.reader = data["reader"]
        _readings.by_words.update({words: r for words, r in data["readings"].items() if _is_reading(r)})


def _is_reading(reading: Any) -> bool:
    aus = reading.get("aus") if isinstance(reading, dict) else None
    return (
        isinstance(aus, dict)
        and isinstance(reading.get("answer"), str)
        and all(au in AU_NAMES and type(value) in (int, float) and 0 <= value <= 1 for au, value in aus.items())
    )
