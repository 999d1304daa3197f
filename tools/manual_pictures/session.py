"""The session that the manual's pictures are taken of; `__main__.py` runs it inside Blender.

A picture is a function that arranges the window and yields seconds for Blender's own loop; then the window is kept,
with the boxes (left, top, right, bottom in pixels, counted from above) that the function leaves in `boxes`.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "window"))

from in_window import in_view, quiet_window, screenshot  # type: ignore[import-not-found]  # the path is set above

operators: Any = bpy.ops  # the stubs do not know ours
ARGUMENTS = sys.argv[sys.argv.index("--") + 1 :]
OUT, PACKAGE, WANTED = Path(ARGUMENTS[0]), ARGUMENTS[1], ARGUMENTS[2:]
SAMPLES = Path(sys.modules[PACKAGE].__file__).parent / "sample_scenes"
SCALE, SIDE_BAR = 1.03, 390
Box = tuple[int, int, int, int]
boxes: list[Box] = []
picture_boxes: dict[str, list[Box]] = {}


def window() -> Iterator[float]:
    """Everything at once, in the middle of three feelings."""
    yield from open_scene("hello")
    yield from at_frame(93, prompt="delighted")


def emotion() -> Iterator[float]:
    """The prompts of a head, and the bars of one."""
    yield from open_scene("hello", closed="head voice generate render style shots tools", lift=0)
    yield from at_frame(93, prompt="worried and close to tears")
    boxes.append(part_of(side_bar(), top=96, bottom=512))


def pad() -> Iterator[float]:
    """The mood of a head that has been keyed, on the pad."""
    closed = "head voice emotion generate render shots tools"
    yield from open_scene("hello", opened="fine", closed=closed, lift=-60, zoom=-2, shift=0.2)
    head: Any = bpy.context.active_object  # has our properties too, like the window manager
    for frame, mood in ((1, (-0.5, -0.2)), (60, (-0.35, 0.5)), (93, (0.65, 0.45)), (176, (0.1, -0.45))):
        head.emodifftalk.valence, head.emodifftalk.arousal = mood
        for path in ("valence", "arousal"):
            head.keyframe_insert(f"emodifftalk.{path}", frame=frame)
    space = in_view()["area"].spaces.active
    space.show_gizmo, space.show_gizmo_navigate = True, False
    manager: Any = bpy.context.window_manager
    manager.emodifftalk_pad.shown = True
    yield from at_frame(93, prompt="delighted")
    boxes.append(whole(in_view()["area"]))


def curves() -> Iterator[float]:
    """A take's action units in the Graph Editor, three of them."""
    closed = "head voice emotion render style shots tools"
    yield from open_scene("hello", opened="au_curves", closed=closed, lift=250)
    yield from at_frame(93, prompt="delighted")
    head = bpy.context.active_object
    with bpy.context.temp_override(**in_view()):
        operators.emodifftalk.show_au_curves()
    area = area_of("SEQUENCE_EDITOR")
    area.type = "GRAPH_EDITOR"
    area.spaces.active.show_region_ui = area.spaces.active.show_handles = False
    yield 0.5
    for curve in compat().fcurves(head):
        curve.hide = not any(curve.data_path.endswith(au) for au in ("au01", "au12"))
        curve.select = curve.data_path.endswith("au12")
    region = region_of(area, "WINDOW")
    with bpy.context.temp_override(window=in_view()["window"], area=area, region=region):
        bpy.ops.graph.view_all()
    with bpy.context.temp_override(window=in_view()["window"], area=area, region=region_of(area, "CHANNELS")):
        bpy.ops.anim.channels_expand(all=True)
        bpy.ops.anim.channels_expand(all=True)
    names = region_of(area, "CHANNELS")
    yield from drag((names.x + names.width, names.y + 60), (90, 0))
    yield from scroll(290)


def line() -> Iterator[float]:
    """The line under the ruler and what it means, after an edit."""
    closed = "head voice emotion render style shots tools"
    yield from open_scene("hello", opened="take_status", closed=closed, lift=130)
    scene = bpy.context.scene
    ours("takes.settings").live_settings().on = False
    head = bpy.context.active_object
    prompt_of(head, "delighted").emodifftalk.strength = 1.5
    last = prompt_of(head, "worried and close to tears")
    compat().set_right_handle(last, 201)
    scene.frame_end = 200
    yield from at_frame(93, prompt="delighted")
    yield 3.0
    view, strips = whole(in_view()["area"]), whole(area_of("SEQUENCE_EDITOR"))
    boxes.append((view[0], view[1] + 60, view[2], strips[3]))


