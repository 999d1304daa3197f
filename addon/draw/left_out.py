"""Which heads a scene's renders leave out because another engine makes them, which knows no Gaussians."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.types import NodeTree, Object, Scene

from ..blender import compat
from ..blender.registering import Adds
from ..scene.rendered import in_rendered_collections, shows_strips
from . import memory
from .colours import ENGINE

_ENGINES = {"BLENDER_EEVEE": "EEVEE", "BLENDER_EEVEE_NEXT": "EEVEE", "BLENDER_WORKBENCH": "Workbench"}
_ENDS = {"NodeGroupOutput", "CompositorNodeComposite", "CompositorNodeOutputFile"}
"""The nodes a render's pictures leave the compositor by."""
_NAMED = 3
_known: dict[int, tuple[tuple, str]] = memory.keep({})
"""What was last found of each scene (by session uid), for panels; emptied when anything is edited."""
CURE = "Put Heads into This Render in the EmoDiffTalk tab, or render with EmoDiffTalk."


def engine_name(scene: Scene) -> str:
    """What the animator calls the scene's engine."""
    engine = scene.render.engine
    return _ENGINES.get(engine, engine.removeprefix("BLENDER_").capitalize())


def left_out(scene: Scene) -> str:
    """One sentence on the heads that the scene's next render would lack; empty when it lacks none.

    Heads that are hidden in renders, from the camera or by their collections are not missed, nor is anything in a
    render of the sequencer's strips.
    """
    if scene.render.engine == ENGINE or (scene.render.use_compositing and _composited(scene)):
        return ""
    names = sorted({obj.name for obj in in_rendered_collections(scene) if not _is_hidden(obj, scene)})
    if not names or shows_strips(scene):
        return ""
    heads = " and ".join(names) if len(names) < _NAMED else f"{names[0]} and {len(names) - 1} other heads"
    verb = "is" if len(names) == 1 else "are"
    if _composited(scene):
        return f"{heads} {verb} not in the picture: compositing is switched off under Output > Post Processing."
    return f"{heads} {verb} not in the picture: {engine_name(scene)} cannot draw heads."


def left_out_for_panels(scene: Scene) -> str:
    """The same as of the last edit: panels are drawn often, and looking through a large scene takes milliseconds."""
    key = (scene.render.engine, scene.render.use_compositing, scene.render.use_sequencer)
    if scene.session_uid not in _known or _known[scene.session_uid][0] != key:
        _known[scene.session_uid] = key, left_out(scene)
    return _known[scene.session_uid][1]


@bpy.app.handlers.persistent
def _on_edit(*_: object) -> None:
    _known.clear()


def _is_hidden(obj: Object, scene: Scene) -> bool:
    """At the scene's frame: while a render begins, objects still have what was animated in the frame before."""
    curve = next((curve for curve in compat.fcurves(obj) if curve.data_path == "hide_render"), None)
    hidden = obj.hide_render if curve is None else curve.evaluate(scene.frame_current_final) >= 0.5
    return hidden or not obj.visible_camera


def _composited(scene: Scene) -> bool:
    """Whether the scene's picture is put together with one of our engine."""
    tree = compat.compositor(scene)
    return tree is not None and _holds_heads(tree)


def _holds_heads(tree: NodeTree) -> bool:
    """Whether a Render Layers node of a scene that our engine renders has a part in what leaves the tree."""
    # Backwards along the links, from the nodes by which pictures leave.
    waiting: list[Any] = [node for node in tree.nodes if node.bl_idname in _ENDS and not node.mute]
    seen = set(waiting)
    while waiting:
        node = waiting.pop()
        if node.bl_idname == "CompositorNodeRLayers" and node.scene is not None and node.scene.render.engine == ENGINE:
            return True
        inside = node.node_tree if node.bl_idname == "CompositorNodeGroup" else None
        if inside is not None and _holds_heads(inside):
            return True
        before = {link.from_node for socket in node.inputs for link in socket.links if not link.is_muted}
        waiting += before - seen
        seen |= before
    return False


_EDITS = ("depsgraph_update_post", "undo_post", "redo_post", "load_post")

ADDS = Adds(handlers=tuple((name, _on_edit) for name in _EDITS))
