"""Where Blender 4.5 LTS, 5.0 and 5.2 LTS differ. Every version switch of the add-on is in this file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import bpy
from bpy.types import FCurve, Scene, SequenceEditor, Strip, TextStrip

from emodifftalk.core.errors import UserError
from emodifftalk.core.retiming import RetimingKey

Block = Any
"""A data-block that can be animated: not every ID can, so the stubs know `animation_data` of each kind alone."""

_START, _LEFT, _RIGHT, _TRIMMED = (
    ("content_start", "left_handle", "right_handle", "content_trim_start")
    if bpy.app.version >= (5, 2, 0)
    else ("frame_start", "frame_final_start", "frame_final_end", "animation_offset_start")
)
"""What a strip's times are called: 5.2 renamed them and warns about the old names."""

OBJECT_INDEX_PASS = "Object Index" if bpy.app.version >= (5, 0, 0) else "IndexOB"
"""What Cycles and the compositor call the pass of the objects' indices."""


def sequencer_scene(context: bpy.types.Context) -> Scene:
    """The scene whose strips the person sees: from 5.0 a workspace may edit another scene than the one in view."""
    workspace = getattr(context, "workspace", None)
    return getattr(workspace, "sequencer_scene", None) or context.scene


def show_in_sequencer(context: bpy.types.Context, scene: Scene) -> None:
    """From 5.0 a workspace whose sequencer shows no scene would hide new strips: let it show theirs."""
    workspace = getattr(context, "workspace", None)
    if workspace is not None and getattr(workspace, "sequencer_scene", scene) is None:
        workspace.sequencer_scene = scene


def all_strips(scene: Scene | None) -> list[Strip]:
    """Every strip of a scene, those inside metas too. An empty strip collection is falsy, so None is asked for."""
    editor = scene.sequence_editor if scene is not None else None
    return [] if editor is None else list(editor.strips_all)


@dataclass(frozen=True)
class StripTimes:
    """Where a strip lies, in frames.

    content_start: where its content begins; trimming leaves it alone.
    left: first frame that is seen or heard.
    right: first frame after it.
    trimmed: frames of the file that a hard cut removed before the content begins.
    """

    content_start: float
    left: float
    right: float
    trimmed: float


def strip_times(strip: Strip) -> StripTimes:
    """Where a strip lies."""
    trimmed = float(getattr(strip, _TRIMMED, 0.0))  # texts and metas are not trimmed
    return StripTimes(content_start(strip), left_handle(strip), right_handle(strip), trimmed)


def strip_spans(scene: Scene | None) -> tuple[list[Strip], Any, Any, Any]:
    """Every strip of a scene, and as arrays (N,): channels, left handles, right handles. Read in one go: a thousand
    strips cost as much as two asked one by one."""
    import numpy as np

    strips = all_strips(scene)
    channels, left, right = np.zeros(len(strips), np.int32), np.zeros(len(strips)), np.zeros(len(strips))
    if strips and scene is not None and scene.sequence_editor is not None:
        for name, numbers in (("channel", channels), (_LEFT, left), (_RIGHT, right)):
            scene.sequence_editor.strips_all.foreach_get(name, numbers)
    return strips, channels, left, right


def content_start(strip: Strip) -> float:
    """Frame at which the strip's content begins; trimming leaves it alone."""
    return float(getattr(strip, _START))


def left_handle(strip: Strip) -> float:
    """First frame of the strip that is seen or heard."""
    return float(getattr(strip, _LEFT))


def right_handle(strip: Strip) -> float:
    """First frame after the strip."""
    return float(getattr(strip, _RIGHT))


def move_strip(strip: Strip, frames: int) -> None:
    """Move a strip in time."""
    if frames:
        setattr(strip, _START, content_start(strip) + frames)


def set_right_handle(strip: Strip, frame: int) -> None:
    """Trim or extend the strip's end."""
    setattr(strip, _RIGHT, frame)


def new_text_strip(editor: SequenceEditor, name: str, channel: int, start: int, end: int) -> TextStrip:
    """A Text strip over frames [start, end)."""
    span: dict[str, Any] = {"length": end - start} if bpy.app.version >= (5, 0, 0) else {"frame_end": end}
    strip: Any = editor.strips.new_effect(name, "TEXT", channel, start, **span)
    return strip


