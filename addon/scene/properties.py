"""Everything EmoDiffTalk keeps in the .blend: on a head's object, on strips, and (unsaved) on the window manager."""

from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)
from bpy.types import Context, Object, PropertyGroup, Scene, Sound, Strip, WindowManager

from emodifftalk.core.facs import AU_LABELS
from emodifftalk.core.limits import GAZE, LOUDEST, STRONGEST

from ..blender.registering import Adds
from ..blender.unforeseen import guarded
from .bells import HAND_CHANGED, HEAD_CHANGED, LOOK_CHANGED, TAKE_CHANGED, WORDS_CHANGED
from .heads import AU_PROPERTIES, rewriting
from .overrides import OVERRIDABLE, let_overrides_change
from .strips import choose_voice, forget_typed, nudged, owner_of, sound_strips, strip_scene, voice_strips

_FILE: dict[str, Any] = {"subtype": "FILE_PATH", "options": {"PATH_SUPPORTS_BLEND_RELATIVE"}}


def _au_properties(low: float, what: str, **more: object) -> dict:
    limits: dict[str, Any] = {"min": low, "max": 1.0, "precision": 2, **more}
    return {
        AU_PROPERTIES[au]: FloatProperty(  # type: ignore[func-returns-value]  # it does, the stub errs
            name=f"{au} {label}", description=f"{what}: {label.lower()}", **limits
        )
        for au, label in AU_LABELS.items()
    }


# Seventeen properties of one kind: written by a rule, so that name and order cannot disagree with the list of AUs.
AuOffsets = type(
    "EMODIFFTALK_PG_au_offsets",
    (PropertyGroup,),
    {
        "__doc__": "What is added to each action unit at the very end; every one can be keyed.",
        "__annotations__": _au_properties(-1.0, "Added to what voice and emotion do"),
    },
)


@guarded("Moving a bar")
def _nudged(self: PropertyGroup, context: Context) -> None:
    nudged(self)


AuIntensities = type(
    "EMODIFFTALK_PG_au_intensities",
    (PropertyGroup,),
    {
        "__doc__": "The action units a prompt means, 0 to 1.",
        "__annotations__": _au_properties(0.0, "What these words do to the face", update=_nudged, options=set()),
    },
)
AuCurves = type(
    "EMODIFFTALK_PG_au_curves",
    (PropertyGroup,),
    {
        "__doc__": "Action units as F-curves: shown from a take, and drawn over.",
        "__annotations__": _au_properties(0.0, "Drawn over what voice and feelings give, once its curve is edited"),
    },
)
AuGains = type(
    "EMODIFFTALK_PG_au_gains",
    (PropertyGroup,),
    {
        "__doc__": "How much of each action unit is used, 0 to 2.",
        "__annotations__": _au_properties(
            0.0,
            "Multiplies what voice, feelings or the curve give, from the next take on",
            max=LOUDEST,
            default=1.0,
            options=set(),
        ),
    },
)
AuMutes = type(
    "EMODIFFTALK_PG_au_mutes",
    (PropertyGroup,),
    {
        "__doc__": "Action units held at rest.",
        "__annotations__": {
            AU_PROPERTIES[au]: BoolProperty(  # type: ignore[func-returns-value]  # it does, the stub errs
                name=f"Mute {au} {label}",
                description="Hold this unit at 0, from the next take on. Muting its F-curve in the Graph Editor is "
                "another thing: that turns the curve off, and the unit is as generated",
                options=set(),
            )
            for au, label in AU_LABELS.items()
        },
    },
)


@guarded("Showing the change")
def _look_changed(self: PropertyGroup, context: Context) -> None:
    if not rewriting.quiet:
        LOOK_CHANGED.ring(context.scene)


@guarded("Showing the change")
def _take_changed(self: PropertyGroup, context: Context) -> None:
    if rewriting.quiet:
        return
    LOOK_CHANGED.ring(context.scene)
    TAKE_CHANGED.ring(self.id_data, context.scene)


