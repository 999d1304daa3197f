"""What a hand does on the pad of valence and arousal and with undo: a chapter of drive.py."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import bpy
from in_window import in_view, press, pull, until


def head_in_scene() -> bpy.types.Object | None:
    """The head of the scene, if there is one."""
    return next((thing for thing in bpy.context.scene.objects if thing.emodifftalk.subject_path), None)


def on_the_pad(package: str, facts: dict) -> Iterator[float]:
    """The pad is shown, dragged, used, pressed beside its field and closed: each time the head should stay selected."""
    pad = sys.modules[f"{package}.addon.timeline.affect_pad"]
    space = in_view()["area"].spaces.active
    space.show_gizmo = True
    bpy.context.window_manager.emodifftalk.show_gaussians = False  # every move of the mouse draws the window again
    bpy.context.window_manager.emodifftalk_pad.shown = True
    yield 0.2
    first = square(pad)
    selected = facts["selected after"] = {}
    x, y = first.frame.left + 60, first.title.bottom + 8
    yield from pull((x, y), (x - 120, y + 60))
    yield from until(lambda: square(pad) != first, 1.0)
    moved = square(pad)
    facts["pad went"] = [round(moved.x - first.x), round(moved.y - first.y)]
    selected["dragging"] = head_in_scene().select_get()
    yield from pull((x - 120, y + 60), (x - 3000, y + 60))
    facts["pad beyond the edge"] = square(pad).frame.left < 0
    yield from pull(square(pad).pixel(0.0, 0.0), square(pad).pixel(-0.8, -0.08))
    settings = head_in_scene().emodifftalk
    facts["mood"] = [round(settings.valence, 1), round(settings.arousal, 1)]
    selected["setting"] = head_in_scene().select_get()
    press("Z", ctrl=True)
    yield from until(lambda: head_in_scene().emodifftalk.valence == 0)
    settings = head_in_scene().emodifftalk
    facts["mood after undo"] = [settings.valence, settings.arousal]
    head_in_scene().select_set(True)
    frame = square(pad).frame
    yield from pull((frame.left + 40, frame.bottom + 6))
    selected["a press beside the field"] = head_in_scene().select_get()
    yield from pull(square(pad).cross, square(pad).pixel(0.0, 0.0))
    facts["closed by a press that was thought better of"] = not bpy.context.window_manager.emodifftalk_pad.shown
    yield from pull(square(pad).cross)
    yield from until(lambda: not bpy.context.window_manager.emodifftalk_pad.shown, 1.0)
    facts["closed"] = not bpy.context.window_manager.emodifftalk_pad.shown
    selected["closing"] = head_in_scene().select_get()
    space.show_gizmo, bpy.context.window_manager.emodifftalk.show_gaussians = False, True


def square(pad):
    """Where the pad lies now."""
    with bpy.context.temp_override(**in_view()):
        return pad.square_in(bpy.context)


def deleted_meanwhile(package: str, facts: dict, folder: Path) -> Iterator[float]:
    """A head is deleted while a take of it is made; the take arrives; one undo brings the head back."""
    generate, jobs, performance, waiting = (
        sys.modules[f"{package}.addon.takes.{name}"] for name in ("generate", "job", "performance", "waiting")
    )
    head, scene = head_in_scene(), bpy.context.scene
    entry = head.emodifftalk.takes[head.emodifftalk.active_take]
    path = folder / "meanwhile.safetensors"
    shutil.copyfile(bpy.path.abspath(entry.path), path)
    job = jobs.Job(head.session_uid, performance.build_performance(head, scene), path)
    takes = len(head.emodifftalk.takes)
    press("DEL")
    yield from until(lambda: head_in_scene() is None)
    facts["deleted"] = head_in_scene() is None
    generate._finished(job, {})
    yield 0.1
    press("Z", ctrl=True)
    yield from until(lambda: head_in_scene() is not None)
    head = head_in_scene()
    facts["back after one undo"] = head is not None
    facts["takes that wait"] = [job.path.name for job in waiting.of(head)]
    with bpy.context.temp_override(**in_view()):
        bpy.context.view_layer.objects.active = head
        bpy.ops.emodifftalk.list_waiting_takes()
    facts["takes listed"] = len(head.emodifftalk.takes) - takes
