"""What an animator does in a Blender that has just been given the extension, with its window open.

Run inside Blender by test_window.py, which judges the facts and pictures this leaves in a folder. There is no backend.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
from bpy_extras.object_utils import world_to_camera_view
from bpy_extras.view3d_utils import location_3d_to_region_2d

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from hands import deleted_meanwhile, on_the_pad
from in_window import in_view, press, quiet_window, screenshot
from tab import tab

from tests.helpers.traces import differences, traces

OUT, PACKAGE = Path(sys.argv[-2]), sys.argv[-1]
PROMPTS = ((1, "calm"), (40, "delighted"))
facts: dict[str, object] = {"seconds": {}}


def story() -> Iterator[float]:
    """The session; every yield lets Blender's own loop run for some seconds."""
    facts["blender"] = bpy.app.version_string
    quiet_window()
    before = traces(PACKAGE)
    bpy.ops.preferences.addon_enable(module=PACKAGE)
    samples = Path(sys.modules[PACKAGE].__file__).parent / "sample_scenes"

    with timed("a head of one's own"):
        head = import_head(samples)
        type_prompts(head)
        look_at(head)
        shoot("imported", head)
        with bpy.context.temp_override(**in_view()):
            bpy.ops.object.origin_set(type="ORIGIN_GEOMETRY", center="BOUNDS")
        shoot("origin set", head)
        bpy.ops.wm.save_as_mainfile(filepath=str(OUT / "mine.blend"))
    yield 0.1
    bpy.ops.wm.open_mainfile(filepath=str(OUT / "mine.blend"))
    yield 0.1
    with timed("reopened"):
        remember("reopened", only_head())
        look_at(only_head())
        shoot("reopened", only_head())

    yield from tab(PACKAGE, facts)
    yield from a_strangers_file(samples)
    bpy.ops.wm.open_mainfile(filepath=str(samples / "hello.blend"))
    yield 0.1
    with timed("the sample shot"):
        look_at(only_head())
        press("RIGHT_ARROW", times=3)
    yield 0.5
    facts["frame after three presses"] = bpy.context.scene.frame_current
    began = time.monotonic()
    yield from on_the_pad(PACKAGE, facts.setdefault("pad", {}))
    yield from deleted_meanwhile(PACKAGE, facts.setdefault("deleted", {}), OUT)
    facts["seconds"]["on the pad, and undo"] = time.monotonic() - began
    facts["mouths"] = {}
    for frame in (5, 20, 60):
        bpy.context.scene.frame_set(frame)
        facts["mouths"][frame] = mouth_opening(only_head())
        shoot(f"frame {frame}", only_head())
    facts["rendered box"] = camera_box(only_head())
    began = time.monotonic()
    render(OUT / "rendered.png")
    while bpy.app.is_job_running("RENDER") or not (OUT / "rendered.png").exists():
        if time.monotonic() - began > 90:
            raise TimeoutError("F12 took more than 90 s")
        yield 0.2
    facts["seconds"]["F12"] = time.monotonic() - began
    yield 0.5
    yield from a_render_that_lacks_its_head()
    lines_over_the_engines_picture()

    yield from a_workspace()
    yield from a_copy()
    with timed("switched off"):
        bpy.ops.preferences.addon_disable(module=PACKAGE)
        keep_screenshot("switched off")
    facts["left behind"] = differences(before, traces(PACKAGE))


def a_render_that_lacks_its_head() -> Iterator[float]:
    """F12 by an engine that knows no heads; then what was remembered, and whether it has been reported."""
    scene, began = bpy.context.scene, time.monotonic()
    engine, scene.render.engine = scene.render.engine, "BLENDER_WORKBENCH"
    render(OUT / "lacking.png")
    while bpy.app.is_job_running("RENDER") or not (OUT / "lacking.png").exists():
        if time.monotonic() - began > 60:
            raise TimeoutError("F12 by Workbench took more than 60 s")
        yield 0.2
    yield 1.0
    state = sys.modules[f"{PACKAGE}.addon.composite.missing"].state
    facts["lacked"] = {"said": list(state.ended.values()), "not reported": list(state.to_say)}
    scene.render.engine = engine


