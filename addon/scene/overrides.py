"""Heads linked from another file and overridden here can be acted and given takes like heads of this file."""

from __future__ import annotations

import bpy
from bpy.props import CollectionProperty
from bpy.types import PropertyGroup

from ..blender.registering import Adds
from .heads import is_head, settings

OVERRIDABLE = {"LIBRARY_OVERRIDABLE"}


def let_overrides_change(cls: type[PropertyGroup]) -> None:
    """Make every property of a group, not yet registered, one that library overrides can change."""
    for declared in cls.__annotations__.values():
        more = {"USE_INSERTION"} if declared.function is CollectionProperty else set()
        declared.keywords["override"] = OVERRIDABLE | more


def write_groups(head_settings: PropertyGroup) -> None:
    """Write the first member of every group within a head's settings to which nothing was ever written, unchanged.

    Such a group is not in the file, and Blender 5 cannot override what the library does not have.
    """
    for prop in head_settings.bl_rna.properties:
        group = getattr(head_settings, prop.identifier) if prop.type == "POINTER" and prop.is_runtime else None
        if isinstance(group, PropertyGroup):
            first = next(member.identifier for member in group.bl_rna.properties if member.is_runtime)
            if not group.is_property_set(first):
                setattr(group, first, getattr(group, first))


@bpy.app.handlers.persistent
def _on_save(*_: object) -> None:
    for obj in bpy.data.objects:
        if is_head(obj) and obj.library is None and obj.override_library is None:
            write_groups(settings(obj))


ADDS = Adds(handlers=(("save_pre", _on_save),))
