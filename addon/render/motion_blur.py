"""When the shutter is open: the moments between frames whose pictures make one blurred one."""

from __future__ import annotations

import numpy as np
from bpy.types import Scene


def moments(scene: Scene, samples: int) -> list[float]:
    """Times in frames, in order, at which a picture of the current frame is to be drawn: one without motion blur."""
    frame, render = scene.frame_current_final, scene.render
    if not render.use_motion_blur or render.motion_blur_shutter <= 0:
        return [frame]
    return shutter_times(frame, render.motion_blur_shutter, render.motion_blur_position, samples)


def shutter_times(frame: float, shutter: float, position: str, samples: int) -> list[float]:
    """The middles of `samples` equal parts of the time the shutter is open.

    shutter: frames. position: START opens at the frame, END closes there, CENTER does half of both.
    """
    opens = frame - {"START": 0.0, "CENTER": 0.5, "END": 1.0}[position] * shutter
    return [float(opens + shutter * part) for part in (np.arange(samples) + 0.5) / samples]
