"""Exporting the take's Gaussians as a numbered .ply sequence, without the backend."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty
from bpy.types import Context, Event, Object, Operator, Scene

from emodifftalk.core.errors import UserError

from ..blender.registering import Adds
from ..playback import gaussians as playback
from ..playback import take_time
from ..scene.heads import active_head
from ..scene.operators import ForTake

SPACES = (
    ("OBJECT", "Object", "The head's own space: it stands at the origin"),
    ("WORLD", "World", "Where the head is in the scene, frame by frame"),
)


def export_frames(
    head: Object,
    scene: Scene,
    folder: Path,
    frames: range,
    prefix: str,
    world: bool = False,
    overwrite: bool = False,
    axes: str = "blender",
) -> list[Path]:
    """Write PREFIX followed by the four-digit frame number for every frame and return the paths.

    axes: one of `core.axes.AXES`. Gaussians are in the head's own space, or in world space with the object's transform
    (animation included). The scene's current frame is put back. Raises UserError when a file is in the way or cannot be
    written.
    """
    from emodifftalk.core.axes import turned
    from emodifftalk.core.formats.ply import write_ply

    if not prefix or Path(prefix).name != prefix:
        raise UserError(f"The prefix “{prefix}” must be a plain file name.")
    paths = [folder / f"{prefix}{frame:04d}.ply" for frame in frames]
    standing = next((path for path in paths if path.exists()), None)
    if standing is not None and not overwrite:
        raise UserError(f"{standing.name} exists already: choose another folder or allow overwriting.")
    before, manager = (scene.frame_current, scene.frame_subframe), bpy.context.window_manager
    manager.progress_begin(0, len(paths))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, (frame, path) in enumerate(zip(frames, paths, strict=True)):
            scene.frame_set(frame)  # whatever is animated is then as it is in that frame: gaze, object, drivers
            gaussians = playback.current_gaussians(head, scene, take_time.take_moment(head, scene))
            placed = gaussians.transformed(head.matrix_world) if world else gaussians
            write_ply(path, turned(placed, "blender", axes))
            manager.progress_update(number + 1)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror or error}.") from error
    finally:
        manager.progress_end()
        scene.frame_set(before[0], subframe=before[1])
    return paths


class EMODIFFTALK_OT_export_ply(ForTake, Operator):
    """Write one Gaussian splatting .ply for every frame of the scene's range"""

    bl_idname = "emodifftalk.export_ply"
    bl_label = "Export Gaussians"
    bl_options = {"REGISTER"}

    directory: StringProperty(subtype="DIR_PATH", options={"HIDDEN", "SKIP_SAVE"})
    filter_folder: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    prefix: StringProperty(name="Prefix", description="File name before the frame number", default="frame")
    space: EnumProperty(name="Space", description="Where the Gaussians are", items=SPACES)
    axes: EnumProperty(
        name="Axes",
        description="Which way is up",
        items=(
            ("rdf", "Y Down", "Right, down, forward: what readers of .ply expect"),
            ("rub", "Y Up", "Right, up, back: glTF, OpenUSD"),
            ("blender", "Z Up", "As in Blender"),
        ),
    )
    overwrite: BoolProperty(name="Overwrite", description="Replace files of an earlier export")

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Choose a folder."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: Context) -> set[str]:
        """Export the scene's frame range."""
        head, scene = active_head(context), context.scene
        frames = range(scene.frame_start, scene.frame_end + 1, scene.frame_step)
        folder = Path(bpy.path.abspath(self.directory))
        try:
            world = self.space == "WORLD"
            paths = export_frames(head, scene, folder, frames, self.prefix, world, self.overwrite, self.axes)
        except UserError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"{len(paths)} files in {folder}")
        return {"FINISHED"}


ADDS = Adds(classes=(EMODIFFTALK_OT_export_ply,))
