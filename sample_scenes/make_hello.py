"""Builds `hello.blend`: the sample head, the sample voice, three feelings, a portrait camera.

From the repository root, with the environment of run.py: `python sample_scenes/make_hello.py`.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import bpy

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import addon  # noqa: E402
from addon.compat import right_handle  # noqa: E402
from addon.import_subject import import_subject  # noqa: E402
from addon.timeline import add_prompt, add_voice  # noqa: E402
from emodifftalk.core.subject import Subject, load_subject  # noqa: E402
from emodifftalk.export.framing import portrait_span  # noqa: E402

FPS = 25
FEELINGS = ((0.0, "grumpy and impatient"), (2.3, "delighted"), (4.75, "worried and close to tears"))
BACKDROP = (0.045, 0.05, 0.058)  # scene-linear


def main() -> None:
    """Build the scene and save it."""
    addon.register()
    bpy.ops.wm.read_factory_settings()
    scene = bpy.context.scene
    for thing in list(scene.objects):
        bpy.data.objects.remove(thing)
    # Saved first, so that paths are written relative to it.
    path = HERE / "hello.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    set_up_picture(scene)
    subject = HERE / "subjects" / "nora.safetensors"
    head = import_subject(subject, bpy.context)
    head.location = (0, 0, 0)
    add_camera(scene, load_subject(subject))
    strip = add_voice(head, scene, HERE / "hello.wav", 1)
    strip.sound.filepath = bpy.path.relpath(strip.sound.filepath)
    scene.frame_start, scene.frame_end = 1, round(right_handle(strip)) - 1
    for seconds, words in FEELINGS:
        add_prompt(head, scene, words, 1 + round(seconds * FPS))
    bpy.context.view_layer.objects.active = head
    head.select_set(True)
    arrange_windows()
    bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=True)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


def set_up_picture(scene: bpy.types.Scene) -> None:
    """Size, rate, engine and colours of the shot."""
    render = scene.render
    render.engine = "EMODIFFTALK"
    render.resolution_x = render.resolution_y = 640
    render.fps, render.fps_base = FPS, 1.0
    scene.view_settings.view_transform = "Standard"
    world = scene.world or bpy.data.worlds.new("World")
    scene.world = world
    world.color = BACKDROP
    if world.node_tree is not None and "Background" in world.node_tree.nodes:
        world.node_tree.nodes["Background"].inputs["Color"].default_value = (*BACKDROP, 1.0)


def add_camera(scene: bpy.types.Scene, subject: Subject) -> None:
    """A portrait lens in front of the face, framed from hair to collar."""
    data = bpy.data.cameras.new("Portrait")
    camera = bpy.data.objects.new("Portrait", data)
    scene.collection.objects.link(camera)
    scene.camera = camera
    low, high = portrait_span(subject)
    data.lens, data.sensor_width = 85.0, 36.0
    distance = (high - low) / 2 / (18.0 / 85.0)
    camera.location = (0.0, float(subject.template.neutral[:, 1].max()) - distance, (high + low) / 2)
    camera.rotation_euler = (math.pi / 2, 0.0, 0.0)
    camera.data.clip_start = 0.01


def arrange_windows() -> None:
    """The side bar open, the camera's view, and the sequencer where the timeline was."""
    for workspace in bpy.data.workspaces:
        if hasattr(workspace, "sequencer_scene"):  # 5.0: a workspace edits the strips of the scene it names
            workspace.sequencer_scene = bpy.context.scene
    for screen in bpy.data.screens:
        for area in screen.areas:
            if area.type == "VIEW_3D":
                area.spaces.active.show_region_ui = True
                area.spaces.active.region_3d.view_perspective = "CAMERA"
                area.spaces.active.overlay.show_floor = False
            elif area.type == "DOPESHEET_EDITOR" and screen.name == "Layout":
                area.type = "SEQUENCE_EDITOR"


if __name__ == "__main__":
    main()
