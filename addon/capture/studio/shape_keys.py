"""A character of the person's own, posed by its shape keys and measured as Blender evaluates it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import bpy
import numpy as np
from bpy.types import Object, SubsurfModifier

from emodifftalk.core.errors import UserError

from ...blender.compat import fcurves
from . import measure
from .family import family_of, hide_others
from .seeds import eyeballs
from .shape_names import OBJECTS, Shapes, recognise
from .surfaces import Surface, mesh_arrays, surfaces

# What gives the face other points, or points that come and go with the pose: left out when it is measured.
_CHANGING = {
    "ARRAY", "BEVEL", "BOOLEAN", "BUILD", "DECIMATE", "EDGE_SPLIT", "EXPLODE", "MASK", "NODES", "OCEAN",
    "PARTICLE_INSTANCE", "PARTICLE_SYSTEM", "REMESH", "SCREW", "SKIN", "SOLIDIFY", "VOLUME_TO_MESH", "WELD",
    "WIREFRAME",
}  # fmt: skip
_MOST_POINTS = 150_000
_REACH = 2.5
"""What lies in the face's collections belongs to it within so many times the size of what moves."""


class Changes:
    """Attributes set on parts of Blender's data, to be put back."""

    def __init__(self) -> None:
        self._before: dict[tuple[int, str], tuple[Any, Any]] = {}

    def set(self, block: Any, attribute: str, value: Any) -> None:
        """Set an attribute and remember what it was at first."""
        before = getattr(block, attribute)
        if before != value:
            self._before.setdefault((block.as_pointer(), attribute), (block, before))
            setattr(block, attribute, value)

    def restore(self) -> None:
        """Put everything back, the latest first."""
        while self._before:
            (_, attribute), (block, before) = self._before.popitem()
            setattr(block, attribute, before)


