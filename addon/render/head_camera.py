"""The operator that sets up a camera before a head's face, and what it asks about the camera that is there."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty
from bpy.types import Camera, Context, Event, Object, Operator, Scene
from mathutils import Matrix

from emodifftalk.core.errors import UserError

from ..blender.operators import Explained
from ..blender.registering import Adds
from ..scene.heads import active_head, no_head_reason
from .camera_on_head import FRAMINGS, LENS, place_camera

_FOLLOWS = "EmoDiffTalk Head"
"""Name of the constraint that lets a camera follow its head."""


class EMODIFFTALK_OT_camera_on_head(Explained, Operator):
    """Add a camera with a portrait lens (85 mm) that frames the head, and make it the scene's"""

    bl_idname = "emodifftalk.camera_on_head"
    bl_label = "Camera on Head"
    bl_options = {"REGISTER", "UNDO"}

    framing: EnumProperty(
        name="Framing",
        description="What is seen of the head, and from where",
        items=(
            ("CLOSE_UP", "Close-Up", "The head from the front, filling the picture"),
            ("HALF_PROFILE", "Half Profile", "The head from the side and the front"),
            ("BUST", "Bust", "Head and shoulders, a little from the side"),
        ),
    )
    other_side: BoolProperty(name="From the Other Side", description="From the head's right instead of its left")
    camera: EnumProperty(
        name="Camera",
        description="What becomes of the camera that the scene has",
        items=(
            ("NEW", "Add a New One", "The scene's camera stays as it is, and a new one takes its place as the scene's"),
            ("MOVE", "Move the Scene's", "The scene's camera is moved and gets the portrait lens"),
        ),
    )
    follow: BoolProperty(name="Follow the Head", description="The camera goes and turns with the head's object")

    @classmethod
    def why_not(cls, context: Context) -> str:
        """With a head, in a scene of this file."""
        if context.scene.library is not None:
            return "This scene is linked from another file"
        return "" if active_head(context) is not None else no_head_reason(context)

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Ask, when the scene has a camera already."""
        if context.scene.camera is None:
            self.camera = "NEW"
            return self.execute(context)
        return set(context.window_manager.invoke_props_dialog(self, confirm_text="Set Up"))

    def draw(self, context: Context) -> None:
        """What there is to choose."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "framing")
        row = layout.row()
        row.active = self.framing != "CLOSE_UP"
        row.prop(self, "other_side")
        if context.scene.camera is not None:
            layout.prop(self, "camera")
        layout.prop(self, "follow")

    def execute(self, context: Context) -> set[str]:
        """Add or move the camera; viewports in which the press was made look through it."""
        scene, head = context.scene, active_head(context)
        framing = FRAMINGS[self.framing].seen_from_right() if self.other_side else FRAMINGS[self.framing]
        try:
            context.view_layer.update()
            matrix, distance = place_camera(head, scene, framing)
            camera = _moved(scene) if self.camera == "MOVE" and scene.camera is not None else _added(head, context)
        except UserError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        _give_lens(camera, distance)
        _put(camera, matrix, context)
        if self.follow:
            _let_follow(camera, head, matrix)
        scene.camera = camera
        for sentence in _notes(camera, scene):
            self.report({"WARNING"}, sentence)
        _look_through(context)
        return {"FINISHED"}


def _added(head: Object, context: Context) -> Object:
    name = f"Camera on {head.name}"
    camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    context.scene.collection.objects.link(camera)
    return camera


def _moved(scene: Scene) -> Object:
    """The scene's camera, free to be moved. Raises UserError."""
    camera: Any = scene.camera
    if camera.library is not None or camera.data is None or camera.data.library is not None:
        raise UserError(f"{camera.name} belongs to another file and cannot be moved: add a new camera.")
    if camera.type != "CAMERA":
        raise UserError(f"{camera.name}, which the scene is seen by, is no camera: add a new one.")
    if camera.data.users > 1:  # other cameras keep their lens
        camera.data = camera.data.copy()
    return camera


def _give_lens(camera: Object, distance: float) -> None:
    lens = camera.data
    assert isinstance(lens, Camera)
    lens.type, lens.lens_unit, lens.lens = "PERSP", "MILLIMETERS", LENS
    lens.sensor_fit, lens.sensor_width = "AUTO", 36.0
    lens.shift_x = lens.shift_y = 0.0
    lens.clip_start, lens.clip_end = min(0.1, distance / 20), max(1000.0, 50 * distance)
    lens.display_size = min(1.0, max(0.2 * distance, 1e-3))


def _put(camera: Object, matrix: Matrix, context: Context) -> None:
    """Where the camera is to stand, whatever it is parented to or scaled by."""
    for constraint in [c for c in camera.constraints if c.name == _FOLLOWS]:
        camera.constraints.remove(constraint)
    camera.matrix_world = matrix
    context.view_layer.update()


def _let_follow(camera: Object, head: Object, matrix: Matrix) -> None:
    """By a constraint, not a parent: the head's scale must not stretch the camera's moves."""
    place: Any = camera.constraints.new("CHILD_OF")
    place.name, place.target = _FOLLOWS, head
    for axis in "xyz":
        setattr(place, f"use_scale_{axis}", False)
    turned = head.matrix_world.to_quaternion().to_matrix().to_4x4()
    turned.translation = head.matrix_world.translation
    place.inverse_matrix = turned.inverted()


def _notes(camera: Object, scene: Scene) -> list[str]:
    """What may take the camera away from where it was put."""
    notes = []
    if camera.animation_data is not None and (camera.animation_data.action or camera.animation_data.drivers):
        notes.append(f"{camera.name} is animated: it goes back to its keys when the frame changes.")
    others = [constraint for constraint in camera.constraints if not constraint.mute and constraint.name != _FOLLOWS]
    if others:
        notes.append(f"{camera.name} has constraints, which may turn it away from the head.")
    if any(marker.camera is not None for marker in scene.timeline_markers):
        notes.append("Markers on the timeline choose this scene's camera: the next frame may be seen by theirs.")
    return notes


def _look_through(context: Context) -> None:
    space: Any = context.space_data
    if space is not None and space.type == "VIEW_3D" and space.region_3d is not None:
        space.region_3d.view_perspective = "CAMERA"


ADDS = Adds(classes=(EMODIFFTALK_OT_camera_on_head,))
