"""Any file of Gaussians we can read, by its ending; in our axes."""

from __future__ import annotations

import os
from pathlib import Path

from ..axes import turned
from ..errors import UserError
from ..gaussians import Gaussians
from .compressed_ply import is_compressed_ply, read_compressed_ply
from .dot_splat import read_splat
from .ply import read_ply
from .ply_header import read_elements
from .spz import read_spz

ENDINGS = (".ply", ".splat", ".spz")


def read_gaussians(path: str | os.PathLike[str], axes: str = "rdf") -> Gaussians:
    """The Gaussians of a .ply (plain or compressed), .splat or .spz file, in our axes.

    axes: those of the file (see `axes`), which .ply and .splat do not say; a .spz is always `rub`. Raises UserError
    when the file is missing, damaged or of another kind.
    """
    path = Path(path)
    ending = path.suffix.lower()
    try:
        if ending == ".spz":
            return turned(read_spz(path), "rub", "blender")
        if ending == ".splat":
            return turned(read_splat(path), axes, "blender")
        if ending == ".ply":
            read = read_compressed_ply if is_compressed_ply(read_elements(path)) else read_ply
            return turned(read(path), axes, "blender")
    except OSError as error:
        raise UserError(f"The file {path} cannot be read: {error.strerror or error}.") from error
    except MemoryError as error:
        raise UserError(f"{path.name} holds more Gaussians than there is memory for.") from error
    raise UserError(f"{path.name} is no file of Gaussians we read: {', '.join(ENDINGS)}.")
