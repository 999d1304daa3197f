"""The files heads refer to: all of them, which are missing, and what each one is known by."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bpy
from bpy.types import MovieStrip, PropertyGroup, Sound

from emodifftalk.core.errors import UserError

from ..blender import compat
from ..scene import content
from ..scene.heads import absolute, is_drawn, is_head, settings
from ..scene.strips import is_sound, strip_settings


@dataclass(frozen=True)
class HeadFile:
    """A file that something in this .blend refers to.

    kind: "subject", "take", "voice" or "still".
    owner, attribute: the property that holds the path. A voice's is its sound's, or its movie strip's.
    path: where it should be.
    known_by: the fingerprint it had when it was last used or saved, empty if it never was.
    note: the owner's property that holds that; empty for sounds, which have settings of their own.
    """

    kind: str
    owner: PropertyGroup | Sound | MovieStrip
    attribute: str
    path: Path
    known_by: str = ""
    note: str = ""

    @property
    def missing(self) -> bool:
        """Whether nothing is there."""
        return not self.path.is_file()

    @property
    def ours(self) -> bool:
        """Whether we keep the path; those of sounds and strips Blender keeps right itself."""
        return self.kind != "voice"

    def refer_to(self, path: str) -> None:
        """Write another path."""
        setattr(self.owner, self.attribute, path)


def head_files() -> Iterator[HeadFile]:
    """Every subject, take, voice and still of what belongs to this file itself: libraries are mended where they are."""
    for obj in bpy.data.objects:
        if not is_drawn(obj) or obj.library is not None:
            continue
        own = settings(obj)
        for kind, attribute, note in (
            ("subject", "subject_path", "subject_known_by"),
            ("still", "gaussians_path", "gaussians_known_by"),
        ):
            if path := getattr(own, attribute):
                yield HeadFile(kind, own, attribute, absolute(path, obj), getattr(own, note), note)
        for take in own.takes:
            if take.path:
                yield HeadFile("take", take, "path", absolute(take.path, obj), take.known_by, "known_by")
    yield from _voices()


def _voices() -> Iterator[HeadFile]:
    """The recordings that heads speak, each once however often it was cut, and the movie strips that show the same
    file. What is packed needs no file, and music is none of ours."""
    sounds, movies = spoken()
    known: dict[Path, str] = {}
    for sound in sounds:
        path, known_by = absolute(sound.filepath), content.sound_settings(sound).known_by
        known[path] = known_by
        if sound.packed_file is None:
            yield HeadFile("voice", sound, "filepath", path, known_by)
    for movie in movies:
        path = absolute(movie.filepath)
        if path in known:
            yield HeadFile("voice", movie, "filepath", path, known[path])


def spoken() -> tuple[list[Sound], list[MovieStrip]]:
    """The sounds of this file that a head speaks, packed ones too, and all movie strips."""
    uids = {settings(obj).voice_uid for obj in bpy.data.objects if is_head(obj)} - {""}
    sounds: dict[int, Sound] = {}
    movies: list[MovieStrip] = []
    for scene in bpy.data.scenes if uids else ():
        if scene.library is not None:
            continue
        for strip in compat.all_strips(scene):
            if is_sound(strip) and strip_settings(strip).uid in uids:
                sound = strip.sound
                if sound is not None and sound.library is None and sound.filepath:
                    sounds[sound.session_uid] = sound
            elif strip.type == "MOVIE":
                movies.append(strip)  # type: ignore[arg-type]  # its type says so
    return list(sounds.values()), movies


def missing_files() -> list[HeadFile]:
    """Those that are not where they should be, looked for now."""
    there: dict[Path, bool] = {}
    return [file for file in head_files() if not there.setdefault(file.path, file.path.is_file())]


def remember_files() -> None:
    """Note what files are known by, those whose name, size or time has changed since; missing ones stay as they were
    known."""
    for file in head_files():
        if not file.note:
            continue
        with contextlib.suppress(OSError, UserError, ValueError):  # it is missing, or gone this moment
            now = content.brought_up_to_date(file.path, file.known_by)
            if now != file.known_by:
                setattr(file.owner, file.note, now)
    for sound in spoken()[0]:
        content.remember_sound(sound, absolute(sound.filepath))
