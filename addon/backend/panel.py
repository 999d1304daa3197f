"""How the installed backend is drawn: in the dialogue before, while it is installed, and afterwards."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import bpy
from bpy.types import Context, Panel, UILayout

from ..scene.panel_parts import InTab, draw_problem, draw_sentence, letters
from ..scene.preference_values import PACKAGE
from . import connection, home, installation
from .client import BUSY, DEAD, READY, STARTING
from .install import home as install_home
from .install import sizes

if TYPE_CHECKING:
    from .survey import Survey


def draw_remedy(layout: UILayout, width: int) -> bool:
    """Why there is no backend and the button that changes it; whether there was anything to draw."""
    if installation.busy():
        draw_work(layout, width)
        return True
    reason = connection.unavailable_reason()
    if not reason:
        return False
    draw_sentence(layout, reason, icon="INFO", width=width - 4)
    if connection.python_is_chosen():
        _preferences_button(layout)
    else:
        draw_buttons(layout, width)
    return True


def draw_work(layout: UILayout, width: int) -> None:
    """A running installation: how far it is, Cancel, the end of its log."""
    work = installation.state.work
    row = layout.row(align=True)
    row.scale_y = 1.5
    row.progress(text=f"{work.fraction:.0%}", factor=work.fraction)
    row.operator("emodifftalk.cancel_install", text="", icon="CANCEL")
    draw_sentence(layout, work.text, width=width)
    _draw_log(layout, width)


def draw_buttons(layout: UILayout, width: int) -> None:
    """What can be done about the installed backend, how the last attempt ended, and the way out when offline."""
    state, work = home.state(), installation.state.work
    column = layout.column(align=True)
    column.scale_y = 1.3
    if state == install_home.BROKEN:
        column.operator("emodifftalk.repair_backend", icon="TOOL_SETTINGS")
    elif state in (install_home.ABSENT, install_home.HALF, install_home.OLD):
        text = {install_home.HALF: "Install Backend (Go On)…", install_home.OLD: "Update Backend…"}.get(
            state, "Install Backend…"
        )
        column.operator("emodifftalk.install_backend", text=text, icon="IMPORT")
    if state != install_home.ABSENT:
        layout.operator("emodifftalk.uninstall_backend", icon="TRASH")
    offline = installation.why_no_network()
    if offline:
        draw_sentence(layout, f"{offline}.", icon="INTERNET_OFFLINE", width=width - 4)
        if not bpy.app.online_access and not installation.wheelhouse():
            layout.operator("extensions.userpref_show_online", text="Online Access…", icon="PREFERENCES")
    if work is not None and work.problem:
        draw_problem(layout, work.problem, width)
        _draw_log(layout, width)
    elif work is not None and work.cancelled:
        draw_sentence(layout, "Cancelled: what is downloaded is kept.", icon="INFO", width=width - 4)


def draw_upkeep(layout: UILayout, width: int) -> None:
    """The installed backend in a line, with Repair, Uninstall and its log."""
    if installation.busy():
        draw_work(layout, width)
        return
    work = installation.state.work
    if work is not None and work.problem:
        draw_problem(layout, work.problem, width)
        _draw_log(layout, width)
    if home.state() == install_home.ABSENT:
        return
    if note := home.note():
        draw_sentence(layout, note, icon="CHECKMARK", width=width - 4)
    row = layout.row(align=True)
    row.operator("emodifftalk.repair_backend", icon="TOOL_SETTINGS")
    row.operator("emodifftalk.uninstall_backend", icon="TRASH")
    row.operator("emodifftalk.copy_install_log", icon="COPYDOWN")


def draw_survey(layout: UILayout, operator: Any, survey: Survey) -> None:
    """Before anything is fetched: what this computer has, the builds and their sizes, where it goes.

    operator: Install Backend; its property `choice` is drawn. No type, for its file imports this one.
    """
    if survey.problem:
        draw_problem(layout, survey.problem, 74)
        return
    if survey.machine is None or not survey.builds:
        draw_sentence(layout, "Still looking at this computer: press Install for what suits it.", "INFO", 74)
        return
    draw_sentence(layout, survey.advice, icon="INFO", width=74)
    layout.row().prop(operator, "choice", expand=True)
    chosen = survey.choice if operator.choice == "AUTO" else operator.choice.lower()
    for choice, build in survey.builds.items():
        _draw_size(layout, survey, choice, build.named, choice == chosen)
    if chosen not in survey.builds:
        draw_problem(layout, f"There is no such build for {survey.machine.named}.", 74)
        return
    _draw_place(layout, survey, chosen)


def _draw_size(layout: UILayout, survey: Survey, choice: str, name: str, chosen: bool) -> None:
    size = survey.sizes[choice]
    row = layout.row()
    row.active = chosen
    split = row.split(factor=0.36)
    split.label(text=name, icon="RADIOBUT_ON" if chosen else "RADIOBUT_OFF")
    split.label(text=f"{sizes.readable(size.download)} to download, {sizes.readable(size.disk)} on disk")


def _draw_place(layout: UILayout, survey: Survey, chosen: str) -> None:
    size, build, root = survey.sizes[chosen], survey.builds[chosen], home.home().root
    folder = next(path for path in (root, *root.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    column = layout.column(align=True)
    column.scale_y = 0.85
    house = installation.wheelhouse()
    column.label(text=f"Sizes {size.origin}" if house is None else f"From the wheels in {house}")
    column.label(text=f"About {max(1, round(sizes.minutes(size)))} min on a line of 100 Mbit/s")
    column.label(text=f"{sizes.readable(build.room)} needed while installing, {sizes.readable(free)} free")
    if survey.base is not None:
        column.label(text=f"With {survey.base.named}")
    if house is None and (unchecked := home.source().unchecked(build)):
        draw_sentence(layout, unchecked, icon="INFO", width=74)
    draw_sentence(layout, f"Into {root}", icon="FILE_FOLDER", width=74)
    if free < build.room and home.home().packages() is None:
        draw_problem(layout, "There is not enough free space on this disk.", 74)


def _draw_log(layout: UILayout, width: int) -> None:
    work = installation.state.work
    if work is None or not work.lines:
        return
    box = layout.box().column(align=True)
    box.scale_y = 0.75
    for line in list(work.lines)[-5:]:
        box.label(text=line[: width + 8])
    layout.operator("emodifftalk.copy_install_log", icon="COPYDOWN")


def _preferences_button(layout: UILayout) -> None:
    layout.operator("preferences.addon_show", text="Preferences…", icon="PREFERENCES").module = PACKAGE


BACKEND_STATES: dict[str, tuple[str, Any]] = {
    # name and icon: of icons the stubs know every name
    READY: ("Ready", "CHECKMARK"),
    BUSY: ("Working", "SORTTIME"),
    STARTING: ("Starting", "SORTTIME"),
    DEAD: ("Stopped by a problem", "ERROR"),
}


class EMODIFFTALK_PT_backend(InTab, Panel):
    """The process that makes takes."""

    bl_label = "Backend"
    bl_parent_id = "EMODIFFTALK_PT_tools"
    bl_options = {"DEFAULT_CLOSED"}

    def draw_header_preset(self, context: Context) -> None:
        """Its state, seen while the panel is closed."""
        name, icon = BACKEND_STATES.get(connection.client.state, ("", "NONE"))
        if name:
            self.layout.label(text=name, icon=icon)

    def draw(self, context: Context) -> None:
        """State, what it works with on this machine, its last words; or how to get it."""
        width = letters(context)
        if not draw_remedy(self.layout, width):
            draw_backend(self.layout, width)


def draw_backend(layout: UILayout, width: int) -> None:
    """The backend's state, what it works with and, when it has died, the end of its log."""
    client = connection.client
    name, icon = BACKEND_STATES.get(client.state, ("Not started", "RADIOBUT_OFF"))
    row = layout.row()
    row.label(text=name, icon=icon)
    row.operator("emodifftalk.restart_backend", text="Start" if client.state == "stopped" else "Restart")
    for key, title in (
        ("device", "Device"),
        ("rasterizer", "Rasterizer"),
        ("front_end", "Speech"),
        ("text_encoder", "Words"),
        ("version", "Version"),
    ):
        if key in client.hello:
            split = layout.split(factor=0.4)
            split.label(text=title)
            split.label(text=client.hello[key])
    if client.problem:
        draw_problem(layout, client.problem, width)
        box = layout.box().column(align=True)
        box.scale_y = 0.8
        for line in list(client.log)[-6:]:
            box.label(text=line[: width + 10])
