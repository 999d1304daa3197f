"""Import Face Curves: what another tool recorded or animated becomes F-curves that drive the head."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty
from bpy.types import Context, Object, Operator, Scene
from bpy_extras.io_utils import ImportHelper

from emodifftalk.core.errors import UserError
from emodifftalk.core.facs import AU_NAMES

from ..blender import compat
from ..blender.registering import Adds
from ..scene.heads import AU_PROPERTIES, active_head
from ..scene.operators import ForHead
from ..scene.strips import scene_clock
from . import au_curves

OFFSETS, GAZE = "EmoDiffTalk AU Offsets", "EmoDiffTalk Gaze"
"""The groups of F-curves beside those of `au_curves.group_of`."""


def apply_curves(
    head: Object, scene: Scene, path: Path, adds: bool = False, gaze: bool = True, over: bool = False
) -> tuple[str, list[str]]:
    """Key a head with the curves of a file from the playhead on; returns what it was and notes for the animator.

    adds: as offsets, beside what voice and feelings do, instead of in their place.
    gaze: key where the eyes look as well, when the file says.
    over: replace curves that somebody has made; else those stay and are named.
    Raises UserError when the file cannot be read or the head not be animated.
    """
    from emodifftalk.core.formats.face_curves import read_face_curves

    if not compat.can_animate(head):
        raise UserError(f"{head.name} or its animation belongs to another file: make a library override first.")
    face_curves = read_face_curves(path)
    clock = scene_clock(scene, scene.frame_current)
    tracks = {}
    for au, keys in face_curves.curves().items():
        tracks[f"emodifftalk.aus.{AU_PROPERTIES[au]}" if adds else au_curves.path_of(au)] = keys
    if gaze and face_curves.gaze is not None:
        for name, column in zip(("gaze_yaw", "gaze_pitch"), face_curves.gaze.T, strict=True):
            tracks[f"emodifftalk.{name}"] = tuple(zip(face_curves.times.tolist(), column.tolist(), strict=True))
    # Curves that are only shown change nothing, and give way; everything else is somebody's work.
    shown = {au_curves.path_of(au) for au in AU_NAMES} - {au_curves.path_of(au) for au in au_curves.drawn_over(head)}
    standing = [curve.data_path for curve in compat.fcurves(head) if curve.data_path in tracks.keys() - shown]
    for data_path in standing if not over else ():
        del tracks[data_path]
    for data_path, keys in tracks.items():
        unit = data_path.split(".")[-1].upper()
        group = GAZE if "gaze" in data_path else OFFSETS if adds else au_curves.group_of(unit)
        compat.write_fcurve(head, data_path, group, [(clock.frame(t), v) for t, v in keys], locked=False)
    notes = list(face_curves.notes)
    if standing and not over:
        names = ", ".join(sorted(data_path.split(".")[-1].upper() for data_path in standing))
        notes.append(f"Keyed already, and left as they are: {names} (allow overwriting to replace them).")
    if not tracks:
        raise UserError(notes[-1])
    return f"{face_curves.kind}: {len(tracks)} curves over {face_curves.times[-1]:.2f} s", notes


class EMODIFFTALK_OT_import_curves(ForHead, Operator, ImportHelper):  # type: ignore[misc]  # they differ in the stubs
    """Let face curves drive this head from the playhead on: of Live Link Face, ARKit, Audio2Face or OpenFace"""

    bl_idname = "emodifftalk.import_curves"
    bl_label = "Import Face Curves"
    bl_options = {"REGISTER", "UNDO"}

    filter_glob: StringProperty(default="*.csv;*.json;*.usd;*.usda;*.usdc", options={"HIDDEN"})
    mode: EnumProperty(
        name="Curves",
        description="What becomes of the voice and the feelings",
        items=(
            ("REPLACE", "Replace", "The file's action units take the place of what voice and feelings do to them"),
            ("ADD", "Add", "The file's action units are added to what voice and feelings do"),
        ),
    )
    gaze: BoolProperty(name="Gaze", description="Key where the eyes look as well, when the file says", default=True)
    overwrite: BoolProperty(name="Overwrite", description="Replace curves of the head that are keyed already")

    def execute(self, context: Context) -> set[str]:
        """Write the F-curves and say what was not used."""
        head = active_head(context)
        path = Path(bpy.path.abspath(self.filepath))  # type: ignore[attr-defined]  # of ImportHelper
        try:
            adds = self.mode == "ADD"
            kind, notes = apply_curves(head, context.scene, path, adds, self.gaze, self.overwrite)
        except UserError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"{kind}. Generate to see it")
        for note in notes:
            self.report({"INFO"}, note)
        head.update_tag()
        return {"FINISHED"}


ADDS = Adds(classes=(EMODIFFTALK_OT_import_curves,))
