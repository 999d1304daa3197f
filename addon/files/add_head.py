"""Add → EmoDiffTalk Head: the subjects that came with the extension, or one from a file."""

from __future__ import annotations

from pathlib import Path

from bpy.types import Context, Menu, UILayout

from ..blender.registering import Adds
from ..start_up import ROOT

_NAMES = ("nora", "kofi")
SUBJECTS = ROOT / "sample_scenes" / "subjects"
"""Where the sample heads lie."""


def samples() -> list[Path]:
    """The sample heads, those that an animator knows by name first."""
    paths = {path.stem: path for path in sorted(SUBJECTS.glob("*.safetensors"))}
    return [paths.pop(name) for name in _NAMES if name in paths] + list(paths.values())


def name_of(path: Path) -> str:
    """What a sample head is called."""
    return path.stem.replace("_", " ").title()


def draw_samples(layout: UILayout, text: str = "{}") -> None:
    """A button for each sample head that adds it; `text` has a place for its name."""
    layout.operator_context = "EXEC_REGION_WIN"
    for path in samples():
        button = layout.operator("emodifftalk.import_subject", text=text.format(name_of(path)), icon="USER")
        button.filepath = str(path)


class EMODIFFTALK_MT_add_head(Menu):
    """Heads that can be added."""

    bl_label = "EmoDiffTalk Head"
    bl_description = "Add a head at the 3D cursor: a sample, or a subject from a file"

    def draw(self, context: Context) -> None:
        """One entry for each sample, then any other."""
        layout = self.layout
        draw_samples(layout)
        layout.separator()
        layout.operator_context = "INVOKE_REGION_WIN"
        layout.operator("emodifftalk.import_subject", text="From File…", icon="FILE_FOLDER")


def _entry(self: Menu, context: Context) -> None:
    self.layout.menu("EMODIFFTALK_MT_add_head", icon="USER")


ADDS = Adds(classes=(EMODIFFTALK_MT_add_head,), menus=(("VIEW3D_MT_add", _entry),))