class HeadTake(PropertyGroup):
    """One take of a head and the place on the timeline where its second 0 lies."""

    path: StringProperty(name="File", description="The take's file", update=_take_changed, **_FILE)
    known_by: StringProperty(options={"HIDDEN"})
    frames: IntProperty(name="Frames", description="Frames of the take, 25 per second")
    seed: IntProperty(name="Seed", description="The seed it was made with")
    note: StringProperty(name="Note", description="How and how fast it was made")
    live: BoolProperty(name="Live", description="Made by Live, which replaces it after the next edit")
    anchor_uid: StringProperty(name="Voice", description="The voice strip this take moves with")
    anchor_offset: FloatProperty(
        name="Offset", description="Seconds from the start of the voice strip's content to the start of the take"
    )
    zero_frame: FloatProperty(name="Zero", description="Frame at which the take began when it was made")
    spoken: StringProperty(name="Spoken", description="Which part of which recording the take speaks when, as JSON")
    made_from: StringProperty(name="Made From", description="What the timeline asked for, compressed")
    pace: FloatVectorProperty(
        name="Pace", description="Seconds it took: for a frame's voice, a frame's motion and looks, and beside", size=3
    )


def _head_of(head_settings: "HeadSettings") -> Any:
    """The object that has these settings."""
    return head_settings.id_data


@guarded("Naming the voice", "")
def _voice_get(self: "HeadSettings") -> str:
    strips = voice_strips(_head_of(self), bpy.context.scene)
    return strips[0].name if strips else ""


@guarded("Choosing the voice")
def _voice_set(self: "HeadSettings", name: str) -> None:
    choose_voice(_head_of(self), name, bpy.context)


@guarded("Looking for voices", ())
def _voice_search(self: "HeadSettings", context: Context, text: str) -> list[str]:
    names = [strip.name for strip in sound_strips(strip_scene(_head_of(self), context.scene))]
    return [name for name in names if text.lower() in name.lower()]


@guarded("Colouring the strips")
def _colour_changed(self: "HeadSettings", context: Context) -> None:
    HEAD_CHANGED.ring(strip_scene(_head_of(self), context.scene))


STRIP_COLOURS = (
    ("COLOR_05", "Blue"),
    ("COLOR_02", "Orange"),
    ("COLOR_04", "Green"),
    ("COLOR_07", "Pink"),
    ("COLOR_06", "Violet"),
    ("COLOR_08", "Brown"),
    ("COLOR_03", "Yellow"),
    ("COLOR_01", "Red"),
    ("COLOR_09", "Grey"),
)
"""Blender's strip colours as heads get them: neighbours are told apart by people of every colour vision, and names are
read on the first ones best."""


