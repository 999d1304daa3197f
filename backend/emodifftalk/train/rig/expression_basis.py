"""What each action unit does to this very head: the template's basis, corrected by the frames of the capture.

A canonical subject begins with the shipped template's action units in its own size. The capture shows what really
moves: least squares over its frames, held to the shipped basis where they say little. Articulations (pucker, funnel …)
are not labelled in captures: they are read off what the labelled action units leave unexplained.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import lsq_linear

from ...core.facs import AU_NAMES
from ...core.jaw import jaw_opening, jaw_reading
from ...core.subject import Subject
from ...core.template import FacialTemplate
from ...data.captures.capture import Capture
from ..shared.held_out import unseen_frames

_HOLD = 0.05  # how much a unit holds to the shipped basis: as if seen with this squared intensity before
_ROUNDS = 3
_WORTH = 0.4  # share of what is left that an articulation has to explain


def own_expressions(template: FacialTemplate, capture: Capture) -> FacialTemplate:
    """The template with the basis (17, V, 3) and (6, V, 3) of the captured face, metres.

    template: as it lies on the capture's first frame. Frames that no trained camera saw are left out; a capture without
    moving frames leaves the template as it is.
    """
    moved = [i for i in range(1, len(capture.frames)) if i not in unseen_frames(capture)]
    if not moved:
        return template
    offsets = (capture.points[moved] - template.neutral).reshape(len(moved), -1).astype(np.float64)
    aus = np.stack([capture.frames[i].aus for i in moved]).astype(np.float64)
    units = np.concatenate([template.au_basis, template.articulation_basis])
    shipped = units.reshape(len(units), -1).astype(np.float64)
    basis = shipped
    # Alternating least squares: articulations (F, 6) read off what the action units leave, then all 23 shapes fitted to
    # the offsets (F, 3 V) by (DᵀD + h I) B = Dᵀ O + h B0: ridge regression around the shipped basis B0, not around 0.
    for _ in range(_ROUNDS):
        drivers = np.concatenate([aus, _articulations(offsets - aus @ basis[: len(AU_NAMES)], basis)], axis=1)
        grip = drivers.T @ drivers + _HOLD * np.eye(len(basis))
        basis = shipped + np.linalg.solve(grip, drivers.T @ (offsets - drivers @ shipped))
    own = basis.reshape(units.shape).astype(np.float32)
    return replace(template, au_basis=own[: len(AU_NAMES)], articulation_basis=own[len(AU_NAMES) :])


def with_own_expressions(subject: Subject, capture: Capture) -> Subject:
    """A finished canonical subject with the basis of its own face; its teeth ride on the jaw as far as before."""
    template = own_expressions(subject.template, capture)
    jaw = subject.jaw
    if jaw is not None:
        before, after = (
            np.array([jaw_opening(jaw_reading(one), points - one.neutral) for points in capture.points])
            for one in (subject.template, template)
        )
        # Openings (F,) by the old and the new reading: the factor c that fits before = c · after best.
        if after @ after > 1e-3:
            jaw = replace(jaw, turn=jaw.turn * float(before @ after / (after @ after)))
    return replace(subject, template=template, jaw=jaw)


def _articulations(left: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Intensities (F, 6), 0..1, of the articulations in what is left (F, V * 3).

    Any articulation explains a little of any frame, and would keep the action units from learning it: only those count
    that explain much of it, and these are then read off again without the others.
    """
    # Matching pursuit, frame by frame, on the normal equations alone: S Sᵀ (6, 6) and S x (6,) say all that is needed
    # of offsets with 3 V numbers, so trying every shape in turn costs nothing.
    shapes = basis[len(AU_NAMES) :]
    gram, wanted = shapes @ shapes.T, left @ shapes.T
    intensities = np.zeros_like(wanted)
    for row, (pull, energy) in enumerate(zip(wanted, (left**2).sum(axis=1), strict=True)):
        used: list[int] = []
        while len(used) < len(shapes):
            others = [k for k in range(len(shapes)) if k not in used]
            gains = {k: energy - _left_over(gram, pull, energy, [*used, k]) for k in others}
            best = max(others, key=gains.__getitem__)
            explained = energy - _left_over(gram, pull, energy, used)
            if gains[best] - explained < _WORTH * (energy - explained):
                break
            used.append(best)
        if used:
            intensities[row, used] = _solve(gram, pull, used)
    return intensities


def _solve(gram: np.ndarray, pull: np.ndarray, used: list[int]) -> np.ndarray:
    """Intensities (len(used),) in 0..1 of the used articulations: least squares on the normal equations."""
    return lsq_linear(gram[np.ix_(used, used)], pull[used], (0, 1)).x


def _left_over(gram: np.ndarray, pull: np.ndarray, energy: float, used: list[int]) -> float:
    """Squared metres, of `energy` in all, that the used articulations leave unexplained."""
    if not used:
        return energy
    # |x - Sᵀ a|² = |x|² - 2 a · S x + a · S Sᵀ a: the residual without ever forming it.
    intensities = _solve(gram, pull, used)
    return float(energy - 2 * intensities @ pull[used] + intensities @ gram[np.ix_(used, used)] @ intensities)
