"""Export…: a head, or all heads of the scene, as Gaussians or face curves for other tools.

The backend does it in the background; a .ply sequence is written without one too, while Blender waits.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty
from bpy.types import Context, Event, Object, Operator, Scene

from emodifftalk.core.errors import UserError

from ..backend import connection, long_work
from ..backend.long_work import LongJob
from ..blender.operators import Explained
from ..blender.registering import Adds
from ..playback import origin, take_time
from ..scene.heads import absolute, active_head, active_take, heads, settings
from ..scene.operators import ForTake
from . import ply_frames
from .export_size import export_lines, frames_per_second, scene_frames

SPACES = (
    ("OBJECT", "Object", "The space the subject was captured in, wherever the head and its origin are"),
    ("WORLD", "World", "Where the head is in the scene, frame by frame"),
)
CURVES = ("au-csv", "au-json", "arkit-csv", "arkit-json", "usd-blendshapes")
FORMATS = (
    ("ply", "3DGS (.ply)", "One .ply per frame, exact: SuperSplat, Houdini, Unreal and Nuke plug-ins"),
    ("compressed-ply", "Compressed (.ply)", "One .compressed.ply per frame, a quarter of the size: SuperSplat"),
    ("splat", "Splat (.splat)", "One .splat per frame, 32 bytes a Gaussian: web viewers"),
    ("spz", "SPZ (.spz)", "One .spz per frame, small: Niantic's format"),
    ("sog", "SOG (.sog)", "One .sog per frame by PlayCanvas' tool, which must be installed; Gaussians change places"),
    ("glb", "glTF (.glb)", "One .glb per frame with KHR_gaussian_splatting"),
    ("npz", "NumPy (.npz)", "One .npz per frame: five arrays"),
    ("glb-animated", "glTF, one file", "The shot in one .glb, a node shown for each frame"),
    ("usd", "OpenUSD", "The shot in one layer: ParticleField3DGaussianSplat, sampled in time"),
    ("usd-half", "OpenUSD, half precision", "The same at two thirds of the size"),
    ("usd-points", "OpenUSD points", "Points with attributes, for programs without Gaussians: Houdini, Maya, Nuke"),
    ("arkit-csv", "Face: Live Link (.csv)", "ARKit's 52 shapes as Live Link Face records them"),
    ("arkit-json", "Face: ARKit (.json)", "ARKit's 52 shapes, frame by frame"),
    ("usd-blendshapes", "Face: OpenUSD", "The animation of ARKit's 52 blend shapes"),
    ("au-csv", "Face: action units (.csv)", "The take's 17 action units over seconds"),
    ("au-json", "Face: action units (.json)", "The take's 17 action units, frame by frame"),
)


def performed(head: Object, scene: Scene, frames: range, world: bool) -> dict:
    """What the backend needs to pose a head in each frame; the scene stands in the last of them afterwards.

    Of each frame: seconds of the take, gaze in radians, how far the mouth is at rest (0..1), and when `world` is set
    the matrix (4, 4) from the subject's own space to the world's.
    """
    entry = active_take(head)
    posed: dict[str, Any] = {
        "subject": str(absolute(settings(head).subject_path, head)),
        "take": str(absolute(entry.path, head)) if entry is not None else "",
        "seconds": [],
        "gaze": [],
        "rest": [],
        "matrices": [] if world else None,
    }
    for frame in frames:
        scene.frame_set(frame)  # whatever is animated is then as it is in that frame: gaze, object, drivers
        moment, head_settings = take_time.take_moment(head, scene), settings(head)
        posed["seconds"].append(max(moment.seconds, 0.0))
        posed["rest"].append(moment.mouth_rest)
        posed["gaze"].append([head_settings.gaze_yaw, head_settings.gaze_pitch])
        if world:
            posed["matrices"].append(origin.to_world(head).tolist())
    return posed


class EMODIFFTALK_OT_export(ForTake, Operator):
    """Write the frame range for other tools, in the background. Cancelled or interrupted, the same export goes on"""

    bl_idname = "emodifftalk.export"
    bl_label = "Export for Other Tools"
    bl_options = {"REGISTER"}

    filepath: StringProperty(subtype="FILE_PATH", options={"HIDDEN", "SKIP_SAVE"})
    format: EnumProperty(name="Format", description="What the other tool reads", items=FORMATS)
    whose: EnumProperty(
        name="Heads",
        description="Which heads are written",
        items=(
            ("HEAD", "Active Head", "The active head alone"),
            ("SCENE", "Whole Scene", "All heads of the scene in one set of Gaussians, where they stand"),
        ),
    )
    space: EnumProperty(name="Space", description="Where the Gaussians are", items=SPACES)
    axes: EnumProperty(
        name="Axes",
        description="Which way is up",
        items=(
            ("AUTO", "As Expected", "What the readers of the format expect"),
            ("rub", "Y Up", "Right, up, back: glTF, OpenUSD"),
            ("blender", "Z Up", "As in Blender"),
            ("rdf", "Y Down", "Right, down, forward: COLMAP, most .ply files"),
        ),
    )
    scale: FloatProperty(name="Scale", description="Multiplies all lengths; 100 for centimetres", default=1.0, min=1e-4)
    keep: FloatProperty(
        name="Keep", description="Share of the Gaussians; the least visible go", default=1.0, min=0.01, max=1.0,
        subtype="FACTOR",
    )  # fmt: skip
    overwrite: BoolProperty(name="Overwrite", description="Replace files of another export")

    @classmethod
    def why_not(cls, context: Context) -> str:
        """With a head that has a take, and no other long work going on."""
        return super().why_not(context) or long_work.why_busy()

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Choose where."""
        self.filepath = bpy.path.clean_name(active_head(context).name)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def draw(self, context: Context) -> None:
        """Beside the file browser."""
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "format")
        if self.format not in CURVES:
            for name in ("whose", "space", "axes", "scale", "keep"):
                row = layout.row()
                row.active = name != "space" or self.whose == "HEAD"
                row.prop(self, name)
        layout.prop(self, "overwrite")
        box = layout.box().column(align=True)
        for line in export_lines(context.scene, self.format, self._gaussians(context)):
            box.label(text=line)

    def _cast(self, context: Context) -> list[Object]:
        """The heads that are written."""
        active = active_head(context)
        return list(heads(context.scene)) if self.whose == "SCENE" else [active] if active is not None else []

    def _gaussians(self, context: Context) -> int:
        """How many Gaussians each frame holds."""
        return round(self.keep * sum(settings(head).subject_points for head in self._cast(context)))

    def execute(self, context: Context) -> set[str]:
        """Send the job off, and in background mode wait for it; without a backend write what can be written here."""
        scene = context.scene
        frames, cast = scene_frames(scene), self._cast(context)
        no_backend = connection.unavailable_reason()
        if not no_backend:
            return self._send(scene, cast, frames)
        if self.format != "ply":
            self.report({"ERROR"}, f"Without the backend only 3DGS (.ply) can be written. {no_backend}")
            return {"CANCELLED"}
        return self._write_here(scene, cast, frames)

    @property
    def _world(self) -> bool:
        return self.whose == "SCENE" or self.space == "WORLD"

    def _write_here(self, scene: Scene, cast: list[Object], frames: range) -> set[str]:
        """Write .ply files while Blender waits."""
        chosen = Path(bpy.path.abspath(self.filepath))
        sequence = ply_frames.PlySequence(
            folder=chosen,
            name=chosen.name,
            world=self._world,
            axes="rdf" if self.axes == "AUTO" else self.axes,
            scale=self.scale,
            keep=self.keep,
            overwrite=self.overwrite,
        )
        try:
            paths = ply_frames.write_ply_frames(cast, scene, frames, sequence)
        except UserError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"{len(paths)} files in {chosen}, written by Blender itself: there is no backend")
        return {"FINISHED"}

    def _send(self, scene: Scene, cast: list[Object], frames: range) -> set[str]:
        """Look at every frame, then send the job off."""
        chosen = Path(bpy.path.abspath(self.filepath))
        before = scene.frame_current, scene.frame_current_final - scene.frame_current
        try:
            posed = [performed(head, scene, frames, self._world) for head in cast]
        except UserError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        finally:
            scene.frame_set(before[0], subframe=before[1])
        options = {
            "format": self.format,
            "name": chosen.name,
            "first": frames[0],
            "step": scene.frame_step,
            "fps": frames_per_second(scene),
            "axes": "" if self.axes == "AUTO" else self.axes,
            "scale": self.scale,
            "keep": self.keep,
            "overwrite": self.overwrite,
        }
        # Frames go into a folder of that name; one file gets its ending.
        job = LongJob("export", f"Export {chosen.name}")
        try:
            long_work.start(job, {"heads": posed, "out": str(chosen), "options": options})
        except UserError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return long_work.end_operator(self, job)


class EMODIFFTALK_OT_cancel_export(Explained, Operator):
    """Stop the export; whole files stay, and the same export goes on from there"""

    bl_idname = "emodifftalk.cancel_export"
    bl_label = "Cancel Export"

    @classmethod
    def why_not(cls, context: Context) -> str:
        """While one goes on."""
        return "" if exporting() else "Nothing is being exported"

    def execute(self, context: Context) -> set[str]:
        """Ask for it."""
        long_work.cancel()
        return {"FINISHED"}


def exporting() -> bool:
    """Whether an export goes on."""
    return long_work.busy() and long_work.current().op == "export"


_CLASSES = (EMODIFFTALK_OT_export, EMODIFFTALK_OT_cancel_export)

ADDS = Adds(classes=_CLASSES)
