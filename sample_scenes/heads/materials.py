"""Materials of the dressed actor. Patterns are fixed to the rest pose, so that they move with the skin."""

from __future__ import annotations

from typing import Any

import bpy

from .wrinkles import DIMPLES, LAYERS

_GROOVE_SHADE = 0.55
"""How much darker a groove of one millimetre is."""


# Nodes and sockets are Any: the stubs know neither the values of sockets nor what a kind of node has of its own.
def _principled(name: str) -> tuple[bpy.types.Material, Any, Any]:
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    tree: Any = material.node_tree
    return material, tree.nodes["Principled BSDF"], tree


def _attribute(tree: Any, name: str, output: str) -> Any:
    node = tree.nodes.new("ShaderNodeAttribute")
    node.attribute_name = name
    return node.outputs[output]


def _math(tree: Any, operation: str, a, b) -> Any:
    node = tree.nodes.new("ShaderNodeMath")
    node.operation = operation
    for socket, value in zip(node.inputs, (a, b), strict=False):
        if isinstance(value, float):
            socket.default_value = value
        else:
            tree.links.new(value, socket)
    return node.outputs[0]


def _noise(tree: Any, scale: float, detail: float) -> Any:
    noise = tree.nodes.new("ShaderNodeTexNoise")
    noise.inputs["Scale"].default_value = scale
    noise.inputs["Detail"].default_value = detail
    tree.links.new(_attribute(tree, "rest", "Vector"), noise.inputs["Vector"])
    return noise.outputs["Fac"]


def _tint(tree: Any, colour, factor) -> Any:
    """colour × factor."""
    node = tree.nodes.new("ShaderNodeVectorMath")
    node.operation = "SCALE"
    tree.links.new(colour, node.inputs[0])
    tree.links.new(factor, node.inputs["Scale"])
    return node.outputs[0]


def _bump(tree: Any, shader: Any, height, strength: float, under=None):
    """Relief of a height in millimetres; `under`: the normals of a coarser relief it lies on."""
    bump = tree.nodes.new("ShaderNodeBump")
    bump.inputs["Strength"].default_value = strength
    bump.inputs["Distance"].default_value = 0.001
    tree.links.new(height, bump.inputs["Height"])
    if under is not None:
        tree.links.new(under, bump.inputs["Normal"])
    tree.links.new(bump.outputs["Normal"], shader.inputs["Normal"])
    return bump.outputs["Normal"]


def _creases(tree: Any) -> Any:
    """Depth in millimetres of the expression wrinkles (attributes of `wrinkles`): none while no action unit acts."""
    # Creases wander by about their own width and are deeper here than there, on no two places alike.
    wander = _math(tree, "MULTIPLY", _math(tree, "SUBTRACT", _noise(tree, 75.0, 2.0), 0.5), 4.5)
    uneven = _math(tree, "SUBTRACT", _math(tree, "MULTIPLY", _noise(tree, 85.0, 1.0), 3.2), 0.6)
    uneven = _math(tree, "MAXIMUM", uneven, 0.0)
    total = None
    for layer in LAYERS:
        pitch = _attribute(tree, f"{layer}_pitch", "Fac")
        phase = _math(tree, "ADD", _attribute(tree, f"{layer}_phase", "Fac"), _math(tree, "DIVIDE", wander, pitch))
        # Distance to the nearest whole number, in widths; the profile is steep in the middle and swells beside it.
        apart = _math(tree, "MULTIPLY", _math(tree, "PINGPONG", phase, 0.5), pitch)
        groove = _math(tree, "POWER", 2.7183, _math(tree, "MULTIPLY", _math(tree, "MULTIPLY", apart, apart), -1.0))
        swell = _math(tree, "MULTIPLY", _math(tree, "SUBTRACT", apart, 1.9), _math(tree, "SUBTRACT", apart, 1.9))
        swell = _math(tree, "POWER", 2.7183, _math(tree, "MULTIPLY", swell, -0.7))
        profile = _math(tree, "SUBTRACT", groove, _math(tree, "MULTIPLY", swell, 0.35))
        deep = _math(tree, "MULTIPLY", _math(tree, "MULTIPLY", profile, _attribute(tree, layer, "Fac")), uneven)
        total = deep if total is None else _math(tree, "ADD", total, deep)
    cells = tree.nodes.new("ShaderNodeTexVoronoi")
    cells.inputs["Scale"].default_value = 260.0
    tree.links.new(_attribute(tree, "rest", "Vector"), cells.inputs["Vector"])
    pits = _math(tree, "SUBTRACT", 0.55, cells.outputs["Distance"])
    return _math(tree, "ADD", total, _math(tree, "MULTIPLY", pits, _attribute(tree, DIMPLES, "Fac")))


