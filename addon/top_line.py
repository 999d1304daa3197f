"""The line on top of the tab, always there and always as high: how backend, take and files stand, and the button that
acts on what is most urgent. Everything there is to say lies behind its last button."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bpy.types import Context, Object, Panel, UILayout

from .backend import connection, home, installation, long_work, trust
from .backend.client import DEAD, STARTING
from .backend.install import home as install_home
from .backend.panel import BACKEND_STATES, draw_remedy
from .blender import guarding, unforeseen
from .files import missing
from .playback import gaussians
from .scene.heads import active_head, heads
from .scene.panel_parts import NARROW, InTab, draw_sentence, letters, shortened
from .scene.preference_values import PACKAGE
from .takes import live, live_panel, status
from .takes.generate import job_of, job_text
from .takes.settings import live_settings
from .takes.staleness import BAKED
from .takes.staleness import status as take_status
from .viewport import drawing

_BUTTON, _NARROW_BUTTON = 0.36, 0.43
"""Of the line's width, for its button."""


@dataclass(frozen=True)
class TopLine:
    """What the line says.

    text: a few words.
    icon: one of Blender's names.
    operator, label: of the button; without an operator its place is empty.
    fraction: how far something is, 0..1, drawn as a bar; None when nothing is going on.
    """

    text: str
    icon: str = "NONE"
    operator: str = ""
    label: str = ""
    fraction: float | None = None


def top_line(context: Context) -> TopLine:
    """What matters most now: what nobody foresaw, work going on, missing files, what keeps the backend from working,
    the take."""
    head = active_head(context)
    return (
        _fault()
        or _work(head)
        or _files()
        or _trouble(head, context)
        or (_take(head, context) if head is not None else _no_head(context))
    )


def _fault() -> TopLine | None:
    fault = unforeseen.last()
    if fault is None:
        return None
    if not fault.details:
        return TopLine(fault.where, "ERROR", "emodifftalk.wave_away", "Close")
    return TopLine("Not foreseen", "ERROR", guarding.COPY_DETAILS, "Copy Details")


def _work(head: Object | None) -> TopLine | None:
    """What is going on, with a button that cancels it."""
    if installation.busy():
        work = installation.state.work
        return TopLine(f"{work.fraction:.0%} Backend", "NONE", "emodifftalk.cancel_install", "Cancel", work.fraction)
    job = job_of(head) if head is not None else None
    if job is not None and job.running and not job.live:
        return TopLine(f"{job.fraction:.0%} {job_text(job)}", "NONE", "emodifftalk.cancel", "Cancel", job.fraction)
    if long_work.busy():
        long = long_work.current()
        return TopLine(f"{long.fraction:.0%} {long.title}", "NONE", "emodifftalk.cancel_work", "Cancel", long.fraction)
    return None


def _files() -> TopLine | None:
    line = missing.missing_line()
    if not line:
        return None
    if not missing.lost_files():
        return TopLine("Takes not laid", "ERROR")  # the details say why
    if line.endswith(" is missing"):
        text = f"{line.split()[1].capitalize()} missing"  # its name would not fit
    else:
        text = line.partition(":")[0].replace(" are missing", " missing")
    return TopLine(text, "ERROR", "emodifftalk.find_missing", "Find…")


def _trouble(head: Object | None, context: Context) -> TopLine | None:
    """What keeps heads from being shown or takes from being made, with what can be done about it."""
    if drawing.state.problem or (head is not None and gaussians.problems.get(head.session_uid)):
        return TopLine("Cannot be shown", "ERROR")
    absent, dead = bool(connection.unavailable_reason()), connection.client.state == DEAD
    if absent and (dead or (head is not None and take_status(head, context.scene).state != BAKED)):
        return _no_backend()
    if dead:
        return TopLine("Backend stopped", "ERROR", "emodifftalk.restart_backend", "Restart")
    if head is None:
        return None
    if not trust.is_given() and not absent:
        return TopLine("From elsewhere", "INFO", "emodifftalk.resume_live", "Start")
    if live_settings().on and live.state.problem:
        return TopLine("Live has paused", "ERROR", "emodifftalk.resume_live", "Resume")
    return None


def _no_backend() -> TopLine:
    """How to get one."""
    if connection.python_is_chosen():
        return TopLine("No backend", "INFO", "preferences.addon_show", "Preferences…")
    state = home.state()
    if state == install_home.BROKEN:
        return TopLine("Backend lost", "ERROR", "emodifftalk.repair_backend", "Repair")
    label = {install_home.HALF: "Go On…", install_home.OLD: "Update…"}.get(state, "Install…")
    text = "Old backend" if state == install_home.OLD else "No backend"
    return TopLine(text, "INFO", "emodifftalk.install_backend", label)