class HeadSettings(PropertyGroup):
    """A head: its Subject, voice, acting and takes."""

    subject_path: StringProperty(name="Subject", description="The trained head's file", update=_look_changed, **_FILE)
    subject_known_by: StringProperty(options={"HIDDEN"})
    gaussians_path: StringProperty(
        name="Gaussians", description="A file of Gaussians that do not move", update=_look_changed, **_FILE
    )
    gaussians_axes: StringProperty(options={"HIDDEN"})
    gaussians_known_by: StringProperty(options={"HIDDEN"})
    subject_name: StringProperty(name="Name", description="What the subject calls itself")
    subject_licence: StringProperty(name="Licence", description="Under which terms the subject may be used")
    subject_credit: StringProperty(name="Credit", description="Who made the subject")
    subject_points: IntProperty(name="Gaussians", description="How many Gaussians the head is made of")

    sequencer_scene: PointerProperty(
        type=Scene, name="Sequencer", description="The scene whose strips this head speaks (empty: the scene it is in)"
    )
    voice_uid: StringProperty(options={"HIDDEN"})
    voice: StringProperty(
        name="Voice",
        description="The sound strip this head speaks; pieces it is cut into go on speaking",
        get=_voice_get,
        set=_voice_set,
        search=_voice_search,
        options=set(),
    )
    strip_colour: EnumProperty(
        name="Strip Colour",
        description="The colour of this head's strips in the sequencer, where several heads have theirs. Strips that "
        "you gave another colour keep it",
        items=(
            ("NONE", "By Itself", "A colour that no other head has", "STRIP_COLOR_09", 0),
            *((tag, name, f"{name} strips", f"STRIP_{tag}", int(tag[-1])) for tag, name in STRIP_COLOURS),
        ),
        update=_colour_changed,
        options=set(),
    )
    seen_as: StringProperty(options={"HIDDEN"})

    mode: EnumProperty(
        name="Blending",
        description="How feelings change what the voice does to the face",
        items=(
            ("additive", "Additive", "Adds the feeling and protects lip closure, speech rhythm and blinks"),
            ("paper", "Equation 7", "The published edit to the letter: it may overrule the lips"),
        ),
        options=set(),
    )
    alpha: FloatProperty(
        name="Alpha",
        description="Gain on action units the prompt calls for",
        default=1.0,
        min=0.0,
        max=4.0,
        options=set(),
    )
    beta: FloatProperty(
        name="Beta",
        description="How much action units are weakened that the prompt does not call for",
        default=0.5,
        min=0.0,
        max=4.0,
        options=set(),
    )
    expressiveness: FloatProperty(
        name="Expressiveness",
        description="Multiplies what the emotion prompts add",
        default=1.0,
        min=0.0,
        max=2.0,
        subtype="FACTOR",
        options=set(),
    )
    lip_sync: FloatProperty(
        name="Lip Sync",
        description="How strongly speech is protected from emotion: 1 keeps every closure, 0 lets feelings win",
        default=1.0,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
        options=set(),
    )
    liveliness: FloatProperty(
        name="Liveliness",
        description="Small gestures of brows and lids while the voice speaks; another seed makes others",
        default=1.0,
        min=0.0,
        max=2.0,
        subtype="FACTOR",
        options=set(),
    )
    voice_feeling: FloatProperty(
        name="Feeling from Voice",
        description="How much of the mood that is heard in the voice shows on the face, beside the prompts; 0 turns it "
        "off. Learned from synthetic voices: try it on yours",
        default=0.0,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
        options=set(),
    )
    gap: EnumProperty(
        name="Gaps",
        description="What the face does between prompts",
        items=(
            ("neutral", "Relax", "Without a prompt the face is neutral"),
            ("hold", "Hold", "A feeling stays until the next one comes"),
        ),
        options=set(),
    )
    seed: IntProperty(name="Seed", description="Another seed, another reading of the same lines", min=0, options=set())
    whole_takes: BoolProperty(
        name="Whole Takes",
        description="Keep every frame of new takes exactly as it was made: about fourteen times as large on the disk. "
        "Otherwise takes are compact, which no picture shows (points within 0.03 mm)",
        options=set(),
    )
    valence: FloatProperty(
        name="Valence", description="From unpleasant (-1) to pleasant (1)", min=-1.0, max=1.0, subtype="FACTOR"
    )
    arousal: FloatProperty(
        name="Arousal", description="From sleepy (-1) to excited (1)", min=-1.0, max=1.0, subtype="FACTOR"
    )
    aus: PointerProperty(type=AuOffsets)
    au_curves: PointerProperty(type=AuCurves)
    au_gains: PointerProperty(type=AuGains)
    au_mutes: PointerProperty(type=AuMutes)
    au_shown: StringProperty(options={"HIDDEN"})
    hand_laid: StringProperty(options={"HIDDEN"})
    hand_follows: BoolProperty(
        name="Follow Voice",
        description="What you keyed on this head (mood, gaze, action units) goes where the words go that it lies over, "
        "when the voice is moved, cut, trimmed or played faster, and when the frame rate changes",
        default=True,
        options=set(),
    )
    gaze_yaw: FloatProperty(
        name="Gaze Left",
        description="How far the eyes look to the head's left; negative to its right. Seen at once, no take needed",
        min=-GAZE[0],
        max=GAZE[0],
        subtype="ANGLE",
        update=_look_changed,
    )
    gaze_pitch: FloatProperty(
        name="Gaze Up",
        description="How far the eyes look up; negative down. The lids follow",
        min=-GAZE[1],
        max=GAZE[1],
        subtype="ANGLE",
        update=_look_changed,
    )

    takes: CollectionProperty(type=HeadTake)
    active_take: IntProperty(name="Take", description="The take that plays", update=_take_changed, options=set())
    confidence: FloatProperty(
        name="Confidence",
        description="How far the face stays within what the subject was trained on, 1 entirely; keyed by each take",
        default=1.0,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
    )


