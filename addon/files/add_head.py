"""Add → EmoDiffTalk Head: the subjects that came with the extension, or one from a file."""

from __future__ import annotations

from bpy.types import Context, Menu

from ..blender.registering import Adds
from ..start_up import ROOT

SUBJECTS = ROOT / "sample_scenes" / "subjects"
"""Where the sample heads lie."""


class EMODIFFTALK_MT_add_head(Menu):
    """Heads that can be added."""

    bl_label = "EmoDiffTalk Head"
    bl_description = "Add a head at the 3D cursor: a sample, or a subject from a file"

    def draw(self, context: Context) -> None:
        """One entry for each sample, then any other."""
        layout = self.layout
        samples = sorted(SUBJECTS.glob("*.safetensors"))
        layout.operator_context = "EXEC_REGION_WIN"
        for path in samples:
            name = path.stem.replace("_", " ").title()
            layout.operator("emodifftalk.import_subject", text=name, icon="USER").filepath = str(path)
        if samples:
            layout.separator()
        layout.operator_context = "INVOKE_REGION_WIN"
        layout.operator("emodifftalk.import_subject", text="From File…", icon="FILE_FOLDER")


def _entry(self: Menu, context: Context) -> None:
    self.layout.menu("EMODIFFTALK_MT_add_head", icon="USER")


ADDS = Adds(classes=(EMODIFFTALK_MT_add_head,), menus=(("VIEW3D_MT_add", _entry),))
