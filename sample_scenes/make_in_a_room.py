"""Builds `in_a_room.blend`: Kofi at a table in a room that Cycles renders. A frame is `docs/manual/in-a-room.jpg`.

From the repository root: `python -m sample_scenes.make_in_a_room [--fast]`, best with bpy 4.5: then the scene opens
in all later Blenders too. Flite (Debian's `flite`) speaks the line when `evening.wav` is not there, the backend
makes the take when that is not. --fast: a small noisy picture in out/ instead.
"""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import bpy
from mathutils import Matrix, Vector

from addon.blender.compat import compositor, right_handle, set_right_handle
from addon.composite.nodes import our_nodes
from addon.composite.operators import put_heads_in
from addon.composite.shadow import add_shadows
from addon.files.import_subject import import_subject
from addon.scene.heads import settings
from addon.takes.generate import add_take
from addon.takes.performance import build_performance
from addon.timeline.prompts import add_prompt, add_voice
from sample_scenes.building import FPS, HERE, begin, finish, place_own_space, ship_take
from sample_scenes.furnishing import build_armchair, build_room, build_table, put_light

VOICE = HERE / "evening.wav"
TAKE = HERE / "takes" / "in_a_room.safetensors"
WORDS = "Good evening. We were just about to close. But for you, I will leave the light on."
FEELINGS = ((0.0, "tired and a little bored"), (1.15, "surprised"), (2.9, "a warm, delighted smile"))
PICTURE = HERE.parent / "docs" / "manual" / "in-a-room.jpg"
PICTURE_FRAME = 112
HEAD = (-0.03, 0.0, 0.015)


def main() -> None:
    """Build the scene, save it, take the picture."""
    fast = "--fast" in sys.argv
    if not VOICE.exists():
        subprocess.run(["flite", "-voice", "rms", "-t", WORDS, "-o", str(VOICE)], check=True)
    scene, path = begin("in_a_room")
    build_room()
    build_table()
    build_armchair(HEAD[0])
    add_lights(scene)
    add_camera(scene)
    set_up_render(scene)
    head = import_subject(HERE / "subjects" / "kofi.safetensors", bpy.context)
    place_own_space(head, Matrix.Translation(HEAD) @ Matrix.Rotation(math.radians(5), 4, "Z"))
    act(head, scene)
    if TAKE.exists():
        add_take(head, TAKE, build_performance(head, scene), "shipped with the scene, compact")
    else:
        ship_take(head, "in_a_room")
    put_heads_in(scene, bpy.context.view_layer)
    add_shadows(scene)
    light_head(scene)
    scene.frame_set(PICTURE_FRAME)
    finish(head, path)
    take_picture(scene, fast)


def act(head: bpy.types.Object, scene: bpy.types.Scene) -> None:
    """What he says and how."""
    strip = add_voice(head, scene, VOICE, 1 + FPS // 2)
    scene.frame_start, scene.frame_end = 1, round(right_handle(strip)) + FPS // 2
    for seconds, words in FEELINGS:
        prompt, _ = add_prompt(head, scene, words, 1 + round((seconds + 0.5) * FPS))
        set_right_handle(prompt, scene.frame_end + 1)
    head_settings = settings(head)
    for seconds, yaw, pitch in ((0.0, 14, -16), (1.1, 14, -16), (1.5, -4, 1)):
        head_settings.gaze_yaw, head_settings.gaze_pitch = math.radians(yaw), math.radians(pitch)
        for name in ("emodifftalk.gaze_yaw", "emodifftalk.gaze_pitch"):
            head.keyframe_insert(name, frame=1 + round(seconds * FPS))


def add_lights(scene: bpy.types.Scene) -> None:
    """Soft light from all around the camera, as the head was captured in, a little more of it from the left."""
    for name, watts, size, at, aim, colour in (
        ("Window", 36.0, 1.4, (-1.5, -1.5, 1.9), (0, 0, 0.85), (1.0, 0.95, 0.88)),
        ("Fill", 11.0, 1.6, (1.4, -1.7, 1.5), (0, 0, 0.85), (1.0, 0.93, 0.84)),
        ("Wall", 14.0, 0.9, (-0.35, 0.25, 2.3), (-0.3, 1.1, 0.9), (1.0, 0.86, 0.68)),
    ):
        light: Any = bpy.data.lights.new(name, "AREA")  # an AreaLight
        light.energy, light.size, light.color = watts, size, colour
        lamp = put_light(light, at)
        lamp.rotation_euler = (Vector(aim) - Vector(at)).to_track_quat("-Z", "Y").to_euler()
    world = scene.world or bpy.data.worlds.new("World")
    scene.world = world
    world.use_nodes = True
    background: Any = world.node_tree.nodes["Background"].inputs  # the stubs know sockets without values
    background["Color"].default_value = (0.20, 0.22, 0.25, 1.0)
    background["Strength"].default_value = 0.45


def add_camera(scene: bpy.types.Scene) -> None:
    """A normal lens across the table."""
    data = bpy.data.cameras.new("Across the Table")
    camera = bpy.data.objects.new("Across the Table", data)
    scene.collection.objects.link(camera)
    scene.camera = camera
    data.lens, data.sensor_width, data.clip_start = 66.0, 36.0, 0.05
    camera.location = (0.05, -1.72, 1.0)
    camera.rotation_euler = (Vector((0.025, 0.0, 0.9)) - camera.location).to_track_quat("-Z", "Y").to_euler()


def set_up_render(scene: bpy.types.Scene) -> None:
    """Cycles with few samples and its denoiser, under AgX."""
    render: Any = scene.render  # the stubs know a single engine, and a single view
    render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 40, True
    scene.cycles.max_bounces, scene.cycles.seed = 6, 1
    render.resolution_x, render.resolution_y = 1280, 720
    render.fps, render.fps_base = FPS, 1.0
    view: Any = scene.view_settings
    view.view_transform = "AgX"


def light_head(scene: bpy.types.Scene) -> None:
    """Match the head's light to the room's by exposure and tint."""
    group: Any = next(node for node in our_nodes(compositor(scene)) if node.bl_idname == "CompositorNodeGroup")
    group.inputs["Exposure"].default_value = 0.1
    group.inputs["Tint"].default_value = (1.0, 0.84, 0.68, 1.0)


def take_picture(scene: bpy.types.Scene, fast: bool) -> None:
    """Render a frame to the manual's picture."""
    target = HERE.parent / "out" / "in-a-room.png" if fast else PICTURE
    target.parent.mkdir(exist_ok=True)
    image = scene.render.image_settings
    image.file_format, image.quality = ("PNG", 90) if fast else ("JPEG", 90)
    image.color_mode = "RGB"
    scene.render.filepath = str(target)
    if fast:
        scene.render.resolution_percentage, scene.cycles.samples = 60, 12
    bpy.ops.render.render(write_still=True)
    print(target)


if __name__ == "__main__":
    main()
