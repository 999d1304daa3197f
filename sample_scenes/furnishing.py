"""The room of `in_a_room.blend`: its wall, the table and what stands on it, the armchair. CC0-1.0."""

from __future__ import annotations

from typing import Any

import bpy

from .modelling import book, box, leaf_points, leaves, material, mottled, parts_of, soften, tube, turned

TABLE = 0.76
"""Height of the table's top, metres."""
CLOTHS = (
    (0.35, 0.06, 0.04), (0.05, 0.12, 0.2), (0.42, 0.27, 0.07), (0.06, 0.14, 0.08), (0.3, 0.24, 0.2), (0.17, 0.05, 0.09),
)  # fmt: skip
MUG = (
    (0.0, 0.0), (0.026, 0.0), (0.031, 0.0035), (0.0325, 0.017), (0.0325, 0.0755), (0.0315, 0.079), (0.0295, 0.0775),
    (0.0295, 0.0105), (0.0, 0.0085),
)  # fmt: skip
MUG_HANDLE = ((0.028, 0.0645), (0.0535, 0.069), (0.0575, 0.0385), (0.049, 0.0155), (0.028, 0.017))
POT = (
    (0.0, 0.0), (0.045, 0.0), (0.052, 0.005), (0.064, 0.098), (0.066, 0.105), (0.060, 0.105), (0.058, 0.09),
    (0.0, 0.088),
)  # fmt: skip
LYING = (
    # width, depth, thickness, turn in degrees, colour
    (0.165, 0.225, 0.030, 8, (0.055, 0.10, 0.14)),
    (0.150, 0.210, 0.024, -5, (0.36, 0.085, 0.05)),
    (0.140, 0.200, 0.019, 13, (0.40, 0.29, 0.10)),
)
LAMP_FOOT = ((0.0, 0.0), (0.07, 0.0), (0.074, 0.006), (0.06, 0.014), (0.014, 0.022), (0.009, 0.04), (0.0, 0.04))
LAMP_SHADE = ((0.118, 0.20), (0.119, 0.201), (0.075, 0.345), (0.074, 0.345), (0.1175, 0.20))
EVENING = (
    # from the picture's foot to its top
    (0.0, (0.03, 0.05, 0.035)), (0.34, (0.06, 0.10, 0.07)), (0.46, (0.15, 0.16, 0.12)), (0.5, (0.62, 0.34, 0.15)),
    (0.66, (0.55, 0.42, 0.30)), (1.0, (0.16, 0.24, 0.32)),
)  # fmt: skip


def build_room() -> None:
    """A wall with a rail and panels below, a picture, a shelf of books."""
    plaster = mottled(material("Plaster", (0.115, 0.165, 0.155), 0.85), (0.095, 0.145, 0.14), (3, 3, 3), 0.05)
    painted = mottled(material("Painted Wood", (0.50, 0.47, 0.41), 0.45), (0.46, 0.43, 0.37), (2, 2, 14), 0.04)
    box("Wall", (5.0, 0.1, 2.6), (0, 1.1, 0), plaster, bevel=0.001)
    box("Wainscot", (5.0, 0.03, 0.66), (0, 1.045, 0), painted, bevel=0.002)
    box("Rail", (5.0, 0.055, 0.035), (0, 1.03, 0.655), painted, bevel=0.008)
    for number in range(-4, 5):
        box("Panel", (0.36, 0.03, 0.46), (number * 0.46 + 0.1, 1.03, 0.11), painted, bevel=0.012)
    hang_picture()
    fill_shelf()


def fill_shelf() -> None:
    """A shelf of books that stand."""
    box("Shelf", (0.78, 0.17, 0.024), (0.66, 0.955, 0.985), _oak(), bevel=0.003)
    paper = material("Paper", (0.72, 0.66, 0.54), 0.8)
    x = 0.31
    for number in range(14):
        thick, tall = 0.022 + 0.017 * ((number * 7) % 5) / 4, 0.17 + 0.06 * ((number * 5) % 7) / 6
        x += 0.06 if number == 9 else 0.0  # one is out on loan
        cloth = material(f"Cloth {number}", CLOTHS[(number * 5) % 6], 0.75)
        box(f"Book {number}", (thick, 0.125, tall), (x + thick / 2, 0.95, 1.009), cloth, bevel=0.003)
        box(f"Leaves {number}", (thick - 0.006, 0.118, 0.002), (x + thick / 2, 0.955, 1.0075 + tall), paper, bevel=0.0)
        x += thick + 0.0015


