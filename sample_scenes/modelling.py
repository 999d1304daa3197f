"""Small things to build a room from: boxes, turned shapes, leaves, books; materials of noise. CC0-1.0, no files."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import bmesh
import bpy
import numpy as np
from bpy.types import Material, Mesh, Object

Colour = tuple[float, float, float]


def place(name: str, mesh: Mesh, material: Material, at: Sequence[float], turn: float = 0.0) -> Object:
    """An object of the scene with one material, at a place in metres, turned about the vertical by degrees."""
    obj = bpy.data.objects.new(name, mesh)
    mesh.materials.append(material)
    obj.location, obj.rotation_euler = at, (0.0, 0.0, math.radians(turn))
    bpy.context.scene.collection.objects.link(obj)
    return obj


def box(name: str, size: Sequence[float], at: Sequence[float], material: Material, **options: float) -> Object:
    """A box with soft edges; `at` is the middle of its underside. Options: bevel in metres, turn in degrees."""
    shape = bmesh.new()
    bmesh.ops.create_cube(shape, size=1.0)
    bmesh.ops.scale(shape, vec=size, verts=shape.verts[:])
    bmesh.ops.translate(shape, vec=(0, 0, size[2] / 2), verts=shape.verts[:])
    obj = place(name, _mesh(name, shape), material, at, options.get("turn", 0.0))
    soften(obj, options.get("bevel", 0.004))
    return obj


def soften(obj: Object, width: float, segments: int = 3) -> None:
    """Bevel the edges of an object: light catches on them."""
    bevel: Any = obj.modifiers.new("Soft Edges", "BEVEL")  # a BevelModifier
    bevel.width, bevel.segments, bevel.limit_method = width, segments, "ANGLE"
    obj.data.shade_smooth()


def turned(name: str, profile: Sequence[tuple[float, float]], at: Sequence[float], material: Material) -> Object:
    """A shape turned on a lathe: `profile` is radius and height in metres, from below upwards."""
    sides = 40
    shape = bmesh.new()
    angles = np.arange(sides) / sides * 2 * math.pi
    rings = [[shape.verts.new((r * math.cos(a), r * math.sin(a), z)) for a in angles] for r, z in profile]
    for low, high in itertools.pairwise(rings):
        for i in range(sides):
            shape.faces.new((low[i], low[(i + 1) % sides], high[(i + 1) % sides], high[i]))
    if profile[0][0] > 0:
        shape.faces.new(rings[0][::-1])
    bmesh.ops.remove_doubles(shape, verts=shape.verts[:], dist=1e-6)
    mesh = _mesh(name, shape)
    mesh.shade_smooth()
    mesh.set_sharp_from_angle(angle=math.radians(40))
    return place(name, mesh, material, at)


def tube(name: str, points: Sequence[Sequence[float]], radius: float, material: Material) -> Object:
    """A round bar along points in metres."""
    curve = bpy.data.curves.new(name, "CURVE")
    curve.dimensions, curve.bevel_depth, curve.bevel_resolution = "3D", radius, 4
    spline = curve.splines.new("NURBS")
    spline.points.add(len(points) - 1)
    spline.points.foreach_set("co", [number for point in points for number in (*point, 1.0)])
    spline.use_endpoint_u, spline.order_u = True, 4
    obj = bpy.data.objects.new(name, curve)
    curve.materials.append(material)
    bpy.context.scene.collection.objects.link(obj)
    return obj


def leaf_points(
    base: Sequence[float], length: float, width: float, azimuth: float, lift: float, droop: float
) -> np.ndarray:
    """Points (steps, 5, 3) of a leaf: it rises at `lift` degrees towards `azimuth` and bends down by `droop`."""
    # The midrib is the running sum of steps in the direction (cos, sin) of a pitch that falls along it, in the plane of
    # `out` and z; from it five points go across, to +-half the width, the blade folded up by a quarter of that.
    steps = 14
    along = np.linspace(0, 1, steps)
    pitch = np.radians(lift - droop * along**1.3)
    run = np.cumsum(np.cos(pitch)) / steps * length
    rise = np.cumsum(np.sin(pitch)) / steps * length
    out = np.array([math.cos(math.radians(azimuth)), math.sin(math.radians(azimuth)), 0.0])
    side = np.array([-out[1], out[0], 0.0])
    middle = np.array(base) + run[:, None] * out + rise[:, None] * np.array([0, 0, 1.0])
    stalk = 0.25
    blade = np.clip((along - stalk) / (1 - stalk), 0, 1)
    half = np.maximum(width / 2 * np.sin(math.pi * blade**0.75) ** 0.8, 0.0018)
    across = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
    fold = 0.25 * np.abs(across) * half[:, None]
    return middle[:, None] + across[:, None] * half[:, None, None] * side + fold[..., None] * np.array([0, 0, 1.0])


def leaves(name: str, blades: Sequence[np.ndarray], at: Sequence[float], material: Material) -> Object:
    """Leaves as one object."""
    shape = bmesh.new()
    for points in blades:
        rows = [[shape.verts.new(point) for point in row] for row in points]
        for low, high in itertools.pairwise(rows):
            for i in range(len(low) - 1):
                shape.faces.new((low[i], low[i + 1], high[i + 1], high[i]))
    mesh = _mesh(name, shape)
    mesh.shade_smooth()
    return place(name, mesh, material, at)


def book(name: str, size: Sequence[float], at: Sequence[float], turn: float, cover: Material, paper: Material) -> None:
    """A book that lies: `size` is width, depth and thickness in metres."""
    width, depth, thick = size
    board = 0.0025
    x, y, z = at
    box(f"{name} lower board", (width, depth, board), at, cover, bevel=0.0008, turn=turn)
    box(f"{name} upper board", (width, depth, board), (x, y, z + thick - board), cover, bevel=0.0008, turn=turn)
    pages = (width - 0.008, depth - 0.01, thick - 2 * board)
    box(f"{name} pages", pages, (x, y, z + board), paper, bevel=0.0006, turn=turn)
    out = math.radians(turn)
    spine = (x + math.sin(out) * (depth / 2), y - math.cos(out) * (depth / 2), z)
    box(f"{name} spine", (width, 0.003, thick), spine, cover, bevel=0.001, turn=turn)


def parts_of(made: Material) -> tuple[Any, Any]:
    """A material's nodes and links. Any: the stubs know neither the values of sockets nor what a kind of node has."""
    return made.node_tree.nodes, made.node_tree.links


