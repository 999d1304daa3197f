"""The compositor nodes that put heads into the picture of a shot, and take them out again.

The matte. A renderer's depth is that of one sample per pixel, so on the edge of an object in front of a head it
jumps to and fro between object and background, while the picture mixes the two. Blurred a little and steepened
towards the object's inside, the comparison of depths becomes a smooth edge that leaves those mixed pixels to the head:
no fringe of the background's colour, at the price of half a pixel of the object.
"""

from __future__ import annotations

from typing import Any, Literal

from bpy.types import Node, NodeSocket, NodeTree, Scene, bpy_prop_collection

from ..blender import compat
from ..render.passes import FAR, SOFT_DEPTH

GROUP = "EmoDiffTalk Heads"
_MARK = "emodifftalk_heads"
"""Custom property of the nodes that are ours."""
_EDGE_RADIUS = 2.0
_EDGE_LOW, _EDGE_HIGH = 0.05, 0.5
"""Shares of a head in the blurred matte that become 0 and 1."""
_REPLACED = ("Image", "Alpha", "Depth")
"""Outputs of the shot's Render Layers that go on with the heads in them."""

_VIEWS = {
    "AgX": "AgX Base sRGB",
    "Filmic": "Filmic sRGB",
    "Khronos PBR Neutral": "Khronos PBR Neutral sRGB",
    "ACES 1.3": "ACES 1.3 sRGB",
    "ACES 2.0": "ACES 2.0 sRGB",
}
"""View transforms that can be undone, and the colour spaces that undo them."""


def can_undo(view_transform: str) -> bool:
    """Whether a view transform can be undone for heads."""
    return view_transform in _VIEWS


def our_nodes(tree: NodeTree) -> list[Any]:
    """The nodes this module put into a compositor. Each kind has fields of its own, of which `Node` knows nothing."""
    return [node for node in tree.nodes if node.get(_MARK)]


def insert(tree: NodeTree, shot: Scene, layer: str, heads_scene: Scene) -> bool:
    """Put heads between the Render Layers of the shot's view layer and whatever used its picture.

    What was inserted before is taken out first. Returns whether the view layer's picture is used anywhere.
    """
    remove(tree)
    sources = [node for node in tree.nodes if _shows(node, shot, layer)]
    if not sources:
        return False
    after = _denoised(sources[0].outputs["Image"])
    users = _users(sources, after)
    frame, layers, group = _add_nodes(tree, heads_scene)
    _place(frame, layers, group, after.node)
    links = tree.links
    links.new(after, group.inputs["Image"])
    links.new(sources[0].outputs["Depth"], group.inputs["Depth"])
    for name, socket in (("Image", "Head"), ("Depth", "Head Depth"), (SOFT_DEPTH, "Head Soft Depth")):
        links.new(layers.outputs[name], group.inputs[socket])
    for name, targets in users.items():
        for target in targets:
            links.new(group.outputs[name], target)
    return bool(users["Image"])


def remove(tree: NodeTree) -> None:
    """Take our nodes out and link the shot's picture to what it was linked to."""
    for group in [node for node in our_nodes(tree) if node.bl_idname == "CompositorNodeGroup"]:
        picture, depth = (_origin(group.inputs[name]) for name in ("Image", "Depth"))
        before = {"Image": picture, "Alpha": depth and depth.node.outputs.get("Alpha"), "Depth": depth}
        for name, source in before.items():
            for link in list(group.outputs[name].links):
                if source is not None:
                    tree.links.new(source, link.to_socket)
    for node in our_nodes(tree):
        tree.nodes.remove(node)


def set_view_transform(group: NodeTree, view_transform: str) -> None:
    """Let the group undo a view transform; the empty name, or one that cannot be undone, leaves colours alone."""
    space = _VIEWS.get(view_transform)
    encode: Any = group.nodes["To sRGB"]
    undo: Any = group.nodes["Undo View Transform"]
    if encode.mute != (space is None):
        encode.mute = undo.mute = space is None
    if space is not None and undo.from_color_space != space:
        undo.from_color_space = space


def _shows(node: Any, shot: Scene, layer: str) -> bool:
    return node.bl_idname == "CompositorNodeRLayers" and node.scene == shot and node.layer == layer