def hang_picture() -> None:
    """A framed picture of hills in the evening."""
    brass = _brass("Frame Brass")
    x, z, width, height = -0.62, 0.87, 0.50, 0.36
    box("Canvas", (width, 0.01, height), (x, 1.04, z), painting(), bevel=0.0)
    for dz in (-0.03, height):
        box("Frame", (width + 0.06, 0.03, 0.03), (x, 1.03, z + dz), brass, bevel=0.008)
    for dx in (-width / 2 - 0.015, width / 2 + 0.015):
        box("Frame", (0.03, 0.03, height), (x + dx, 1.03, z), brass, bevel=0.008)


def painting() -> bpy.types.Material:
    """Hills under an evening sky: a gradient from foot to top, shifted by noise."""
    canvas = material("Painting", (1, 1, 1), 0.6)
    nodes, links = parts_of(canvas)
    spot, parts = nodes.new("ShaderNodeTexCoord"), nodes.new("ShaderNodeSeparateXYZ")
    noise, ramp = nodes.new("ShaderNodeTexNoise"), nodes.new("ShaderNodeValToRGB")
    lift, shift = nodes.new("ShaderNodeMath"), nodes.new("ShaderNodeMath")
    noise.inputs["Scale"].default_value, noise.inputs["Detail"].default_value = 2.2, 5.0
    lift.operation, shift.operation = "MULTIPLY_ADD", "SUBTRACT"
    lift.inputs[1].default_value, shift.inputs[1].default_value = 0.45, 0.22
    ramp.color_ramp.interpolation = "EASE"
    for at, colour in EVENING:
        ends = ramp.color_ramp.elements
        element = ends[0] if at == 0.0 else ends[len(ends) - 1] if at == 1.0 else ends.new(at)
        element.color = (*colour, 1.0)
    for source, target in (
        (spot.outputs["Generated"], parts.inputs[0]),
        (spot.outputs["Generated"], noise.inputs["Vector"]),
        (noise.outputs[0], lift.inputs[0]),
        (parts.outputs["Z"], lift.inputs[2]),
        (lift.outputs[0], shift.inputs[0]),
        (shift.outputs[0], ramp.inputs[0]),
        (ramp.outputs[0], nodes["Principled BSDF"].inputs["Base Color"]),
    ):
        links.new(source, target)
    return canvas


def build_table() -> None:
    """The table before him, and what stands on it: a plant, a mug, books, a lamp."""
    walnut = wood("Walnut", (0.17, 0.085, 0.042), (0.075, 0.036, 0.019))
    box("Table", (1.9, 0.62, 0.032), (0, -0.53, TABLE - 0.032), walnut, bevel=0.006)
    box("Apron", (1.7, 0.02, 0.09), (0, -0.78, TABLE - 0.122), walnut, bevel=0.003)
    put_plant((-0.25, -0.46, TABLE))
    put_lamp((0.37, -0.27, TABLE))
    put_mug((0.085, -0.42, TABLE))
    paper, z = material("Pages", (0.70, 0.63, 0.50), 0.8), TABLE
    for number, (width, depth, thick, turn, colour) in enumerate(LYING):
        cover = material(f"Cover {number}", colour, 0.6)
        book(f"Lying {number}", (width, depth, thick), (0.245, -0.55, z), turn, cover, paper)
        z += thick


def put_mug(at: tuple[float, float, float]) -> None:
    """A glazed mug."""
    glaze = mottled(material("Glaze", (0.50, 0.17, 0.075), 0.22), (0.40, 0.12, 0.055), (9, 9, 22))
    turned("Mug", MUG, at, glaze)
    tube("Mug handle", [(at[0] + x, at[1], at[2] + z) for x, z in MUG_HANDLE], 0.0048, glaze)


