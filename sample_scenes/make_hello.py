"""Builds `hello.blend`: the sample head, the sample voice, three feelings, a portrait camera, and its take.

From the repository root, with the environment of run.py: `python -m sample_scenes.make_hello`.
"""

from __future__ import annotations

import bpy

from addon.blender.compat import right_handle
from addon.files.import_subject import import_subject
from addon.timeline.prompts import add_prompt, add_voice
from emodifftalk.core.subject import load_subject
from sample_scenes.building import (
    FPS,
    HERE,
    add_camera,
    begin,
    finish,
    frame_portrait,
    place_own_space,
    set_up_picture,
    ship_take,
)

FEELINGS = ((0.0, "grumpy and impatient"), (2.3, "delighted"), (4.75, "worried and close to tears"))


def main() -> None:
    """Build the scene and save it."""
    scene, path = begin("hello")
    set_up_picture(scene)
    subject = HERE / "subjects" / "nora.safetensors"
    head = import_subject(subject, bpy.context)
    place_own_space(head)
    frame_portrait(add_camera(scene), load_subject(subject))
    strip = add_voice(head, scene, HERE / "hello.wav", 1)
    scene.frame_start, scene.frame_end = 1, round(right_handle(strip)) - 1
    for seconds, words in FEELINGS:
        add_prompt(head, scene, words, 1 + round(seconds * FPS))
    ship_take(head, "hello")
    finish(head, path)


if __name__ == "__main__":
    main()