def two() -> Iterator[float]:
    """Two heads, each with its voice and its feelings."""
    yield from open_scene("two_talking", lift=190, zoom=-3, shift=0.1)
    yield from at_frame(85, prompt="nervous, listening", channels=7.2)


def room() -> Iterator[float]:
    """The compositor of a shot that Cycles renders."""
    closed = "head voice emotion generate style shots tools"
    yield from open_scene("in_a_room", closed=closed, lift=330, shading="SOLID", zoom=0)
    yield from at_frame(112)
    area = area_of("SEQUENCE_EDITOR")
    area.ui_type = "CompositorNodeTree"
    area.spaces.active.show_region_ui = area.spaces.active.show_region_asset_shelf = False
    area.spaces.active.show_region_toolbar = False
    yield 1.0
    region = region_of(area, "WINDOW")
    with bpy.context.temp_override(window=in_view()["window"], area=area, region=region):
        bpy.ops.node.view_all()
        bpy.ops.node.select_all(action="DESELECT")
    for node in compat().compositor(bpy.context.scene).nodes:
        if node.bl_idname == "CompositorNodeViewer":
            node.location.y -= 140  # not behind the output
    yield from scroll(100)
    yield 1.0


def install() -> Iterator[float]:
    """What Install Backend asks."""
    yield from open_scene("hello")
    yield from at_frame(93, prompt="delighted")
    chosen = os.environ.pop("EMODIFFTALK_PYTHON", "")
    preferences = bpy.context.preferences
    own: Any = preferences.addons[PACKAGE].preferences
    preferences.system.use_online_access = True
    own.backend_folder = "/opt"
    view = in_view()
    view["window"].event_simulate("MOUSEMOVE", "NOTHING", x=800, y=520)
    yield 0.3
    with bpy.context.temp_override(**view):
        operators.emodifftalk.install_backend("INVOKE_DEFAULT")
    yield 1.0
    np.save(OUT / "install.npy", screenshot())
    boxes.append((341, 320, 868, 617))
    view["window"].event_simulate("ESC", "PRESS", x=800, y=520)
    view["window"].event_simulate("ESC", "RELEASE", x=800, y=520)
    yield 0.5
    os.environ["EMODIFFTALK_PYTHON"] = chosen
    preferences.system.use_online_access, own.backend_folder = False, ""


def shots() -> Iterator[float]:
    """The queue at work."""
    closed = "head voice emotion generate render style shot_output"
    yield from open_scene("hello", opened="shots", closed=closed, lift=-60)
    scene: Any = bpy.context.scene
    bpy.ops.wm.save_as_mainfile(filepath=str(SAMPLES / "corridor.blend"))
    queue = scene.emodifftalk_shots
    for name, first, last in (("sh010", 1, 12), ("sh020", 61, 110), ("sh030", 118, 176)):
        with bpy.context.temp_override(**in_view()):
            operators.emodifftalk.add_shot()
        shot = queue.shots[queue.active]
        shot.name, shot.own_range, shot.frame_start, shot.frame_end = name, True, first, last
    queue.active = 1
    bpy.ops.wm.save_mainfile()
    with bpy.context.temp_override(**in_view()):
        operators.emodifftalk.render_shots()
    running = ours("shots.process").queue
    for _ in range(300):
        yield 1.0
        states = running.status.get("shots", ())
        if not running.running or sum(shot["done"] for shot in states) >= 29:
            break
    np.save(OUT / "shots.npy", screenshot())
    boxes.append(part_of(side_bar(), top=236, bottom=726))
    with bpy.context.temp_override(**in_view()):
        operators.emodifftalk.cancel_shots()
    yield 5.0


def render() -> Iterator[float]:
    """What our engine adds to the properties."""
    names = "RENDER_PT_emodifftalk_motion_blur RENDER_PT_emodifftalk_film RENDER_PT_emodifftalk_viewport"
    yield from open_scene("hello", opened=names)
    bpy.context.scene.render.use_motion_blur = True
    properties = area_of("PROPERTIES")
    with bpy.context.temp_override(**in_view()):
        bpy.ops.screen.area_move(x=properties.x, y=properties.y + 100, delta=-260)
    properties.spaces.active.context = "RENDER"
    yield 1.0
    boxes.append((*whole(properties)[:3], whole(properties)[1] + 500))


