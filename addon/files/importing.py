"""What importing an object has in common, whatever comes in."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.types import Context, Object, Operator
from bpy_extras.io_utils import ImportHelper

from emodifftalk.core.errors import UserError

from ..scene.heads import settings
from ..scene.operators import InObjectMode


class BringsIn(InObjectMode, ImportHelper, Operator):
    """An operator that imports a file in object mode, selects what came in and says what it is."""

    def bring_in(self, path: Path, context: Context) -> Object:
        """Add the file to the scene. Raises UserError, the scene unchanged, when it cannot be read."""
        raise NotImplementedError

    def execute(self, context: Context) -> set[str]:
        """Import, select, and say what came in."""
        try:
            path = Path(bpy.path.abspath(self.filepath))  # type: ignore[attr-defined]  # a property of ImportHelper
            obj = self.bring_in(path, context)
        except UserError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        for other in context.selected_objects:
            other.select_set(False)
        obj.select_set(True)
        context.view_layer.objects.active = obj
        self.report({"INFO"}, f"{obj.name}: {settings(obj).subject_points:,} Gaussians")
        return {"FINISHED"}
