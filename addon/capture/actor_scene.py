"""The actor as Blender objects: meshes, materials, hair; posed by AUs."""

from __future__ import annotations

import bpy
import numpy as np
import scipy.sparse as sp
from scipy.spatial import cKDTree

from emodifftalk.data.actor import Actor, catmull_clark
from emodifftalk.data.template_builder import fit_template

from . import hair
from .colours import Palette, Places, eye_colours, shirt_mask, skin_colours


class ActorScene:
    """Builds the actor in `scene` and poses it. `template`, `attachment`: our template fitted to it."""

    def __init__(self, scene: bpy.types.Scene, actor: Actor, palette: Palette | None = None) -> None:
        self.scene, self.actor, self.palette = scene, actor, palette or Palette()
        self.template, self.attachment = fit_template(actor)
        self._matrix, self._triangles = actor.skin_surface
        self._neutral = self._matrix @ actor.neutral
        self._cloth = shirt_mask(Places.of(actor), self._neutral)[:, None] * self._cloth_offset()
        lips = np.concatenate([self.template.landmarks["lip_inner_upper"], self.template.landmarks["lip_inner_lower"]])
        face = self.template.neutral
        self.skin_rgb = skin_colours(actor, self._neutral, face, face[lips], self.palette)
        self._skin = self._mesh("skin", self._neutral, self._triangles, self.skin_rgb, _skin_material())
        self._build_eyes()
        self._build_mouth()
        self._build_hair()
        self.pose(np.zeros(17))

    def _cloth_offset(self) -> np.ndarray:
        corners = self._neutral[self._triangles]
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        total = np.zeros_like(self._neutral)
        for k in range(3):
            np.add.at(total, self._triangles[:, k], normal)
        return 0.004 * total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-12)

    def _mesh(self, name: str, points: np.ndarray, faces: np.ndarray, rgb: np.ndarray, material) -> bpy.types.Object:
        mesh = bpy.data.meshes.new(name)
        mesh.from_pydata(points.tolist(), [], [[int(i) for i in face if i >= 0] for face in faces])
        mesh.shade_smooth()
        colour = mesh.attributes.new("colour", "FLOAT_COLOR", "POINT")
        rgba = np.concatenate([rgb, np.ones((len(rgb), 1))], axis=1).astype(np.float32)
        colour.data.foreach_set("color", rgba.ravel())
        mesh.materials.append(material)
        result = bpy.data.objects.new(name, mesh)
        self.scene.collection.objects.link(result)
        return result

    def _build_eyes(self) -> None:
        material = _glossy_material("eye", roughness=0.08, coat=1.0)
        self.eyes = {}
        for name in ("eye_left", "eye_right"):
            ball = self.actor.neutral[self.actor.vertices_of(name)]
            centre, radius = (ball.max(axis=0) + ball.min(axis=0)) / 2, np.ptp(ball[:, [0, 2]], axis=0).mean() / 2
            directions, faces = _sphere(96, 128)
            rgb = eye_colours(directions, self.palette)
            self.eyes[name] = (centre, radius, directions, rgb)
            self._mesh(name, centre + 0.985 * radius * directions, faces, rgb, material)

    def _build_mouth(self) -> None:
        self._soft = {}
        looks = {
            "teeth_upper": ((0.66, 0.60, 0.50), 0.15),
            "teeth_lower": ((0.60, 0.54, 0.45), 0.15),
            "tongue": ((0.34, 0.09, 0.08), 0.3),
        }
        for name, (rgb, roughness) in looks.items():
            quads = self.actor.faces_of(name)
            step, faces = catmull_clark(quads, len(self.actor.neutral))
            used, inverse = np.unique(faces, return_inverse=True)
            matrix = step.tocsr()[used]
            points = self._soft_points(name, matrix, self.actor.neutral)
            shade = np.tile(np.array(rgb), (len(points), 1))
            # Gums: the side of a tooth row away from its biting edge.
            if name != "tongue":
                height = points[:, 2] - points[:, 2].min()
                high = height / height.max() if name == "teeth_upper" else 1 - height / height.max()
                shade += np.clip((high - 0.62) / 0.15, 0, 1)[:, None] * (np.array([0.36, 0.10, 0.09]) - shade)
            depth = np.clip((points[:, 1] - points[:, 1].min()) / 0.035, 0, 1)
            shade *= (1 - 0.75 * depth)[:, None]
            material = _glossy_material(name, roughness, coat=0.5)
            self._soft[name] = (self._mesh(name, points, inverse.reshape(faces.shape), shade, material), matrix, shade)

    def _soft_points(self, name: str, matrix: sp.csr_matrix, vertices: np.ndarray) -> np.ndarray:
        # The mesh's upper teeth sit so high that even a broad grin would not show them.
        return matrix @ vertices - np.array([0, 0.001, 0.0045 if name == "teeth_upper" else 0.0])

    def _build_hair(self) -> None:
        dark = _hair_material()
        self._strands = [
            hair.scalp_hair(self.actor, self._neutral, self._triangles),
            hair.brow_hair(self.template, self._neutral, self._triangles),
        ]
        self._curves = [
            hair.CurvesObject(f"hair{i}", s.points(self._neutral), s.radius, dark) for i, s in enumerate(self._strands)
        ]
        self._lashes = hair.CurvesObject("lashes", self._lash_points(self.template.neutral), 0.00017, dark)
        for curves in (*self._curves, self._lashes):
            self.scene.collection.objects.link(curves.object)

    def _lash_points(self, points: np.ndarray) -> np.ndarray:
        return hair.lash_points(self.template, points, np.random.default_rng(5))

    def pose(self, aus: np.ndarray, articulations: np.ndarray | None = None) -> np.ndarray:
        """Pose everything; returns the template points (V, 3) of this pose, metres."""
        vertices = self.actor.pose(aus, articulations)
        surface = self._matrix @ vertices
        _set_points(self._skin, surface + self._cloth)
        for name, (thing, matrix, _) in self._soft.items():
            _set_points(thing, self._soft_points(name, matrix, vertices))
        for curves, strands in zip(self._curves, self._strands, strict=True):
            curves.set_points(strands.points(surface))
        points = self.attachment.follow(vertices)
        self._lashes.set_points(self._lash_points(points))
        return points

    def seeds(self, counts: dict[str, int], seed: int = 7) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Places (M, 3), linear colours (M, 3) and group names (M,) to start the other-than-face Gaussians from."""
        rng = np.random.default_rng(seed)
        places, colours, groups = [], [], []

        def add(group: str, points: np.ndarray, rgb: np.ndarray) -> None:
            places.append(points)
            colours.append(rgb)
            groups.append(np.full(len(points), group))

        face = self.template.neutral
        off_face = cKDTree(face).query(self._neutral)[0] > 0.006
        inside = (np.abs(self._neutral[:, 0]) < 0.06) & ~off_face
        centre = Places.of(self.actor)
        deep = (np.abs(self._neutral[:, 0]) < 0.05) & (np.abs(self._neutral[:, 2] - centre.mouth[2]) < 0.05)
        deep &= (self._neutral[:, 1] > centre.mouth[1] + 0.012) & (self._neutral[:, 1] < centre.mouth[1] + 0.075)
        weight = (off_face & ~inside & ~deep).astype(float)
        roots, _ = hair._scatter(self._neutral, self._triangles, weight, counts["surround"], rng)
        add("surround", roots @ (self._neutral + self._cloth), roots @ self.skin_rgb)
        tips = self._strands[0].points(self._neutral)[:, 2:]
        chosen = rng.choice(len(tips), counts["hair"], replace=False)
        along = rng.integers(0, tips.shape[1], counts["hair"])
        add("surround", tips[chosen, along], np.full((counts["hair"], 3), 0.012))
        cavity, _ = hair._scatter(self._neutral, self._triangles, deep.astype(float), counts["cavity"], rng)
        add("surround", cavity @ self._neutral, np.tile(np.array(self.palette.cavity), (counts["cavity"], 1)))
        for name, (middle, radius, directions, rgb) in self.eyes.items():
            front = np.flatnonzero(directions[:, 1] < -0.35)
            # The sphere's rings crowd at the pole, which is the pupil: thin them by area.
            area = np.sqrt(1 - directions[front, 1] ** 2) + 0.05
            some = rng.choice(front, counts["eye"], replace=False, p=area / area.sum())
            add(name, middle + 0.985 * radius * directions[some], rgb[some])
        for name, (_, matrix, shade) in self._soft.items():
            points = self._soft_points(name, matrix, self.actor.neutral)
            front = np.flatnonzero(points[:, 1] < points[:, 1].min() + 0.035)
            some = rng.choice(front, counts[name], replace=True)
            add(name, points[some] + rng.normal(0, 0.0004, (len(some), 3)), shade[some])
        return np.concatenate(places), np.concatenate(colours), np.concatenate(groups)


def _set_points(thing: bpy.types.Object, points: np.ndarray) -> None:
    thing.data.vertices.foreach_set("co", np.ascontiguousarray(points, np.float32).ravel())
    thing.data.update()


def _sphere(rings: int, spokes: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit directions (P, 3) and quads of a sphere whose pole looks along -y."""
    polar = np.linspace(1e-3, np.pi - 1e-3, rings)
    turn = np.linspace(0, 2 * np.pi, spokes, endpoint=False)
    p, t = np.meshgrid(polar, turn, indexing="ij")
    directions = np.stack([np.sin(p) * np.cos(t), -np.cos(p), np.sin(p) * np.sin(t)], axis=-1).reshape(-1, 3)
    i, j = np.meshgrid(np.arange(rings - 1), np.arange(spokes), indexing="ij")
    k = (j + 1) % spokes
    quads = np.stack([i * spokes + j, i * spokes + k, (i + 1) * spokes + k, (i + 1) * spokes + j], axis=-1)
    return directions, quads.reshape(-1, 4)


