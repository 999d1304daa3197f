"""Importing Gaussians that other tools made: an object that stands still, drawn and rendered like a head."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
from bpy.props import EnumProperty, StringProperty
from bpy.types import Context, Object

from emodifftalk.core.errors import UserError

from ..blender.registering import Adds
from ..playback import origin
from ..scene.heads import portable, settings
from .importing import BringsIn

_SHOWN = 2000
"""Points of the object itself: its bounds, something to snap to, and what says where the file's space lies."""


ORIGINS = (
    ("BASE", "Below", "In the middle, at the lower end of the Gaussians: they stand at the 3D cursor"),
    ("FILE", "As in the File", "Where the file has it: pieces of one place fit together"),
)


def import_gaussians(path: Path, context: Context, axes: str = "rdf", origin_at: str = "BASE") -> Object:
    """Add a file of Gaussians to the scene, its origin at the 3D cursor.

    axes: one of `core.axes.AXES`.
    origin_at: one of ORIGINS.

    Raises UserError, the scene unchanged, for a damaged file.
    """
    from emodifftalk.core.extent import solid_box
    from emodifftalk.core.formats.gaussian_file import read_gaussians

    gaussians = read_gaussians(path, axes)
    if not len(gaussians):
        raise UserError(f"{path.name} holds no Gaussians.")
    solid = gaussians.means[gaussians.opacities > 0.2]
    points = solid if len(solid) else gaussians.means
    some = points[np.linspace(0, len(points) - 1, min(_SHOWN, len(points))).astype(int)]
    mesh = bpy.data.meshes.new(f"{path.stem} sketch")
    mesh.from_pydata(some.tolist(), [], [])
    origin.remember_points(mesh)
    if origin_at == "BASE":
        (left, front, low), (right, back, _) = solid_box(gaussians)
        origin.put_origin(mesh, np.array([(left + right) / 2, (front + back) / 2, low]))
    still = bpy.data.objects.new(path.stem, mesh)
    context.collection.objects.link(still)
    still.location = context.scene.cursor.location
    still_settings = settings(still)
    still_settings.gaussians_axes, still_settings.subject_points = axes, len(gaussians)
    still_settings.gaussians_path = portable(path)
    return still


class EMODIFFTALK_OT_import_gaussians(BringsIn):
    """Import Gaussians of another tool as an object that stands still: .ply (plain or compressed), .splat, .spz"""

    bl_idname = "emodifftalk.import_gaussians"
    bl_label = "Import Gaussians"
    bl_options = {"REGISTER", "UNDO"}

    filter_glob: StringProperty(default="*.ply;*.splat;*.spz", options={"HIDDEN"})
    axes: EnumProperty(
        name="Axes",
        description="Which way is up in the file; an .spz says so itself",
        items=(
            ("rdf", "Y Down", "Right, down, forward: most .ply files"),
            ("rub", "Y Up", "Right, up, back"),
            ("blender", "Z Up", "As in Blender"),
        ),
    )
    origin: EnumProperty(name="Origin", description="Where the object's origin is put", items=ORIGINS)

    def bring_in(self, path: Path, context: Context) -> Object:
        """A still."""
        return import_gaussians(path, context, self.axes, self.origin)


def _menu(self, context: Context) -> None:
    self.layout.operator(EMODIFFTALK_OT_import_gaussians.bl_idname, text="Gaussians (.ply, .splat, .spz)")


ADDS = Adds(classes=(EMODIFFTALK_OT_import_gaussians,), menus=(("TOPBAR_MT_file_import", _menu),))
