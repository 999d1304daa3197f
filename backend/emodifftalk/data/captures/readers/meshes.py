"""Tracked meshes in a folder, one file per moment, all with the same vertices in the same order."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ....core.errors import UserError
from .mesh_files import KINDS, read_mesh, read_triangles

FOLDERS = ("mesh", "meshes")
TOPOLOGY = "topology"


class MeshFolder:
    """`mesh/<moment>.obj`, `.ply` or `.npy`. Where they carry no triangles: those of `topology.obj` or `.ply` there."""

    def __init__(self, folder: Path, files: dict[str, Path] | None = None) -> None:
        """files: moment to file, where the layout names them; otherwise they are looked for beside the data."""
        self.where = str(folder / FOLDERS[0])
        beside = next((folder / name for name in FOLDERS if (folder / name).is_dir()), None)
        listed = sorted(p for p in beside.iterdir() if p.suffix.lower() in KINDS) if beside else []
        self._topology = next((p for p in listed if p.stem == TOPOLOGY), None)
        self._files = {p.stem: p for p in listed if p.stem != TOPOLOGY} if files is None else files
        self._count = self._faces = 0

    def names(self) -> set[str]:
        """The moments that have a mesh."""
        return set(self._files)

    def triangles(self) -> np.ndarray:
        """(F, 3) int64, counter-clockwise from outside. Raises UserError when no file has any."""
        first = self._topology or next(iter(self._files.values()), None)
        triangles = read_triangles(first) if first else np.zeros((0, 3), np.int64)
        if not len(triangles):
            raise UserError(f"{self.where} has no triangles: add {TOPOLOGY}.obj, any mesh of this vertex order.")
        return triangles

    def vertices(self, moment: str) -> np.ndarray:
        """(N, 3) float64. Raises UserError when it is broken or has another number of vertices than the others."""
        path = self._files[moment]
        vertices, triangles = read_mesh(path)
        self._count = self._count or len(vertices)
        self._faces = self._faces or len(triangles)
        if len(vertices) != self._count:
            raise UserError(
                f"The mesh {path} has {len(vertices)} vertices, the others have {self._count}: they must be tracked "
                "with one vertex order."
            )
        if len(triangles) not in (0, self._faces):
            raise UserError(
                f"The mesh {path} has {len(triangles)} triangles, the others have {self._faces}: copy it again, whole."
            )
        return vertices

    def renamed(self, name: str) -> MeshFolder:
        """The same folder where its only mesh belongs to the moment `name`."""
        if len(self._files) == 1:
            self._files = {name: next(iter(self._files.values()))}
        return self