def _denoised(picture: NodeSocket) -> NodeSocket:
    """Behind a Denoise node that is all the picture goes to: what it knows of normals and colours has no heads."""
    links = picture.links
    if len(links) == 1 and links[0].to_node.bl_idname == "CompositorNodeDenoise":
        return _denoised(links[0].to_node.outputs[0])
    return picture


def _users(sources: list[Node], after: NodeSocket) -> dict[str, list[NodeSocket]]:
    """The sockets that use picture, alpha and depth of a view layer."""
    users: dict[str, list[NodeSocket]] = {}
    for name in _REPLACED:
        sockets = [node.outputs[name] for node in sources]
        if name == "Image":
            sockets[0] = after
        users[name] = [link.to_socket for socket in sockets for link in socket.links]
    return users


def _origin(socket: NodeSocket) -> NodeSocket | None:
    return socket.links[0].from_socket if socket.is_linked else None


def _add_nodes(tree: NodeTree, heads_scene: Scene) -> tuple[Node, Node, Node]:
    frame = tree.nodes.new("NodeFrame")
    frame.label, frame.use_custom_color, frame.color = "EmoDiffTalk heads", True, (0.24, 0.31, 0.38)
    layers: Any = tree.nodes.new("CompositorNodeRLayers")
    layers.scene, layers.label = heads_scene, "Heads"
    layers.layer = heads_scene.view_layers[0].name
    group: Any = tree.nodes.new("CompositorNodeGroup")
    group.node_tree, group.label, group.width = heads_group(), "Heads by Depth", 200
    for node in (frame, layers, group):
        node[_MARK] = True
        if node is not frame:
            node.parent = frame
    return frame, layers, group


def _place(frame: Node, layers: Node, group: Node, after: Node) -> None:
    """Below and to the right of the shot's own picture, where there is most often room."""
    x, y = after.location.x, after.location.y
    layers.location, group.location = (x, y - 480), (x + 300, y - 320)


def heads_group() -> NodeTree:
    """The node group that does the work: the file's own when it is there and whole, else a new one."""
    from bpy import data

    group: NodeTree | None = data.node_groups.get(GROUP)
    if group is not None and group.bl_idname == "CompositorNodeTree" and "Undo View Transform" in group.nodes:
        return group
    group = data.node_groups.new(GROUP, "CompositorNodeTree")
    _add_sockets(group)
    _Builder(group).build()
    return group


def _add_sockets(group: NodeTree) -> None:
    def add(name: str, kind: str, way: Literal["INPUT", "OUTPUT"], value: object = None, text: str = "") -> None:
        socket: Any = group.interface.new_socket(name, in_out=way, socket_type=f"NodeSocket{kind}", description=text)
        if value is not None:
            socket.default_value = value

    add("Image", "Color", "OUTPUT")
    add("Alpha", "Float", "OUTPUT")
    add("Depth", "Float", "OUTPUT")
    add("Matte", "Float", "OUTPUT", text="How much of each pixel is a head")
    add("Image", "Color", "INPUT", (0, 0, 0, 0), "The shot")
    add("Depth", "Float", "INPUT", FAR, "The shot's depth")
    add("Head", "Color", "INPUT", (0, 0, 0, 0), "The heads, on transparency")
    add("Head Depth", "Float", "INPUT", FAR, "The heads' depth")
    add("Head Soft Depth", "Float", "INPUT", FAR, "Their depth where they are faint, too")
    add("Exposure", "Float", "INPUT", 0.0, "Stops by which the heads are made brighter, to suit the shot's light")
    add("Tint", "Color", "INPUT", (1, 1, 1, 1), "The colour of the light on the heads")