def two_talking() -> Iterator[float]:
    """A final frame."""
    bpy.ops.wm.open_mainfile(filepath=str(SAMPLES / "two_talking.blend"))
    yield 0.5
    scene = bpy.context.scene
    scene.frame_set(85)
    scene.camera.data.shift_y = 0.03  # the busts end at the lower edge
    scene.render.resolution_x, scene.render.resolution_y = 1280, 720
    image = scene.render.image_settings
    image.file_format, image.color_mode, image.quality = "JPEG", "RGB", 90
    scene.render.filepath = str(OUT / "two-talking.jpg")
    bpy.ops.render.render(write_still=True)
    yield 0.5


PICTURES: dict[str, Callable[[], Iterator[float]]] = {
    "window": window, "install": install, "two": two, "line": line, "emotion": emotion, "pad": pad, "curves": curves,
    "render": render, "room": room, "shots": shots, "two-talking": two_talking,
}  # fmt: skip


def open_scene(
    name: str,
    opened: str = "",
    closed: str = "",
    lift: int = 160,
    shading: str = "RENDERED",
    zoom: int = -1,
    shift: float = 0.14,
) -> Iterator[float]:
    """A sample scene with its window arranged: a wide side bar with our tab, a sequencer that shows its strips.

    opened, closed: panels, by the ends of their names, that are folded otherwise than they are at first. lift: pixels
    by which the sequencer is higher. zoom, shift: of the camera's frame in the viewport.
    """
    fold(opened.split(), closed.split())
    bpy.ops.wm.open_mainfile(filepath=str(SAMPLES / f"{name}.blend"))
    yield 0.5
    area = in_view()["area"]
    space = area.spaces.active
    space.show_region_ui, space.shading.type = True, shading
    space.show_gizmo = space.show_region_toolbar = False
    for name in ("text", "axis_x", "axis_y", "floor", "cursor", "extras", "relationship_lines"):
        setattr(space.overlay, f"show_{name}", False)
    strips = area_of("SEQUENCE_EDITOR")
    with bpy.context.temp_override(**in_view()):
        if lift:
            bpy.ops.screen.area_move(x=strips.x + 200, y=strips.y + strips.height, delta=lift)
    strips.spaces.active.show_region_toolbar = strips.spaces.active.show_region_channels = False
    strips.spaces.active.cache_overlay.show_cache = False
    overlay = strips.spaces.active.timeline_overlay
    overlay.show_strip_source = overlay.show_strip_duration = False
    yield 0.5
    region_of(area, "UI").active_panel_category = "EmoDiffTalk"
    yield 0.5
    bar = region_of(area, "UI")
    yield from drag((bar.x, bar.y + bar.height // 3), (bar.width - SIDE_BAR, 0))
    if space.region_3d.view_perspective == "CAMERA":
        with bpy.context.temp_override(**in_view()):
            bpy.ops.view3d.view_center_camera()
            bpy.ops.view3d.zoom(delta=zoom)
        space.region_3d.view_camera_offset = (shift, 0.0)
    yield 0.3


def fold(opened: list[str], closed: list[str]) -> None:
    """Choose which panels are open in windows that have not shown them yet."""
    addon = sys.modules[f"{PACKAGE}.addon"]
    for name, options in _folded.items():
        getattr(bpy.types, name).bl_options = options
    for names, closes in ((opened, False), (closed, True)):
        for name in names:
            cls = getattr(bpy.types, name if "_PT_" in name else f"EMODIFFTALK_PT_{name}")
            _folded.setdefault(cls.__name__, cls.bl_options if "bl_options" in vars(cls) else set())
            cls.bl_options = {"DEFAULT_CLOSED"} if closes else set()
    addon.unregister()
    addon.register()


_folded: dict[str, set[str]] = {}


def scroll(pixels: int) -> Iterator[float]:
    """Scroll the side bar down."""
    view = in_view()
    with bpy.context.temp_override(window=view["window"], area=view["area"], region=region_of(view["area"], "UI")):
        bpy.ops.view2d.pan(deltax=0, deltay=-pixels)
    yield 0.5


def ours(module: str) -> ModuleType:
    """A module of the installed add-on."""
    return importlib.import_module(f"{PACKAGE}.addon.{module}")


def compat() -> ModuleType:
    """What differs between Blenders."""
    return ours("blender.compat")


def prompt_of(head: bpy.types.Object, words: str) -> Any:
    """A prompt of a head: a strip that has our properties."""
    strips = ours("scene.strips").prompt_strips(head, bpy.context.scene)
    return next(strip for strip in strips if strip.emodifftalk.text == words)


def area_of(kind: str) -> Any:
    """The area of a kind. Any: the stubs know no settings of the single editors."""
    return next(area for area in in_view()["screen"].areas if area.type == kind)


def region_of(area: bpy.types.Area, kind: str) -> Any:
    """A region of an area. Any: the stubs know no category of its panels."""
    return next(region for region in area.regions if region.type == kind)


def drag(place: tuple[int, int], by: tuple[int, int]) -> Iterator[float]:
    """Drag with the left button, as a hand would."""
    main = in_view()["window"]
    x, y = place
    main.event_simulate("MOUSEMOVE", "NOTHING", x=x - 3, y=y)
    yield 0.1
    main.event_simulate("MOUSEMOVE", "NOTHING", x=x, y=y)
    yield 0.1
    main.event_simulate("LEFTMOUSE", "PRESS", x=x, y=y)
    yield 0.1
    for share in (0.3, 0.7, 1.0):
        x, y = place[0] + round(by[0] * share), place[1] + round(by[1] * share)
        main.event_simulate("MOUSEMOVE", "NOTHING", x=x, y=y)
        yield 0.1
    main.event_simulate("LEFTMOUSE", "RELEASE", x=x, y=y)
    yield 0.2


def at_frame(frame: int, prompt: str = "", channels: float = 3.3) -> Iterator[float]:
    """The playhead there, the strips of the lowest channels in view, one prompt of the active head chosen."""
    bpy.context.scene.frame_set(frame)
    for strip in bpy.context.scene.sequence_editor.strips_all:
        strip.select = False
    if prompt:
        chosen = prompt_of(bpy.context.active_object, prompt)
        with bpy.context.temp_override(**in_view()):
            operators.emodifftalk.select_prompt(uid=chosen.emodifftalk.uid)
    bpy.context.scene.frame_set(frame)
    area = area_of("SEQUENCE_EDITOR")
    region = region_of(area, "WINDOW")
    with bpy.context.temp_override(window=in_view()["window"], area=area, region=region):
        bpy.ops.sequencer.view_all()
        (left, low), (right, high) = (
            region.view2d.view_to_region(x, y, clip=False)
            for x, y in ((bpy.context.scene.frame_start - 3, 0.6), (bpy.context.scene.frame_end + 3, channels + 1.9))
        )
        bpy.ops.view2d.zoom_border(
            xmin=round(left), xmax=round(right), ymin=round(low), ymax=round(high), wait_for_input=False
        )
    yield 1.5


def side_bar() -> Box:
    """The side bar of the viewport."""
    bar = region_of(in_view()["area"], "UI")
    return box(bar.x, bar.y, bar.width, bar.height)


def whole(area: bpy.types.Area) -> Box:
    """An area."""
    return box(area.x, area.y, area.width, area.height)


def part_of(bounds: Box, top: int, bottom: int) -> Box:
    """The rows of a box from `top` to `bottom`, without the tabs on its right."""
    return bounds[0] + 6, bounds[1] + top, bounds[2] - 34, min(bounds[1] + bottom, bounds[3])


def box(x: int, y: int, width: int, height: int) -> Box:
    """A box counted from above, of one that Blender counts from below."""
    above = in_view()["window"].height
    return x, above - y - height, x + width, above - y


def session() -> Iterator[float]:
    """All wanted pictures, one after the other."""
    quiet_window()
    preferences = bpy.context.preferences
    preferences.view.ui_scale, preferences.view.show_developer_ui = SCALE, False
    yield 1.0
    for name, picture in PICTURES.items():
        if WANTED and name not in WANTED:
            continue
        boxes.clear()
        yield from picture()
        bpy.context.window_manager.windows[0].event_simulate("MOUSEMOVE", "NOTHING", x=4, y=896)
        yield 0.8
        if not any((OUT / f"{name}{suffix}").exists() for suffix in (".jpg", ".npy")):
            np.save(OUT / f"{name}.npy", screenshot())
        picture_boxes[name] = list(boxes)
        print(f"made_picture {name}", flush=True)


running = session()


def step() -> float:
    """Go on with the session."""
    try:
        return next(running)
    except StopIteration:
        (OUT / "done.json").write_text(json.dumps(picture_boxes))
    except BaseException:
        traceback.print_exc()
    os._exit(0)


bpy.app.timers.register(step, first_interval=1.0, persistent=True)
