"""Heads that a render left out are said: in Blender's report, over the picture, on the console, in Properties.

While a render goes on nothing can be reported: what is to be said is remembered, and said when it has ended.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import bpy
from bpy.types import Context, Event, Operator, Scene, UILayout

from ..blender.guarding import start_timer
from ..blender.redraw import redraw
from ..blender.registering import Adds
from ..blender.state import State
from ..draw.colours import ENGINE
from ..draw.left_out import CURE, left_out, left_out_for_panels
from . import memory
from .operators import is_in


@dataclass
class RenderState(State):
    """What renders lacked.

    going: the sentence on the render that goes on; empty while nothing was missed.
    ended: the sentence on the last render of each scene (by session uid) that lacked a head.
    to_say: what is to be reported as soon as Blender allows it.
    printed: what the console has been told: once in a session, not once per frame.
    """

    going: str = ""
    ended: dict[int, str] = field(default_factory=dict)
    to_say: list[str] = field(default_factory=list)
    printed: set[str] = field(default_factory=set)


state = memory.keep(RenderState())


class EMODIFFTALK_OT_report_missing_heads(Operator):
    """Say which heads a render left out"""

    bl_idname = "emodifftalk.report_missing_heads"
    bl_label = "Report Missing Heads"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        """While there is something to say."""
        return bool(state.to_say)

    def invoke(self, context: Context, event: Event | None) -> set[str]:
        """Wait for an event: of what is reported while a script runs, the status bar shows nothing."""
        self._timer = context.window_manager.event_timer_add(0.1, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: Context, event: Event) -> set[str]:
        """Report at the first one that comes by the clock."""
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        context.window_manager.event_timer_remove(self._timer)
        return self.execute(context)

    def execute(self, context: Context) -> set[str]:
        """In the status bar and the Info editor."""
        while state.to_say:
            self.report({"WARNING"}, state.to_say.pop(0))
        return {"FINISHED"}


@bpy.app.handlers.persistent
def _on_begin(scene: Scene, *_: object) -> None:
    state.going = ""
    state.ended.pop(scene.session_uid, None)


@bpy.app.handlers.persistent
def _on_picture(scene: Scene, *_: object) -> None:
    """Every frame may hide and show other heads."""
    if not state.going:
        state.going = left_out(scene)


@bpy.app.handlers.persistent
def _on_end(scene: Scene, *_: object) -> None:
    sentence, state.going = state.going, ""
    if not sentence:
        return
    state.ended[scene.session_uid] = sentence
    whole = f"{sentence} {CURE}"
    if whole not in state.printed:
        state.printed.add(whole)
        print(f"EmoDiffTalk: {whole}", flush=True)
    if not bpy.app.background:
        state.to_say[:] = [whole]
        start_timer(_say, 0.1, persistent=False)  # this may be the render's own thread


def _say() -> None:
    redraw(("IMAGE_EDITOR",))
    windows = bpy.context.window_manager.windows
    if state.to_say and windows:
        with bpy.context.temp_override(window=windows[0]):
            ours: Any = bpy.ops
            ours.emodifftalk.report_missing_heads("INVOKE_DEFAULT")


def _over_picture(self, context: Context) -> None:
    """In the header above the render that lacks a head."""
    image, scene = getattr(context.space_data, "image", None), context.scene
    if image is None or image.type != "RENDER_RESULT" or scene.session_uid not in state.ended:
        return
    if scene.render.engine == ENGINE or is_in(scene):  # mended: the next render has them
        return
    _draw_cure(self.layout.row(align=True), state.ended[scene.session_uid])
    self.layout.separator()


def _in_properties(self, context: Context) -> None:
    """Below the choice of the engine."""
    scene = context.scene
    sentence = left_out_for_panels(scene)
    if sentence:
        _draw_cure(self.layout.column(), sentence)


def _draw_cure(layout: UILayout, sentence: str) -> None:
    """Who is missing, without the reason, which the button's tooltip and the tab have room for; and the button."""
    row = layout.row()
    row.alert = True
    row.label(text=sentence.split(":")[0], icon="ERROR")
    layout.operator("emodifftalk.put_heads_in", icon="NODE_COMPOSITING")


ADDS = Adds(
    classes=(EMODIFFTALK_OT_report_missing_heads,),
    headers=(("IMAGE_HT_header", _over_picture),),
    menus=(("RENDER_PT_context", _in_properties),),
    handlers=(
        ("render_init", _on_begin),
        ("render_pre", _on_picture),
        ("render_complete", _on_end),
        ("render_cancel", _on_end),
    ),
    timers=(_say,),
)