@guarded("Reading the words")
def _words_changed(self: "StripSettings", context: Context) -> None:
    strip = owner_of(self) if self.is_prompt else None
    if strip is not None:
        forget_typed(strip)
        WORDS_CHANGED.ring(strip)


@guarded("Set by Hand")
def _hand_changed(self: "StripSettings", context: Context) -> None:
    HAND_CHANGED.ring(self)


class StripSettings(PropertyGroup):
    """What EmoDiffTalk knows about a strip: who it is (voices, prompts) and, on prompts, the feeling."""

    uid: StringProperty(options={"HIDDEN"})
    is_prompt: BoolProperty(options={"HIDDEN"})
    head: PointerProperty(type=Object, name="Head", description="Who feels it (empty: every head)")
    text: StringProperty(
        name="Feeling", description="A feeling in plain words, of any length", update=_words_changed, options=set()
    )
    shown: StringProperty(options={"HIDDEN"})
    ease_in: FloatProperty(
        name="Ease In", description="Seconds in which it rises", default=0.3, min=0.0, soft_max=2.0, options=set()
    )
    ease_out: FloatProperty(
        name="Ease Out", description="Seconds in which it fades", default=0.3, min=0.0, soft_max=2.0, options=set()
    )
    by_hand: BoolProperty(
        name="Set by Hand",
        description="Use the values below instead of what the words mean. They begin with that; off brings it back",
        update=_hand_changed,
        options=set(),
    )
    strength: FloatProperty(
        name="Strength",
        description="Multiplies the intensity; beyond 1 the feeling is exaggerated, as far as the face goes",
        default=1.0,
        min=0.0,
        max=STRONGEST,
        subtype="FACTOR",
        options=set(),
    )
    read_text: StringProperty(options={"HIDDEN"})
    answer: StringProperty(options={"HIDDEN"})
    coloured: StringProperty(options={"HIDDEN"})
    named: StringProperty(options={"HIDDEN"})
    own_name: StringProperty(options={"HIDDEN"})
    aus: PointerProperty(type=AuIntensities)
    read_aus: PointerProperty(type=AuIntensities)


class SoundSettings(PropertyGroup):
    """What EmoDiffTalk knows about the recording of a voice; strips that were cut from one another share it."""

    known_by: StringProperty(options={"HIDDEN"})


class WindowSettings(PropertyGroup):
    """What the panel remembers while Blender runs."""

    new_prompt: StringProperty(
        name="Feeling", description="A feeling in plain words, like “relieved but still shaking”", options={"SKIP_SAVE"}
    )
    active_prompt: StringProperty(options={"HIDDEN", "SKIP_SAVE"})
    all_units: BoolProperty(name="All Units", description="Show the action units too that the words leave at rest")
    show_gains: BoolProperty(name="Gain", description="Show how much of each action unit is used, instead of its curve")
    show_gaussians: BoolProperty(
        name="Show Gaussians", description="Draw heads in the 3D viewports", default=True, update=_look_changed
    )


def window_settings(context: Context) -> Any:
    """What the panel remembers while Blender runs: a `WindowSettings`. Any, as `heads.settings` says."""
    return context.window_manager.emodifftalk  # type: ignore[attr-defined]  # from ADDS


_OF_HEADS = (AuOffsets, AuCurves, AuGains, AuMutes, HeadTake, HeadSettings)
for _group in _OF_HEADS:
    let_overrides_change(_group)
_CLASSES = (
    *(AuOffsets, AuIntensities, AuCurves, AuGains, AuMutes, HeadTake, HeadSettings, StripSettings, SoundSettings),
    WindowSettings,
)

ADDS = Adds(
    classes=_CLASSES,
    properties=(
        (Object, "emodifftalk", HeadSettings, {"override": OVERRIDABLE}),
        (Strip, "emodifftalk", StripSettings, {}),
        (Sound, "emodifftalk", SoundSettings, {}),
        (WindowManager, "emodifftalk", WindowSettings, {}),
    ),
)
