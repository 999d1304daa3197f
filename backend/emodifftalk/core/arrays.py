"""What the arrays of the core hold, as types. Shapes, units and ranges are said where an array is.

As texts, so that whoever only names them does not load NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

Floats: TypeAlias = "NDArray[np.floating[Any]]"
"""Numbers in single, half or double precision."""
Ints: TypeAlias = "NDArray[np.integer[Any]]"
"""Indices, counts or packed bits."""
Mask: TypeAlias = "NDArray[np.bool_]"
"""Which rows, frames or points are meant."""
Array: TypeAlias = "NDArray[Any]"
"""Whatever a file or a message holds."""
