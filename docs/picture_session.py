"""The session that the manual's pictures are taken of; make_pictures.py runs it inside Blender.

A picture is a function that arranges the window and yields seconds for Blender's own loop; then the window is kept,
with the boxes (left, top, right, bottom in pixels, counted from above) that the function leaves in `boxes`.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "window"))

from in_window import in_view, quiet_window, screenshot

ARGUMENTS = sys.argv[sys.argv.index("--") + 1 :]
OUT, PACKAGE, WANTED = Path(ARGUMENTS[0]), ARGUMENTS[1], ARGUMENTS[2:]
SAMPLES = Path(sys.modules[PACKAGE].__file__).parent / "sample_scenes"
SCALE = 1.1
Box = tuple[int, int, int, int]
boxes: list[Box] = []
kept: dict[str, list[Box]] = {}


def window() -> Iterator[float]:
    """Everything at once, in the middle of three feelings."""
    yield from open_scene("hello")
    yield from at_frame(93, prompt=1)


def emotion() -> Iterator[float]:
    """The prompts of a head, and the bars of one."""
    yield from open_scene("hello", closed="subject voice generate render acting backend shots", lift=0)
    yield from at_frame(93, prompt=2)
    boxes.append(part_of(side_bar(), top=60, bottom=545))


def pad() -> Iterator[float]:
    """The mood of a head that has been keyed, on the pad."""
    closed = "subject voice emotion generate render backend shots"
    yield from open_scene("hello", opened="fine", closed=closed, lift=-60)
    head = bpy.context.active_object
    for frame, mood in ((1, (-0.5, -0.2)), (60, (-0.35, 0.5)), (93, (0.65, 0.45)), (176, (0.1, -0.45))):
        head.emodifftalk.valence, head.emodifftalk.arousal = mood
        for path in ("valence", "arousal"):
            head.keyframe_insert(f"emodifftalk.{path}", frame=frame)
    space = in_view()["area"].spaces.active
    space.show_gizmo, space.show_gizmo_navigate = True, False
    bpy.context.window_manager.emodifftalk_pad.shown = True
    yield from at_frame(93, prompt=1)
    boxes.append(whole(in_view()["area"]))


def curves() -> Iterator[float]:
    """A take's action units in the Graph Editor, three of them."""
    closed = "subject voice emotion render acting backend shots"
    yield from open_scene("hello", opened="au_curves", closed=closed, lift=250)
    yield from at_frame(93, prompt=1)
    head = bpy.context.active_object
    with bpy.context.temp_override(**in_view()):
        bpy.ops.emodifftalk.show_au_curves()
    area = area_of("SEQUENCE_EDITOR")
    area.type = "GRAPH_EDITOR"
    yield 0.5
    compat = sys.modules[f"{PACKAGE}.addon.compat"]
    for curve in compat.fcurves(head):
        curve.hide = not any(curve.data_path.endswith(au) for au in ("au01", "au12", "au26"))
        curve.select = curve.data_path.endswith("au12")
    region = region_of(area, "WINDOW")
    with bpy.context.temp_override(window=in_view()["window"], area=area, region=region):
        bpy.ops.graph.view_all()
    yield from scroll(380)


def line() -> Iterator[float]:
    """The line under the ruler and what it means, after an edit."""
    closed = "subject voice emotion render acting backend shots live"
    yield from open_scene("hello", opened="take_status", closed=closed)
    scene = bpy.context.scene
    prompts()[1].emodifftalk.strength = 1.5
    sys.modules[f"{PACKAGE}.addon.compat"].set_right_handle(prompts()[2], 201)
    scene.frame_end = 200
    yield from at_frame(93, prompt=1)
    yield 3.0
    strips = whole(area_of("SEQUENCE_EDITOR"))
    boxes.append((strips[0], strips[1], strips[2], strips[3] - 38))
    boxes.append(part_of(side_bar(), top=90, bottom=420))


def two() -> Iterator[float]:
    """Two heads, each with its voice and its feelings."""
    yield from open_scene("two_talking")
    yield from at_frame(165, prompt=1)


