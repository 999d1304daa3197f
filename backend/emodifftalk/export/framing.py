"""Which moments of a take to show, and a portrait camera for its subject."""

from __future__ import annotations

import math

import numpy as np

from ..core.camera import Camera, look_at
from ..core.errors import UserError
from ..core.subject import Subject
from ..core.take import Take


def moments(take: Take, fps: float, start: float = 0.0, end: float | None = None) -> np.ndarray:
    """Seconds (F,) of the frames between start and end. Raises UserError when there are none."""
    last = take.duration if end is None else min(end, take.duration)
    if fps <= 0 or start < 0 or last <= start:
        raise UserError(f"Nothing lies between {start:g} s and {last:g} s: the take lasts {take.duration:g} s.")
    return start + np.arange(max(1, math.ceil(round((last - start) * fps, 6)))) / fps


def portrait_span(subject: Subject) -> tuple[float, float]:
    """Lowest and highest z in metres of a portrait: from the collar to a little above the hair.

    What hair reaches is read off the Gaussians.
    """
    template = subject.template
    top = float(np.quantile(subject.gaussians.means[:, 2], 0.999))
    chin = float(template.neutral[template.landmarks["chin"], 2].mean())
    head = top - chin
    return chin - 0.34 * head, top + 0.12 * head


def portrait_camera(subject: Subject, size: int, angle: float = 0.0) -> Camera:
    """A square portrait camera around the subject's head, framed as `portrait_span` says.

    size: pixels.
    angle: degrees around the head, 0 the front.
    """
    low, high = portrait_span(subject)
    ends = subject.template.neutral.min(axis=0), subject.template.neutral.max(axis=0)
    # Turned around the middle of the skull, which lies behind the mask of the template.
    target = np.array([(ends[0][0] + ends[1][0]) / 2, ends[1][1], (high + low) / 2])
    turn = math.radians(angle)
    fov = 20.0
    # Half the span over tan(fov / 2): the portrait fills the picture from edge to edge.
    distance = (high - low) / 2 / math.tan(math.radians(fov) / 2)
    eye = target + distance * np.array([math.sin(turn), -math.cos(turn), 0.0])
    return look_at(tuple(eye), tuple(target), size, size, fov)
