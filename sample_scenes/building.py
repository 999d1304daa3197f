"""What the makers of the sample scenes share: the picture's settings, a portrait lens, windows, takes that ship."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from typing import Any

import bpy
from mathutils import Matrix

import addon
from addon.playback import origin
from addon.scene.heads import absolute, active_take, settings
from addon.takes.generate import job_of
from emodifftalk.core.subject import Subject
from emodifftalk.export.framing import portrait_span

HERE = Path(__file__).resolve().parent
FPS = 25
BACKDROP = (0.045, 0.05, 0.058)  # scene-linear


def begin(name: str) -> tuple[bpy.types.Scene, Path]:
    """An empty scene, saved as `name`.blend so that paths are written relative to it; returns it and its path."""
    os.environ.setdefault("EMODIFFTALK_PYTHON", sys.executable)
    addon.register()
    bpy.ops.wm.read_factory_settings()
    for obj in list(bpy.context.scene.objects):
        bpy.data.objects.remove(obj)
    path = HERE / f"{name}.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return bpy.context.scene, path


def set_up_picture(scene: bpy.types.Scene, width: int = 640, height: int = 640) -> None:
    """Size, rate, engine and colours of the shot."""
    # The stubs know no engine but one, no view but one, and sockets without values.
    render: Any = scene.render
    render.engine = "EMODIFFTALK"
    render.resolution_x, render.resolution_y = width, height
    render.fps, render.fps_base = FPS, 1.0
    scene.sync_mode = "AUDIO_SYNC"  # lips and voice together on slow computers too
    view: Any = scene.view_settings
    view.view_transform = "Standard"
    world = scene.world or bpy.data.worlds.new("World")
    scene.world = world
    world.color = BACKDROP
    if world.node_tree is not None and "Background" in world.node_tree.nodes:
        colour: Any = world.node_tree.nodes["Background"].inputs["Color"]
        colour.default_value = (*BACKDROP, 1.0)


def add_camera(scene: bpy.types.Scene, name: str = "Portrait", lens: float = 85.0) -> bpy.types.Object:
    """A camera that looks along +y from the origin, the scene's own; `lens` in millimetres."""
    data = bpy.data.cameras.new(name)
    camera = bpy.data.objects.new(name, data)
    scene.collection.objects.link(camera)
    scene.camera = camera
    data.lens, data.sensor_width, data.clip_start = lens, 36.0, 0.01
    camera.rotation_euler = (math.pi / 2, 0.0, 0.0)
    return camera


def place_own_space(head: bpy.types.Object, matrix: Matrix | None = None) -> None:
    """Put a head so that its subject's own space lies in the world as `matrix` says, without one as it is."""
    to_object = Matrix(origin.to_object(head).tolist())
    head.matrix_world = (matrix or Matrix()) @ to_object.inverted()


def frame_portrait(camera: bpy.types.Object, subject: Subject) -> None:
    """Put the camera in front of the face of a head whose own space is the world's, framed from hair to collar."""
    low, high = portrait_span(subject)
    distance = (high - low) / 2 / (18.0 / camera.data.lens)
    camera.location = (0.0, float(subject.template.neutral[:, 1].max()) - distance, (high + low) / 2)


def make_relative() -> None:
    """Let the voices be found beside the scene, wherever both are copied."""
    bpy.ops.file.make_paths_relative()  # of strips too, which Blender keeps beside their sound


def ship_take(head: bpy.types.Object, name: str) -> None:
    """Generate a head's take with the backend and keep it, compact, at `takes/NAME.safetensors`."""
    bpy.context.view_layer.objects.active = head
    bpy.ops.emodifftalk.generate()  # type: ignore[attr-defined]  # registered by us
    entry = active_take(head)
    made, shipped = absolute(entry.path, head), HERE / "takes" / f"{name}.safetensors"
    made.replace(shipped)
    entry.name, entry.path = name, bpy.path.relpath(str(shipped))
    entry.note = "shipped with the scene, compact"
    print(f"{shipped.name}: {shipped.stat().st_size / 1e6:.1f} MB, {job_of(head).result['frames']} frames")
    settings(head).active_take = len(settings(head).takes) - 1


def arrange_windows() -> None:
    """The side bar open, the camera's view, and a sequencer above the timeline, tall enough for voices and prompts."""
    for workspace in bpy.data.workspaces:
        if hasattr(workspace, "sequencer_scene"):  # 5.0: a workspace edits the strips of the scene it names
            workspace.sequencer_scene = bpy.context.scene
    for screen in bpy.data.screens:
        for area in screen.areas:
            if area.type == "VIEW_3D":
                space: Any = area.spaces.active  # a SpaceView3D
                space.show_region_ui = True
                space.region_3d.view_perspective = "CAMERA"
                render = bpy.context.scene.render
                square = render.resolution_y >= render.resolution_x
                space.region_3d.view_camera_zoom = -8.0 if square else 2.0
                space.overlay.show_floor = False
    add_sequencer(bpy.data.screens["Layout"])


def add_sequencer(screen: bpy.types.Screen) -> None:
    """Give the lower part of the 3D viewport to the sequencer."""
    view = next(area for area in screen.areas if area.type == "VIEW_3D")
    window = bpy.context.window_manager.windows[0]
    region = next(region for region in view.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, screen=screen, area=view, region=region):
        bpy.ops.screen.area_split(direction="HORIZONTAL", factor=0.24)
    screen.areas[-1].type = "SEQUENCE_EDITOR"


def finish(head: bpy.types.Object, path: Path) -> None:
    """Select the head, arrange the windows, save."""
    bpy.context.view_layer.objects.active = head
    head.select_set(True)
    make_relative()
    arrange_windows()
    bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=True)
    path.with_name(f"{path.name}1").unlink(missing_ok=True)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")
