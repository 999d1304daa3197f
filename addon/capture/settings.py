"""How a character of the scene is to be captured: kept in the scene, so that a capture can be gone on with later."""

from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty
from bpy.types import PropertyGroup, Scene

from emodifftalk.core.dome import VIEWS

from ..blender.registering import Adds

_PATHS = {"options": {"PATH_SUPPORTS_BLEND_RELATIVE"}}
_DOMES = {11: "A half circle in front, on the head's plane", 24: "All round, for most shots", 60: "All round, densely"}


class CaptureSettings(PropertyGroup):
    """What *Capture as Subject* asks for."""

    folder: StringProperty(
        name="Folder",
        description="Where pictures and cameras go (empty: a folder of the character's name beside the .blend)",
        subtype="DIR_PATH",
        **_PATHS,
    )
    views: EnumProperty(
        name="Cameras",
        description="Cameras to learn from; a few more are held out to measure the subject with",
        items=[(str(count), str(count), _DOMES[count]) for count in VIEWS],
    )
    size: IntProperty(name="Size", description="Pixels, square", default=512, min=32, max=4096, subtype="PIXEL")
    samples: IntProperty(name="Samples", description="Render samples of each picture", default=24, min=1, soft_max=256)
    engine: EnumProperty(
        name="Engine",
        description="What photographs the character",
        items=(
            ("cycles", "Cycles", "Renders everywhere, and what it shows is what a subject learns best from"),
            ("eevee", "EEVEE", "Faster, but needs a graphics card"),
        ),
    )
    studio_light: BoolProperty(
        name="Studio Light",
        description="Soft light of a studio instead of the scene's own; a scene without lights gets it anyway",
    )
    mapping: StringProperty(
        name="Mapping",
        description="JSON that says which shape keys are which, when their names are neither ARKit's nor FACS",
        subtype="FILE_PATH",
        **_PATHS,
    )
    voice: StringProperty(
        name="Voice",
        description="A recording whose mouth shapes are captured too (empty: the sample sentence)",
        subtype="FILE_PATH",
        **_PATHS,
    )
    spoken: IntProperty(
        name="Moments",
        description="How many moments of the voice are photographed; 0 for none",
        default=16,
        min=0,
        max=200,
    )
    credit: StringProperty(name="Credit", description="Whose character it is; kept in the subject")


ADDS = Adds(classes=(CaptureSettings,), properties=((Scene, "emodifftalk_capture", CaptureSettings, {}),))
