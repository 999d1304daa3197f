"""A mouth that says nothing: brows, lids and blinks of a take go on while its lips and jaw are at rest."""

from __future__ import annotations

from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np

from .arrays import Floats
from .facs import AU_INDEX
from .subject import Subject
from .take import TakeFrame

_OPENING = ("AU25", "AU26")
_OF_THE_MOUTH = ("AU10", "AU12", "AU14", "AU15", "AU17", "AU23", "AU24", "AU25", "AU26")
_WHOLLY = 0.25
"""What opening the mouth moves this share of the farthest, or more, belongs to the mouth entirely."""
_masks: WeakKeyDictionary[Subject, tuple[Floats, Floats]] = WeakKeyDictionary()
"""How far each point and each facial Gaussian of a subject belongs to the mouth, while somebody has the subject."""


def resting(subject: Subject, frame: TakeFrame, mouth_rest: float) -> TakeFrame:
    """The frame with its mouth brought to the subject's resting face as far as `mouth_rest`, 0..1."""
    if mouth_rest <= 0:
        return frame
    frame.expect_of(subject)
    points, gaussians = _mask(subject)
    count = subject.n_face
    aus, canonical, share = frame.aus.copy(), subject.gaussians.quats[:count], mouth_rest * gaussians
    aus[[AU_INDEX[au] for au in _OF_THE_MOUTH]] *= 1 - mouth_rest
    # Everything is mixed with the canonical face, each Gaussian by its own share: quaternions on one side (q and -q
    # turn alike) along a straight line, made unit again below.
    same_side = np.sign((frame.rotations * canonical).sum(axis=1, keepdims=True))
    turned = (1 - share)[:, None] * frame.rotations + share[:, None] * same_side * canonical
    return replace(
        frame,
        offsets=frame.offsets * (1 - mouth_rest * points)[:, None],
        rotations=turned / np.linalg.norm(turned, axis=1, keepdims=True),
        opacities=(1 - share) * frame.opacities + share * subject.gaussians.opacities[:count],
        aus=aus,
        tints=None if frame.tints is None else frame.tints * (1 - share)[:, None],
    )


def resting_offsets(subject: Subject, offsets: Floats, mouth_rest: float) -> Floats:
    """Offsets (V, 3) of a frame as `resting` leaves them."""
    if mouth_rest <= 0:
        return offsets
    rested: Floats = offsets * (1 - mouth_rest * _mask(subject)[0])[:, None]
    return rested


def _mask(subject: Subject) -> tuple[Floats, Floats]:
    """How far the template's points (V,) and the facial Gaussians (Nf,) belong to the mouth, 0..1 float32."""
    if subject in _masks:
        return _masks[subject]
    template = subject.template
    # moved (2, V): how far opening lips and jaw move each point, as a share of the farthest. Eased (3 x^2 - 2 x^3), so
    # that no seam shows between what rests and what goes on acting.
    moved = np.linalg.norm(template.au_basis[[AU_INDEX[au] for au in _OPENING]], axis=2)
    part = (moved / np.maximum(moved.max(axis=1, keepdims=True), 1e-9)).max(axis=0)
    part = np.clip(part / _WHOLLY, 0, 1)
    points = (part * part * (3 - 2 * part)).astype(np.float32)
    # A Gaussian belongs to the mouth as its triangle's corners do, (Nf, 3) weighted by bary (Nf, 3).
    gaussians = (subject.bary * points[template.faces[subject.triangle]]).sum(axis=1).astype(np.float32)
    _masks[subject] = points, gaussians
    return points, gaussians
