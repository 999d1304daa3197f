"""A head put where its subject's own space has it: tests then know where in the world its face is."""

from __future__ import annotations

from typing import Any

import numpy as np


def put_in_own_space(head: Any, at: tuple[float, float, float] = (0, 0, 0), scale: float = 1.0) -> None:
    """Let the own space of a head that is not turned have its zero `at` a place of the world, at a scale."""
    from addon.playback import origin

    head.scale = (scale, scale, scale)
    head.location = np.array(at) - scale * origin.to_object(head)[:3, 3]