class ShapeKeyCharacter:
    """The character whose face is a mesh with shape keys. A `Character`.

    shapes: what its shape keys mean.
    family: the objects that are photographed, its face first.
    neutral: (N, 3) the relaxed face in our frame, metres.
    moved: unit to displacement (N, 3) at intensity 1, in our frame, metres.
    eyes: (2, 3) centres, left and right, in our frame, metres.
    triangles: (T, 3) of the measured face.

    Raises UserError when the face lacks known shape keys or cannot be seen.
    """

    def __init__(self, scene: bpy.types.Scene, face: Object, mapping: dict | None = None) -> None:
        mapping = mapping or {}
        self.name, self.face, self.scene = face.name, face, scene
        self.shapes = face_shapes(face, mapping)
        self._changes = Changes()
        self._posed: list[tuple[Object, Shapes]] = []
        _must_be_visible(face)
        self._prepare(face, self.shapes)
        self.to_world = np.eye(4)
        neutral = self.points({})
        moved = {unit: self.points({unit: 1.0}) - neutral for unit in self.shapes.weights}
        # Points that move at all: the longest way of each under any unit, (U, N) to (N,), is over a threshold. They are
        # the face, and its span is the scale by which neighbours count as parts of the character.
        stirred = neutral[np.stack([np.linalg.norm(m, axis=1) for m in moved.values()]).max(axis=0) > _stir(moved)]
        span = np.ptp(stirred, axis=0)
        self.family = family_of(face, scene, mapping.get(OBJECTS, ()), _REACH * float(span.max()))
        self._prepare_others(mapping)
        self._find_frame(neutral, moved, stirred)
        self.neutral = self.points({})
        linear = self._to_ours[:3, :3]
        self.moved = {unit: displacement @ linear.T for unit, displacement in moved.items()}

    def pose(self, units: dict[str, float]) -> None:
        """Set the shape keys of every object of the character."""
        for obj, shapes in self._posed:
            keys = obj.data.shape_keys.key_blocks
            for key, value in shapes.values(units).items():
                self._changes.set(keys[key], "value", value)
        bpy.context.view_layer.update()

    def points(self, units: dict[str, float]) -> np.ndarray:
        """Points (N, 3) of the face in a pose, in our frame, after its armature and what else keeps its points."""
        self.pose(units)
        with self._measuring():
            points, self.triangles, _ = _evaluated(self.face)
        points = points @ self._to_ours[:3, :3].T + self._to_ours[:3, 3]
        if hasattr(self, "neutral") and len(points) != len(self.neutral):
            raise UserError(f"“{self.name}” has other points in other poses: switch off the modifier that does that.")
        return points

    def frame(self) -> tuple[np.ndarray, float]:
        """Middle (3,) and height, metres, of what the pictures show."""
        self.pose({})
        return measure.picture_frame(
            [s.points for s in self.surfaces()], self.neutral, self.moved.get("AU26"), self.eyes
        )

    def surfaces(self) -> list[Surface]:
        """Everything the character shows as it is posed, in our frame."""
        return surfaces(self.family, self._to_ours)

    def show_alone(self) -> None:
        """Leave everything but the character out of the pictures."""
        hide_others(self.scene, self.family)

    def restore(self) -> None:
        """Put shape keys, drivers and modifiers back to what they were."""
        self._changes.restore()

    @property
    def _to_ours(self) -> np.ndarray:
        return np.linalg.inv(self.to_world)

    def _prepare(self, obj: Object, shapes: Shapes) -> None:
        """Take the shape keys we set out of the hands of drivers and animation."""
        block = obj.data.shape_keys
        self._changes.set(obj, "show_only_shape_key", False)
        animation = block.animation_data
        if animation is not None:
            ours = {f'key_blocks["{bpy.utils.escape_identifier(key)}"].value' for key in shapes.known}
            for curve in (*animation.drivers, *fcurves(block)):
                if curve.data_path in ours:
                    self._changes.set(curve, "mute", True)
            self._changes.set(animation, "use_nla", False)
        for key in shapes.known:
            self._changes.set(block.key_blocks[key], "mute", False)
        self._posed.append((obj, shapes))

    def _prepare_others(self, mapping: dict) -> None:
        """Teeth, lashes and beards often have the same shape keys as the face."""
        for obj in self.family:
            if not obj.hide_render:
                self._changes.set(obj, "hide_viewport", False)
            if obj != self.face and obj.type == "MESH" and obj.data.shape_keys is not None:
                keys = obj.data.shape_keys.key_blocks.keys()
                fitting = {name: _known_part(value, set(keys)) for name, value in mapping.items() if name != OBJECTS}
                shapes = recognise(keys, {name: value for name, value in fitting.items() if value})
                self._prepare(obj, shapes)

    def _find_frame(self, neutral: np.ndarray, moved: dict[str, np.ndarray], stirred: np.ndarray) -> None:
        """Find the turn, scale and shift to our frame, and the eyes in it."""
        # ours = scale * turn @ scene + shift: the rows of `turn` are the head's left, back and up, the shift puts the
        # middle between the eyes where our template has it. Points are rows, so they are multiplied by turn.T.
        turn = np.eye(4)
        turn[:3, :3] = measure.axes(neutral, moved, self._sides(neutral))
        face, blink = neutral @ turn[:3, :3].T, moved.get("AU45")
        blink = blink @ turn[:3, :3].T if blink is not None else None
        height = float(np.ptp(stirred @ turn[2, :3]))
        self.pose({})
        middle = float(np.median((stirred @ turn[:3, :3].T)[:, 0]))
        balls = eyeballs(surfaces(self.family, turn), middle)
        try:
            eyes = measure.eyes_of(balls, face, blink, measure.metres_per_unit(0.0, height))
        except ValueError:
            raise UserError(
                f"“{self.name}” shows neither eyes nor a blink: name its eyeballs “eye …”, or map the blink (AU45)."
            ) from None
        scale = measure.metres_per_unit(float(np.linalg.norm(eyes[0] - eyes[1])), height)
        ours = np.eye(4)
        ours[:3, :3] = scale * turn[:3, :3]
        ours[:3, 3] = measure.EYES_AT - scale * eyes.mean(axis=0)
        self.to_world = np.linalg.inv(ours)
        self.eyes = scale * eyes + ours[:3, 3]

    def _sides(self, neutral: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """How all left and all right shapes together move the face, in the scene; None when there are none."""
        if not self.shapes.left or not self.shapes.right:
            return None
        keys = self.face.data.shape_keys.key_blocks
        sides = []
        for chosen in (self.shapes.left, self.shapes.right):
            self.pose({})
            for key in chosen:
                self._changes.set(keys[key], "value", 1.0)
            bpy.context.view_layer.update()
            with self._measuring():
                sides.append(_evaluated(self.face)[0] - neutral)
        return sides[0], sides[1]

    @contextmanager
    def _measuring(self) -> Iterator[None]:
        """The face with the points that it keeps in every pose, as smooth as it renders."""
        changes, count = Changes(), len(self.face.data.vertices)
        for modifier in self.face.modifiers:
            if modifier.type in _CHANGING:
                changes.set(modifier, "show_viewport", False)
            elif isinstance(modifier, SubsurfModifier) and modifier.show_render:
                fitting = [n for n in range(modifier.render_levels + 1) if count * 4**n <= _MOST_POINTS]
                changes.set(modifier, "levels", max(fitting, default=0))
                changes.set(modifier, "show_viewport", True)
        bpy.context.view_layer.update()
        try:
            yield
        finally:
            changes.restore()


def face_shapes(face: Object, mapping: dict | None = None) -> Shapes:
    """What the shape keys of a face mean. Raises UserError when none of them is known, or a mapping is wrong."""
    shapes = recognise(face.data.shape_keys.key_blocks.keys(), mapping)
    if not shapes.weights:
        raise UserError(
            f"None of the shape keys of “{face.name}” has a known name: name them after ARKit (jawOpen …) or FACS "
            "(AU26 …), or give a mapping."
        )
    return shapes


def _stir(moved: dict[str, np.ndarray]) -> float:
    return 0.1 * max(float(np.linalg.norm(m, axis=1).max()) for m in moved.values())


def _known_part(value: Any, keys: set[str]) -> Any:
    """Of a mapping's entry, what an object with these shape keys has."""
    if isinstance(value, str):
        return value if value in keys else None
    known = [key for key in value if key in keys]
    return {key: value[key] for key in known} if isinstance(value, dict) else known


def _must_be_visible(face: Object) -> None:
    if face.hide_render:
        raise UserError(f"“{face.name}” is hidden from rendering: switch its camera icon on in the outliner.")
    if face.name not in bpy.context.view_layer.objects:
        raise UserError(f"“{face.name}” is in a collection that this view layer leaves out: switch it on.")


def _evaluated(obj: Object) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points in the scene, triangles and material slots of an object as evaluated now."""
    result = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points, triangles, slot = mesh_arrays(result.to_mesh())
    result.to_mesh_clear()
    matrix = np.array(result.matrix_world)
    return points @ matrix[:3, :3].T + matrix[:3, 3], triangles, slot
