"""What no picture shows is learned from nothing and looks like dirt: it goes, or gets its colours from its seeds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from ...core.gaussians import Gaussians, quat_multiply
from ...core.gaze import turn_eyes
from ...core.subject import OTF_GROUPS, Subject, pose
from ...data.captures.capture import Capture
from ...splat.rasterize import rasterization
from .binding import surface_turns
from .views import CapturedView

LEAST_PIXELS, LEAST_AT_EDGES = 0.015, 2.5
"""Pixels per picture, on average, that a Gaussian must fill to stay; what few pictures contain must fill more."""
LEAST_INSIDE = 0.0015
"""The same for eyes, teeth and tongue, which most pictures hide: what a few of them show has been learned."""
LEAST_SHARE = 0.35
"""Share of the neutral pictures below which few contain it."""


def drop_unseen(subject: Subject, capture: Capture, filled: np.ndarray) -> Subject:
    """The subject without the hair, skin and clothes that its pictures do not show.

    filled: pixels (N,) per picture, as `filled_pixels` counts them. Facial Gaussians stay, they carry the face's
    binding and its feature line; so do eyes, teeth and tongue, of which another gaze or a wider mouth shows more.
    """
    inside = well_seen(capture, subject.gaussians.means[subject.n_face :], LEAST_SHARE)
    shown = filled[subject.n_face :] >= np.where(inside, LEAST_PIXELS, LEAST_AT_EDGES)
    staying = shown | (subject.otf_group != OTF_GROUPS.index("surround"))
    rows = np.concatenate([np.ones(subject.n_face, bool), staying])
    return replace(
        subject,
        gaussians=Gaussians(*(array[rows] for array in vars(subject.gaussians).values())),
        otf_anchor=subject.otf_anchor[staying],
        otf_weight=subject.otf_weight[staying],
        otf_group=subject.otf_group[staying],
    )


def paint_unseen(subject: Subject, seed_colors: np.ndarray, filled: np.ndarray) -> Subject:
    """The subject with colours for those Gaussians of eyes, teeth and tongue that no picture shows.

    They get what their seed_colors (No, 3) say, in the light that the seen ones of the same kind were found in, and
    cover as well as those. filled: pixels (N,) per picture.
    """
    colors, opacities = subject.gaussians.colors.copy(), subject.gaussians.opacities.copy()
    for group in range(1, len(OTF_GROUPS)):
        of_group = np.flatnonzero(subject.otf_group == group)
        shown = filled[subject.n_face + of_group] >= LEAST_INSIDE
        seen, hidden = of_group[shown], of_group[~shown]
        if len(seen) == 0 or len(hidden) == 0:
            continue
        # Of their sums, not of each: the ratios of a dark brown iris say nothing of the light on the white around it.
        light = colors[subject.n_face + seen].sum(axis=0) / np.maximum(seed_colors[seen].sum(axis=0), 0.02)
        colors[subject.n_face + hidden] = np.clip(seed_colors[hidden] * light, 0, 1)
        opacities[subject.n_face + hidden] = np.median(opacities[subject.n_face + seen])
    return replace(subject, gaussians=replace(subject.gaussians, colors=colors, opacities=opacities))


def well_seen(capture: Capture, points: np.ndarray, share: float) -> np.ndarray:
    """(M,) bool: points (M, 3) that lie inside that share of the neutral frame's training pictures.

    What lies at the edges of the pictures is learned from nearly nothing.
    """
    cameras = [capture.cameras[name] for name in capture.frames[0].pictures]
    inside = []  # of each camera (M,): in front of it and within its picture
    for camera in (c.camera for c in cameras if c.split == "train"):
        place = camera.project(points)
        inside.append(((place > 0) & (place < (camera.width, camera.height, np.inf))).all(axis=1))
    return np.mean(inside, axis=0) >= share


def filled_pixels(subject: Subject, capture: Capture, views: list[CapturedView], backend: str = "cpu") -> np.ndarray:
    """How many pixels (N,) of a picture each Gaussian fills, on average: the sum of its blending weights.

    A picture is linear in the colours, so the weights are its derivative.
    """
    total = np.zeros(len(subject.gaussians))
    for view in views:
        g = _posed(subject, capture.points[view.frame], capture.frames[view.frame].gaze)
        device = view.rgba.device
        means, quats, scales, opacities, colors = (
            torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(device) for array in vars(g).values()
        )
        colors.requires_grad_()
        picture, _, _ = rasterization(
            means, quats, scales, opacities, colors, view.viewmat[None], view.K[None], view.size, view.size,
            backend=backend,
        )  # fmt: skip
        # ∂ (Σ red of all pixels) / ∂ red of a Gaussian is the sum of its weights α T, in any rasterizer.
        (gradient,) = torch.autograd.grad(picture.sum(), colors)
        total += gradient[:, 0].cpu().numpy()
    return total / max(len(views), 1)


def _posed(subject: Subject, points: np.ndarray, gaze: tuple[float, float]) -> Gaussians:
    turns = surface_turns(subject.template, points, subject.triangle)
    rotations = quat_multiply(turns, subject.gaussians.quats[: subject.n_face])
    return turn_eyes(subject, pose(subject, points - subject.template.neutral, rotations), np.array(gaze))
