"""Editing the list of shots: add, from markers, duplicate, remove, move, and which take plays."""

from __future__ import annotations

import itertools
import re

import bpy
from bpy.props import EnumProperty
from bpy.types import Context, Object, Operator, Scene

from ..blender.operators import Explained
from ..blender.registering import Adds
from ..scene.heads import heads, is_head, settings
from .settings import ShotItem, ShotQueueSettings, active_shot, queue_settings

_FIELDS = ("enabled", "scene", "camera", "own_range", "frame_start", "frame_end", "format", "movie", "codec")


def new_shot(shot_list: ShotQueueSettings, scene: Scene, name: str = "") -> ShotItem:
    """Append a shot of a scene, under a name no other shot has, and choose it."""
    name = _free_name(re.sub(r"[^\w .\-]", "_", name).lstrip("_ .-").rstrip()[:60], shot_list)
    shot = shot_list.shots.add()
    shot.name, shot.scene = name, scene
    shot.frame_start, shot.frame_end = scene.frame_start, scene.frame_end
    style = scene.render.image_settings.file_format
    if style in shot.bl_rna.properties["format"].enum_items:
        shot.format = style
    shot_list.active = len(shot_list.shots) - 1
    return shot


def _free_name(wanted: str, shot_list: ShotQueueSettings) -> str:
    """A name no shot has: sh010, sh020 … or the wanted one, numbered where it is taken."""
    taken = {shot.name.casefold() for shot in shot_list.shots}
    if wanted and wanted.casefold() not in taken:
        return wanted
    names = (f"{wanted}_{n}" if wanted else f"sh{10 * (n - 1):03d}" for n in itertools.count(2))
    return next(name for name in names if name.casefold() not in taken)


def marker_shots(scene: Scene) -> list[tuple[str, Object, int, int]]:
    """(name, camera, first frame, last frame) of every stretch between camera-bound markers in the scene's range."""
    bound = sorted((m for m in scene.timeline_markers if m.camera is not None), key=lambda marker: marker.frame)
    stretches = []
    for marker, after in itertools.zip_longest(bound, bound[1:]):
        first = max(marker.frame, scene.frame_start)
        last = min(after.frame - 1 if after is not None else scene.frame_end, scene.frame_end)
        if marker is bound[0]:
            first = scene.frame_start  # before its first marker a scene shows what the first one shows
        if last >= first:
            stretches.append((marker.name, marker.camera, first, last))
    return stretches


class EMODIFFTALK_OT_add_shot(Operator):
    """Add this scene, seen by its camera over its frame range, to the list of shots"""

    bl_idname = "emodifftalk.add_shot"
    bl_label = "Add Shot"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: Context) -> set[str]:
        """Append it."""
        new_shot(queue_settings(context), context.scene)
        return {"FINISHED"}


class EMODIFFTALK_OT_add_marker_shots(Explained, Operator):
    """Add a shot for every camera that is bound to a marker of this scene, from its marker to the next"""

    bl_idname = "emodifftalk.add_marker_shots"
    bl_label = "Add Shots from Markers"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def why_not(cls, context: Context) -> str:
        """With camera-bound markers in the range."""
        if marker_shots(context.scene):
            return ""
        return "Bind cameras to markers first: Marker → Bind Camera to Markers in the Timeline"

    def execute(self, context: Context) -> set[str]:
        """Append them."""
        shot_list, scene = queue_settings(context), context.scene
        for name, camera, first, last in marker_shots(scene):
            shot = new_shot(shot_list, scene, name)
            shot.camera, shot.own_range, shot.frame_start, shot.frame_end = camera, True, first, last
        return {"FINISHED"}


class _OfShot(Explained, Operator):
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def why_not(cls, context: Context) -> str:
        """With a shot chosen."""
        return "Add a shot first" if active_shot(queue_settings(context)) is None else ""


