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
FARTHEST = 1e6
"""No Gaussian lies further from the origin, in the units of its file."""
LARGEST = 1e5
"""No Gaussian is larger, in the units of its file."""
COLOURS = (-4.0, 16.0)
"""Colours of Gaussians before they are cut to what a screen shows: trained ones lie a little outside 0..1."""
LONGEST_SHOT = 4 * 3600.0
"""Seconds: no voice, and no Performance, is longer."""
