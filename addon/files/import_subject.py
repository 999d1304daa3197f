"""Importing a Subject: a light object that can be selected, moved, parented and animated like any other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import numpy as np
from bpy.props import StringProperty
from bpy.types import Context, Mesh, Object

from ..blender.registering import Adds
from ..playback import origin
from ..scene.heads import portable, settings
from .importing import BringsIn

if TYPE_CHECKING:
    from emodifftalk.core.subject import Subject
    from emodifftalk.core.template import FacialTemplate

_LINES, _LOOPS = ("brow_left", "brow_right"), ("lip_outer",)
"""Landmarks drawn beside the template's own borders (eyes, mouth, outline)."""
_LONG = 4.0
"""Times the middle length of a landmark line's pieces: what is longer leads across the face."""


def import_subject(path: Path, context: Context) -> Object:
    """Add a head to the scene, the base of its neck at the 3D cursor.

    Raises UserError, the scene unchanged, for a damaged file.
    """
    from emodifftalk.core.extent import neck_base, solid_box
    from emodifftalk.core.subject import load_subject

    subject = load_subject(path)
    mesh = sketch_mesh(subject)
    origin.add_corners(mesh, solid_box(subject.gaussians))
    origin.put_origin(mesh, neck_base(subject))
    head = bpy.data.objects.new(subject.name or path.stem, mesh)
    context.collection.objects.link(head)
    head.lineart.usage = "EXCLUDE"  # it would draw the sketch: Line Art knows edges without faces
    head.location = context.scene.cursor.location
    head_settings = settings(head)
    head_settings.subject_name, head_settings.subject_licence, head_settings.subject_credit = (
        subject.name,
        subject.licence,
        subject.credit,
    )
    head_settings.subject_points = len(subject.gaussians)
    head_settings.subject_path = portable(path)
    return head


def sketch_mesh(subject: Subject) -> Mesh:
    """The template as points and a few lines, in its own space: brows, eyes, lips, outline.

    It has no faces on purpose: every render engine but ours then leaves it out by itself, and the eye icon and the
    camera icon of the outliner stay the animator's. All template points are there, so a take can move them.
    """
    template = subject.template
    mesh = bpy.data.meshes.new(f"{subject.name or 'Subject'} sketch")
    mesh.from_pydata(template.neutral.tolist(), sketch_edges(template).tolist(), [])
    return mesh


def sketch_edges(template: FacialTemplate) -> np.ndarray:
    """Edges (E, 2) int: the borders of the template's surface and its landmark lines."""
    # Every triangle gives three sides, their ends in order: a side that occurs once is on the border. A landmark line
    # is joined from point to point, a loop (L, 2) to its first point again. Lips may share points: no edge to itself.
    sides = np.concatenate([template.faces[:, [0, 1]], template.faces[:, [1, 2]], template.faces[:, [2, 0]]])
    edges, uses = np.unique(np.sort(sides, axis=1), axis=0, return_counts=True)
    lines = [edges[uses == 1]]
    for name in _LINES + _LOOPS:
        points = template.landmarks[name]
        pieces = np.stack([points, np.roll(points, -1)], axis=1)[: None if name in _LOOPS else -1]
        lengths = np.linalg.norm(template.neutral[pieces[:, 0]] - template.neutral[pieces[:, 1]], axis=1)
        usual = np.median(lengths[lengths > 0]) if (lengths > 0).any() else 0.0
        lines.append(pieces[lengths <= _LONG * usual])
    pairs = np.sort(np.concatenate(lines), axis=1)
    return np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)


class EMODIFFTALK_OT_import_subject(BringsIn):
    """Import a trained head"""

    bl_idname = "emodifftalk.import_subject"
    bl_label = "Import Subject"
    bl_options = {"REGISTER", "UNDO"}

    filename_ext = ".safetensors"
    filter_glob: StringProperty(default="*.safetensors", options={"HIDDEN"})

    def bring_in(self, path: Path, context: Context) -> Object:
        """A head."""
        return import_subject(path, context)


def _menu(self, context: Context) -> None:
    self.layout.operator(EMODIFFTALK_OT_import_subject.bl_idname, text="EmoDiffTalk Subject (.safetensors)")


ADDS = Adds(classes=(EMODIFFTALK_OT_import_subject,), menus=(("TOPBAR_MT_file_import", _menu),))
