"""Leaving out what no picture shows: such Gaussians were learned from nothing and look like dirt from elsewhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from ..core.gaussians import Gaussians, quat_multiply
from ..core.subject import OTF_GROUPS, Subject, pose
from ..data.capture import Capture
from ..splat.rasterize import rasterization
from .binding import surface_turns

LEAST_PIXELS, LEAST_AT_EDGES = 0.015, 2.5
"""Pixels per picture, on average, that a Gaussian must fill to stay; what few pictures contain must fill more."""
LEAST_SHARE = 0.35
"""Share of the neutral pictures below which few contain it."""


def drop_unseen(subject: Subject, capture: Capture, views: list, backend: str = "cpu") -> Subject:
    """The subject without the hair, skin and clothes that its pictures do not show.

    views: pictures with .frame, .image, .viewmat and .K. Facial Gaussians stay, they carry the face's binding and its
    feature line; so do eyes, teeth and tongue, of which another gaze or a wider mouth shows more.
    """
    filled = filled_pixels(subject, capture.points, views, backend)[subject.n_face :] / max(len(views), 1)
    inside = well_seen(capture, subject.gaussians.means[subject.n_face :], LEAST_SHARE)
    shown = filled >= np.where(inside, LEAST_PIXELS, LEAST_AT_EDGES)
    kept = shown | (subject.otf_group != OTF_GROUPS.index("surround"))
    rows = np.concatenate([np.ones(subject.n_face, bool), kept])
    return replace(
        subject,
        gaussians=Gaussians(*(array[rows] for array in vars(subject.gaussians).values())),
        otf_anchor=subject.otf_anchor[kept],
        otf_weight=subject.otf_weight[kept],
        otf_group=subject.otf_group[kept],
    )


def well_seen(capture: Capture, points: np.ndarray, share: float) -> np.ndarray:
    """(M,) bool: points (M, 3) that lie inside that share of the neutral frame's training pictures.

    What lies at the edges of the pictures is learned from nearly nothing.
    """
    cameras = [capture.cameras[name] for name in capture.frames[0].pictures]
    inside = []
    for camera in (c.camera for c in cameras if c.split == "train"):
        place = camera.project(points)
        inside.append(((place > 0) & (place < (camera.width, camera.height, np.inf))).all(axis=1))
    return np.mean(inside, axis=0) >= share


def filled_pixels(subject: Subject, points: np.ndarray, views: list, backend: str = "cpu") -> np.ndarray:
    """How many pixels (N,) each Gaussian fills over all views: the sum of its blending weights.

    A picture is linear in the colours, so the weights are its derivative.
    """
    total = np.zeros(len(subject.gaussians))
    for view in views:
        g = _posed(subject, points[view.frame])
        tensors = [torch.from_numpy(np.ascontiguousarray(array, np.float32)) for array in vars(g).values()]
        colors = tensors.pop().requires_grad_()
        size = view.image.shape[0]
        picture, _, _ = rasterization(
            *tensors, colors, view.viewmat[None], view.K[None], size, size, backend=backend
        )  # fmt: skip
        picture.sum().backward()
        total += colors.grad[:, 0].numpy()
    return total


def _posed(subject: Subject, points: np.ndarray) -> Gaussians:
    turns = surface_turns(subject.template, points, subject.triangle)
    rotations = quat_multiply(turns, subject.gaussians.quats[: subject.n_face])
    return pose(subject, points - subject.template.neutral, rotations)