def _cut(tree: Any, shader: Any) -> None:
    """Nothing is drawn where the attribute `keep` is negative: the edge of the bust."""
    tree.links.new(_math(tree, "GREATER_THAN", _attribute(tree, "keep", "Fac"), 0.0), shader.inputs["Alpha"])


def skin_material() -> bpy.types.Material:
    """Scattering skin with mottled colour, fine relief, pores, expression wrinkles, and lips that shine more
    (attribute `gloss`)."""
    material, shader, tree = _principled("skin")
    mottle = _math(tree, "MULTIPLY_ADD", _noise(tree, 260.0, 4.0), 0.34)
    mottle.node.inputs[2].default_value = 0.83
    creases = _creases(tree)
    # Less light gets into a groove than relief alone would tell.
    shade = _math(tree, "MULTIPLY_ADD", creases, -_GROOVE_SHADE)
    shade.node.inputs[2].default_value = 1.0
    shade = _math(tree, "MAXIMUM", shade, 0.3)
    tinted = _tint(tree, _attribute(tree, "colour", "Color"), _math(tree, "MULTIPLY", mottle, shade))
    tree.links.new(tinted, shader.inputs["Base Color"])
    shader.inputs["Subsurface Weight"].default_value = 0.55
    shader.inputs["Subsurface Radius"].default_value = (1.0, 0.32, 0.16)
    shader.inputs["Subsurface Scale"].default_value = 0.0035
    rough = _math(tree, "MULTIPLY_ADD", _attribute(tree, "gloss", "Fac"), -0.20)
    rough.node.inputs[2].default_value = 0.54
    tree.links.new(rough, shader.inputs["Roughness"])
    shader.inputs["Specular IOR Level"].default_value = 0.42
    pores = tree.nodes.new("ShaderNodeTexVoronoi")
    pores.inputs["Scale"].default_value = 620.0
    tree.links.new(_attribute(tree, "rest", "Vector"), pores.inputs["Vector"])
    relief = _math(tree, "ADD", _noise(tree, 480.0, 3.0), _math(tree, "MULTIPLY", pores.outputs["Distance"], 0.55))
    folds = _bump(tree, shader, _math(tree, "MULTIPLY", creases, -1.0), 1.0)
    _bump(tree, shader, relief, 0.16, folds)
    return material


def cloth_material() -> bpy.types.Material:
    """Matt knitted cotton that ends at the edge of the bust."""
    material, shader, tree = _principled("cloth")
    weave = _math(tree, "MULTIPLY_ADD", _noise(tree, 420.0, 2.0), 0.5)
    weave.node.inputs[2].default_value = 0.75
    tree.links.new(_tint(tree, _attribute(tree, "colour", "Color"), weave), shader.inputs["Base Color"])
    shader.inputs["Roughness"].default_value = 0.9
    shader.inputs["Specular IOR Level"].default_value = 0.15
    shader.inputs["Sheen Weight"].default_value = 0.08
    _bump(tree, shader, _noise(tree, 650.0, 2.0), 0.25)
    _cut(tree, shader)
    return material


def teeth_material(name: str, roughness: float) -> bpy.types.Material:
    """Wet enamel, darker where two teeth meet: at the whole numbers of the attribute `tooth`."""
    material = glossy_material(name, roughness, coat=0.5)
    tree: Any = material.node_tree
    shader = tree.nodes["Principled BSDF"]
    apart = _math(tree, "PINGPONG", _attribute(tree, "tooth", "Fac"), 0.5)
    shade = _math(tree, "MULTIPLY_ADD", _math(tree, "MINIMUM", _math(tree, "MULTIPLY", apart, 14.0), 1.0), 0.55)
    shade.node.inputs[2].default_value = 0.45
    tree.links.new(_tint(tree, _attribute(tree, "colour", "Color"), shade), shader.inputs["Base Color"])
    return material


def glossy_material(name: str, roughness: float, coat: float) -> bpy.types.Material:
    """Wet: eyes."""
    material, shader, tree = _principled(name)
    tree.links.new(_attribute(tree, "colour", "Color"), shader.inputs["Base Color"])
    shader.inputs["Roughness"].default_value = roughness
    shader.inputs["Coat Weight"].default_value = coat
    shader.inputs["Coat Roughness"].default_value = 0.04
    return material


def hair_material(name: str, rgb: tuple[float, float, float], roughness: float) -> bpy.types.Material:
    """Hair whose lightness varies from strand to strand (attribute `shade` on the curves, about 1)."""
    material, shader, tree = _principled(name)
    plain = tree.nodes.new("ShaderNodeRGB")
    plain.outputs[0].default_value = (*rgb, 1)
    tree.links.new(_tint(tree, plain.outputs[0], _attribute(tree, "shade", "Fac")), shader.inputs["Base Color"])
    shader.inputs["Roughness"].default_value = roughness
    shader.inputs["Specular IOR Level"].default_value = 0.25
    return material
