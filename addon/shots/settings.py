"""The shots of a file and how they are rendered: kept in the .blend, so that the list travels with it."""

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)
from bpy.types import Context, Object, PropertyGroup, Scene

from emodifftalk.shots.names import KEEP, REFUSE, RENDER

from ..blender.registering import Adds
from ..blender.unforeseen import guarded
from ..scene.heads import is_head, settings

_FOLDER = {"subtype": "DIR_PATH", "options": {"PATH_SUPPORTS_BLEND_RELATIVE"}}
_FORMATS = (
    ("PNG", "PNG", "Lossless, made for display; with alpha when the film is transparent"),
    ("JPEG", "JPEG", "Small, made for display, without alpha"),
    ("WEBP", "WebP", "Small, made for display"),
    ("TIFF", "TIFF", "Lossless, made for display"),
    ("OPEN_EXR", "OpenEXR", "Scene-linear, for compositing and grading"),
    ("OPEN_EXR_MULTILAYER", "OpenEXR MultiLayer", "Scene-linear with every pass, for compositing"),
)


@guarded("Looking for takes", ())
def _take_search(self: "ShotTake", context: Context, text: str) -> list[str]:
    names = [entry.name for entry in settings(self.head).takes] if is_head(self.head) else []
    return [name for name in names if text.lower() in name.lower()]


@guarded("Looking for heads", False)
def _is_head(self: "ShotTake", obj: Object) -> bool:
    return is_head(obj)


@guarded("Looking for cameras", False)
def _is_camera(self: "ShotItem", obj: Object) -> bool:
    return obj.type == "CAMERA"


class ShotTake(PropertyGroup):
    """Which take of a head plays in a shot."""

    head: PointerProperty(type=Object, name="Head", description="A head of the shot's scene", poll=_is_head)
    take: StringProperty(
        name="Take", description="The take it plays in this shot, whichever plays now", search=_take_search
    )


class ShotItem(PropertyGroup):
    """One shot; its name is also that of its files."""

    enabled: BoolProperty(name="Render", description="Render this shot with the others", default=True)
    scene: PointerProperty(type=Scene, name="Scene", description="The scene to render (empty: the one that is open)")
    camera: PointerProperty(
        type=Object,
        name="Camera",
        description="The camera to render with (empty: the scene's own, and those bound to its markers)",
        poll=_is_camera,
    )
    own_range: BoolProperty(name="Own Range", description="Other frames than the range of the scene")
    frame_start: IntProperty(name="Start", description="First frame of the shot", default=1)
    frame_end: IntProperty(name="End", description="Last frame of the shot", default=250)
    takes: CollectionProperty(type=ShotTake)
    format: EnumProperty(name="Pictures", description="The format of the frames", items=_FORMATS)
    movie: BoolProperty(
        name="Movie with Voice",
        description="When all frames are there, also write a movie of them with the sound of the sequencer",
        default=True,
    )
    codec: EnumProperty(
        name="Codec",
        description="How the movie is written",
        items=(
            ("H264", "H.264 (.mp4)", "Small, plays everywhere"),
            ("PRORES", "ProRes (.mov)", "Large, for editing"),
        ),
    )
    output: StringProperty(
        name="Folder", description="Where the frames go (empty: a folder of the shot's name in the output folder)",
        **_FOLDER,
    )  # fmt: skip


class ShotQueueSettings(PropertyGroup):
    """The list, and what holds for all of it."""

    shots: CollectionProperty(type=ShotItem)
    active: IntProperty(name="Shot", description="The shot shown below", options=set())
    folder: StringProperty(
        name="Output", description="Where all shots and the report go (empty: renders beside the .blend)", **_FOLDER
    )
    jobs: IntProperty(
        name="Blenders", description="How many Blenders render at a time; each needs the memory of the scene",
        default=1, min=1, soft_max=8, max=64,
    )  # fmt: skip
    patience: IntProperty(
        name="Patience",
        description="Minutes without a sign of life after which a Blender is ended and its frame given to another "
        "(0: three times the slowest frame so far and at least 5; 30 until a frame is done)",
        default=0, min=0, soft_max=120, max=10_000,
    )  # fmt: skip
    changed: EnumProperty(
        name="Changed Shots",
        description="What happens to frames that were rendered before the file or the shot was changed",
        items=(
            (REFUSE, "Leave Alone", "Render nothing of such a shot and say so"),
            (RENDER, "Render Again", "Throw the older frames of the shot away and render all of it again"),
            (KEEP, "Keep Frames", "Keep the older frames and render only those that are missing"),
        ),
    )


def queue_settings(context: Context) -> ShotQueueSettings:
    """The list of the open file: that of the scene which has one, of the scene in view while none has."""
    lists = (_shot_list(scene) for scene in bpy.data.scenes if scene.library is None)
    return next((shot_list for shot_list in lists if len(shot_list.shots)), _shot_list(context.scene))


def _shot_list(scene: Scene) -> ShotQueueSettings:
    return scene.emodifftalk_shots  # type: ignore[attr-defined]  # registered by us


def active_shot(shot_list: ShotQueueSettings) -> ShotItem | None:
    """The shot that is chosen in the list."""
    return shot_list.shots[shot_list.active] if 0 <= shot_list.active < len(shot_list.shots) else None


_CLASSES = (ShotTake, ShotItem, ShotQueueSettings)

ADDS = Adds(classes=_CLASSES, properties=((Scene, "emodifftalk_shots", ShotQueueSettings, {}),))
