"""What a .blend file is while it is rendered: its hash, and a name that keeps today's content.

A queue opens each file many times over hours, while its animator goes on saving it. A hard link beside the file keeps
what was there at the start, at no cost (Blender saves into a new file and renames it), and `//` paths stay right.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path

from ..core.opening import opened
from .shot_list import Shot


def content_hash(path: Path) -> str:
    """SHA-256 of a file. Raises UserError."""
    with opened(path, None) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]  # the stub wants more than it needs


def shot_fingerprint(shot: Shot, hashes: dict[Path, str]) -> dict:
    """What makes a shot's pictures what they are; frames of another fingerprint do not belong among them.

    hashes: of files, filled as they are asked for. Raises UserError when the .blend cannot be read.
    """
    return {
        "blend": _hash(shot.blend, hashes),
        "scene": shot.scene,
        "camera": shot.camera,
        "takes": {head: _take(take, hashes) for head, take in shot.takes},
        "format": shot.format,
    }


def _take(take: str, hashes: dict[Path, str]) -> str:
    path = Path(take)
    return _hash(path, hashes) if path.is_absolute() and path.is_file() else take


def _hash(path: Path, hashes: dict[Path, str]) -> str:
    if path not in hashes:
        hashes[path] = content_hash(path)
    return hashes[path]


class Snapshots:
    """The files of one queue, kept as they are now until `remove`."""

    def __init__(self, owner: Path) -> None:
        """owner: the output folder, which no two queues share while they run."""
        self._mark = hashlib.sha256(str(owner).encode()).hexdigest()[:8]
        self._made: dict[Path, Path] = {}

    def _sweep(self, folder: Path) -> None:
        """Take away what a killed queue of this output folder left in a folder, of files that may not be listed now."""
        for link in folder.glob(f".*.{self._mark}.shots.blend"):
            if link not in self._made.values():
                with suppress(OSError):
                    link.unlink()

    def take(self, blend: Path) -> Path:
        """The path under which the file keeps its content: the file itself where nothing can be put beside it."""
        if blend not in self._made:
            self._made[blend] = self._keep(blend)
        return self._made[blend]

    def _keep(self, blend: Path) -> Path:
        link = blend.with_name(f".{blend.stem}.{self._mark}.shots.blend")
        self._sweep(blend.parent)
        if os.path.lexists(link):  # something that cannot be taken away
            return blend
        try:
            os.link(blend.resolve(), link)
        except OSError:  # a file system without links
            try:
                shutil.copyfile(blend, link)
            except OSError:
                with suppress(OSError):
                    link.unlink(missing_ok=True)
                return blend
        return link

    def remove(self) -> None:
        """Take them away again."""
        for blend, link in self._made.items():
            if link != blend:
                with suppress(OSError):
                    link.unlink(missing_ok=True)
        self._made.clear()