def _take(head: Object, context: Context) -> TopLine:
    """How the take stands, with the button that makes another."""
    if connection.client.state == STARTING:
        return TopLine("Backend starts", "SORTTIME", "emodifftalk.generate", "Generate")
    text, icon = status.state_line(head, context)
    short = text.partition(" of ")[0].replace("Stale:", "Stale")  # how much of how much is said below
    return TopLine(short, icon, "emodifftalk.generate", "Generate")


def _no_head(context: Context) -> TopLine:
    several = any(True for _ in heads(context.scene))
    return TopLine("Select a head" if several else "No head yet", "INFO")


class EMODIFFTALK_PT_top_line(InTab, Panel):
    """How everything stands."""

    bl_label = "State"
    bl_options = {"HIDE_HEADER"}

    def draw(self, context: Context) -> None:
        """Words or a bar, a button, and what lies behind."""
        line, row = top_line(context), self.layout.row(align=True)
        narrow = letters(context) < NARROW
        share = 1 - (_NARROW_BUTTON if narrow else _BUTTON)
        split, room = row.split(factor=share, align=True), int(letters(context) * share) - 2
        if line.fraction is not None:
            split.progress(text=shortened(line.text, room + 2), factor=line.fraction)
        else:
            left = split.row(align=True)
            left.alert = line.icon == "ERROR"
            icon: Any = "NONE" if narrow else line.icon
            left.label(text=shortened(line.text, room), icon=icon)
        if line.operator:
            button = split.operator(line.operator, text=line.label)
            if line.operator == "preferences.addon_show":
                button.module = PACKAGE
        else:
            split.label(text="")
        row.popover("EMODIFFTALK_PT_details", text="", icon="INFO")


class EMODIFFTALK_PT_details(Panel):
    """All there is to say about the files, the take, Live and the backend"""

    bl_label = "Details"
    bl_space_type = "TOPBAR"
    bl_region_type = "HEADER"
    bl_ui_units_x = 17

    def draw(self, context: Context) -> None:
        """One paragraph for each."""
        for title, said in _details(context):
            self.layout.label(text=title)
            for sentence, icon in said:
                draw_sentence(self.layout, sentence, icon, _WIDTH)
        draw_remedy(self.layout, _WIDTH)
        _draw_ways_out(self.layout)


_WIDTH = 50
"""Letters in a line of the details."""


def _details(context: Context) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Titles, and under each sentences with icons."""
    head, line = active_head(context), missing.missing_line()
    fault = unforeseen.last()
    if fault is not None:
        yield "What Happened", [(fault.sentence, "ERROR")]
    yield "Files", [(f"{line.rstrip('.')}.", "ERROR") if line else ("Nothing is missing", "CHECKMARK")]
    if head is not None:
        broken = gaussians.problems.get(head.session_uid)
        said = [(broken, "ERROR")] if broken else []
        said += [*status.sentences(head, context), *live_panel.sentences(head)]
        yield f"Take of {head.name}", list(dict.fromkeys(said))
    yield "Backend", _backend()


def _backend() -> list[tuple[str, str]]:
    """What there is to say about the backend that is there."""
    client, said = connection.client, []
    if drawing.state.problem:
        said.append((drawing.state.problem, "ERROR"))
    if client.problem:
        said.append((client.problem, "ERROR"))
    elif not installation.busy() and not connection.unavailable_reason():  # else the remedy below says why
        said.append(BACKEND_STATES.get(client.state, ("Not started", "BLANK1")))
    if long_work.busy():
        said.append((f"{long_work.current().title}: {long_work.job_text()}", "SORTTIME"))
    if not trust.is_given():
        said.append((trust.WAITS, "INFO"))
    return said


def _draw_ways_out(layout: UILayout) -> None:
    """Buttons for what is said above."""
    if unforeseen.last() is not None:
        row = layout.row(align=True)
        row.operator("emodifftalk.copy_details", icon="COPYDOWN")
        row.operator("emodifftalk.wave_away")
    row = layout.row(align=True)
    row.operator("emodifftalk.find_missing")
    row.operator("emodifftalk.restart_backend", text="Restart Backend" if connection.client.alive else "Start Backend")