class _Builder:
    """Builds the inside of the group, from left to right."""

    def __init__(self, group: NodeTree) -> None:
        self.tree = group
        self.inputs: bpy_prop_collection = self._at(group.nodes.new("NodeGroupInput"), 0, 0).outputs
        self.outputs: bpy_prop_collection = self._at(group.nodes.new("NodeGroupOutput"), 9, 0).inputs

    def build(self) -> None:
        """All of it."""
        _, alpha = self._split_alpha(self.inputs["Head"], 1, -2)
        cover = self._math("MULTIPLY", 7, -1, alpha, self._matte())
        head = self._at(compat.set_alpha(self.tree, replace=False), 7, 0)
        self._link(self._colours(), head.inputs["Image"])
        self._link(cover, head.inputs["Alpha"])
        over, background, foreground = compat.alpha_over(self.tree)
        self._at(over, 8, 0)
        self._link(self.inputs["Image"], background)
        self._link(head.outputs[0], foreground)
        picture, whole = self._split_alpha(over.outputs[0], 8, 1)
        nearest = self._math("MINIMUM", 8, -2, self.inputs["Depth"], self.inputs["Head Depth"])
        for name, socket in (("Image", picture), ("Alpha", whole), ("Depth", nearest), ("Matte", cover)):
            self._link(socket, self.outputs[name])

    def _matte(self) -> NodeSocket:
        """1 where the head is seen, 0 where the shot is nearer, with smooth edges."""
        nearer = self._math("GREATER_THAN", 1, -1, self.inputs["Depth"], self.inputs["Head Soft Depth"])
        blur = self._at(compat.gaussian_blur(self.tree, _EDGE_RADIUS), 2, -1)
        self._link(nearer, blur.inputs["Image"])
        above = self._math("SUBTRACT", 3, -1, blur.outputs[0], _EDGE_LOW)
        steep = self._math("DIVIDE", 4, -1, above, _EDGE_HIGH - _EDGE_LOW)
        node: Any = steep.node
        node.use_clamp = True
        return steep

    def _colours(self) -> NodeSocket:
        """The head's colours, opaque: as its scene has them, or so that the view transform shows them that way."""
        straight = self._at(compat.to_straight_alpha(self.tree), 1, 1)
        self._link(self.inputs["Head"], straight.inputs["Image"])
        opaque = self._at(compat.set_alpha(self.tree, replace=True), 2, 1)
        opaque.inputs["Alpha"].default_value = 1.0
        self._link(straight.outputs[0], opaque.inputs["Image"])
        encode = self._at(self.tree.nodes.new("CompositorNodeConvertColorSpace"), 3, 1, "To sRGB")
        encode.from_color_space, encode.to_color_space = "Linear Rec.709", "sRGB"
        undo = self._at(self.tree.nodes.new("CompositorNodeConvertColorSpace"), 4, 1, "Undo View Transform")
        undo.from_color_space, undo.to_color_space = "sRGB", "Linear Rec.709"
        encode.mute = undo.mute = True
        exposure = self._at(self.tree.nodes.new("CompositorNodeExposure"), 5, 1)
        tint, (first, second), tinted = compat.multiply_colours(self.tree)
        self._at(tint, 6, 1)
        for source, target in (
            (opaque.outputs[0], encode.inputs[0]),
            (encode.outputs[0], undo.inputs[0]),
            (undo.outputs[0], exposure.inputs["Image"]),
            (self.inputs["Exposure"], exposure.inputs["Exposure"]),
            (exposure.outputs[0], first),
            (self.inputs["Tint"], second),
        ):
            self._link(source, target)
        return tinted

    def _split_alpha(self, picture: NodeSocket, column: int, row: int) -> tuple[NodeSocket, NodeSocket]:
        node = self._at(self.tree.nodes.new("CompositorNodeSeparateColor"), column, row)
        self._link(picture, node.inputs[0])
        return picture, node.outputs["Alpha"]

    def _math(self, operation: str, column: int, row: int, *values: NodeSocket | float) -> NodeSocket:
        node = self._at(compat.math_node(self.tree, operation), column, row)
        for socket, value in zip(node.inputs, values, strict=False):
            if isinstance(value, float):
                socket.default_value = value
            else:
                self._link(value, socket)
        return node.outputs[0]

    def _link(self, source: NodeSocket, target: NodeSocket) -> None:
        self.tree.links.new(source, target)

    def _at(self, node: Any, column: int, row: int, name: str = "") -> Any:
        node.location = (column * 200 - 900, row * 220)
        if name:
            node.name = node.label = name
        return node
