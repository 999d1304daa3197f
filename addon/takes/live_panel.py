"""Live in a line of Takes, the word over a preview, and the buttons that belong to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import bpy
from bpy.types import Context, Object, Operator, UILayout

from ..backend import trust
from ..blender.operators import Explained
from ..blender.regions import Box, free_box, navigation_boxes
from ..blender.registering import Adds
from ..playback import gaussians
from ..scene.heads import active_head, active_take, heads, no_head_reason
from ..scene.panel_parts import letters
from ..timeline import affect_pad
from . import live
from .settings import live_settings

_SIZE, _EDGE = 15, 18
"""Of the word, and its distance from the corner, in pixels at a resolution scale of 1."""
_COLOUR = (1.0, 0.76, 0.3, 1.0)
_WORDS = {
    "": "",
    trust.WAITS: "Waits for you",
    live.OPENED: "From the next edit",
    live.CURRENT: "Up to date",
    live.STARTS: "Starting",
    live.DECLINED: "Preview only",
    live.SHOWN: "Preview",
    live.LOOKING: "Looking",
}
"""What Live says in its line."""


def draw_live(layout: UILayout, head: Object, context: Context) -> None:
    """Live in a line: its switch, what it is doing, and the button that lets it go on."""
    text, icon = words(head)
    row = layout.row(align=True)
    split = row.split(factor=9 / letters(context))
    split.prop(live_settings(), "on")
    said = split.row()
    said.active, said.alert = live_settings().on, icon == "ERROR"
    said.label(text=text, icon=icon)  # type: ignore[arg-type]  # a name
    row.operator("emodifftalk.resume_live", text="", icon="PLAY")


def words(head: Object) -> tuple[str, str]:
    """What Live is doing about a head in two or three words, and an icon; `live.status` has the sentence."""
    if not live_settings().on:
        return "Off", "BLANK1"
    if live.state.problem:
        return "Paused", "ERROR"
    if active_take(head) is None:
        return "After the first take", "BLANK1"
    sentence, icon = live.status(head)
    return _WORDS.get(sentence, "Cannot follow" if icon == "INFO" else sentence.replace("the take follows, ", "")), icon


def sentences(head: Object) -> Iterator[tuple[str, str]]:
    """What Live has to say about a head in full, and icons."""
    if live_settings().on and live.state.problem:
        yield f"Live has paused: {live.state.problem}", "ERROR"
    elif live_settings().on and active_take(head) is not None:
        text, icon = live.status(head)
        if text:
            yield f"Live: {text[0].lower()}{text[1:]}" if text in _WORDS and text != trust.WAITS else text, icon


class EMODIFFTALK_OT_resume_live(Explained, Operator):
    """Let Live go on after a problem; the backend is started again if it has to be"""

    bl_idname = "emodifftalk.resume_live"
    bl_label = "Resume Live"

    @classmethod
    def why_not(cls, context: Context) -> str:
        """While it has paused, or waits to be allowed."""
        return "" if live.state.problem or not trust.is_given() else "Live has not paused"

    def execute(self, context: Context) -> set[str]:
        """Try again."""
        live.resume()
        return {"FINISHED"}


class EMODIFFTALK_OT_keep_take(Explained, Operator):
    """Keep this take in the list: after the next edit Live makes another one beside it instead of in its place"""

    bl_idname = "emodifftalk.keep_take"
    bl_label = "Keep This Take"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def why_not(cls, context: Context) -> str:
        """With a take that Live would replace."""
        head = active_head(context)
        if head is None:
            return no_head_reason(context)
        entry = active_take(head)
        stays = "This take stays anyway: only takes made by Live are replaced"
        return "" if entry is not None and entry.live else stays

    def execute(self, context: Context) -> set[str]:
        """Make it one like those that Generate makes."""
        active_take(active_head(context)).live = False
        return {"FINISHED"}


def draw_word() -> None:
    """Write “Preview” into the corner of a viewport that shows one."""
    context = bpy.context
    if not any(gaussians.preview_of(head, context.scene) and head.visible_get() for head in heads(context.scene)):
        return
    import blf

    scale, text = context.preferences.system.ui_scale, "Preview"
    blf.size(0, _SIZE * scale)
    width, height = blf.dimensions(0, text)
    pad = affect_pad.square_in(context)
    taken = [*navigation_boxes(context), *([pad.frame] if pad else [])]
    place = free_place(free_box(context.area, context.region), width, height, _EDGE * scale, taken)
    blf.enable(0, blf.SHADOW)
    blf.shadow(0, 5, 0.0, 0.0, 0.0, 0.9)
    blf.color(0, *_COLOUR)
    blf.position(0, place.left, place.bottom, 0)
    blf.draw(0, text)
    blf.disable(0, blf.SHADOW)


def free_place(free: Box, width: float, height: float, edge: float, taken: Sequence[Box]) -> Box:
    """Where a word goes that must not be overlooked: at the lower edge of what can be seen of a viewport, the right
    corner first, then the left one, then beside what is `taken`; else above that, else in an upper corner."""
    left, right = free.left + edge, free.right - edge - width
    low, high, gap = free.bottom + edge, free.top - edge - height, edge / 3
    places = [(right, low), (left, low)]
    places += [(x, low) for box in taken for x in (box.left - gap - width, box.right + gap)]
    places += [(box.left, box.top + gap) for box in taken] + [(right, high), (left, high)]
    boxes = [Box(x, y, x + width, y + height) for x, y in places]
    boxes = [box for box in boxes if free.holds(box.left, box.bottom) and free.holds(box.right, box.top)] or boxes
    return next((box for box in boxes if not any(box.meets(other) for other in taken)), boxes[0])


ADDS = Adds(
    classes=(EMODIFFTALK_OT_resume_live, EMODIFFTALK_OT_keep_take),
    drawings=(("SpaceView3D", draw_word, "POST_PIXEL"),),
)
