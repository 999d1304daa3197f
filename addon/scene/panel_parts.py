"""What the panels of our tab have in common: where they stand, and sentences that fit their width."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from bpy.types import Context, Scene, UILayout

from emodifftalk.core.clock import clock_text
from emodifftalk.core.facs import AU_LABELS

from .heads import active_head
from .strips import scene_clock

if TYPE_CHECKING:  # that they are mixed into one; when they run, Blender would take a class of this base for a panel
    from bpy.types import Panel
else:
    Panel = object

TAB = "EmoDiffTalk"
"""What our tab is called."""
AU_GROUPS = (
    ("Brows", ("AU01", "AU02", "AU04")),
    ("Eyes", ("AU05", "AU06", "AU07", "AU45")),
    ("Nose and Upper Lip", ("AU09", "AU10")),
    ("Mouth", ("AU12", "AU14", "AU15", "AU23", "AU24", "AU25", "AU26")),
    ("Chin", ("AU17",)),
)
"""The action units as they lie on the face, from top to bottom."""
_SHORT_NAMES = {
    "AU01": "Inner Brow Up",
    "AU02": "Outer Brow Up",
    "AU04": "Brow Down",
    "AU05": "Upper Lid Up",
    "AU06": "Cheek Up",
    "AU07": "Lid Tight",
    "AU09": "Nose Wrinkle",
    "AU10": "Upper Lip Up",
    "AU12": "Corners Up",
    "AU14": "Dimple",
    "AU15": "Corners Down",
    "AU17": "Chin Up",
    "AU23": "Lip Tight",
    "AU24": "Lip Press",
    "AU25": "Lips Part",
    "AU26": "Jaw Drop",
    "AU45": "Blink",
}
"""What the action units do, in words for a narrow side bar; their tooltips have FACS' own."""
_LONGEST, _LONGEST_SHORT = (max(map(len, names.values())) for names in (AU_LABELS, _SHORT_NAMES))


def unit_name(au: str, width: int) -> str:
    """An action unit's name as full as all units' fit `width` letters; its number when no name does."""
    if width >= _LONGEST + 5:
        return f"{au} {AU_LABELS[au]}"
    if width >= _LONGEST_SHORT + 5:
        return f"{au} {_SHORT_NAMES[au]}"
    return _SHORT_NAMES[au] if width >= _LONGEST_SHORT else au


def time_text(scene: Scene, seconds: float, frame: float | None = None) -> str:
    """Seconds and, beside them, frames, short enough for a list: 2.3 s · 55.

    frame: at which it is; without one, how many frames of the scene it lasts.
    """
    frames = round(seconds * scene_clock(scene).rate) if frame is None else round(frame)
    return f"{seconds:.1f} s · {frames}" if abs(seconds) < 60 else f"{clock_text(seconds)} · {frames}"


def shortened(text: str, width: int) -> str:
    """A text that is no longer than `width` letters: what is cut off ends in “…”."""
    return text if len(text) <= width else text[: max(width - 1, 1)].rstrip(" ,.;:") + "…"


def draw_sentence(layout: UILayout, text: str, icon: str = "NONE", width: int = 38) -> None:
    """A sentence over as many lines as it needs, `width` letters each."""
    column = layout.column(align=True)
    column.scale_y = 0.85
    for number, line in enumerate(textwrap.wrap(text, max(width, 16)) or [""]):
        if icon == "NONE":
            column.label(text=line)
        else:
            column.label(text=line, icon=icon if number == 0 else "BLANK1")  # type: ignore[arg-type]  # a name


def draw_lines(layout: UILayout, text: str, lines: int, width: int, icon: str = "NONE", height: float = 0.85) -> None:
    """A sentence in a place of its own: always so many lines, `width` letters each, empty where there is less to say.

    What is below stays where it is, whatever the sentence. What does not fit ends in “…”. height: of a line.
    """
    wrapped = textwrap.wrap(text, max(width, 12), max_lines=lines, placeholder="…") if text else []
    column = layout.column(align=True)
    column.scale_y = height
    for number in range(lines):
        line = wrapped[number] if number < len(wrapped) else ""
        if icon == "NONE" or not text:
            column.label(text=line)
        else:
            column.label(text=line, icon=icon if number == 0 else "BLANK1")  # type: ignore[arg-type]  # a name


def draw_problem(layout: UILayout, text: str, width: int) -> None:
    """A problem in a box of its own."""
    box = layout.box()
    box.alert = True
    draw_sentence(box, text, icon="ERROR", width=width - 4)


NARROW = 30
"""Letters below which the side bar is too narrow for two things beside each other."""
BESIDE_VALUE = 12
"""Letters of a row that a slider's value and edges take."""


def letters(context: Context) -> int:
    """How many letters fit in the side bar's width."""
    return max(18, int(context.region.width / (6.6 * context.preferences.system.ui_scale)) - 6)


class InTab(Panel):
    """A panel of our tab in the 3D viewport."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = TAB


class OfHead(InTab):
    """One that is there with a head only."""

    @classmethod
    def poll(cls, context: Context) -> bool:
        """With a head."""
        return active_head(context) is not None
