"""The add-on's preferences: the backend, installed by a button or chosen by hand."""

import re
from collections.abc import Callable

import bpy
from bpy.props import StringProperty
from bpy.types import AddonPreferences, Context, UILayout

from emodifftalk.core.errors import UserError
from emodifftalk.core.opening import read_bytes

from ..blender.registering import Adds
from ..blender.unforeseen import guarded
from ..scene.panel_parts import draw_problem
from ..scene.preference_values import PACKAGE, is_whole_path
from ..start_up import ROOT
from . import connection
from .panel import draw_backend, draw_remedy, draw_upkeep

_WIDTH = 90
MANUAL = ROOT / "docs" / "manual" / "README.md"
_MANIFEST = ROOT / "blender_manifest.toml"
_MOST_BYTES = 1 << 16


def website() -> str:
    """Where the extension is at home and faults are reported, as its manifest says; empty when that says nothing."""
    try:
        stated = re.search(r'^website *= *"(https://[^"]+)"', read_bytes(_MANIFEST, _MOST_BYTES).decode(), re.MULTILINE)
    except (UserError, OSError, UnicodeDecodeError):
        return ""
    return "" if stated is None else stated[1]


def _whole(name: str) -> Callable[[AddonPreferences, Context], None]:
    """What makes a path whole that Blender's file browser gave relative to the open file."""

    @guarded("Keeping the path")
    def changed(preferences: AddonPreferences, context: Context) -> None:
        text = getattr(preferences, name)
        if text.startswith("//") and bpy.data.filepath:
            setattr(preferences, name, bpy.path.abspath(text))

    return changed


class EMODIFFTALK_AP_preferences(AddonPreferences):
    """Shown under Edit → Preferences → Add-ons → EmoDiffTalk."""

    bl_idname = PACKAGE

    backend_folder: StringProperty(
        name="Backend Folder",
        description="Where Install Backend puts the backend (empty: the extension's own folder, which goes when the "
        "extension is removed). A folder emodifftalk-backend is made in it",
        subtype="DIR_PATH",
        update=_whole("backend_folder"),
    )
    wheelhouse: StringProperty(
        name="Folder of Wheels",
        description="Install from these .whl files instead of the network, for computers that may not go online. "
        "“pip download -r requirements.txt” on another computer fills such a folder",
        subtype="DIR_PATH",
        update=_whole("wheelhouse"),
    )
    python_path: StringProperty(
        name="Backend Python",
        description="Use this Python, which has the backend, instead of an installed one (empty: EMODIFFTALK_PYTHON, "
        "then what Install Backend made, then .venv beside the add-on)",
        subtype="FILE_PATH",
        update=_whole("python_path"),
    )

    def draw(self, context: Context) -> None:
        """The backend's state and buttons, then the paths."""
        layout = self.layout
        box = layout.box()
        if not draw_remedy(box, _WIDTH):
            draw_backend(box, _WIDTH)
            if not connection.python_is_chosen():
                draw_upkeep(box, _WIDTH)
        self._draw_links(layout)
        layout.use_property_split = True
        layout.prop(self, "backend_folder", placeholder="The extension's own")
        layout.prop(self, "wheelhouse", placeholder="None, fetch packages")
        layout.prop(self, "python_path", placeholder="The installed backend's")
        for path in (self.backend_folder, self.wheelhouse):
            if path and not is_whole_path(path):
                draw_problem(layout, f"“{path}” is no whole path, from the root of the disk: it is not used.", _WIDTH)

    def _draw_links(self, layout: UILayout) -> None:
        row = layout.row()
        if MANUAL.is_file():
            row.operator("wm.path_open", text="Manual", icon="HELP").filepath = str(MANUAL)
        site = website()
        if site:
            row.operator("wm.url_open", text="Website and Reports", icon="URL").url = site


ADDS = Adds(classes=(EMODIFFTALK_AP_preferences,))
