"""What is to be rendered: a JSON list of shots, or a folder of .blend files.

Paths are relative to the list's folder. A shot's own output folder, when relative, lies inside the list's output
folder: a slip in one shot never writes among the files of another project. Absolute paths are taken as they are.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import UserError
from ..core.fields import number, only_known
from ..core.opening import read_json

SCHEMA = 1
EXTENSIONS: Mapping[str, str] = {
    "PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp", "TIFF": ".tif", "OPEN_EXR": ".exr", "OPEN_EXR_MULTILAYER": ".exr",
}  # fmt: skip
"""Blender's names of the picture formats and how their files end."""
MOVIES = {"H264": ".mp4", "PRORES": ".mov"}
"""Blender's names of the movies' codecs and how their files end."""
_FIELDS = (
    "name", "blend", "scene", "camera", "frames", "step", "takes", "format", "movie", "codec", "output", "enabled",
)  # fmt: skip
_LIST_FIELDS = ("schema", "output", "jobs", "patience", "shots")
_NAME = re.compile(r"[^\W_][\w .\-]{0,79}")
MOST_FRAMES = 1_000_000
"""Of a shot, and the furthest a frame lies from 0."""
LONGEST_PATIENCE = 10_000
_LONGEST = 4096
"""Letters of a name or path."""


@dataclass(frozen=True)
class Shot:
    """One shot.

    blend: its file.
    folder: where it is rendered to.
    scene, camera: names, empty for the file's own (and the cameras bound to its markers).
    frames: first and last, None for the scene's range.
    step: every so many-th of them.
    takes: (head, take) pairs; a take is a file's absolute path or the name of one of the head's takes.
    format: of EXTENSIONS.
    movie: whether pictures and sound become one too.
    codec: of MOVIES.
    """

    name: str
    blend: Path
    folder: Path
    scene: str = ""
    camera: str = ""
    frames: tuple[int, int] | None = None
    step: int = 1
    takes: tuple[tuple[str, str], ...] = ()
    format: str = "PNG"
    movie: bool = False
    codec: str = "H264"

    def picture(self, frame: int) -> Path:
        """The file of a frame."""
        return self.folder / self.picture_name(frame)

    def picture_name(self, frame: int) -> str:
        """The name of a frame's file."""
        return f"{self.name}_{frame:04d}{EXTENSIONS[self.format]}"

    @property
    def movie_path(self) -> Path:
        """The file of the movie."""
        return self.folder / f"{self.name}{MOVIES[self.codec]}"


@dataclass(frozen=True)
class ShotList:
    """Shots, the folder they are rendered to, how many are rendered at a time, and minutes without a sign after which a
    Blender is taken for frozen (0: three times the slowest frame, see `runner`)."""

    folder: Path
    shots: tuple[Shot, ...]
    jobs: int = 1
    patience: float = 0.0


def load_list(path: str | os.PathLike, output: str = "") -> ShotList:
    """Read a list, or make one of a folder of .blend files. output: another output folder than the list's.

    Raises UserError naming the shot and the field that is wrong.
    """
    path = Path(path).absolute()
    try:
        if path.is_dir():
            return _parse(list_of_folder(path), path, output, path)
        return _parse(read_json(path, what="The shot list"), path.parent, output, path)
    except (ValueError, OSError, RuntimeError) as error:  # a path with a zero byte, or a circle of links
        raise UserError(f"The shot list {path} names something that cannot be: {error}.") from error


def list_of_folder(folder: Path) -> dict:
    """A list, as JSON, of every .blend file in a folder and its subfolders: each in its own scene, camera and range.
    Raises UserError when there is none."""
    blends = sorted(path.relative_to(folder) for path in folder.rglob("*.blend") if not path.name.startswith("."))
    if not blends:
        raise UserError(f"There is no .blend file in {folder}.")
    names: set[str] = set()
    shots = []
    for blend in blends:
        name = re.sub(r"[^\w .\-]", "_", "-".join(blend.with_suffix("").parts)).lstrip("_ .-")[:70] or "shot"
        unique, number = name, 2
        while unique.lower() in names:
            unique, number = f"{name}_{number}", number + 1
        names.add(unique.lower())
        shots.append({"name": unique, "blend": blend.as_posix()})
    return {"schema": SCHEMA, "output": "renders", "shots": shots}


