"""Files dropped on a 3D viewport: a subject becomes a head under the cursor, a take goes to the active head."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from bpy.props import BoolProperty, CollectionProperty, FloatVectorProperty, StringProperty
from bpy.types import Context, Event, FileHandler, Object, Operator, OperatorFileListElement
from bpy_extras.view3d_utils import region_2d_to_location_3d, region_2d_to_origin_3d, region_2d_to_vector_3d
from mathutils import Vector

from emodifftalk.core.errors import UserError

from ..blender.registering import Adds
from ..playback import sources
from ..scene.heads import active_head, no_head_reason, portable, settings
from ..scene.operators import InObjectMode
from ..takes import performance
from . import kinds
from .import_subject import import_subject


def give_take(head: Object, path: Path, context: Context) -> None:
    """List a take on a head and play it: from where the head's voice begins, without one from the current frame.

    Raises UserError, nothing changed, when the take is damaged or was made with another subject.
    """
    from emodifftalk.core.take import load_take

    take, scene, head_settings = load_take(path), context.scene, settings(head)
    points = len(sources.subject_of(head).template.neutral)
    if len(take.frame(0).offsets) != points:
        raise UserError(
            f"{path.name} was made with another subject than {head_settings.subject_name}: choose that head first."
        )
    entry = head_settings.takes.add()
    entry.name, entry.frames, entry.note = path.stem, take.frames, "dropped"
    entry.seed = int(take.metadata.get("seed", 0))
    entry.zero_frame = scene.frame_current
    if head_settings.voice_uid:
        anchor = performance.build_performance(head, scene, looking=True).anchor
        entry.anchor_uid, entry.anchor_offset, entry.zero_frame = anchor.uid, anchor.offset, anchor.zero_frame
    entry.path = portable(path)
    head_settings.active_take = len(head_settings.takes) - 1


class EMODIFFTALK_OT_drop_file(InObjectMode, Operator):
    """Add the dropped subject as a head, or give the dropped take to the active head"""

    bl_idname = "emodifftalk.drop_file"
    bl_label = "Drop EmoDiffTalk File"
    bl_options = {"REGISTER", "UNDO"}

    directory: StringProperty(subtype="DIR_PATH", options={"SKIP_SAVE", "HIDDEN"})
    files: CollectionProperty(type=OperatorFileListElement, options={"SKIP_SAVE", "HIDDEN"})
    place: FloatVectorProperty(name="Location", description="Where a head is put", subtype="TRANSLATION")
    placed: BoolProperty(options={"SKIP_SAVE", "HIDDEN"})
    on_surface: BoolProperty(options={"SKIP_SAVE", "HIDDEN"})

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Remember where it was dropped."""
        if context.region_data is not None:
            pixel = event.mouse_region_x, event.mouse_region_y
            self.place, self.on_surface = under_cursor(context, pixel)
            self.placed = True
        return self.execute(context)

    def execute(self, context: Context) -> set[str]:
        """Take the files in, one after the other; a refused one is a sentence and stops none of the others."""
        done = 0
        for file in self.files:
            try:
                self._take_in(Path(self.directory) / file.name, context)
                done += 1
            except UserError as error:
                self.report({"ERROR"}, str(error))
        return {"FINISHED"} if done else {"CANCELLED"}

    def _take_in(self, path: Path, context: Context) -> None:
        if kinds.kind_of(path) == kinds.SUBJECT:
            head = import_subject(path, context)
            if self.placed:
                head.location = self.place
            if self.on_surface:  # its shoulders stand there: they reach below its origin
                head.location.z -= min(corner[2] for corner in head.bound_box)
            for other in context.selected_objects:
                other.select_set(False)
            head.select_set(True)
            context.view_layer.objects.active = head
            return
        head = active_head(context)
        if head is None:
            raise UserError(f"{path.name} is a take. {no_head_reason(context)}, then drop it again.")
        give_take(head, path, context)
        self.report({"INFO"}, f"{head.name} plays {path.stem}")


def under_cursor(context: Context, pixel: tuple[float, float]) -> tuple[Vector, bool]:
    """Where a head dropped on a pixel of the region goes: on the surface there, else as deep as the 3D cursor; and
    whether it is a surface."""
    region, view = context.region, context.region_data
    origin, along = region_2d_to_origin_3d(region, view, pixel), region_2d_to_vector_3d(region, view, pixel)
    hit, point, *_ = context.scene.ray_cast(context.evaluated_depsgraph_get(), origin, along)
    if hit and np.isfinite(np.array(point)).all():
        return point, True
    return region_2d_to_location_3d(region, view, pixel, context.scene.cursor.location), False


class EMODIFFTALK_FH_safetensors(FileHandler):
    """Subjects and takes dropped on a 3D viewport."""

    bl_idname = "EMODIFFTALK_FH_safetensors"
    bl_label = "EmoDiffTalk Subject or Take"
    bl_import_operator = "emodifftalk.drop_file"
    bl_file_extensions = ".safetensors"

    @classmethod
    def poll_drop(cls, context: Context) -> bool:
        """On a 3D viewport."""
        return context.area is not None and context.area.type == "VIEW_3D"


ADDS = Adds(classes=(EMODIFFTALK_OT_drop_file, EMODIFFTALK_FH_safetensors))
