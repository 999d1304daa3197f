"""Capture as Subject: a copy of the open file goes to a second Blender, which photographs the character in it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty
from bpy.types import Context, Event, Object, Operator, Scene

from emodifftalk.core.errors import UserError
from emodifftalk.core.facs import AU_NAMES
from emodifftalk.core.opening import read_json

from ..backend import long_work
from ..backend.long_work import LongJob
from ..blender.operators import Explained
from ..blender.registering import Adds
from ..scene.heads import absolute, user_folder
from . import memory
from .settings import CaptureSettings
from .studio import family, shape_names

if TYPE_CHECKING:
    from .studio.shape_names import Shapes

_SCRIPT = Path(__file__).resolve().parent / "studio" / "__main__.py"
_mappings: dict[tuple[str, int], dict] = memory.keep({})


def capture_settings(scene: Scene) -> CaptureSettings:
    """How the character of a scene is to be captured."""
    return scene.emodifftalk_capture  # type: ignore[attr-defined]  # registered by us


def selected_face(context: Context) -> tuple[Object, Shapes]:
    """The face of the character that the person selected (its face, its armature or another part), and what its shape
    keys mean. Raises UserError saying what is missing."""
    mapping = read_mapping(capture_settings(context.scene).mapping)
    active = context.active_object
    if active is None:
        raise UserError("Select a character: its face or its armature.")
    faces: list[tuple[Object, Shapes]] = []
    problem = None
    for obj in _faces(_near(active)) or _faces(family.related(active, context.scene)):
        try:
            faces.append((obj, shape_names.recognise(obj.data.shape_keys.key_blocks.keys(), mapping)))
        except UserError as error:
            problem = problem or error
    known = [(obj, shapes) for obj, shapes in faces if shapes.weights]
    if known:
        return max(known, key=lambda pair: len(pair[1].known))
    if problem is not None:
        raise problem
    if faces:
        raise UserError(
            f"None of the shape keys of “{faces[0][0].name}” has a known name: name them after ARKit (jawOpen …) or "
            "FACS (AU26 …), or give a mapping."
        )
    raise UserError(f"“{active.name}” has no face with shape keys: select the character's face or its armature.")


def _near(active: Object) -> list[Object]:
    """The object, what hangs below it, and what hangs below the top of its family."""
    top = active
    while top.parent is not None:
        top = top.parent
    return list(dict.fromkeys([active, *active.children_recursive, top, *top.children_recursive]))


def _faces(objects: Iterable[Object]) -> list[Object]:
    return [obj for obj in objects if obj.type == "MESH" and obj.data.shape_keys is not None]


def read_mapping(path: str) -> dict:
    """A mapping file; the same file is read once. Raises UserError when it cannot be read."""
    if not path:
        return {}
    file = absolute(path)
    try:
        key = (str(file), os.stat(file).st_mtime_ns)
        if key not in _mappings:
            mapping = read_json(file, what="The mapping")
            if not isinstance(mapping, dict):
                raise UserError(f"The mapping {file} must be one JSON object: shape names to shape keys.")
            _mappings.clear()
            _mappings[key] = mapping
    except (OSError, ValueError) as error:
        raise UserError(f"The mapping {file} cannot be read: {getattr(error, 'strerror', '') or error}.") from error
    return _mappings[key]


def capture_folder(face: Object, scene: Scene) -> Path:
    """Where the capture of a face goes: the chosen folder, or one of its name beside the .blend."""
    chosen = capture_settings(scene).folder
    if chosen:
        return absolute(chosen)
    name = bpy.path.clean_name(face.name)
    if bpy.data.filepath:
        return Path(bpy.path.abspath("//captures")) / name
    return user_folder("captures") / name


def pictures_in(folder: Path) -> int | None:
    """How many pictures of a capture lie in a folder; None when it holds no capture."""
    from emodifftalk.core.plan import NAME

    return sum(1 for _ in (folder / "pictures").glob("*.png")) if (folder / NAME).is_file() else None


def start_capture(context: Context, overwrite: bool = False) -> LongJob:
    """Copy the file, unsaved changes included, and send the copy off. Raises UserError; nothing has changed then."""
    scene = context.scene
    face, _ = selected_face(context)
    options, folder, copy = capture_settings(scene), capture_folder(face, scene), _copy_path()
    params = {
        "blend": str(copy),
        "out": str(folder),
        "blender": bpy.app.binary_path,
        "script": str(_SCRIPT),
        "overwrite": overwrite,
        "credit": options.credit,
        "settings": {
            "character": face.name,
            "views": int(options.views),
            "size": options.size,
            "samples": options.samples,
            "engine": options.engine,
            "studio_light": options.studio_light,
            "mapping": str(absolute(options.mapping)) if options.mapping else "",
            "voice": str(absolute(options.voice)) if options.voice else "",
            "spoken": options.spoken,
        },
    }
    job = LongJob("capture", f"Capture {face.name}", ended=lambda: copy.unlink(missing_ok=True))
    try:
        _save_copy(copy)
        long_work.start(job, params)
    except BaseException:
        copy.unlink(missing_ok=True)
        raise
    return job


def _copy_path() -> Path:
    """In Blender's own temporary folder, which goes away with it."""
    number = 0
    while (path := Path(bpy.app.tempdir) / f"capture_{number}.blend").exists():
        number += 1
    return path


