"""Milliseconds per frame of the rasterizers and their PSNR against a plain float64 compositor.

Run it with `python -m emodifftalk.splat.bench`.

One scene is a head-sized ellipsoid shell of overlapping Gaussians that fills most of the frame, seen at an angle; the
others are the sample subjects. Times are the median and the best of repeated runs after the kernels are compiled; on a
busy machine read the best.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from ..core.camera import Camera, look_at
from ..core.gaussians import Gaussians, quat_to_matrix
from ..core.subject import load_subject
from .compiled import thread_count
from .metrics import psnr
from .rasterize import available, rasterization
from .render import render

SUBJECTS = Path(__file__).parents[3] / "sample_scenes" / "subjects"


def head_scene(count: int, seed: int = 0) -> Gaussians:
    """`count` Gaussians on an ellipsoid of 18 x 22 x 26 cm: flat splats along the surface whose neighbours overlap."""
    rng = np.random.default_rng(seed)
    # Directions spread evenly over a sphere: three normal numbers, made unit, know no direction.
    normals = rng.normal(size=(count, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    half_axes = np.array([0.09, 0.11, 0.13])
    # Side of the square that each has of a sphere of 11 cm: splats that wide overlap. They are a fifth of it thick.
    spacing = np.sqrt(4 * np.pi * 0.11**2 / count)
    scales = spacing * rng.uniform(0.5, 1.1, (count, 3))
    scales[:, 2] *= 0.2
    # the shortest rotation that takes z to the normal
    quats = np.column_stack([1.0 + normals[:, 2], -normals[:, 1], normals[:, 0], np.zeros(count)]) + 1e-9
    quats /= np.linalg.norm(quats, axis=1, keepdims=True)
    colors = 0.5 + 0.5 * np.sin(np.concatenate([normals, 7 * normals], axis=1) @ rng.normal(size=(6, 3)) * 2.0)
    parts = (normals * half_axes, quats, scales, rng.uniform(0.3, 0.95, count), colors)
    return Gaussians(*(np.ascontiguousarray(part, np.float32) for part in parts))


def head_camera(size: int) -> Camera:
    """A portrait camera one metre away, `size` pixels square."""
    return look_at((0.35, -0.95, 0.1), (0.0, 0.0, 0.0), size, size, fov_y_deg=17.0)


def milliseconds(call: Callable[[], object], runs: int) -> tuple[float, float]:
    """Median and best time of `runs` calls, after two that do not count."""
    times = []
    for run in range(runs + 2):
        start = time.perf_counter()
        call()
        if run >= 2:
            times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times), min(times)


def reference_picture(gaussians: Gaussians, camera: Camera) -> np.ndarray:
    """(H, W, 3) by textbook formulas in float64, one Gaussian after another over the whole picture.

    Slow, simple, and independent of the kernels. Every Gaussian must lie in front of the camera and within the frame.
    """
    g = gaussians
    # centres (N, 3) in camera space; half (N, 3, 3) = R_view R diag(scales), so the covariance is half half^T.
    turn = camera.viewmat[:3, :3]
    centres = g.means.astype(float) @ turn.T + camera.viewmat[:3, 3]
    half = turn @ quat_to_matrix(g.quats.astype(float)) * g.scales[:, None, :].astype(float)
    x, y, z = centres.T
    focal_x, focal_y = camera.K[0, 0], camera.K[1, 1]
    zero = np.zeros_like(z)
    # EWA: the perspective's derivative J (N, 2, 3) at each centre takes the covariance to the picture, J S J^T, with
    # 0.3 square pixels of blur; its inverse (N, 2, 2) is the conic of the exponent.
    jacobian = np.stack([focal_x / z, zero, -focal_x * x / z**2, zero, focal_y / z, -focal_y * y / z**2], -1)
    rows = jacobian.reshape(-1, 2, 3) @ half
    conics = np.linalg.inv(rows @ rows.transpose(0, 2, 1) + 0.3 * np.eye(2))
    px, py = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    picture, light = np.zeros((camera.height, camera.width, 3)), np.ones((camera.height, camera.width))
    done = np.zeros(light.shape, bool)
    for i in np.argsort(z, kind="stable"):
        # alpha (H, W) = o exp(-d^T conic d / 2). Under 1/255 it is skipped, and a pixel ends before its light falls to
        # 1e-4: the rules of gsplat, which the kernels obey too.
        dx = focal_x * x[i] / z[i] + camera.K[0, 2] - px
        dy = focal_y * y[i] / z[i] + camera.K[1, 2] - py
        (a, b), (_, c) = conics[i]
        alpha = np.minimum(0.999, g.opacities[i] * np.exp(-0.5 * (a * dx * dx + c * dy * dy) - b * dx * dy))
        alpha[(alpha < 1 / 255) | done] = 0.0
        stop = light * (1 - alpha) <= 1e-4
        done |= stop
        alpha[stop] = 0.0
        picture += (alpha * light)[..., None] * g.colors[i]
        light *= 1 - alpha
    return picture


def real_head(subject: Path, count: int, size: int) -> tuple[Gaussians, Camera]:
    """The Gaussians of a Subject's file, as many as asked for, and a camera whose picture they fill from top to bottom.

    Too few: the largest ones are split in two, each half as big; too many: the smallest ones are left out.
    """
    g = load_subject(subject).gaussians
    # Rows from large to small, then the largest again as twins: half a scale aside, and both 1.6 times smaller, a pair
    # covers about what the one did.
    order = np.argsort(g.scales.max(axis=1))[::-1]
    twins = order[: max(0, count - len(g))]
    rows = np.concatenate([order[:count], twins])
    half = np.isin(rows, twins)[:, None]
    means, scales = g.means[rows].copy(), np.where(half, g.scales[rows] / 1.6, g.scales[rows])
    means[len(order[:count]) :] += 0.5 * scales[len(order[:count]) :]
    # Quantiles and not extremes: a stray hair must not set the distance.
    low, high = np.quantile(means[:, 2], (0.001, 0.999))
    middle = np.array([0.0, float(np.median(means[:, 1])), (low + high) / 2])
    distance = (high - low) / 2 / np.tan(np.radians(17.0) / 2)
    camera = look_at(tuple(middle - (0, distance, 0)), tuple(middle), size, size, fov_y_deg=17.0)
    parts = (means, g.quats[rows], scales, g.opacities[rows], g.colors[rows])
    return Gaussians(*(np.ascontiguousarray(part, np.float32) for part in parts)), camera


def _training_step(g: Gaussians, camera: Camera, backend: str) -> Callable[[], None]:
    """One forward and backward pass with colours and depth, gradients to all five inputs."""
    size = camera.width
    means, quats, scales, opacities, colors = (
        torch.from_numpy(a).requires_grad_() for a in (g.means, g.quats, g.scales, g.opacities, g.colors)
    )
    viewmats, Ks = torch.from_numpy(camera.viewmat)[None], torch.from_numpy(camera.K)[None]

    def step() -> None:
        pictures, alphas, _ = rasterization(
            means, quats, scales, opacities, colors, viewmats, Ks, size, size, render_mode="RGB+D", backend=backend
        )
        (pictures.square().sum() + alphas.sum()).backward()

    return step


def main(runs: int = 30) -> list[str]:
    """Measure every rasterizer of this machine, print and return the lines."""
    lines = [f"threads {thread_count()}, median (best) of {runs} frames"]
    for backend in available():
        for count, size in ((20_000, 512), (60_000, 512)):
            g, camera = head_scene(count), head_camera(size)
            median, best = milliseconds(partial(render, g, camera, backend=backend), runs)
            what = f"{backend}: {count:6d} Gaussians, {size}x{size}, forward"
            lines.append(f"{what:55s}{median:6.1f} ms ({best:.1f})")
        for count in (20_000, 60_000):
            median, best = milliseconds(_training_step(head_scene(count), head_camera(256), backend), runs)
            what = f"{backend}: {count:6d} Gaussians, 256x256, forward+backward"
            lines.append(f"{what:55s}{median:6.1f} ms ({best:.1f})")
        lines += _of_a_real_head(backend, runs)
        g, camera = head_scene(3000, seed=1), head_camera(160)
        decibel = float(psnr(render(g, camera, backend=backend)[0].astype(float), reference_picture(g, camera)))
        lines.append(f"{backend}: 3000 Gaussians, 160x160, against the float64 reference: PSNR {decibel:.1f} dB")
    print("\n".join(lines), flush=True)
    return lines


def _of_a_real_head(backend: str, runs: int) -> list[str]:
    """The sample subject where there is one: an installed backend may have come without it."""
    lines = []
    for path in sorted(SUBJECTS.glob("*.safetensors")):
        g, camera = real_head(path, 60_000, 512)
        forward = milliseconds(partial(render, g, camera, backend=backend), runs)
        both = milliseconds(_training_step(g, camera, backend), runs)
        for what, (median, best) in (("forward", forward), ("forward+backward", both)):
            name = f"{backend}: {path.stem}, {len(g)} Gaussians, 512x512, {what}"
            lines.append(f"{name:55s}{median:6.1f} ms ({best:.1f})")
        lines.append(f"{backend}: {path.stem}, forward+backward over forward: {both[1] / forward[1]:.1f}")
    return lines


if __name__ == "__main__":
    main()