def _parse(data: object, base: Path, output: str, path: Path) -> ShotList:
    if not isinstance(data, dict) or not isinstance(data.get("shots"), list):
        raise UserError(f"{path.name} is no shot list: it must be one JSON object with a list “shots”.")
    _only_known(data, _LIST_FIELDS, path.name)
    if data.get("schema", SCHEMA) != SCHEMA:
        raise UserError(f"{path.name} has list schema {data['schema']}, this version of EmoDiffTalk reads {SCHEMA}.")
    jobs = _whole(data.get("jobs", 1), path.name, "jobs", 1, 64)
    try:
        patience = number(data.get("patience", 0), 0, LONGEST_PATIENCE)
    except ValueError as error:
        raise UserError(f"{path.name}: “patience” is minutes, and {error}.") from error
    given = _text(data.get("output", "renders"), path.name, "output")
    folder = Path(output).absolute() if output else _joined(base, given)
    shots = tuple(
        _shot(item, base, folder, number)
        for number, item in enumerate(data["shots"], start=1)
        if not (isinstance(item, dict) and item.get("enabled", True) is False)
    )
    if not shots:
        raise UserError(f"{path.name} has no shot to render.")
    _must_differ(shots)
    return ShotList(folder, shots, jobs, patience)


def _shot(item: object, base: Path, folder: Path, number: int) -> Shot:
    where = f"shot {number}"
    if not isinstance(item, dict):
        raise UserError(f"{where} must be a JSON object.")
    name = _text(item.get("name", ""), where, "name")
    where = f"shot {number} (“{name}”)" if name else where
    if not _NAME.fullmatch(name) or name != name.strip():
        raise UserError(
            f"{where}: “name” must begin with a letter or digit and hold only letters, digits, spaces, “_”, “-”, “.”."
        )
    _only_known(item, _FIELDS, where)
    blend = _text(item.get("blend", ""), where, "blend")
    if not blend:
        raise UserError(f"{where}: “blend” must name the .blend file.")
    fields = {key: _text(item.get(key, ""), where, key) for key in ("scene", "camera")}
    movie, step = _flag(item, "movie", where), _whole(item.get("step", 1), where, "step", 1, MOST_FRAMES)
    _flag(item, "enabled", where)
    if movie and step != 1:
        raise UserError(f"{where}: a “movie” needs every frame, so “step” must be 1.")
    style = _text(item.get("format", "PNG"), where, "format")
    if style not in EXTENSIONS:
        raise UserError(f"{where}: “format” must be one of {', '.join(EXTENSIONS)}.")
    codec = _text(item.get("codec", "H264"), where, "codec")
    if codec not in MOVIES:
        raise UserError(f"{where}: “codec” must be one of {', '.join(MOVIES)}.")
    return Shot(
        name=name, blend=_joined(base, blend), folder=_inside(folder, item.get("output", name), where), **fields,
        frames=_frames(item.get("frames"), where), step=step, takes=_takes(item.get("takes", {}), base, where),
        format=style, movie=movie, codec=codec,
    )  # fmt: skip


def _frames(value: object, where: str) -> tuple[int, int] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2 or any(type(frame) is not int for frame in value):
        raise UserError(f"{where}: “frames” must be the first and the last frame, like [1, 24].")
    first, last = value
    if last < first or last - first >= MOST_FRAMES or abs(first) >= MOST_FRAMES:
        raise UserError(f"{where}: “frames” goes from {first} to {last}, which is no range to render.")
    return first, last


def _takes(value: object, base: Path, where: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict) or not all(isinstance(take, str) and take for take in value.values()):
        raise UserError(f'{where}: “takes” must give each head a take, like {{"Nora": "takes/Nora_002.safetensors"}}.')
    return tuple(
        (head, str(_joined(base, take)) if take.endswith(".safetensors") else take) for head, take in value.items()
    )


def _inside(folder: Path, value: object, where: str) -> Path:
    text = _text(value, where, "output")
    path = _joined(folder, text)
    if not Path(text).is_absolute() and not (text and path.is_relative_to(folder)):
        raise UserError(f"{where}: “output” must lie inside the list's output folder, or be an absolute path.")
    return path


def _joined(base: Path, text: str) -> Path:
    return Path(os.path.normpath(base / text))


def _must_differ(shots: tuple[Shot, ...]) -> None:
    """Two shots of one name, or of one folder and name, would overwrite each other's frames."""
    seen: dict[str, str] = {}
    for shot in shots:
        for key in (shot.name.casefold(), f"folder {shot.folder}".casefold()):
            if key in seen:
                what = "name" if key == shot.name.casefold() else "output folder"
                raise UserError(f"The shots “{seen[key]}” and “{shot.name}” have the same {what}: give each its own.")
            seen[key] = shot.name


def _only_known(data: dict, known: tuple[str, ...], where: str) -> None:
    try:
        only_known(data, known)
    except ValueError as error:
        raise UserError(f"{where}: {error}.") from error


def _text(value: object, where: str, field: str) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST or "\0" in value:
        raise UserError(f"{where}: “{field}” must be text.")
    return value


def _flag(item: dict, field: str, where: str) -> bool:
    value = item.get(field, field == "enabled")
    if type(value) is not bool:
        raise UserError(f"{where}: “{field}” must be true or false.")
    return value


def _whole(value: object, where: str, field: str, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise UserError(f"{where}: “{field}” must be a whole number from {least} to {most}.")
    return value