def _save_copy(path: Path) -> None:
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True, check_existing=False)
    except RuntimeError as error:
        why = str(error).strip().removeprefix("Error: ")
        raise UserError(f"The temporary copy {path} cannot be written ({why}): is its disk full?") from error


class EMODIFFTALK_OT_capture_subject(Explained, Operator):
    """Photograph this character from all sides, in another Blender, to train a subject from. The file stays as it is"""

    bl_idname = "emodifftalk.capture_subject"
    bl_label = "Capture as Subject"
    bl_options = {"REGISTER"}

    overwrite: BoolProperty(
        name="Overwrite",
        description="Delete the capture that the folder holds and begin afresh",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def why_not(cls, context: Context) -> str:
        """With a character selected, a backend, and no other long work going on."""
        return why_not(context)

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Ask first when the folder holds something."""
        face, _ = selected_face(context)
        folder = capture_folder(face, context.scene)
        if folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
            return set(context.window_manager.invoke_props_dialog(self, width=420, confirm_text="Capture"))
        return self.execute(context)

    def draw(self, context: Context) -> None:
        """What the folder holds, and whether to begin afresh."""
        face, _ = selected_face(context)
        folder = capture_folder(face, context.scene)
        count = pictures_in(folder)
        column = self.layout.column(align=True)
        column.label(text=f"{folder.name} is not empty.", icon="INFO")
        if count is not None:
            column.label(text=f"It holds a capture with {count} pictures: with the same settings it is gone on with.")
        self.layout.prop(self, "overwrite")
        if self.overwrite and count:
            self.layout.label(text=f"The {count} pictures are deleted.", icon="ERROR")

    def execute(self, context: Context) -> set[str]:
        """Send the job off; in background mode wait for it."""
        try:
            job = start_capture(context, self.overwrite)
        except UserError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return long_work.end_operator(self, job)


def why_not(context: Context) -> str:
    """Why Capture as Subject is greyed out; empty when it is not."""
    try:
        selected_face(context)
    except UserError as error:
        return long_work.why_not() if long_work.busy() else str(error)
    return long_work.why_not()


def missing_units(shapes: Shapes) -> list[str]:
    """Action units a character cannot show."""
    return [name for name in AU_NAMES if name not in shapes.weights]


class EMODIFFTALK_OT_cancel_work(Explained, Operator):
    """Stop; what is done is kept, and the same button goes on from there"""

    bl_idname = "emodifftalk.cancel_work"
    bl_label = "Cancel"

    @classmethod
    def why_not(cls, context: Context) -> str:
        """While something is going on."""
        return "" if long_work.busy() else "Nothing is going on"

    def execute(self, context: Context) -> set[str]:
        """Ask the backend to let go."""
        long_work.cancel()
        return {"FINISHED"}


_CLASSES = (EMODIFFTALK_OT_capture_subject, EMODIFFTALK_OT_cancel_work)

ADDS = Adds(classes=_CLASSES)
