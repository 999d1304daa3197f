"""The motion model on one head: its own, where its Subject carries one, or the shipped one fitted in closed form.

The shipped network speaks in coefficients of one template. What each of them does to another head follows from the
drivers both share (17 AUs, 6 articulations, one contact correction per margin point): least squares over the drivers as
often as training used them gives the other head's own points for every coefficient, without any training.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..core.errors import UserError
from ..core.subject import Subject
from ..core.template import FacialTemplate, load_template
from .basis import MotionBasis
from .contact import TouchingFace
from .generate import MotionModel, load_motion, model_of

_RIDGE = 1e-6


def motion_for(subject: Subject, kind: str = "diffusion") -> MotionModel:
    """The model that moves this subject: tuned to it in training where it was, else the shared one fitted to it.

    Raises UserError when the model of that kind is missing, or does not fit.
    """
    if kind == "diffusion" and subject.motion:
        return _own(_Whole(subject))
    return retarget(load_motion(kind=kind), subject.template)


class _Whole:
    """A Subject as a key of a cache: itself and nothing that looks like it."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject

    def __hash__(self) -> int:
        return id(self.subject)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Whole) and other.subject is self.subject


@lru_cache(maxsize=2)
def _own(whole: _Whole) -> MotionModel:
    return model_of(whole.subject.motion, "diffusion", f"the subject {whole.subject.name}", own=True)


def retarget(model: MotionModel, template: FacialTemplate) -> MotionModel:
    """`model`, trained on the shipped template, speaking in offsets (metres) of the head that `template` lies on.

    Raises UserError when the template is not ours, or the model does not say how its drivers were used.
    """
    if model.usage is None:
        raise UserError("This motion model cannot be fitted to another head: train it again.")
    ours, theirs = _generators(load_template()), _generators(template)
    if ours.shape != theirs.shape or model.usage.shape != (len(ours), len(ours)):
        raise UserError("This head's facial template is not ours: train the subject with this version of EmoDiffTalk.")
    usage = model.usage.astype(np.float64)
    usage[np.diag_indices(len(usage))] += _RIDGE * np.trace(usage) / len(usage)
    # Coefficients of each driver: components may overlap after rounding, so they are solved for, not projected on.
    basis = model.basis.components.astype(np.float64) * model.basis.spread[:, None]
    driven = np.linalg.lstsq(basis.T, ours.T, rcond=None)[0].T  # (D, K)
    # B = (Cᵀ M C)⁻¹ Cᵀ M G' (K, V * 3): C (D, K) our drivers' coefficients, M their second moment, G' (D, V * 3) what
    # they do to the other head. Weighted by use, since K coefficients cannot say all D drivers exactly.
    seen = driven.T @ usage @ driven
    seen[np.diag_indices(len(seen))] += _RIDGE * np.trace(seen) / len(seen)
    points = np.linalg.solve(seen, driven.T @ usage @ theirs)  # (K, V * 3) metres per unit of each coefficient
    components = (points / model.basis.spread[:, None]).astype(np.float32)
    return MotionModel(model.network, MotionBasis(components, model.basis.spread), own=True)


def _generators(template: FacialTemplate) -> np.ndarray:
    face = TouchingFace(template)
    return face.generators.reshape(len(face.generators), -1).astype(np.float64)
