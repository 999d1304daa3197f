"""How far things can be set: what both the maths and Blender's sliders keep to. Light, for Blender's start."""

from __future__ import annotations

import math

GAZE = (math.radians(35.0), math.radians(25.0))
"""The furthest an eye turns, radians: yaw, pitch."""
STRONGEST = 2.0
"""Intensity to which a prompt can be exaggerated."""
LOUDEST = 2.0
"""Gain to which an action unit can be scaled."""
