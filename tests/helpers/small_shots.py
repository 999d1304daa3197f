"""A small scene to queue: a tiny head with two takes and a voice in two pieces, before a camera. Run inside Blender."""

from __future__ import annotations

import math
import wave
from pathlib import Path

import bpy
import numpy as np

from emodifftalk.core import tensors
from tests.helpers.placing import put_in_own_space
from tests.helpers.tiny_subject import save_tiny_subject, save_tiny_take

RATE = 48000
FPS, FPS_BASE = 24, 1.001
"""23.976 frames per second: what drifts drifts here."""
BEEPS = (0.5, 1.25)
"""Seconds of the recording at which it beeps, for 0.1 s each."""


def save_shot(folder: Path, size: int = 24, frames: int = 6) -> Path:
    """Write scene.blend with everything it needs into a folder; returns its path. Replaces the open file."""
    folder.mkdir(parents=True, exist_ok=True)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene, path = bpy.context.scene, folder / "scene.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    _add_head(folder)
    scene.camera = add_camera(scene, "Front")
    render = scene.render
    render.engine, scene.view_settings.view_transform = "EMODIFFTALK", "AgX"
    render.resolution_x = render.resolution_y = size
    render.fps, render.fps_base, scene.frame_end = FPS, FPS_BASE, frames
    _add_voice(scene, folder)
    bpy.ops.file.make_paths_relative()
    bpy.ops.wm.save_mainfile()
    return path


def add_camera(scene: bpy.types.Scene, name: str) -> bpy.types.Object:
    """A camera before the head."""
    camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    camera.location, camera.rotation_euler, camera.data.clip_start = (0, -0.7, 0), (math.pi / 2, 0, 0), 0.01
    scene.collection.objects.link(camera)
    return camera


def _add_head(folder: Path) -> None:
    subject = save_tiny_subject(folder / "tiny.safetensors")
    for name in ("first", "second"):
        save_tiny_take(folder / f"{name}.safetensors", subject)
    arrays, about = tensors.load(folder / "second.safetensors")
    arrays["confidence"] = np.full(len(arrays["aus"]), 0.4, np.float32)
    tensors.save(folder / "second.safetensors", arrays, about)
    bpy.ops.emodifftalk.import_subject(filepath=str(folder / "tiny.safetensors"))
    head = bpy.context.active_object
    put_in_own_space(head)
    head.name = "Nora"
    kept = head.emodifftalk
    for name in ("first", "second"):
        entry = kept.takes.add()
        entry.name, entry.path, entry.frames, entry.zero_frame = name, f"//{name}.safetensors", 50, 1
    kept.active_take, kept.subject_path = 0, "//tiny.safetensors"


def _add_voice(scene: bpy.types.Scene, folder: Path) -> None:
    """The recording, cut in two: the second half is heard a second later than it was spoken."""
    times = np.arange(2 * RATE) / RATE
    heard = sum(((times >= at) & (times < at + 0.1)) for at in BEEPS)
    samples = (20000 * heard * np.sin(2 * np.pi * 880 * times)).astype("<i2")
    with wave.open(str(folder / "voice.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    strips = (scene.sequence_editor or scene.sequence_editor_create()).strips
    first = strips.new_sound("voice", str(folder / "voice.wav"), 1, 1)
    second = first.split(frame=25, split_method="SOFT")
    second.channel = 2
    (setattr(second, "content_start", second.content_start + 24) if bpy.app.version >= (5, 2, 0)
     else setattr(second, "frame_start", second.frame_start + 24))  # fmt: skip