def lines_over_the_engines_picture() -> None:
    """Rendered shading by our engine under a view transform of the scene's, with Blender's overlays and without."""
    space, view = in_view()["area"].spaces.active, bpy.context.scene.view_settings
    before, space.shading.type, view.view_transform = (space.shading.type, view.view_transform), "RENDERED", "AgX"
    look_at(only_head())
    only_head().select_set(False)
    for shown in (False, True):
        space.overlay.show_overlays = shown
        keep_screenshot(f"overlays {shown}")
    facts["overlays box"] = view_box(only_head())
    space.overlay.show_overlays = False
    space.shading.type, view.view_transform = before
    look_at(only_head())


def a_workspace() -> Iterator[float]:
    """The workspace Talking Head, made, left and asked for again."""
    making = sys.modules[f"{PACKAGE}.addon.timeline.talking_head"]
    window, began = bpy.context.window_manager.windows[0], time.monotonic()
    home, before = window.workspace, len(bpy.data.workspaces)
    with bpy.context.temp_override(**in_view()):
        bpy.ops.emodifftalk.talking_head_workspace()
    while making._making.steps is not None and time.monotonic() - began < 60:
        yield 0.1
    yield 0.2
    areas = {area.type: area for area in window.screen.areas}
    view = areas["VIEW_3D"]
    facts["workspace"] = {
        "name": window.workspace.name,
        "editors": sorted(area.type for area in window.screen.areas),
        "lowest": min(areas, key=lambda kind: areas[kind].y),
        "tab": next(region for region in view.regions if region.type == "UI").active_panel_category,
        "strips of": window.workspace.sequencer_scene.name,
    }
    window.workspace = home
    yield 0.2
    with bpy.context.temp_override(**in_view()):
        bpy.ops.emodifftalk.talking_head_workspace()
    yield 0.2
    facts["workspace"] |= {"again": window.workspace.name, "more": len(bpy.data.workspaces) - before}
    window.workspace = home
    yield 0.3
    facts["seconds"]["a workspace"] = time.monotonic() - began


def a_copy() -> Iterator[float]:
    """Shift D of the head as a hand does it, and one Ctrl Z."""
    began, head = time.monotonic(), only_head()
    bpy.context.view_layer.objects.active = head
    head.select_set(True)
    facts["copies"] = [strips_and_heads()]
    bpy.ops.ed.undo_push(message="before the copy")
    with bpy.context.temp_override(**in_view()):
        bpy.ops.object.duplicate_move("INVOKE_DEFAULT")
    yield 0.2
    press("LEFTMOUSE", times=1)
    yield 0.5
    facts["copies"].append(strips_and_heads())
    with bpy.context.temp_override(**in_view()):
        bpy.ops.ed.undo()
    yield 0.2
    facts["copies"].append(strips_and_heads())
    facts["seconds"]["a copy"] = time.monotonic() - began


def strips_and_heads() -> list:
    """Names of all strips, and how many heads there are."""
    names = sorted(strip.name for strip in bpy.context.scene.sequence_editor.strips_all)
    return [names, sum(bool(thing.emodifftalk.subject_path) for thing in bpy.context.scene.objects)]


PLANTED = ("json", "numpy", "sitecustomize", "usercustomize", "emodifftalk", "torch")