class EMODIFFTALK_OT_duplicate_shot(_OfShot):
    """Add a copy of this shot, under another name"""

    bl_idname = "emodifftalk.duplicate_shot"
    bl_label = "Duplicate Shot"

    def execute(self, context: Context) -> set[str]:
        """Append the copy and put it below the original."""
        shot_list = queue_settings(context)
        index = shot_list.active
        new_shot(shot_list, shot_list.shots[index].scene or context.scene, shot_list.shots[index].name)
        # Adding may have moved the collection: the original is looked up again.
        old, copy = shot_list.shots[index], shot_list.shots[-1]
        for field in _FIELDS:
            setattr(copy, field, getattr(old, field))
        for chosen in old.takes:
            entry = copy.takes.add()
            entry.head, entry.take = chosen.head, chosen.take
        shot_list.shots.move(len(shot_list.shots) - 1, index + 1)
        shot_list.active = index + 1
        return {"FINISHED"}


class EMODIFFTALK_OT_remove_shot(_OfShot):
    """Take this shot out of the list. Its rendered frames stay"""

    bl_idname = "emodifftalk.remove_shot"
    bl_label = "Remove Shot"

    def execute(self, context: Context) -> set[str]:
        """Remove it."""
        shot_list = queue_settings(context)
        shot_list.shots.remove(shot_list.active)
        shot_list.active = max(0, min(shot_list.active, len(shot_list.shots) - 1))
        return {"FINISHED"}


class EMODIFFTALK_OT_move_shot(_OfShot):
    """Move this shot in the list: shots are rendered from top to bottom"""

    bl_idname = "emodifftalk.move_shot"
    bl_label = "Move Shot"

    direction: EnumProperty(
        name="Direction",
        description="Which way it moves",
        items=(("UP", "Up", "Before the one above it"), ("DOWN", "Down", "Behind the one below it")),
    )

    def execute(self, context: Context) -> set[str]:
        """Swap it with its neighbour."""
        shot_list = queue_settings(context)
        target = shot_list.active + (-1 if self.direction == "UP" else 1)
        if not 0 <= target < len(shot_list.shots):
            return {"CANCELLED"}
        shot_list.shots.move(shot_list.active, target)
        shot_list.active = target
        return {"FINISHED"}


def heads_without_choice(shot: ShotItem, scene: Scene) -> list[Object]:
    """Heads of the shot's scene for which it names no take."""
    chosen = {entry.head for entry in shot.takes}
    return [head for head in heads(shot.scene or scene) if head not in chosen]


class EMODIFFTALK_OT_choose_shot_take(_OfShot):
    """Name the take a head plays in this shot, instead of the one that plays in the file"""

    bl_idname = "emodifftalk.choose_shot_take"
    bl_label = "Choose Take"

    @classmethod
    def why_not(cls, context: Context) -> str:
        """With a head left that has takes."""
        shot = active_shot(queue_settings(context))
        if shot is None:
            return "Add a shot first"
        return "" if heads_without_choice(shot, context.scene) else "Every head of this scene has its take chosen"

    def execute(self, context: Context) -> set[str]:
        """Add a line for the next head."""
        shot = active_shot(queue_settings(context))
        left = heads_without_choice(shot, context.scene)
        head = context.active_object if context.active_object in left and is_head(context.active_object) else left[0]
        entry = shot.takes.add()
        entry.head = head
        takes, playing = settings(head).takes, settings(head).active_take
        if 0 <= playing < len(takes):
            entry.take = takes[playing].name
        return {"FINISHED"}


class EMODIFFTALK_OT_forget_shot_take(_OfShot):
    """Let the head play in this shot what it plays in the file"""

    bl_idname = "emodifftalk.forget_shot_take"
    bl_label = "Forget Take"

    index: bpy.props.IntProperty(name="Line", options={"HIDDEN", "SKIP_SAVE"})

    def execute(self, context: Context) -> set[str]:
        """Remove the line."""
        shot = active_shot(queue_settings(context))
        if not 0 <= self.index < len(shot.takes):
            return {"CANCELLED"}
        shot.takes.remove(self.index)
        return {"FINISHED"}


_CLASSES = (
    EMODIFFTALK_OT_add_shot,
    EMODIFFTALK_OT_add_marker_shots,
    EMODIFFTALK_OT_duplicate_shot,
    EMODIFFTALK_OT_remove_shot,
    EMODIFFTALK_OT_move_shot,
    EMODIFFTALK_OT_choose_shot_take,
    EMODIFFTALK_OT_forget_shot_take,
)

ADDS = Adds(classes=_CLASSES)