def room() -> Iterator[float]:
    """The compositor of a shot that Cycles renders."""
    closed = "subject voice emotion generate acting backend shots"
    yield from open_scene("in_a_room", closed=closed, lift=250, shading="SOLID")
    yield from at_frame(112)
    area = area_of("SEQUENCE_EDITOR")
    area.ui_type = "CompositorNodeTree"
    yield 1.0
    region = region_of(area, "WINDOW")
    with bpy.context.temp_override(window=in_view()["window"], area=area, region=region):
        bpy.ops.node.view_all()
    yield 1.0


def install() -> Iterator[float]:
    """What Install Backend asks."""
    yield from open_scene("hello")
    yield from at_frame(93, prompt=1)
    chosen = os.environ.pop("EMODIFFTALK_PYTHON", "")
    preferences = bpy.context.preferences
    preferences.system.use_online_access = True
    preferences.addons[PACKAGE].preferences.backend_folder = "/opt"
    found = in_view()
    found["window"].event_simulate("MOUSEMOVE", "NOTHING", x=800, y=520)
    yield 0.3
    with bpy.context.temp_override(**found):
        bpy.ops.emodifftalk.install_backend("INVOKE_DEFAULT")
    yield 1.0
    np.save(OUT / "install.npy", screenshot())
    found["window"].event_simulate("ESC", "PRESS", x=800, y=520)
    found["window"].event_simulate("ESC", "RELEASE", x=800, y=520)
    yield 0.5
    os.environ["EMODIFFTALK_PYTHON"] = chosen
    preferences.system.use_online_access, preferences.addons[PACKAGE].preferences.backend_folder = False, ""


def shots() -> Iterator[float]:
    """The queue at work."""
    closed = "subject voice emotion generate render acting backend shot_output"
    yield from open_scene("hello", opened="shots", closed=closed, lift=-60)
    scene = bpy.context.scene
    bpy.ops.wm.save_as_mainfile(filepath=str(SAMPLES / "corridor.blend"))
    queue = scene.emodifftalk_shots
    for name, first, last in (("sh010", 1, 12), ("sh020", 61, 110), ("sh030", 118, 176)):
        with bpy.context.temp_override(**in_view()):
            bpy.ops.emodifftalk.add_shot()
        shot = queue.shots[queue.active]
        shot.name, shot.own_range, shot.frame_start, shot.frame_end = name, True, first, last
    queue.active = 1
    bpy.ops.wm.save_mainfile()
    with bpy.context.temp_override(**in_view()):
        bpy.ops.emodifftalk.render_shots()
    running = sys.modules[f"{PACKAGE}.addon.shot_process"].queue
    for _ in range(300):
        yield 1.0
        states = running.status.get("shots", ())
        if not running.running or sum(shot["done"] for shot in states) >= 29:
            break
    np.save(OUT / "shots.npy", screenshot())
    boxes.append(part_of(side_bar(), top=0, bottom=700))
    with bpy.context.temp_override(**in_view()):
        bpy.ops.emodifftalk.cancel_shots()
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
    boxes.append(whole(properties))


