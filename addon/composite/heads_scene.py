"""The second scene of a shot: its heads alone, by our engine, through the shot's camera, kept in step with it.

Only the shot's settings are read, only those of the second scene and of the heads' hulls are written: when the shot is
edited, its file saved or a picture begun.
"""

from __future__ import annotations

import bpy
from bpy.types import Depsgraph, Object, Scene

from ..blender import compat
from ..blender.registering import Adds
from ..draw.colours import ENGINE
from ..draw.settings import drawing_settings
from ..scene.bells import COLOURS_CHANGED
from ..scene.composite_settings import composite_settings
from ..scene.rendered import in_rendered_collections
from . import nodes, shadow

_RENDER = (
    "resolution_x", "resolution_y", "resolution_percentage", "pixel_aspect_x", "pixel_aspect_y",
    "use_border", "use_crop_to_border", "border_min_x", "border_max_x", "border_min_y", "border_max_y",
    "fps", "fps_base", "frame_map_old", "frame_map_new",
    "use_motion_blur", "motion_blur_shutter", "motion_blur_position",
)  # fmt: skip
_SCENE = ("frame_start", "frame_end", "frame_step")
_DRAWING = ("rasterizer", "blur_samples")


def new_heads_scene(shot: Scene) -> Scene:
    """A scene for the shot's heads, in step with it, or the one it has."""
    composite = composite_settings(shot)
    if composite.heads_scene is None:
        composite.heads_scene = bpy.data.scenes.new(f"{shot.name} heads")
        composite_settings(composite.heads_scene).shot = shot
    keep_in_step(shot)
    return composite.heads_scene


def drop_heads_scene(shot: Scene) -> None:
    """Remove the shot's second scene; the heads stay in the shot."""
    scene = composite_settings(shot).heads_scene
    if scene is None:
        return
    composite_settings(shot).heads_scene = None
    bpy.data.scenes.remove(scene)


def keep_in_step(shot: Scene) -> None:
    """Bring the shot's second scene, if it has one, in line with the shot. Writes only what differs."""
    scene = composite_settings(shot).heads_scene
    if scene is None or scene.library is not None:
        return
    for owner, source, names in (
        (scene.render, shot.render, _RENDER),
        (scene, shot, _SCENE),
        (drawing_settings(scene), drawing_settings(shot), _DRAWING),
    ):
        for name in names:
            _set(owner, name, getattr(source, name))
    _set(scene.render, "engine", ENGINE)
    _set(scene.render, "film_transparent", True)
    _set(scene.view_layers[0], "use_pass_z", True)
    _set(scene, "camera", camera_now(shot))
    _keep_heads(scene, set(in_rendered_collections(shot)))
    _keep_colours(shot)
    if shadow.keep_aside(shot):
        _catch_up(shot)
        _catch_up(scene)


def camera_now(shot: Scene) -> Object | None:
    """The camera the shot is seen by at its current frame: markers may change it."""
    bound = sorted((marker for marker in shot.timeline_markers if marker.camera), key=lambda marker: marker.frame)
    if not bound:
        return shot.camera
    passed = [marker for marker in bound if marker.frame <= shot.frame_current]
    return (passed[-1] if passed else bound[0]).camera


def _set(owner: object, name: str, value: object) -> None:
    if hasattr(owner, name) and getattr(owner, name) != value:
        setattr(owner, name, value)


def _keep_heads(scene: Scene, wanted: set[Object]) -> None:
    collection = scene.collection
    there = set(collection.objects)
    for obj in wanted - there:
        collection.objects.link(obj)
    for obj in there - wanted:
        collection.objects.unlink(obj)
    if there != wanted:
        _catch_up(scene)


def _catch_up(scene: Scene) -> None:
    """Bring a scene's view layers in line with its collections.

    Shot and heads' scene point at each other, so a dependency graph copies both, and Blender 5.2 crashes copying a view
    layer that is behind. Asking for the active object brings it in line.
    """
    for layer in scene.view_layers:
        _ = layer.objects.active


def _keep_colours(shot: Scene) -> None:
    tree = compat.compositor(shot)
    if tree is None:
        return
    view = shot.view_settings.view_transform if composite_settings(shot).keep_colours else ""
    for node in nodes.our_nodes(tree):
        if node.bl_idname == "CompositorNodeGroup" and node.node_tree is not None:
            nodes.set_view_transform(node.node_tree, view)


@bpy.app.handlers.persistent
def _on_shot(scene: Scene | None = None, *_: object) -> None:
    if isinstance(scene, Scene) and scene.library is None:
        keep_in_step(scene)


@bpy.app.handlers.persistent
def _on_edit(scene: Scene, depsgraph: Depsgraph) -> None:
    # Not while something is only moved: looking through a large scene's collections takes milliseconds.
    if depsgraph.id_type_updated("SCENE") or depsgraph.id_type_updated("COLLECTION"):
        _on_shot(scene)


@bpy.app.handlers.persistent
def _on_file(*_: object) -> None:
    for scene in bpy.data.scenes:
        _on_shot(scene)


_HANDLERS = (
    ("depsgraph_update_post", _on_edit),
    ("render_init", _on_shot),
    ("render_pre", _on_shot),  # every frame of an animation may have another camera
    ("save_pre", _on_file),
    ("load_post", _on_file),
)

ADDS = Adds(handlers=_HANDLERS, listens=((COLOURS_CHANGED, keep_in_step),))