def a_strangers_file(samples: Path) -> Iterator[float]:
    """A file from elsewhere, its words changed and Live on, with modules beside it that would like to be run: opened
    from its folder, then allowed to use the backend, for which a Python without one stands in."""
    folder = OUT / "downloaded"
    folder.mkdir()
    for name in PLANTED:
        code = f"open({str(folder / 'ran')!r}, 'a').write({name!r})\n"
        (folder / f"{name}.py").write_text(code, encoding="utf-8")
    bpy.ops.wm.open_mainfile(filepath=str(samples / "hello.blend"))
    yield 0.1
    prompts()[0].text = "something else entirely"
    sys.modules[f"{PACKAGE}.addon.takes.settings"].live_settings().on = True
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "shot.blend"))
    os.utime(folder / "shot.blend", (1, 1))  # another file in its place: this computer has not saved it
    bpy.context.preferences.addons[PACKAGE].preferences.python_path = sys.executable
    os.chdir(folder)
    began = time.monotonic()
    bpy.ops.wm.open_mainfile(filepath=str(folder / "shot.blend"))
    yield 0.2
    live, client = sys.modules[f"{PACKAGE}.addon.takes.live"], sys.modules[f"{PACKAGE}.addon.backend.connection"].client
    bpy.context.scene.frame_set(30)
    prompts()[0].emodifftalk.text = "and something else again"
    yield 2.0
    untouched = {"state": client.state, "deaths": len(client._deaths), "live": live.status(only_head())[0]}
    bpy.ops.emodifftalk.resume_live()
    while client.state != "dead" and time.monotonic() - began < 30:
        yield 0.2
    facts["downloaded"] = untouched | {
        "after the press": client.state,
        "it said": client.problem,
        "ran": (folder / "ran").read_text() if (folder / "ran").exists() else "",
    }
    live.live_settings().on = False
    client.clear()
    bpy.context.preferences.addons[PACKAGE].preferences.python_path = ""
    os.chdir(OUT)
    facts["seconds"]["a stranger's file"] = time.monotonic() - began


class timed:
    """Keeps how long a part took."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        self.began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        facts["seconds"][self.what] = time.monotonic() - self.began


def only_head() -> bpy.types.Object:
    """The head of the scene."""
    return next(thing for thing in bpy.context.scene.objects if thing.emodifftalk.subject_path)


def import_head(samples: Path) -> bpy.types.Object:
    """Nora with the sample voice, in Blender's default scene instead of the cube."""
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    with bpy.context.temp_override(**in_view()):
        bpy.ops.emodifftalk.import_subject(filepath=str(samples / "subjects" / "nora.safetensors"))
        bpy.context.scene.frame_set(1)
        bpy.ops.emodifftalk.add_voice(filepath=str(samples / "hello.wav"))
    return only_head()


def type_prompts(head: bpy.types.Object) -> None:
    """Feelings through the panel's own field and button; the second one's intensity is keyed."""
    scene, window = bpy.context.scene, bpy.context.window_manager.emodifftalk
    with bpy.context.temp_override(**in_view()):
        for frame, words in PROMPTS:
            scene.frame_set(frame)
            window.new_prompt = words
            bpy.ops.emodifftalk.add_prompt()
        strip = next(strip for strip in prompts() if strip.emodifftalk.text == PROMPTS[1][1])
        for frame, value in ((40, 0.0), (60, 1.0)):
            strip.blend_alpha = value
            strip.keyframe_insert("blend_alpha", frame=frame)
        scene.frame_set(50)
    remember("typed", head)


def prompts() -> list[bpy.types.Strip]:
    """The prompts on the timeline, in order."""
    found = [strip for strip in bpy.context.scene.sequence_editor.strips_all if strip.emodifftalk.is_prompt]
    return sorted(found, key=lambda strip: strip.content_start)


def remember(name: str, head: bpy.types.Object) -> None:
    """Keep what the file holds of the shot."""
    bpy.context.scene.frame_set(50)
    facts[name] = {
        "head": head.emodifftalk.subject_name,
        "prompts": [strip.emodifftalk.text for strip in prompts()],
        "intensity": round(prompts()[1].blend_alpha, 4),
        "voice": head.emodifftalk.voice,
    }


def look_at(head: bpy.types.Object) -> None:
    """The viewport before the head's face, nothing over it."""
    for thing in bpy.context.scene.objects:
        thing.select_set(thing == head)
    bpy.context.view_layer.objects.active = head
    found = in_view()
    space = found["area"].spaces.active
    space.show_region_ui = space.show_region_toolbar = space.show_gizmo = False
    space.overlay.show_overlays = False
    with bpy.context.temp_override(**found):
        bpy.ops.view3d.view_axis(type="FRONT")
        space.region_3d.view_perspective = "PERSP"
        bpy.ops.view3d.view_selected()


