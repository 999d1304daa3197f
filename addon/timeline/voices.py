"""Add Voice: a recording from a file, in place of the voice a head has, after it or beside it."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty
from bpy.types import Context, Event, Object, Operator, Scene, SoundStrip
from bpy_extras.io_utils import ImportHelper

from emodifftalk.core.errors import UserError

from ..blender import compat
from ..blender.registering import Adds
from ..scene.heads import active_head, is_head, settings
from ..scene.operators import ForHead
from ..scene.strips import remove_strip, strip_scene, strip_settings, voice_strips
from .fitting import ForVoices
from .prompts import LAST_CHANNEL, add_voice, free_channel, listening_scene

REPLACE, AFTER, BESIDE = "REPLACE", "AFTER", "BESIDE"
_PLACES = (
    (REPLACE, "Replace", "In place of the voice it has, from where that begins; those strips are deleted"),
    (AFTER, "Add After", "Where the voice it has ends, as its next line"),
    (BESIDE, "Beside", "At the playhead, beside what it speaks already"),
)


def bring_voice(head: Object, scene: Scene, path: Path, place: str = REPLACE) -> SoundStrip:
    """Put a recording on the sequencer and let a head speak it: at the playhead for a head without a voice, else in
    the `place` of _PLACES. Raises UserError, nothing changed, for what is no recording.
    """
    old, uid = voice_strips(head, scene), settings(head).voice_uid
    if not old:
        return add_voice(head, scene, path)
    if place == BESIDE:
        frame = scene.frame_current
    else:
        frame = round(compat.left_handle(old[0]) if place == REPLACE else max(map(compat.right_handle, old)))
    channel, strip = old[-1].channel, add_voice(head, scene, path, frame)
    if place != REPLACE:
        strip_settings(strip).uid = settings(head).voice_uid = uid
    elif not _others_speak(uid, head):
        for spoken in old:
            remove_strip(spoken)
    if place != BESIDE:  # on the line of the voice it follows
        strip.channel = LAST_CHANNEL
        strip.channel = free_channel(scene, channel, frame, compat.right_handle(strip))
    return strip


def _others_speak(uid: str, head: Object) -> bool:
    """Whether another head speaks the voice of that uid too."""
    return any(is_head(other) and settings(other).voice_uid == uid for other in bpy.data.objects if other != head)


class EMODIFFTALK_OT_add_voice(ForVoices, ForHead, Operator, ImportHelper):  # type: ignore[misc]  # its stub
    """Put a recording on the sequencer and let this head speak it"""

    bl_idname = "emodifftalk.add_voice"
    bl_label = "Add Voice"
    bl_options = {"REGISTER", "UNDO"}

    filter_glob: StringProperty(default="*.wav;*.flac;*.ogg;*.mp3", options={"HIDDEN"})
    place: EnumProperty(
        name="Place", description="Where it goes when the head has a voice", items=_PLACES, options={"SKIP_SAVE"}
    )
    had_voice: BoolProperty(options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Choose a file. With the playhead beyond the voice that is there another line is expected, no new voice."""
        head = active_head(context)
        old = voice_strips(head, context.scene)
        self.had_voice = bool(old)
        beyond = bool(old) and strip_scene(head, context.scene).frame_current >= max(map(compat.right_handle, old))
        if not self.properties.is_property_set("place"):
            self.place = BESIDE if beyond else REPLACE
        return super().invoke(context, event)  # type: ignore[return-value]  # the stub's are a set of fewer words

    def draw(self, context: Context) -> None:
        """What is asked beside the file."""
        if self.had_voice:
            self.layout.label(text="The Voice There Is")
            self.layout.column(align=True).prop(self, "place", expand=True)
        self.layout.prop(self, "extend")

    def execute(self, context: Context) -> set[str]:
        """Add the strip."""
        head = active_head(context)
        scene = listening_scene(head, context)
        self.had_voice = bool(voice_strips(head, scene))
        try:
            path = Path(bpy.path.abspath(self.filepath))  # type: ignore[attr-defined]  # a property of ImportHelper
            strip = bring_voice(head, scene, path, self.place)
        except UserError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.make_room(context.scene, [strip])
        return {"FINISHED"}


ADDS = Adds(classes=(EMODIFFTALK_OT_add_voice,))