def is_retimed(strip: Strip) -> bool:
    """Whether the strip's speed was changed: its handles then no longer tell which part of the file is heard."""
    return len(_retiming_keys(strip)) > 1


def _retiming_keys(strip: Strip) -> Sequence[Any]:
    """The keys of a strip's speed; texts and metas have none."""
    return getattr(strip, "retiming_keys", None) or ()


# Python is shown at which frames a strip has retiming keys, but not how far its content has come there. These are the
# beginnings of Blender's own structures: of a key its frame in the strip, flags, and the share of the content played;
# of a strip (after its place in the list) its name with two letters before, and behind it flags, type, the length of
# its content in frames, and its start. What is read is compared with what Python is shown.
_KEY = "=di4xf" if bpy.app.version < (5, 0, 0) else "=dif"
_STRIP = f"={32 if bpy.app.version < (5, 2, 0) else 16}x2x62siiif"
_CURVED = 1  # of a key's flags: a transition begins here


def retiming(strip: Strip) -> tuple[RetimingKey, ...]:
    """The retiming of a strip, in frames of the timeline and of its content; empty for one at its own speed.

    Raises UserError when this Blender keeps it in another way than the ones we know.
    """
    if not is_retimed(strip):
        return ()
    keys = _retiming_keys(strip)
    shown = [key.timeline_frame for key in keys]
    held = [_held(key, _KEY) for key in keys]
    name, _, _, length, start = _held(strip, _STRIP)
    offset, shares = shown[0] - held[0][0], [share for _, _, share in held]
    known = all(abs(index + offset - frame) <= 1 for (index, _, _), frame in zip(held, shown, strict=True))
    known &= name.split(b"\0")[0] == strip.name.encode() and start == content_start(strip) and length > 1
    if not known or shares != sorted(shares) or not (abs(shares[0]) < 1e-4 and abs(shares[-1] - 1) < 1e-4):
        raise UserError(
            f"The speed of “{strip.name}” cannot be read in this version of Blender: reset its retiming or render it "
            "to a new file."
        )
    length -= bpy.app.version < (5, 0, 0)  # 4.5 counts from the first frame to the last
    return tuple(RetimingKey(index + offset, share * length, bool(flag & _CURVED)) for index, flag, share in held)


def _held(struct_of: bpy.types.bpy_struct, layout: str) -> tuple:
    import ctypes
    import struct

    return struct.unpack(layout, ctypes.string_at(struct_of.as_pointer(), struct.calcsize(layout)))


def is_silenced(strip: Strip) -> bool:
    """Whether a strip is not heard: it, its channel, or a meta strip around it is muted."""
    scene: Any = strip.id_data
    while True:
        parent: Any = strip.parent_meta()
        channels = scene.sequence_editor.channels if parent is None else parent.channels
        if strip.mute or channels[strip.channel].mute:
            return True
        if parent is None:
            return False
        strip = parent


def fcurves(block: Block) -> Iterator[FCurve]:
    """The F-curves that animate a data-block: 5.0 removed `Action.fcurves`, the channel bag exists from 4.5 on."""
    bag = _channels(block)
    if bag is not None:
        yield from bag.fcurves


def _channels(block: Block) -> bpy.types.ActionChannelbag | None:
    data = block.animation_data
    if data is None or data.action is None or data.action_slot is None:
        return None
    return _bag(data.action, data.action_slot)


def _bag(action: bpy.types.Action, slot: bpy.types.ActionSlot) -> bpy.types.ActionChannelbag | None:
    from bpy_extras.anim_utils import action_get_channelbag_for_slot

    return action_get_channelbag_for_slot(action, slot)  # type: ignore[func-returns-value]  # it does, the stub errs


def nla_fcurves(block: Block) -> Iterator[FCurve]:
    """The F-curves of the block's NLA strips that are heard at all."""
    data = block.animation_data
    if data is None or not (data.use_nla or data.use_tweak_mode):
        return
    for track in data.nla_tracks:
        for strip in () if track.mute else track.strips:
            if strip.action is not None and not strip.mute:
                bag = _bag(strip.action, strip.action_slot)
                yield from () if bag is None else bag.fcurves


_LINEAR = 1  # of a key's interpolation