def material(name: str, colour: Colour, rough: float = 0.5, **options: float) -> Material:
    """A plain surface. Options: metallic, emission (strength), sheen, transmission, subsurface."""
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    surface = parts_of(made)[0]["Principled BSDF"].inputs
    surface["Base Color"].default_value = (*colour, 1.0)
    surface["Roughness"].default_value = rough
    surface["Metallic"].default_value = options.get("metallic", 0.0)
    surface["Sheen Weight"].default_value = options.get("sheen", 0.0)
    surface["Subsurface Weight"].default_value = options.get("subsurface", 0.0)
    surface["Subsurface Scale"].default_value = 0.01
    if "emission" in options:
        surface["Emission Color"].default_value = (*colour, 1.0)
        surface["Emission Strength"].default_value = options["emission"]
    return made


def mottled(made: Material, other: Colour, size: Sequence[float], bump: float = 0.0, detail: float = 6.0) -> Material:
    """Let noise run between a material's colour and another; `size` is how often it repeats in a metre along each
    axis, `bump` how rough it is to the light."""
    nodes, links = parts_of(made)
    surface = nodes["Principled BSDF"].inputs
    place_node, scale = nodes.new("ShaderNodeTexCoord"), nodes.new("ShaderNodeMapping")
    noise, ramp = nodes.new("ShaderNodeTexNoise"), nodes.new("ShaderNodeValToRGB")
    scale.inputs["Scale"].default_value = size
    noise.inputs["Scale"].default_value, noise.inputs["Detail"].default_value = 1.0, detail
    noise.inputs["Distortion"].default_value = 0.6
    ramp.color_ramp.elements[0].position, ramp.color_ramp.elements[1].position = 0.32, 0.68
    ramp.color_ramp.elements[0].color = (*other, 1.0)
    ramp.color_ramp.elements[1].color = tuple(surface["Base Color"].default_value)
    links.new(place_node.outputs["Object"], scale.inputs["Vector"])
    links.new(scale.outputs[0], noise.inputs["Vector"])
    links.new(noise.outputs[0], ramp.inputs[0])
    links.new(ramp.outputs[0], surface["Base Color"])
    if bump:
        raised = nodes.new("ShaderNodeBump")
        raised.inputs["Strength"].default_value, raised.inputs["Distance"].default_value = bump, 0.002
        links.new(noise.outputs[0], raised.inputs["Height"])
        links.new(raised.outputs[0], surface["Normal"])
    return made


def _mesh(name: str, shape: bmesh.types.BMesh) -> Mesh:
    mesh = bpy.data.meshes.new(name)
    shape.to_mesh(mesh)
    shape.free()
    return mesh
