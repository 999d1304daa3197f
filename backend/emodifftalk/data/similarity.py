"""Turning, moving and scaling one world into another, for points and for cameras."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.camera import Camera


@dataclass(frozen=True)
class Similarity:
    """x to scale · rotation (3, 3) · x + shift (3,); metres where its world is metric."""

    scale: float
    rotation: np.ndarray
    shift: np.ndarray

    def points(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) in the other world."""
        return self.scale * np.asarray(points) @ self.rotation.T + self.shift

    def directions(self, vectors: np.ndarray) -> np.ndarray:
        """Displacements (..., 3) in the other world: turned and scaled, not shifted."""
        return self.scale * np.asarray(vectors) @ self.rotation.T

    def camera(self, camera: Camera) -> Camera:
        """The same camera in the other world: it takes the same pictures there."""
        # View [A, b] becomes [A Rᵀ, s b - A Rᵀ shift]: camera coordinates grow by s, which a pinhole cannot see.
        view = np.eye(4)
        view[:3, :3] = camera.viewmat[:3, :3] @ self.rotation.T
        view[:3, 3] = self.scale * camera.viewmat[:3, 3] - view[:3, :3] @ self.shift
        return Camera(view, camera.K, camera.width, camera.height)

    def then(self, other: Similarity) -> Similarity:
        """This one, and after it the other."""
        return Similarity(self.scale * other.scale, other.rotation @ self.rotation, other.points(self.shift))

    def matrix(self) -> np.ndarray:
        """(4, 4)."""
        whole = np.eye(4)
        whole[:3, :3], whole[:3, 3] = self.scale * self.rotation, self.shift
        return whole


def fit_similarity(source: np.ndarray, target: np.ndarray, scaled: bool = True, mirrored: bool = False) -> Similarity:
    """The least-squares similarity (Umeyama) from points (N, 3) to (N, 3), N at least 3.

    scaled: its scale is free, otherwise 1.
    mirrored: a reflection is looked for instead of a rotation (to recognise exchanged sides).
    """
    # Umeyama 1991: covariance bᵀ a = U S Vᵀ, rotation U D Vᵀ with D = diag(1, 1, det U Vᵀ), scale tr(S D) / |a|².
    # D takes the least bad of the three mirrorings back: points in a plane would fit a reflection as well.
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    u, values, v = np.linalg.svd(b.T @ a)
    sign = np.ones(3)
    sign[2] = np.sign(np.linalg.det(u @ v)) * (-1 if mirrored else 1)
    rotation = u @ np.diag(sign) @ v
    scale = float((values * sign).sum() / (a**2).sum()) if scaled else 1.0
    return Similarity(scale, rotation, target.mean(axis=0) - scale * rotation @ source.mean(axis=0))


def fit_rigid(source: np.ndarray, target: np.ndarray, rounds: int = 3) -> Similarity:
    """The rigid motion from points (N, 3) to (N, 3) that most of them follow: a third that fits worst is left out."""
    rows = np.arange(len(source))
    for _ in range(rounds):
        motion = fit_similarity(source[rows], target[rows], scaled=False)
        error = np.linalg.norm(motion.points(source) - target, axis=1)
        rows = np.argsort(error)[: max(3, 2 * len(source) // 3)]
    return fit_similarity(source[rows], target[rows], scaled=False)
