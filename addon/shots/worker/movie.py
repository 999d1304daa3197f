"""Pictures and sound become a movie, by Blender's own sequencer: the sound is what its animator hears.

The scene's sounds stay where they are, with their cuts, volumes and speeds; the pictures are laid over everything as
one image strip. Done in memory, in a file that is never saved.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from bpy.types import Scene, SoundStrip

from emodifftalk.shots.journal import unfinished

from ...blender import compat
from ...scene.heads import absolute, heads
from ...scene.strips import strip_scene
from .pictures import keep, not_written

_TOP = 128
"""The highest channel there is."""


def make_movie(scene: Scene, first: int, pictures: list[str], path: Path) -> list[str]:
    """Write a movie, H.264 or ProRes by its ending, of the pictures of frames `first` and on.

    Returns what a person should know of its sound. Raises UserError.
    """
    heard = _heard_scene(scene)
    stage = heard or scene
    _show(stage, scene, first, pictures)
    notes = _sound_notes(stage) if heard else ["The scene has no sound: so has the movie."]
    partial = unfinished(path)
    partial.unlink(missing_ok=True)
    _record(stage, partial, with_sound=heard is not None)
    reason = ""
    try:
        bpy.ops.render.render(animation=True, scene=stage.name)
    except RuntimeError as error:
        reason = " ".join(str(error).strip().removeprefix("Error: ").split())
    if reason or not partial.is_file() or partial.stat().st_size < 1000:
        partial.unlink(missing_ok=True)
        raise not_written(path, reason)
    keep(partial, path)
    return notes


def _heard_scene(scene: Scene) -> Scene | None:
    """The scene whose sounds belong to the shot: its own, else the one its heads listen to; None without any."""
    listened = [strip_scene(head, scene) for head in heads(scene)]
    return next((candidate for candidate in [scene, *listened] if _sounds(candidate)), None)


def _sounds(scene: Scene) -> bool:
    strips = any(strip.type in ("SOUND", "SCENE", "META") and not strip.mute for strip in compat.all_strips(scene))
    return strips or any(obj.type == "SPEAKER" for obj in scene.objects)


def _sound_notes(stage: Scene) -> list[str]:
    used = {s.sound for s in compat.all_strips(stage) if isinstance(s, SoundStrip) and not s.mute}
    lost = [s for s in used if s is not None and s.packed_file is None and not absolute(s.filepath).is_file()]
    return [f"The sound {absolute(sound.filepath)} is missing: the movie is silent there." for sound in lost]


def _show(stage: Scene, scene: Scene, first: int, pictures: list[str]) -> None:
    """Lay the pictures over everything, at their size, in their frames, in their colours."""
    width, height = _size(pictures[0], scene)
    editor = stage.sequence_editor or stage.sequence_editor_create()
    channel = min(_TOP, 1 + max((strip.channel for strip in compat.all_strips(stage)), default=0))
    strip = compat.show_animation_of(editor, "Shot", channel, first, pictures)
    strip.blend_type, strip.mute = "REPLACE", False
    if strip.channel <= len(editor.channels):
        editor.channels[strip.channel].mute = False
    render = stage.render
    render.fps, render.fps_base = scene.render.fps, scene.render.fps_base
    render.pixel_aspect_x, render.pixel_aspect_y = scene.render.pixel_aspect_x, scene.render.pixel_aspect_y
    # H.264 takes even sizes only: an odd picture loses a row or column.
    render.resolution_x, render.resolution_y, render.resolution_percentage = width // 2 * 2, height // 2 * 2, 100
    stage.frame_start, stage.frame_end, stage.frame_step = first, first + len(pictures) - 1, 1
    _keep_colours(stage, scene, linear=Path(pictures[0]).suffix == ".exr")


def _size(path: str, scene: Scene) -> tuple[int, int]:
    """Pixels of a picture; of one with layers, which does not tell, those the scene renders."""
    image = bpy.data.images.load(path)
    width, height = image.size
    bpy.data.images.remove(image)
    if not width:
        render = scene.render
        share = render.resolution_percentage / 100
        width, height = int(render.resolution_x * share), int(render.resolution_y * share)
        if render.use_border and render.use_crop_to_border:
            width = int(width * render.border_max_x) - int(width * render.border_min_x)
            height = int(height * render.border_max_y) - int(height * render.border_min_y)
    return width, height


def _keep_colours(stage: Scene, scene: Scene, linear: bool) -> None:
    """Pictures that are made for display already have the scene's view in them; scene-linear ones still get it."""
    view: Any = stage.view_settings  # the stubs know none of the views that a configuration brings
    if linear:
        if stage != scene:
            view.view_transform, view.look = scene.view_settings.view_transform, scene.view_settings.look
            view.exposure, view.gamma = scene.view_settings.exposure, scene.view_settings.gamma
    else:
        view.view_transform, view.look = "Standard", "None"
        view.exposure, view.gamma, view.use_curve_mapping, view.use_white_balance = 0.0, 1.0, False, False
    stage.render.dither_intensity = 0.0
    if hasattr(stage.render.image_settings, "color_management"):
        stage.render.image_settings.color_management = "FOLLOW_SCENE"


def _record(stage: Scene, path: Path, with_sound: bool) -> None:
    """Let rendering the stage write a movie."""
    render = stage.render
    compat.choose_format(render.image_settings, "FFMPEG")
    render.image_settings.color_mode = "RGB"
    render.use_sequencer, render.use_compositing = True, False
    render.use_border = render.use_stamp = render.use_multiview = render.use_motion_blur = False
    render.use_file_extension, render.filepath = False, compat.literal_path(str(path))
    ffmpeg = render.ffmpeg
    if path.suffix == ".mov":
        ffmpeg.format, ffmpeg.codec = "QUICKTIME", "PRORES"
        ffmpeg.audio_codec = "PCM" if with_sound else "NONE"
    else:
        ffmpeg.format, ffmpeg.codec, ffmpeg.constant_rate_factor = "MPEG4", "H264", "HIGH"
        ffmpeg.audio_codec, ffmpeg.audio_bitrate = "AAC" if with_sound else "NONE", 192
    stage.use_audio = True  # what is muted for playback is wanted here
