"""From the timeline of a head to a Performance: voices, prompts, curves and style, in seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
from bpy.types import Object, Scene, Sound

from emodifftalk.core.clock import CURVE_FPS, Clock, SoundSpan, sampled_curve
from emodifftalk.core.errors import UserError
from emodifftalk.core.facs import AU_NAMES
from emodifftalk.core.voice_time import Stretch
from emodifftalk.core.whole_file import whole_file

from ..blender.animation import Evaluate, evaluators
from ..curves import au_curves, hand
from ..playback.take_time import Anchor
from ..scene.content import remember_sound, sound_content
from ..scene.heads import AU_PROPERTIES, settings, user_folder
from ..scene.strips import give_own_uids, prompt_strips, strip_scene
from ..timeline.timeline import PromptStrip, Timeline, Voice, read_timeline

if TYPE_CHECKING:
    from emodifftalk.core.performance import Curve, Performance, Prompt, VoiceStrip


@dataclass(frozen=True)
class Request:
    """A Performance and its place on the timeline.

    performance: in its own seconds.
    anchor: where its second 0 lies, also once the voice has moved.
    clock: the timeline, with the Performance's second 0 at its own.
    spoken: which recording is performed when, one for each of the Performance's voices.
    contents: what each of these recordings is known by, its bytes and hash; empty where that is not known.
    lacking: why it cannot be performed now, one sentence: a recording is missing. Empty when nothing is.
    """

    performance: Performance
    anchor: Anchor
    clock: Clock
    spoken: tuple[Stretch, ...] = ()
    contents: tuple[str, ...] = ()
    lacking: str = ""


def build_performance(head: Object, scene: Scene, looking: bool = False) -> Request:
    """What a head is asked to do: it begins with its first voice or prompt strip and ends with its last. What is muted
    is not performed.

    looking: only to see what is asked for; then nothing in the file or beside it is touched, and a missing recording is
        no error but said in the answer.
    Raises UserError, one sentence, when there is nothing to perform or a strip cannot be used.
    """
    from emodifftalk.core.performance import Performance, Style

    if not looking:
        give_own_uids(prompt_strips(head, scene))
        hand.lay_all(scene)
    timeline = read_timeline(head, scene)
    clock, duration = _begun(timeline)
    frames = [clock.frame(i / CURVE_FPS) for i in range(math.ceil(duration * CURVE_FPS - 1e-6) + 1)]
    scene, head_settings = strip_scene(head, scene), settings(head)
    acting = _acting(head, scene, clock, duration, frames)
    spoken = [(voice, span) for voice in timeline.heard for span in _spans(voice, clock)]
    performance = Performance(
        voice=tuple(_voice(voice, span, looking) for voice, span in spoken),
        prompts=_prompts(timeline.prompts, scene, clock, frames),
        **acting,
        au_gains=au_curves.gains(head),
        seed=head_settings.seed,
        duration=duration,
        style=Style(**{name: getattr(head_settings, name) for name in Style.__dataclass_fields__}),
    )
    stretches = tuple(Stretch(v.recording, span.start, span.offset, span.duration, span.speed) for v, span in spoken)
    contents = {voice.sound: _content(voice) for voice, _ in spoken}
    lacking = next((sentence for voice, _ in spoken if (sentence := _lacking(voice))), "")
    anchor = _anchor(timeline, clock)
    return Request(performance, anchor, clock, stretches, tuple(contents[voice.sound] for voice, _ in spoken), lacking)


def _begun(timeline: Timeline) -> tuple[Clock, float]:
    """The timeline's clock with second 0 where the performance begins, and how many seconds it lasts."""
    if timeline.reach is None:
        remedy = "unmute the voice" if timeline.voices else "choose a voice"
        raise UserError(f"There is nothing to perform: {remedy}, or add an emotion prompt.")
    first, last = timeline.reach
    clock = Clock(timeline.clock.fps, timeline.clock.fps_base, first)
    return clock, clock.seconds(last)