def write_fcurve(block: Block, path: str, group: str, keys: Sequence[tuple[float, float]], locked: bool = True) -> None:
    """Let an F-curve of its own lead a property through keys (frame, value), straight from key to key; without keys
    there is none. Other curves of the block stay as they are."""
    remove_fcurve(block, path)
    if not keys:
        return
    curve = ensure_fcurve(block, path, group)
    curve.keyframe_points.add(len(keys))
    curve.keyframe_points.foreach_set("co", [number for key in keys for number in key])
    curve.keyframe_points.foreach_set("interpolation", [_LINEAR] * len(keys))
    curve.update()
    curve.lock = locked


def remove_fcurve(block: Block, path: str) -> None:
    """Take the F-curve of a property away, if there is one. Other curves of the block stay as they are."""
    for curve in [curve for curve in fcurves(block) if curve.data_path == path]:
        _channels(block).fcurves.remove(curve)


def ensure_fcurve(block: Block, path: str, group: str) -> FCurve:
    """The F-curve of a property in the block's action; an empty one in a group when there is none."""
    data = block.animation_data or block.animation_data_create()
    if data.action is None:
        data.action = bpy.data.actions.new(f"{block.name}Action")
    if bpy.app.version >= (5, 0, 0):
        return data.action.fcurve_ensure_for_datablock(block, path, group_name=group)
    curve = data.action.fcurve_ensure_for_datablock(block, path)
    if curve.group is None:
        groups = _channels(block).groups
        curve.group = groups.get(group) or groups.new(group)
    return curve


def copy_fcurve(block: Block, path: str, to: str) -> None:
    """Let another property of a block move as the one at `path` does, if an F-curve moves that."""
    source = next((curve for curve in fcurves(block) if curve.data_path == path), None)
    if source is None:
        return
    curve = ensure_fcurve(block, to, source.group.name if source.group is not None else "")
    curve.extrapolation, curve.mute, curve.lock = source.extrapolation, source.mute, source.lock
    curve.keyframe_points.add(len(source.keyframe_points))
    for key, copied in zip(source.keyframe_points, curve.keyframe_points, strict=True):
        copied.co, copied.interpolation, copied.easing = key.co, key.interpolation, key.easing
        copied.handle_left_type, copied.handle_right_type = key.handle_left_type, key.handle_right_type
        copied.handle_left, copied.handle_right = key.handle_left, key.handle_right
    curve.update()


def can_animate(block: Block) -> bool:
    """Whether F-curves of the block may be written: neither it nor its action belongs to another file."""
    data = block.animation_data
    return block.library is None and (data is None or data.action is None or data.action.library is None)


def choose_format(picture: Any, style: str) -> None:
    """Let pictures (or, for FFMPEG, a video) be written in a format: 5.0 chooses between kinds of files first.

    picture: an `ImageFormatSettings`, of which the stubs take a format only where it is written out.
    """
    if hasattr(picture, "media_type"):
        kinds = {"FFMPEG": "VIDEO", "OPEN_EXR_MULTILAYER": "MULTI_LAYER_IMAGE"}
        picture.media_type = kinds.get(style, "IMAGE")
    picture.file_format = style


def literal_path(path: str) -> str:
    """A path to render to, taken as it is: braces in it would be read as a template."""
    return path.replace("{", "{{").replace("}", "}}")


def show_animation_of(editor: SequenceEditor, name: str, channel: int, start: int, pictures: Sequence[str]) -> Strip:
    """An image strip of picture files, all of one folder, each one frame long and at its own size."""
    import os

    strip: Any = editor.strips.new_image(name, pictures[0], channel, start, fit_method="ORIGINAL")
    for picture in pictures[1:]:
        strip.elements.append(os.path.basename(picture))
    set_right_handle(strip, start + len(pictures))
    return strip


_GROUPED = bpy.app.version >= (5, 0, 0)
"""5.0 made the compositor a node group with a Group Output, and turned many node properties into menu inputs."""
_TREE = "compositing_node_group" if _GROUPED else "node_tree"
"""Where a scene has it."""


def compositor(scene: Scene) -> bpy.types.NodeTree | None:
    """The node tree that a scene's renders pass through, None when they are not composited."""
    return getattr(scene, _TREE) if _GROUPED or scene.use_nodes else None


