"""What the arrays of the core hold, as types. Shapes, units and ranges are said where an array is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]
    """Numbers in single, half or double precision."""
    Ints = NDArray[np.integer[Any]]
    """Indices, counts or packed bits."""
    Mask = NDArray[np.bool_]
    """Which rows, frames or points are meant."""
    Array = NDArray[Any]
    """Whatever a file or a message holds."""
else:  # Blender starts with modules that name them, and must not load NumPy for that
    Floats = Ints = Mask = Array = Any
