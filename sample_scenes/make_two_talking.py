"""Builds `two_talking.blend`: two heads in conversation, four lines, six feelings, eyes that meet and part.

From the repository root, with the environment of run.py: `python -m sample_scenes.make_two_talking`. The lines lie
beside the scene in `lines/`; nobody was recorded for them (see README.md).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import bpy
from mathutils import Matrix

from addon.blender.compat import set_right_handle
from addon.files.import_subject import import_subject
from addon.scene.heads import settings
from addon.scene.strips import strip_settings
from addon.timeline.prompts import add_prompt, add_voice
from emodifftalk.core.subject import load_subject
from sample_scenes.building import FPS, HERE, add_camera, begin, finish, place_own_space, set_up_picture, ship_take

SECONDS = 10.2
CAST = {
    # name: where the eyes are (x and z in metres), turn in degrees, channel of the voice
    "nora": ((-0.15, 0.0), 38.0, 1),
    "kofi": ((0.15, 0.03), -38.0, 3),
}
LINES = (
    ("nora", "line_1.wav", 0.6),
    ("kofi", "line_2.wav", 2.4),
    ("nora", "line_3.wav", 4.7),
    ("kofi", "line_4.wav", 7.2),
)
FEELINGS = {
    "nora": ((0.0, "nervous, listening"), (4.3, "frightened"), (6.5, "terrified, holding her breath")),
    "kofi": ((0.0, "calm"), (2.1, "an amused, reassuring smile"), (5.6, "worried"), (6.8, "frightened and surprised")),
}
GAZES = {
    # seconds, yaw and pitch in degrees: at the other, or to the door behind the camera
    "nora": ((0.0, 4, 3), (1.7, 4, 3), (2.1, 28, 2), (6.3, 28, 2), (6.55, -24, 0), (10.0, -26, 1)),
    "kofi": ((0.0, -26, -2), (6.6, -26, -2), (6.85, 22, 1), (8.6, 24, 1), (8.9, -24, 0)),
}


def main() -> None:
    """Build the scene and save it."""
    scene, path = begin("two_talking")
    set_up_picture(scene, 960, 540)
    scene.frame_start, scene.frame_end = 1, 1 + round(SECONDS * FPS)
    camera = add_camera(scene, "Two Shot", lens=70.0)
    camera.location = (0.0, -1.3, -0.01)
    heads = {name: put_head(name, scene) for name in CAST}
    for name, file, seconds in LINES:
        speak(heads[name], scene, HERE / "lines" / file, seconds, CAST[name][2])
    for name, head in heads.items():
        feel(head, scene, FEELINGS[name])
        look(head, GAZES[name])
    for name, head in heads.items():
        ship_take(head, f"two_talking_{name}")
    finish(heads["nora"], path)


def put_head(name: str, scene: bpy.types.Scene) -> bpy.types.Object:
    """A head of the cast in its place, turned to the other."""
    (x, z), turn, _ = CAST[name]
    path = HERE / "subjects" / f"{name}.safetensors"
    head = import_subject(path, bpy.context)
    height = float(load_subject(path).eye_centers[:, 2].mean())
    place_own_space(head, Matrix.Translation((x, 0.0, z - height)) @ Matrix.Rotation(math.radians(turn), 4, "Z"))
    return head


def speak(head: bpy.types.Object, scene: bpy.types.Scene, path: Path, seconds: float, channel: int) -> None:
    """A line of a head; the pieces of one voice share its uid, as the pieces of a strip that was cut do."""
    uid = settings(head).voice_uid
    strip: Any = add_voice(head, scene, path, 1 + round(seconds * FPS))  # has our properties too
    strip.channel = channel
    if uid:
        strip_settings(strip).uid = settings(head).voice_uid = uid


def feel(head: bpy.types.Object, scene: bpy.types.Scene, feelings: tuple[tuple[float, str], ...]) -> None:
    """Prompts from second to second, the last to the end of the scene."""
    for seconds, words in feelings:
        strip, _ = add_prompt(head, scene, words, 1 + round(seconds * FPS))
        set_right_handle(strip, scene.frame_end + 1)


def look(head: bpy.types.Object, keys: tuple[tuple[float, float, float], ...]) -> None:
    """Key where the eyes look."""
    head_settings = settings(head)
    for seconds, yaw, pitch in keys:
        head_settings.gaze_yaw, head_settings.gaze_pitch = math.radians(yaw), math.radians(pitch)
        for path in ("emodifftalk.gaze_yaw", "emodifftalk.gaze_pitch"):
            head.keyframe_insert(path, frame=1 + round(seconds * FPS))


if __name__ == "__main__":
    main()