def shoot(name: str, head: bpy.types.Object) -> None:
    """The window with the Gaussians and without, and where in it the head should be."""
    settings = bpy.context.window_manager.emodifftalk
    for shown, which in ((False, "without"), (True, "with")):
        settings.show_gaussians = shown
        keep_screenshot(f"{name} {which}")
    facts.setdefault("boxes", {})[name] = view_box(head)


def keep_screenshot(name: str) -> None:
    """Save the window as it is drawn now."""
    np.save(OUT / f"{name}.npy", screenshot())


def points(head: bpy.types.Object) -> np.ndarray:
    """Where the head's Gaussians are in the world, (N, 3), every tenth."""
    playback = sys.modules[f"{PACKAGE}.addon.playback.gaussians"]
    origin = sys.modules[f"{PACKAGE}.addon.playback.origin"]
    means = playback.current_gaussians(head, bpy.context.scene).means[::10]
    matrix = origin.to_world(head)
    return means @ matrix[:3, :3].T + matrix[:3, 3]


def box(pixels: np.ndarray, width: float, height: float) -> list[float]:
    """Left, right, bottom, top of nearly all of the points (N, 2) that lie within a picture."""
    seen = pixels[((pixels >= 0) & (pixels <= (width, height))).all(axis=1)]
    (left, bottom), (right, top) = np.quantile(seen, (0.0005, 0.9995), axis=0)
    return [float(left), float(right), float(bottom), float(top)]


def view_box(head: bpy.types.Object) -> dict[str, list[float] | float]:
    """The head's box and the viewport's in pixels of the window, counted from below, and the share of it in view."""
    region = in_view()["region"]
    data = in_view()["area"].spaces.active.region_3d
    pixels = np.array([location_3d_to_region_2d(region, data, point) for point in points(head)])
    left, right, bottom, top = box(pixels, region.width, region.height)
    inside = ((pixels >= 0) & (pixels <= (region.width, region.height))).all(axis=1)
    return {
        "seen": float(inside.mean()),
        "head": [left + region.x, right + region.x, bottom + region.y, top + region.y],
        "region": [region.x, region.x + region.width, region.y, region.y + region.height],
    }


def camera_box(head: bpy.types.Object) -> list[float]:
    """The head's box in the camera's picture, 0 to 1, counted from below."""
    from mathutils import Vector

    scene = bpy.context.scene
    return box(np.array([world_to_camera_view(scene, scene.camera, Vector(p))[:2] for p in points(head)]), 1.0, 1.0)


def mouth_opening(head: bpy.types.Object) -> float:
    """How far the sketch's lips are apart, metres: what playback has moved for this frame."""
    template = sys.modules[f"{PACKAGE}.addon.playback.sources"].subject_of(head).template
    now = np.array([vertex.co for vertex in head.data.vertices])[: len(template.neutral)]
    shift = sys.modules[f"{PACKAGE}.addon.playback.origin"].to_object(head)[:3, 3]
    return float(template.lip_opening(now - shift - template.neutral))


def render(path: Path) -> None:
    """F12."""
    picture = bpy.context.scene.render
    picture.image_settings.file_format, picture.image_settings.color_mode = "PNG", "RGB"
    picture.filepath = str(path)
    with bpy.context.temp_override(**in_view()):
        bpy.ops.render.render("INVOKE_DEFAULT", write_still=True)


def finish() -> None:
    """Write the facts and end at once: the test is over."""
    (OUT / "facts.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    os._exit(0)


session = story()


def step() -> float:
    """Go on with the story."""
    try:
        return next(session)
    except StopIteration:
        pass
    except BaseException:
        facts["error"] = traceback.format_exc()
    finish()
    return 0.0


quiet_window()
bpy.app.timers.register(step, first_interval=0.5, persistent=True)