def _principled(name: str) -> tuple[bpy.types.Material, bpy.types.Node, bpy.types.NodeTree]:
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    tree = material.node_tree
    return material, tree.nodes["Principled BSDF"], tree


def _skin_material() -> bpy.types.Material:
    material, shader, tree = _principled("skin")
    colour = tree.nodes.new("ShaderNodeAttribute")
    colour.attribute_name = "colour"
    tree.links.new(colour.outputs["Color"], shader.inputs["Base Color"])
    shader.inputs["Roughness"].default_value = 0.48
    shader.inputs["Subsurface Weight"].default_value = 0.12
    shader.inputs["Subsurface Radius"].default_value = (1.0, 0.35, 0.2)
    shader.inputs["Subsurface Scale"].default_value = 0.004
    noise = tree.nodes.new("ShaderNodeTexNoise")
    noise.inputs["Scale"].default_value = 700.0
    noise.inputs["Detail"].default_value = 3.0
    place = tree.nodes.new("ShaderNodeTexCoord")
    bump = tree.nodes.new("ShaderNodeBump")
    bump.inputs["Strength"].default_value = 0.12
    bump.inputs["Distance"].default_value = 0.001
    tree.links.new(place.outputs["Object"], noise.inputs["Vector"])
    tree.links.new(noise.outputs["Fac"], bump.inputs["Height"])
    tree.links.new(bump.outputs["Normal"], shader.inputs["Normal"])
    return material


def _glossy_material(name: str, roughness: float, coat: float) -> bpy.types.Material:
    material, shader, tree = _principled(name)
    colour = tree.nodes.new("ShaderNodeAttribute")
    colour.attribute_name = "colour"
    tree.links.new(colour.outputs["Color"], shader.inputs["Base Color"])
    shader.inputs["Roughness"].default_value = roughness
    shader.inputs["Coat Weight"].default_value = coat
    shader.inputs["Coat Roughness"].default_value = 0.05
    return material


def _hair_material() -> bpy.types.Material:
    material, shader, _ = _principled("hair")
    shader.inputs["Base Color"].default_value = (0.012, 0.008, 0.006, 1)
    shader.inputs["Roughness"].default_value = 0.45
    return material
