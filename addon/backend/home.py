"""Where this Blender's installed backend lives, what it would be installed from, and how it stands with it."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import bpy

from emodifftalk import __version__
from emodifftalk.core.errors import UserError

from ..scene.preference_values import PACKAGE, is_whole_path, preferences
from ..start_up import ROOT
from .install.builds import Source, table
from .install.home import ABSENT, BROKEN, HALF, OLD, READY, Home, read_record, standing

_FOLDER = "emodifftalk-backend"

_SENTENCES = {
    ABSENT: "Making takes needs the backend, which is not installed yet. Takes play, scrub and render without it.",
    HALF: "The backend is not completely installed: press Install Backend to go on from there.",
    BROKEN: "The installed backend lost its Python, which happens when Blender is moved or updated: press Repair.",
    OLD: "The installed backend belongs to another version of EmoDiffTalk: press Update Backend.",
    READY: "",
}


def home() -> Home:
    """The folder: the chosen one, else the extension's own, else (in a checkout) among Blender's data files."""
    if is_whole_path(preferences().backend_folder):
        return Home(Path(preferences().backend_folder) / _FOLDER)
    try:
        return Home(Path(bpy.utils.extension_path_user(PACKAGE, path="backend")))
    except ValueError:  # not installed as an extension
        return Home(Path(bpy.utils.user_resource("DATAFILES", path="emodifftalk")) / "backend")


def source() -> Source:
    """What is installed from."""
    return Source(ROOT / "backend", __version__, tuple(table()["modules"]))


def state() -> str:
    """ABSENT, HALF, BROKEN, OLD or READY."""
    here = home()
    try:
        stat = here.marker.stat()
    except OSError:
        return ABSENT
    try:
        fingerprint = source().fingerprint
    except UserError:
        return READY if here.python.is_file() else BROKEN
    return _state(here, fingerprint, stat.st_mtime_ns, here.python.is_file())


@cache
def _state(here: Home, fingerprint: str, written: int, python: bool) -> str:
    """Kept until the marker is written again: panels ask at every redraw."""
    return standing(here, fingerprint)


def problem() -> str:
    """Why the installed backend cannot be used, and the remedy; empty when it can."""
    return _SENTENCES[state()]


def note() -> str:
    """What is worth knowing about the installed backend: its build, its Python, what was found out about the card."""
    record = read_record(home())
    if record is None or not record.finished:
        return ""
    build = "CUDA build" if record.choice == "cuda" else "CPU build"
    return f"Version {record.version}, {build}, Python {record.python}. {record.note}".strip()


def blender_python() -> str:
    """The Python of this Blender, as a base for environments; empty where Blender has none of its own."""
    return sys.executable if "python" in Path(sys.executable).name.lower() else ""