def two_talking() -> Iterator[float]:
    """A final frame."""
    bpy.ops.wm.open_mainfile(filepath=str(SAMPLES / "two_talking.blend"))
    yield 0.5
    scene = bpy.context.scene
    scene.frame_set(165)
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
    name: str, opened: str = "", closed: str = "", lift: int = 120, shading: str = "RENDERED"
) -> Iterator[float]:
    """A sample scene with its window arranged: a wide side bar with our tab, a sequencer that shows its strips.

    opened, closed: panels, by the ends of their names, that are folded otherwise than they are at first.
    """
    fold(opened.split(), closed.split())
    bpy.ops.wm.open_mainfile(filepath=str(SAMPLES / f"{name}.blend"))
    yield 0.5
    area = in_view()["area"]
    space = area.spaces.active
    space.show_region_ui, space.shading.type = True, shading
    space.show_gizmo = space.show_region_toolbar = space.overlay.show_text = False
    strips = area_of("SEQUENCE_EDITOR")
    with bpy.context.temp_override(**in_view()):
        if lift:
            bpy.ops.screen.area_move(x=strips.x + 200, y=strips.y + strips.height, delta=lift)
        bpy.ops.screen.area_move(x=area.x + area.width, y=area.y + 200, delta=90)
    strips.spaces.active.show_region_toolbar = False
    strips.spaces.active.cache_overlay.show_cache = False
    overlay = strips.spaces.active.timeline_overlay
    overlay.show_strip_source = overlay.show_strip_duration = False
    yield 0.5
    region_of(area, "UI").active_panel_category = "EmoDiffTalk"
    yield 0.5
    bar = region_of(area, "UI")
    yield from drag((bar.x, bar.y + bar.height // 3), (-80, 0))
    if space.region_3d.view_perspective == "CAMERA":
        with bpy.context.temp_override(**in_view()):
            bpy.ops.view3d.view_center_camera()
        free = area.width - region_of(area, "UI").width
        space.region_3d.view_camera_offset = (0.5 * (area.width - free) / area.width / 1.6, 0.0)
    yield 0.3


def fold(opened: list[str], closed: list[str]) -> None:
    """Choose which panels are open in windows that have not shown them yet."""
    ours = sys.modules[f"{PACKAGE}.addon"]
    for name, options in _folded.items():
        getattr(bpy.types, name).bl_options = options
    for names, closes in ((opened, False), (closed, True)):
        for name in names:
            cls = getattr(bpy.types, name if "_PT_" in name else f"EMODIFFTALK_PT_{name}")
            _folded.setdefault(cls.__name__, cls.bl_options if "bl_options" in vars(cls) else set())
            cls.bl_options = {"DEFAULT_CLOSED"} if closes else set()
    ours.unregister()
    ours.register()


_folded: dict[str, set[str]] = {}


def scroll(pixels: int) -> Iterator[float]:
    """Scroll the side bar down."""
    found = in_view()
    with bpy.context.temp_override(window=found["window"], area=found["area"], region=region_of(found["area"], "UI")):
        bpy.ops.view2d.pan(deltax=0, deltay=-pixels)
    yield 0.5


def prompts() -> list[bpy.types.Strip]:
    """The prompts on the timeline, in order."""
    found = [strip for strip in bpy.context.scene.sequence_editor.strips_all if strip.emodifftalk.is_prompt]
    return sorted(found, key=lambda strip: strip.content_start)


def area_of(kind: str) -> bpy.types.Area:
    """The area of a kind."""
    return next(area for area in in_view()["screen"].areas if area.type == kind)


def region_of(area: bpy.types.Area, kind: str) -> bpy.types.Region:
    """A region of an area."""
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


def at_frame(frame: int, prompt: int | None = None) -> Iterator[float]:
    """The playhead there, the strips in view, one prompt chosen."""
    bpy.context.scene.frame_set(frame)
    for strip in bpy.context.scene.sequence_editor.strips_all:
        strip.select = False
    if prompt is not None:
        with bpy.context.temp_override(**in_view()):
            bpy.ops.emodifftalk.select_prompt(uid=prompts()[prompt].emodifftalk.uid)
    bpy.context.scene.frame_set(frame)
    area = area_of("SEQUENCE_EDITOR")
    with bpy.context.temp_override(window=in_view()["window"], area=area, region=region_of(area, "WINDOW")):
        bpy.ops.sequencer.view_all()
        bpy.ops.view2d.zoom_in(zoomfacx=0.0, zoomfacy=0.5)
        bpy.ops.view2d.pan(deltax=0, deltay=-3000)
    yield 1.5


def side_bar() -> Box:
    """The side bar of the viewport."""
    bar = region_of(in_view()["area"], "UI")
    return box(bar.x, bar.y, bar.width, bar.height)


def whole(area: bpy.types.Area) -> Box:
    """An area."""
    return box(area.x, area.y, area.width, area.height)


def part_of(found: Box, top: int, bottom: int) -> Box:
    """The rows of a box from `top` to `bottom`, without the tabs on its right."""
    return found[0], found[1] + top, found[2] - 34, min(found[1] + bottom, found[3])


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
        kept[name] = list(boxes)
        print(f"made_picture {name}", flush=True)


running = session()


def step() -> float:
    """Go on with the session."""
    try:
        return next(running)
    except StopIteration:
        (OUT / "done.json").write_text(json.dumps(kept))
    except BaseException:
        traceback.print_exc()
    os._exit(0)


bpy.app.timers.register(step, first_interval=1.0, persistent=True)