def put_plant(at: tuple[float, float, float]) -> None:
    """A plant in a pot; the last of its leaves reaches before his face."""
    clay = mottled(material("Clay", (0.52, 0.50, 0.46), 0.6), (0.44, 0.42, 0.38), (30, 30, 30), 0.05)
    earth = mottled(material("Earth", (0.03, 0.02, 0.014), 0.95), (0.012, 0.008, 0.006), (90, 90, 90), 0.8)
    green = mottled(material("Leaf", (0.055, 0.15, 0.045), 0.38, subsurface=0.15), (0.03, 0.095, 0.03), (14, 14, 14))
    turned("Pot", POT, at, clay)
    turned("Earth", ((0.058, 0.0), (0.04, 0.004), (0.0, 0.006)), (at[0], at[1], at[2] + 0.087), earth)
    blades = []
    for number in range(15):
        inner, width = number / 15, 0.052 + 0.012 * (number % 3)
        turn, lift, droop = number * 137.5 + 20, 48 + 36 * inner, 62 - 8 * (number % 4)
        blades.append(leaf_points((0, 0, 0), 0.20 + 0.09 * inner, width, turn, lift, droop))
    blades.append(leaf_points((0, 0, 0), 0.335, 0.058, -4, 60, 84))
    leaves("Plant", blades, (at[0], at[1], at[2] + 0.085), green)


def put_lamp(at: tuple[float, float, float]) -> None:
    """A reading lamp with a shade of cloth, and its light."""
    brass, shade = _brass("Lamp Brass"), material("Shade", (1.0, 0.62, 0.30), 0.7, emission=0.12)
    nodes, links = parts_of(shade)
    through, both = nodes.new("ShaderNodeBsdfTranslucent"), nodes.new("ShaderNodeAddShader")
    through.inputs["Color"].default_value = (0.9, 0.62, 0.36, 1.0)
    links.new(nodes["Principled BSDF"].outputs[0], both.inputs[0])
    links.new(through.outputs[0], both.inputs[1])
    links.new(both.outputs[0], nodes["Material Output"].inputs["Surface"])
    turned("Lamp foot", LAMP_FOOT, at, brass)
    turned("Lamp post", ((0.007, 0.03), (0.007, 0.26), (0.0, 0.26)), at, brass)
    turned("Lamp shade", LAMP_SHADE, at, shade)
    bulb: Any = bpy.data.lights.new("Bulb", "POINT")  # a PointLight
    bulb.energy, bulb.color, bulb.shadow_soft_size = 0.4, (1.0, 0.76, 0.50), 0.03
    put_light(bulb, (at[0], at[1], at[2] + 0.24))


def build_armchair(x: float) -> None:
    """The armchair he sits in: a rounded back behind his shoulders."""
    velvet = material("Velvet", (0.135, 0.062, 0.032), 0.9, sheen=0.4)
    mottled(velvet, (0.10, 0.045, 0.024), (160, 160, 160), 0.25)
    for name, size, y, z, round_off in (
        ("Chair back", (0.62, 0.15, 0.60), 0.22, 0.32, 0.07),
        ("Chair cushion", (0.46, 0.08, 0.46), 0.14, 0.38, 0.038),
    ):
        part = box(name, size, (x, y, z), velvet, bevel=0.0)
        part.modifiers.clear()
        soften(part, round_off, 8)


def put_light(light: bpy.types.Light, at: tuple[float, float, float]) -> bpy.types.Object:
    """A lamp in the scene."""
    lamp = bpy.data.objects.new(light.name, light)
    lamp.location = at
    bpy.context.scene.collection.objects.link(lamp)
    return lamp


def wood(name: str, light: tuple, dark: tuple) -> bpy.types.Material:
    """Varnished wood with its grain along x."""
    return mottled(material(name, light, 0.36), dark, (1.6, 26.0, 26.0), 0.06, detail=9.0)


def _oak() -> bpy.types.Material:
    return wood("Oak", (0.26, 0.13, 0.055), (0.14, 0.065, 0.028))


def _brass(name: str) -> bpy.types.Material:
    return material(name, (0.62, 0.42, 0.18), 0.26, metallic=1.0)
