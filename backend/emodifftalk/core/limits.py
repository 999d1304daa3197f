"""How far things can be set: what both the maths and Blender's sliders keep to. Light, for Blender's start."""

from __future__ import annotations

import math

GAZE = (math.radians(35.0), math.radians(25.0))
"""The furthest an eye turns, radians: yaw, pitch."""
STRONGEST = 2.0
"""Intensity to which a prompt can be exaggerated."""
LOUDEST = 2.0
"""Gain to which an action unit can be scaled."""
SPEEDS = (0.01, 100.0)
"""Slowest and fastest a recording is played."""
FARTHEST_SECOND = 1e6
"""No moment of a shot lies further from its beginning: eleven days."""
