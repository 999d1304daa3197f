"""Heads in the asset browser: with a picture of their own, and the sample heads as a library on request."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np
from bpy.types import Context, Object, Operator

from emodifftalk.core.errors import UserError

from ..blender import camera
from ..blender.operators import Explained
from ..blender.registering import Adds
from ..draw import rasterizers
from ..playback import sources
from ..scene.heads import active_head, no_head_reason, settings, user_folder
from .add_head import SUBJECTS
from .import_subject import import_subject

if TYPE_CHECKING:
    from emodifftalk.core.subject import Subject

LIBRARY = "EmoDiffTalk Heads"
SIZE = 256
"""Pixels of a preview, either way."""
_AWAY = 1.2
"""Metres from which the picture is taken."""
_MARGIN = 1.12
"""Height of the picture over that of the head."""


def mark(head: Object) -> None:
    """Make a head an asset with its portrait as preview. Raises UserError when its subject cannot be read."""
    rgba = portrait(sources.subject_of(head))
    head.asset_mark()
    head_settings = settings(head)
    about = head.asset_data
    about.description = f"A head made of {head_settings.subject_points:,} Gaussians"
    about.license, about.author = head_settings.subject_licence, head_settings.subject_credit[:60]
    preview: Any = head.preview_ensure()  # its pixels are an array, which the stubs take for a number
    preview.image_size = SIZE, SIZE
    preview.image_pixels_float.foreach_set(np.ascontiguousarray(rgba[::-1]).ravel())


def portrait(subject: Subject) -> np.ndarray:
    """RGBA (256, 256, 4) float32 of a subject from the front, straight alpha, as displayed; row 0 at the top."""
    rgba, _ = rasterizers.draw(subject.gaussians, portrait_view(subject), lambda sentence: None)
    # Drawn colours are multiplied with alpha; a picture for display has them straight. Where hardly anything is: black.
    colour = np.divide(rgba[..., :3], rgba[..., 3:], out=np.zeros_like(rgba[..., :3]), where=rgba[..., 3:] > 1e-3)
    return np.concatenate([np.clip(colour, 0, 1), rgba[..., 3:]], axis=-1).astype(np.float32)


def portrait_view(subject: Subject) -> camera.View:
    """A camera before the face (which looks along -y), framed from hair to collar."""
    solid = subject.gaussians.means[subject.gaussians.opacities > 0.3]
    low, high = np.quantile(solid[:, 2], [0.02, 0.999])
    middle, front = (low + high) / 2, subject.template.neutral[:, 1].min()
    focal = SIZE / ((high - low) * _MARGIN) * _AWAY
    # A pinhole that the head fills at _AWAY metres in front of it. World to camera: x stays, the camera's y points down
    # (-z) and its z away from it (+y); the shift puts the camera at (0, front - _AWAY, middle).
    K = np.array([[focal, 0, SIZE / 2], [0, focal, SIZE / 2], [0, 0, 1.0]])
    viewmat = np.eye(4)
    viewmat[:3, :3] = [[1, 0, 0], [0, 0, -1], [0, 1, 0]]
    viewmat[:3, 3] = -viewmat[:3, :3] @ np.array([0.0, front - _AWAY, middle])
    from emodifftalk.core.camera import Camera

    return camera.View(Camera(viewmat, K, SIZE, SIZE))


def write_library(folder: Path, context: Context) -> Path:
    """Write a .blend into a folder that holds every sample head as an asset; returns its path. Raises UserError."""
    subjects = sorted(SUBJECTS.glob("*.safetensors"))
    if not subjects:
        raise UserError(f"There are no sample heads in {SUBJECTS}: install the extension's .zip again.")
    made: list[Object] = []
    try:
        for path in subjects:
            made.append(head := import_subject(path, context))
            settings(head).subject_path = str(path)  # the library lies elsewhere
            head.location = (0, 0, 0)
            mark(head)
        target = folder / "heads.blend"
        bpy.data.libraries.write(str(target), set(made), path_remap="NONE", compress=True)
    finally:
        for head in made:
            mesh: Any = head.data  # a Mesh
            bpy.data.objects.remove(head)
            bpy.data.meshes.remove(mesh)
    return target


def library_of(context: Context) -> bpy.types.UserAssetLibrary | None:
    """Our asset library in the preferences, None when it was not asked for."""
    return context.preferences.filepaths.asset_libraries.get(LIBRARY)


class EMODIFFTALK_OT_mark_asset(Explained, Operator):
    """Show this head in the asset browser, with its portrait"""

    bl_idname = "emodifftalk.mark_asset"
    bl_label = "Mark Head as Asset"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def why_not(cls, context: Context) -> str:
        """With a head of this file."""
        head = active_head(context)
        if head is None:
            return no_head_reason(context)
        return "" if head.library is None else "This head is linked from another file: mark it there"

    def execute(self, context: Context) -> set[str]:
        """Mark it."""
        try:
            mark(active_head(context))
        except UserError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class EMODIFFTALK_OT_add_asset_library(Operator):
    """Add the sample heads to the asset browser: writes a small library of them and lists it in the preferences"""

    bl_idname = "emodifftalk.add_asset_library"
    bl_label = "Sample Heads in the Asset Browser"

    def execute(self, context: Context) -> set[str]:
        """Write the library, and list it unless it is listed."""
        folder = user_folder("assets")
        try:
            write_library(folder, context)
        except UserError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        library = library_of(context) or context.preferences.filepaths.asset_libraries.new(name=LIBRARY)
        library.name, library.path, library.import_method = LIBRARY, str(folder), "APPEND"
        context.preferences.is_dirty = True
        self.report({"INFO"}, f"The asset browser lists them under {LIBRARY}")
        return {"FINISHED"}


def _object_menu(self, context: Context) -> None:
    if active_head(context) is not None:
        self.layout.operator("emodifftalk.mark_asset", icon="ASSET_MANAGER")


def _add_menu(self, context: Context) -> None:
    if library_of(context) is None:
        self.layout.separator()
        self.layout.operator("emodifftalk.add_asset_library", icon="ASSET_MANAGER")


_CLASSES = (EMODIFFTALK_OT_mark_asset, EMODIFFTALK_OT_add_asset_library)

ADDS = Adds(classes=_CLASSES, menus=(("VIEW3D_MT_object_asset", _object_menu), ("EMODIFFTALK_MT_add_head", _add_menu)))