def _acting(head: Object, scene: Scene, clock: Clock, duration: float, frames: list[float]) -> dict[str, Any]:
    """The Performance's curves that lie on the head itself."""
    offsets = {au: f"emodifftalk.aus.{AU_PROPERTIES[au]}" for au in AU_NAMES}
    drawn = {au: au_curves.path_of(au) for au in au_curves.drawn_over(head)}
    paths = ["emodifftalk.valence", "emodifftalk.arousal", *offsets.values(), *drawn.values()]
    animated = evaluators(head, scene, paths, frames)

    def curve(path: str) -> Curve:
        if path in animated:
            return sampled_curve(animated[path], clock, 0.0, duration)
        value = head.path_resolve(path)
        return ((0.0, value),) if value else ()

    return {
        "valence": curve("emodifftalk.valence"),
        "arousal": curve("emodifftalk.arousal"),
        "au_offsets": {au: keys for au, path in offsets.items() if (keys := curve(path))},
        "au_curves": {
            au: au_curves.sampled(head, scene, au, animated[path], clock, duration)
            for au, path in drawn.items()
            if path in animated
        },
    }


def _anchor(timeline: Timeline, clock: Clock) -> Anchor:
    if not timeline.heard:
        return Anchor("", 0.0, clock.zero)
    first = timeline.heard[0]
    return Anchor(first.uid, -clock.seconds(first.times.content_start), clock.zero)


def _spans(voice: Voice, clock: Clock) -> list[SoundSpan]:
    if voice.problem:
        raise UserError(voice.problem)
    spans = voice.spans(clock)
    if not spans:
        raise UserError(f"The voice “{voice.name}” is moved out of its own strip: reset its sound offset.")
    return spans


def _voice(voice: Voice, span: SoundSpan, looking: bool) -> VoiceStrip:
    from emodifftalk.core.performance import VoiceStrip

    return VoiceStrip(_recording(voice, looking), span.start, span.offset, span.duration, voice.volume, span.speed)


def _recording(voice: Voice, looking: bool) -> Path:
    path = voice.file
    if path is None:
        raise UserError(f"The voice “{voice.name}” has no recording.")
    if not looking:
        if lacking := _lacking(voice):
            raise UserError(lacking)
        remember_sound(_sound(voice), path)
    if not voice.packed:
        return path
    # The backend reads files: what is packed into the .blend is laid beside it for the time of the work.
    unpacked = user_folder("voices") / f"{voice.sound}_{path.name}"
    if not looking:
        _write(unpacked, _sound(voice).packed_file.data)
    return unpacked


def _lacking(voice: Voice) -> str:
    if voice.packed or voice.file is None or voice.file.is_file():
        return ""
    return f"The recording {voice.file.name} of the voice “{voice.name}” is missing: relink or replace it."


def _content(voice: Voice) -> str:
    return "" if voice.file is None else sound_content(_sound(voice), voice.file)


def _sound(voice: Voice) -> Sound:
    return next(sound for sound in bpy.data.sounds if sound.session_uid == voice.sound)


def _write(path: Path, data: bytes) -> None:
    try:
        with whole_file(path) as stream:
            stream.write(data)
    except OSError as error:
        raise UserError(f"The packed recording cannot be laid at {path}: {error.strerror or error}.") from error


def _prompts(prompts: tuple[PromptStrip, ...], scene: Scene, clock: Clock, frames: list[float]) -> tuple[Prompt, ...]:
    animated = evaluators(scene, scene, [prompt.opacity_path for prompt in prompts], frames)
    return tuple(_prompt(prompt, clock, animated.get(prompt.opacity_path)) for prompt in prompts)


def _prompt(prompt: PromptStrip, clock: Clock, opacity: Evaluate | None) -> Prompt:
    from emodifftalk.core.performance import Prompt

    if not prompt.words and prompt.aus is None:
        frame = prompt.times.left
        raise UserError(f"The prompt at frame {frame:.0f} has no words: type a feeling or delete it.")
    start, end = clock.seconds(prompt.times.left), clock.seconds(prompt.times.right)
    constant = ((0.0, prompt.strength * prompt.opacity),)
    return Prompt(
        text=prompt.words,
        start=start,
        end=end,
        ease_in=prompt.ease_in,
        ease_out=prompt.ease_out,
        intensity=constant
        if opacity is None
        else tuple((t, prompt.strength * v) for t, v in sampled_curve(opacity, clock, start, end)),
        aus=None if prompt.aus is None else dict(prompt.aus),
        id=prompt.uid,
    )
