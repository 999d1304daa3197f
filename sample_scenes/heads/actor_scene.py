"""The actor as Blender objects: meshes, materials, hair, clothes; posed by AUs."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
import scipy.sparse as sp
from scipy.spatial import cKDTree

from emodifftalk.core.gaze import gaze_matrix
from emodifftalk.data.face.actor import Actor, catmull_clark
from emodifftalk.data.face.actor_template import fit_shipped_template

from . import clothes, hair, tied_hair
from .colours import Places, bust_edge, eye_colours, shirt_height, skin_colours, teeth_colours
from .looks import LOOKS, Look
from .materials import cloth_material, glossy_material, hair_material, skin_material, teeth_material
from .wrinkles import Wrinkles

_MOUTH = {"teeth_upper": 0.18, "teeth_lower": 0.18, "tongue": 0.35}
"""Roughness."""
_TONGUE = (0.34, 0.10, 0.09)


class ActorScene:
    """Builds the actor in `scene` and poses it.

    template, attachment: our template fitted to it, and how that follows the actor's vertices.
    places: where things are on its head.
    skin_rgb: (M, 3) linear colours of the smooth skin's points.
    eyes: name to centre (3,), radius, unit directions (P, 3) and colours (P, 3) of an eyeball.
    knot: (K, 3) metres, points of a bun; none without one.
    """

    def __init__(self, scene: bpy.types.Scene, actor: Actor, look: Look | None = None) -> None:
        self.scene, self.actor = scene, actor
        self.look = look or LOOKS.get(actor.name) or next(iter(LOOKS.values()))
        self.template, self.attachment = fit_shipped_template(actor)
        self.places = Places.of(actor)
        # Smooth skin (M, 3) of the actor's vertices by one sparse product, in every pose the same points.
        self._matrix, self._triangles = actor.skin_surface
        self._neutral = self._matrix @ actor.neutral
        self.skin_rgb = skin_colours(actor, self._neutral, self.template, self.look)
        self._build_skin()
        self._build_eyes()
        self._build_mouth()
        self._build_hair()
        self.pose(np.zeros(17))

    def _mesh(self, name: str, points: np.ndarray, faces: np.ndarray, rgb: np.ndarray, material, **more):
        """An object with colours (P, 3), further float attributes (P,) per point, and `rest`: where points began."""
        mesh = bpy.data.meshes.new(name)
        mesh.from_pydata(points.tolist(), [], [[int(i) for i in face if i >= 0] for face in faces])
        mesh.shade_smooth()
        rgba = np.concatenate([rgb, np.ones((len(rgb), 1))], axis=1).astype(np.float32)
        attributes: Any = mesh.attributes  # what data they have depends on their type
        attributes.new("colour", "FLOAT_COLOR", "POINT").data.foreach_set("color", rgba.ravel())
        neutral = np.ascontiguousarray(points, np.float32)
        attributes.new("rest", "FLOAT_VECTOR", "POINT").data.foreach_set("vector", neutral.ravel())
        for key, values in more.items():
            attributes.new(key, "FLOAT", "POINT").data.foreach_set("value", values.astype(np.float32))
        mesh.materials.append(material)
        result = bpy.data.objects.new(name, mesh)
        self.scene.collection.objects.link(result)
        return result

    def _build_skin(self) -> None:
        bare = clothes.bare_skin(self.places, self._neutral, self._triangles)
        lips = self.template.neutral[self.template.landmarks["lip_inner_upper"]]
        gloss = np.clip(1 - cKDTree(lips).query(self._neutral)[0] / 0.010, 0, 1)
        self._wrinkles = Wrinkles(self.template, self.actor.anchors, self._neutral)
        fields = {"gloss": gloss, **self._wrinkles.fields(), **self._wrinkles.depths(np.zeros(17))}
        self._skin = self._mesh("skin", self._neutral, bare, self.skin_rgb, skin_material(), **fields)
        cotton = cloth_material()
        self._cloth = [
            clothes.shirt(self.places, self._neutral, self._triangles),
            clothes.collar(self.places, self._neutral, self._triangles),
        ]
        for name, (points, faces), shade in zip(("shirt", "collar"), self._cloth, (1.0, 0.85), strict=True):
            rgb = np.tile(shade * np.array(self.look.shirt), (len(points), 1))
            self._mesh(name, points, faces, rgb, cotton, keep=bust_edge(self.places, points))

    def _build_eyes(self) -> None:
        material = glossy_material("eye", roughness=0.10, coat=1.0)
        self.eyes, self._balls = {}, []
        for name in ("eye_left", "eye_right"):
            ball = self.actor.neutral[self.actor.vertices_of(name)]
            centre, radius = (ball.max(axis=0) + ball.min(axis=0)) / 2, np.ptp(ball[:, [0, 2]], axis=0).mean() / 2
            directions, faces = _sphere(96, 128)
            rgb = eye_colours(directions, self.look)
            self.eyes[name] = (centre, radius, directions, rgb)
            ball = self._mesh(name, centre + 0.985 * radius * directions, faces, rgb, material)
            self._balls.append((ball, centre, centre + 0.985 * radius * directions))

    def _build_mouth(self) -> None:
        self._soft = {}
        for name, roughness in _MOUTH.items():
            step, faces = catmull_clark(self.actor.faces_of(name), len(self.actor.neutral))
            finer, faces = catmull_clark(faces, step.shape[0])
            # Two subdivisions in one sparse matrix from the actor's vertices, cut down to the rows this mesh uses:
            # posing is one product, and faces count in those rows.
            used, inverse = np.unique(faces, return_inverse=True)
            matrix = (finer @ step).tocsr()[used]
            points = self._soft_points(name, matrix, self.actor.neutral)
            tooth = np.full(len(points), 0.5)
            if name == "tongue":
                depth = np.clip((points[:, 1] - points[:, 1].min()) / 0.035, 0, 1)
                shade = np.array(_TONGUE) * (1 - 0.75 * depth)[:, None]
            else:
                shade, tooth = teeth_colours(points, name == "teeth_upper")
            material, quads = teeth_material(name, roughness), inverse.reshape(faces.shape)
            self._soft[name] = (self._mesh(name, points, quads, shade, material, tooth=tooth), matrix, shade)

    def _soft_points(self, name: str, matrix: sp.csr_matrix, vertices: np.ndarray) -> np.ndarray:
        # The mesh's upper teeth sit so high that even a broad grin would not show them.
        return matrix @ vertices - np.array([0, 0.001, 0.0045 if name == "teeth_upper" else 0.0])

    def _build_hair(self) -> None:
        look, surface, triangles = self.look, self._neutral, self._triangles
        tied = look.hair_style == "bun"
        long_hair = hair_material("hair", look.hair, 0.52 if tied else 0.6)
        scalp = (tied_hair.combed_hair if tied else hair.crop_hair)(self.actor, surface, triangles)
        brows = hair.brow_hair(self.template, look, surface, triangles)
        brow_material = hair_material("brow", look.brow, 0.6)
        self._strands = [scalp, brows]
        self._curves = [
            hair.CurvesObject("hair", scalp.points(surface), scalp.radius, long_hair, tip=0.8 if tied else 0.35),
            hair.CurvesObject("brows", brows.points(surface), brows.radius, brow_material),
        ]
        self._lashes = hair.CurvesObject("lashes", self._lash_points(self.template.neutral), 0.00013, brow_material)
        linked = [*self._curves, self._lashes]
        self.knot = np.zeros((0, 3))
        if tied:
            knot = tied_hair.bun(self.actor, surface, triangles)
            self.knot = knot.reshape(-1, 3)
            linked.append(hair.CurvesObject("bun", knot, scalp.radius, long_hair, tip=1.0))
        for curves in linked:
            self.scene.collection.objects.link(curves.object)

    def _lash_points(self, points: np.ndarray) -> np.ndarray:
        return hair.lash_points(self.template, self.look.lash_length, points, np.random.default_rng(5))

    def pose(self, aus: np.ndarray, articulations: np.ndarray | None = None) -> np.ndarray:
        """Pose everything; returns the template points (V, 3) of this pose, metres."""
        vertices = self.actor.pose(aus, articulations)
        surface = self._matrix @ vertices
        for name, depth in self._wrinkles.depths(np.asarray(aus, float)).items():
            self._skin.data.attributes[name].data.foreach_set("value", depth.astype(np.float32))
        _set_points(self._skin, surface)
        for name, (obj, matrix, _) in self._soft.items():
            _set_points(obj, self._soft_points(name, matrix, vertices))
        for curves, strands in zip(self._curves, self._strands, strict=True):
            curves.set_points(strands.points(surface))
        points = self.attachment.follow(vertices)
        self._lashes.set_points(self._lash_points(points))
        return points

    @property
    def eye_centers(self) -> np.ndarray:
        """Middles (2, 3) of the left and the right eyeball, metres."""
        return np.stack([self.eyes[name][0] for name in ("eye_left", "eye_right")])

    def turn_eyes(self, gaze: tuple[float, float]) -> None:
        """Turn the eyes: yaw to the head's left and pitch upwards, radians."""
        matrix = gaze_matrix(np.array(gaze))
        for ball, centre, points in self._balls:
            _set_points(ball, (points - centre) @ matrix.T + centre)

    def seeds(self, counts: dict[str, int], seed: int = 7) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Places (M, 3), linear colours (M, 3) and group names (M,) to start the other-than-face Gaussians from.

        counts: how many of `surround` (bare skin), `shirt`, `hair`, `cavity`, `eye` (each), `teeth_upper`,
        `teeth_lower` and `tongue`.
        """
        rng = np.random.default_rng(seed)
        parts: list[tuple[str, np.ndarray, np.ndarray]] = []
        deep, outer = self._inside_and_outside()
        roots, _ = hair.scatter(self._neutral, self._triangles, outer.astype(float), counts["surround"], rng)
        parts.append(("surround", roots @ self._neutral, roots @ self.skin_rgb))
        for (points, faces), share in zip(self._cloth, (0.8, 0.2), strict=True):
            if faces.shape[1] == 4:
                faces = np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]])
            uncut, count = (bust_edge(self.places, points) > 0).astype(float), int(share * counts["shirt"])
            cloth = hair.scatter(points, faces, uncut, count, rng)[0] @ points
            parts.append(("surround", cloth, np.tile(np.array(self.look.shirt), (count, 1))))
        strands = self._strands[0].points(self._neutral)[:, 1:].reshape(-1, 3)
        strands = np.concatenate([strands, self.knot])
        tips = strands[rng.choice(len(strands), counts["hair"], replace=False)]
        parts.append(("surround", tips, np.tile(np.array(self.look.hair), (len(tips), 1))))
        cavity, _ = hair.scatter(self._neutral, self._triangles, deep.astype(float), counts["cavity"], rng)
        parts.append(("surround", cavity @ self._neutral, np.tile(np.array(self.look.cavity), (counts["cavity"], 1))))
        for name, (middle, radius, directions, rgb) in self.eyes.items():
            front = np.flatnonzero(directions[:, 1] < -0.05)
            # The sphere's rings crowd at the pole, which is the pupil: thin them by area.
            # On a unit sphere a ring's circumference goes with sqrt(1 - y^2).
            area = np.sqrt(1 - directions[front, 1] ** 2) + 0.05
            some = rng.choice(front, counts["eye"], replace=False, p=area / area.sum())
            parts.append((name, middle + 0.985 * radius * directions[some], rgb[some]))
        for name, (_, matrix, shade) in self._soft.items():
            points = self._soft_points(name, matrix, self.actor.neutral)
            front = np.flatnonzero(points[:, 1] < points[:, 1].min() + 0.035)
            some = rng.choice(front, counts[name], replace=True)
            parts.append((name, points[some] + rng.normal(0, 0.0004, (len(some), 3)), shade[some]))
        groups = np.concatenate([np.full(len(points), group) for group, points, _ in parts])
        return np.concatenate([p for _, p, _ in parts]), np.concatenate([c for _, _, c in parts]), groups

    def _inside_and_outside(self) -> tuple[np.ndarray, np.ndarray]:
        """Surface points (M,) bool: the cavity of the mouth; and bare skin that the template leaves out."""
        surface, mouth = self._neutral, self.places.mouth
        off_face = cKDTree(self.template.neutral).query(surface)[0] > 0.006
        sockets = (np.abs(surface[:, 0]) < 0.06) & ~off_face
        deep = (np.abs(surface[:, 0]) < 0.05) & (np.abs(surface[:, 2] - mouth[2]) < 0.05)
        deep &= (surface[:, 1] > mouth[1] + 0.012) & (surface[:, 1] < mouth[1] + 0.075)
        return deep, off_face & ~sockets & ~deep & (shirt_height(self.places, surface) < 0)


def _set_points(obj: bpy.types.Object, points: np.ndarray) -> None:
    obj.data.vertices.foreach_set("co", np.ascontiguousarray(points, np.float32).ravel())
    obj.data.update()


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
