"""Presets: feelings kept for other shots, words and action units, a small JSON file each in our own folder."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from emodifftalk.core.errors import UserError
from emodifftalk.core.facs import AU_NAMES
from emodifftalk.core.opening import read_json
from emodifftalk.core.whole_file import whole_file

from ..scene.heads import user_folder

_FORMAT = "emodifftalk.preset"
_LONGEST = 60
"""Letters of a preset's name."""
_MOST_BYTES = 100_000
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)")
"""Names that Windows keeps for itself."""


@dataclass(frozen=True)
class Preset:
    """A feeling that was saved.

    name: as the animator reads it.
    words: the feeling.
    aus: action units 0..1 by name.
    by_hand: whether those count, or what the words mean.
    """

    name: str
    words: str
    aus: Mapping[str, float]
    by_hand: bool


def folder() -> Path:
    """Where the presets lie."""
    return user_folder("presets")


def listed() -> tuple[dict[str, Preset], dict[str, str]]:
    """The presets there are, by file name without its ending, sorted by name; and of files that are no presets, why."""
    readable, broken = {}, {}
    for path in folder().glob("*.json"):
        try:
            readable[path.stem] = load(path)
        except UserError as error:
            broken[path.name] = str(error)
    by_name = sorted(readable.items(), key=lambda stem_and_preset: stem_and_preset[1].name.casefold())
    return dict(by_name), dict(sorted(broken.items()))


def load(path: Path) -> Preset:
    """Read a preset. Raises UserError saying what is wrong with the file."""
    try:
        data = read_json(path, _MOST_BYTES, "The preset")
        if not isinstance(data, dict) or data.get("format") != _FORMAT or data.get("schema") != 1:
            raise ValueError("it is of another kind or version")
        aus = {str(au): float(value) for au, value in data["aus"].items()}
        if not set(aus) <= set(AU_NAMES) or not all(0 <= value <= 1 for value in aus.values()):
            raise ValueError("an action unit is unknown or not between 0 and 1")
        return Preset(str(data["name"])[:_LONGEST], str(data["words"]), aus, bool(data["by_hand"]))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{path.name} is no preset: {reason}.") from error


def save(preset: Preset) -> bool:
    """Keep a preset; one of the same name is replaced. Returns whether there was one. Raises UserError."""
    name = preset.name.strip()[:_LONGEST]
    if not name:
        raise UserError("Give the preset a name.")
    known = _file_of(name)
    data = {
        "format": _FORMAT,
        "schema": 1,
        "name": name,
        "words": preset.words,
        "by_hand": preset.by_hand,
        "aus": {au: round(value, 4) for au, value in preset.aus.items() if value},
    }
    path = known or _free_path(name)
    try:
        with whole_file(path) as stream:
            stream.write((json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode())
    except OSError as error:
        raise UserError(f"The preset cannot be written: {error.strerror or error}.") from error
    return known is not None


def rename(stem: str, name: str) -> None:
    """Give a preset another name. Raises UserError when that is taken, empty, or the preset is gone."""
    path, name = _path(stem), name.strip()[:_LONGEST]
    preset = load(path)
    if not name:
        raise UserError("Give the preset a name.")
    if _file_of(name) not in (None, path):
        raise UserError(f"There is a preset “{name}” already.")
    remove(stem)
    save(Preset(name, preset.words, preset.aus, preset.by_hand))


def remove(stem: str) -> None:
    """Delete a preset's file. Raises UserError when it cannot be deleted."""
    try:
        _path(stem).unlink()
    except OSError as error:
        raise UserError(f"The preset cannot be deleted: {error.strerror or error}.") from error


def get(stem: str) -> Preset:
    """A preset by its file name without the ending. Raises UserError when it is gone or damaged."""
    return load(_path(stem))


def _path(stem: str) -> Path:
    return folder() / f"{Path(stem).name}.json"  # never another folder, whatever the name says


def _file_of(name: str) -> Path | None:
    same = (stem for stem, preset in listed()[0].items() if preset.name.casefold() == name.casefold())
    return next(map(_path, same), None)


def _free_path(name: str) -> Path:
    """A file name that every system can keep, made of a preset's name, and that is free."""
    import unicodedata

    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or "preset"
    if _RESERVED.fullmatch(stem):
        stem = f"{stem}_"
    number, path = 1, _path(stem)
    while path.exists():
        number += 1
        path = _path(f"{stem}_{number}")
    return path