def new_compositor(scene: Scene) -> bpy.types.NodeTree:
    """Give a scene that has none a compositor that hands its picture through; returns the tree."""
    if not _GROUPED:
        scene.use_nodes = True
        tree = getattr(scene, _TREE)
        if tree.nodes:  # Blender fills a new one itself, and one that was only switched off is the person's own
            return tree
        output = tree.nodes.new("CompositorNodeComposite")
    else:
        tree = scene.compositing_node_group = bpy.data.node_groups.new("Compositing", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        output = tree.nodes.new("NodeGroupOutput")
    layers = _new_node(tree, "CompositorNodeRLayers")
    layers.scene = scene
    layers.location, output.location = (-300, 200), (300, 200)
    tree.links.new(layers.outputs["Image"], output.inputs[0])
    return tree


def drop_compositor(scene: Scene) -> None:
    """Take away what `new_compositor` gave."""
    if not _GROUPED:
        scene.use_nodes = False
        return
    tree, scene.compositing_node_group = scene.compositing_node_group, None
    if tree is not None and tree.users == 0:
        bpy.data.node_groups.remove(tree)


def has_switched_off_compositor(scene: Scene) -> bool:
    """Whether the scene has compositor nodes that are not in use (4.5 only: later ones are always in use)."""
    if _GROUPED or scene.use_nodes:
        return False
    tree = getattr(scene, _TREE)
    return tree is not None and len(tree.nodes) > 0


def _new_node(tree: bpy.types.NodeTree, kind: str) -> Any:
    """A node in a tree; Any, for what it is set up with depends on `kind`."""
    return tree.nodes.new(kind)


def alpha_over(tree: bpy.types.NodeTree) -> tuple[bpy.types.Node, bpy.types.NodeSocket, bpy.types.NodeSocket]:
    """A node that lays a premultiplied picture over another: the node, its background and its foreground socket."""
    node = _new_node(tree, "CompositorNodeAlphaOver")
    return (node, node.inputs[0], node.inputs[1]) if _GROUPED else (node, node.inputs[1], node.inputs[2])


def math_node(tree: bpy.types.NodeTree, operation: str) -> bpy.types.Node:
    """A Math node of the compositor."""
    node = _new_node(tree, "ShaderNodeMath" if _GROUPED else "CompositorNodeMath")
    node.operation = operation
    return node


def multiply_colours(tree: bpy.types.NodeTree) -> tuple[bpy.types.Node, tuple, bpy.types.NodeSocket]:
    """A node that multiplies two colours: the node, its two inputs, its output."""
    if not _GROUPED:
        node = _new_node(tree, "CompositorNodeMixRGB")
        node.blend_type = "MULTIPLY"
        return node, tuple(node.inputs[1:3]), node.outputs[0]
    node = _new_node(tree, "ShaderNodeMix")
    node.data_type, node.blend_type = "RGBA", "MULTIPLY"
    node.inputs["Factor"].default_value = 1.0
    colours = tuple(socket for socket in node.inputs if socket.type == "RGBA")
    return node, colours, next(socket for socket in node.outputs if socket.type == "RGBA")


def set_alpha(tree: bpy.types.NodeTree, replace: bool) -> bpy.types.Node:
    """A Set Alpha node that replaces the alpha, or multiplies the whole picture by one."""
    node = _new_node(tree, "CompositorNodeSetAlpha")
    if _GROUPED:
        node.inputs["Type"].default_value = "Replace Alpha" if replace else "Apply Mask"
    else:
        node.mode = "REPLACE_ALPHA" if replace else "APPLY"
    return node


def to_straight_alpha(tree: bpy.types.NodeTree) -> bpy.types.Node:
    """A node that divides colours by their alpha."""
    node = _new_node(tree, "CompositorNodePremulKey")
    if _GROUPED:
        node.inputs["Type"].default_value = "To Straight"
    else:
        node.mapping = "PREMUL_TO_STRAIGHT"
    return node


def gaussian_blur(tree: bpy.types.NodeTree, radius: float) -> bpy.types.Node:
    """A Blur node, Gaussian, of a radius in pixels (three standard deviations)."""
    node = _new_node(tree, "CompositorNodeBlur")
    if _GROUPED:
        node.inputs["Type"].default_value = "Gaussian"
    else:
        node.filter_type = "GAUSS"
    node.inputs["Size"].default_value[:2] = radius, radius
    return node
