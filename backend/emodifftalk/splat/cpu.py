"""The CPU rasterizer: 3D Gaussians to pictures, forward and backward, with the rules of gsplat 1.5.3.

Pipeline for one camera: project every Gaussian (`cpu_project`), sort the visible ones by depth and list them per
16x16 tile (`cpu_bins`), blend each tile front to back (`cpu_blend`). `draw` runs it on NumPy arrays and remembers
nothing; `rasterization` wraps the same kernels in two torch autograd functions, one for the projection and one for
the blending, so that `meta["means2d"]` is a node of the graph just as in gsplat (densification watches its
gradient).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from .compiled import run_chunks, slices, thread_count
from .cpu_bins import bin_to_tiles, build_table, sort_by_depth, tile_grid
from .cpu_blend import blend_tiles, blend_tiles_backward, reduce_pairs
from .cpu_project import empty_projection, project_backward_kernel, project_kernel

CHANNELS = 4  # channels blended in one pass
_TILE_CHUNKS = 8  # pieces of blending work per thread: small enough to balance, large enough not to notice


@dataclass(frozen=True)
class RasterizationSettings:
    """One camera as the kernels take it, and the rules of culling and blur.

    viewmat: (4, 4) f64 world to camera.
    K: (3, 3) f64 pixels.
    width, height: pixels.
    near, far: metres of view depth outside which a centre is not drawn.
    radius_clip: pixels; what reaches no further is not drawn.
    eps2d: square pixels of blur.
    antialiased: whether opacity falls by what the blur made a Gaussian grow.
    """

    viewmat: np.ndarray
    K: np.ndarray
    width: int
    height: int
    near: float = 0.01
    far: float = 1e10
    radius_clip: float = 0.0
    eps2d: float = 0.3
    antialiased: bool = False


@dataclass(frozen=True)
class Projection:
    """Gaussians on the picture plane, float32.

    means2d: (N, 2) pixels.
    depths: (N,) metres along the view axis.
    conics: (N, 3), A B C of the inverse covariance, per square pixel.
    compensations: (N,), by how much antialiasing dims, 0..1.
    radii: (N, 2) pixels, how far along x and y it can be seen; 0 where it is not drawn.
    """

    means2d: np.ndarray
    depths: np.ndarray
    conics: np.ndarray
    compensations: np.ndarray
    radii: np.ndarray


@dataclass(frozen=True)
class Bins:
    """The visible Gaussians of one picture in depth order and their lists per tile; see `cpu_bins`.

    order: (M,) i32, rows of the Gaussians that are visible, nearest first.
    offsets: (tiles + 1,) i32, where the list of each tile begins in `ids`.
    ids: (P,) i32, rows of `table`.
    table: (M, COLUMNS) f32, what blending needs of each, in the order of `order`.
    """

    order: np.ndarray
    offsets: np.ndarray
    ids: np.ndarray
    table: np.ndarray


def _row_parts(count: int) -> list[tuple[int, int]]:
    """Pieces of `count` Gaussians; few Gaussians are not worth a thread."""
    return slices(count, 1 if count < 2048 else 2 * thread_count())


def _tile_parts(offsets: np.ndarray) -> list[np.ndarray]:
    """Tiles dealt to pieces of about equal work, heaviest tiles first."""
    # Every `pieces`-th of the tiles sorted by how many Gaussians they hold: each piece gets heavy and light ones alike,
    # and threads take the next piece when they are done.
    tiles = np.argsort(-np.diff(offsets), kind="stable").astype(np.int32)
    pieces = min(len(tiles), _TILE_CHUNKS * thread_count())
    return [np.ascontiguousarray(tiles[piece::pieces]) for piece in range(pieces)]


def project(means, quats, scales, opacities, view: RasterizationSettings) -> Projection:
    """Project contiguous float32 arrays (N, 3), (N, 4), (N, 3), (N,); culled and non-finite rows get radius 0."""
    out = empty_projection(len(means))
    parts = _row_parts(len(means))
    run_chunks(
        lambda part: project_kernel(
            *parts[part], means, quats, scales, opacities, view.viewmat, view.K, view.width, view.height,
            view.near, view.far, view.radius_clip, view.eps2d, view.antialiased, *out,
        ),
        len(parts),
    )  # fmt: skip
    return Projection(*out)


def _blend(bins: Bins, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Picture (H, W, 4) and alphas (H, W) of one group of channels."""
    image = np.empty((height, width, CHANNELS), np.float32)
    alphas = np.empty((height, width), np.float32)
    tiles_x, _ = tile_grid(width, height)
    parts = _tile_parts(bins.offsets)
    run_chunks(
        lambda part: blend_tiles(
            parts[part], tiles_x, width, height, bins.offsets, bins.ids, bins.table, image, alphas
        ),
        len(parts),
    )
    return image, alphas


def _channel_groups(channels: np.ndarray) -> list[np.ndarray]:
    """(N, D) split into (N, 4) float32 groups, the last padded with zeros."""
    groups = []
    for first in range(0, channels.shape[1], CHANNELS):
        group = channels[:, first : first + CHANNELS]
        if group.shape[1] < CHANNELS:
            padded = np.zeros((len(group), CHANNELS), np.float32)
            padded[:, : group.shape[1]] = group
            group = padded
        groups.append(np.ascontiguousarray(group, np.float32))
    return groups


def _usable(radii: np.ndarray, channels: np.ndarray) -> np.ndarray:
    """radii with 0 where a colour is not finite: such a Gaussian is not drawn."""
    # One sum over all is cheap, and finite when every number is; only when it is not are the rows looked at.
    if np.isfinite(channels.sum()):
        return radii
    return np.where(np.isfinite(channels).all(axis=1, keepdims=True), radii, 0).astype(np.float32)


def draw(
    means: np.ndarray,
    quats: np.ndarray,
    scales: np.ndarray,
    opacities: np.ndarray,
    colors: np.ndarray,
    view: RasterizationSettings,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Picture without gradients or background: colours (H, W, 3), alpha (H, W), accumulated depth (H, W) in metres.

    means (N, 3), quats (N, 4) wxyz, scales (N, 3) m, opacities (N,), colors (N, 3).
    """
    means, quats, scales, opacities = (
        np.ascontiguousarray(array, np.float32) for array in (means, quats, scales, opacities)
    )
    flat = project(means, quats, scales, opacities, view)
    # Three colours and the depth are one group of four channels: colour and accumulated depth in one pass.
    channels = np.empty((len(means), CHANNELS), np.float32)
    channels[:, :3], channels[:, 3] = colors, flat.depths
    radii = _usable(flat.radii, channels)
    effective = opacities * flat.compensations if view.antialiased else opacities
    order = sort_by_depth(flat.depths, radii)
    table = build_table(order, flat.means2d, flat.conics, effective, radii, channels)
    image, alphas = _blend(Bins(order, *bin_to_tiles(table, view.width, view.height), table), view.width, view.height)
    return image[..., :3], alphas, image[..., 3]


class _Project(torch.autograd.Function):
    """Gaussians -> means2d (C, N, 2), depths (C, N), conics (C, N, 3), compensations (C, N), radii (C, N, 2)."""

    @staticmethod
    def forward(ctx, means, quats, scales, opacities, views):
        arrays = [tensor.detach().numpy() for tensor in (means, quats, scales, opacities)]
        flats = [project(*arrays, view) for view in views]
        ctx.views, ctx.flats = views, flats
        ctx.save_for_backward(means, quats, scales)
        fields = ("means2d", "depths", "conics", "compensations", "radii")
        outputs = [torch.from_numpy(np.stack([getattr(flat, name) for flat in flats])) for name in fields]
        ctx.mark_non_differentiable(outputs[-1])
        return tuple(outputs)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, v_means2d, v_depths, v_conics, v_compensations, _v_radii):
        inputs = [tensor.detach().numpy() for tensor in ctx.saved_tensors]
        # The kernel adds to `gradients`, so those of several cameras add up; chunks are rows of Gaussians, which no two
        # threads share.
        gradients = [np.zeros_like(array) for array in inputs]
        seen = [tensor.contiguous().numpy() for tensor in (v_means2d, v_depths, v_conics, v_compensations)]
        parts = _row_parts(len(inputs[0]))
        for index, (view, flat) in enumerate(zip(ctx.views, ctx.flats, strict=True)):
            v_camera = [array[index] for array in seen]
            run_chunks(
                lambda part, view=view, flat=flat, v_camera=v_camera: project_backward_kernel(
                    *parts[part], *inputs, view.viewmat, view.K, view.width, view.height, view.eps2d,
                    flat.conics, flat.radii, *v_camera, *gradients,
                ),
                len(parts),
            )  # fmt: skip
        return (*(torch.from_numpy(array) for array in gradients), None, None)


class _Blend(torch.autograd.Function):
    """means2d (N, 2), conics (N, 3), opacities (N,), channels (N, D) -> picture (H, W, D), alphas (H, W)."""

    @staticmethod
    def forward(ctx, means2d, conics, opacities, channels, depths, radii, width, height):
        flat = [tensor.detach().contiguous().numpy() for tensor in (means2d, conics, opacities)]
        values = channels.detach().numpy()
        reach = _usable(radii.contiguous().numpy(), values)
        order = sort_by_depth(depths.contiguous().numpy(), reach)
        # More than four channels are blended in groups. Which Gaussian touches which tile does not depend on colour:
        # the lists of the first group serve all.
        offsets = ids = None
        all_bins, images, alphas = [], [], None
        for group in _channel_groups(values):
            table = build_table(order, *flat, reach, group)
            if offsets is None:
                offsets, ids = bin_to_tiles(table, width, height)
            bins = Bins(order, offsets, ids, table)
            image, alphas = _blend(bins, width, height)
            all_bins.append(bins)
            images.append(image)
        ctx.bins, ctx.images, ctx.alphas = all_bins, images, alphas
        ctx.sizes = (len(values), values.shape[1], width, height)
        picture = np.concatenate(images, axis=-1)[..., : values.shape[1]]
        return torch.from_numpy(np.ascontiguousarray(picture)), torch.from_numpy(alphas.copy())

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, v_picture, v_alphas):
        count, depth, width, height = ctx.sizes
        v_flat = [np.zeros((count, 2), np.float32), np.zeros((count, 3), np.float32), np.zeros(count, np.float32)]
        v_channels = []
        nothing = np.zeros((height, width), np.float32)
        v_images = _channel_groups(v_picture.numpy().reshape(-1, depth))
        for index, (bins, image) in enumerate(zip(ctx.bins, ctx.images, strict=True)):
            v_image = v_images[index].reshape(height, width, CHANNELS)
            v_alpha = v_alphas.contiguous().numpy() if index == 0 else nothing  # count it once
            v_channels.append(np.zeros((count, CHANNELS), np.float32))
            _blend_backward(bins, image, ctx.alphas, v_image, v_alpha, [*v_flat, v_channels[-1]])
        v_all = np.concatenate(v_channels, axis=1)[:, :depth]
        gradients = [torch.from_numpy(np.ascontiguousarray(array)) for array in (*v_flat, v_all)]
        return (*gradients, None, None, None, None)


def _blend_backward(bins: Bins, image, alphas, v_image, v_alphas, gradients: list[np.ndarray]) -> None:
    """Add the gradients of one channel group to v_means2d, v_conics, v_opacities, v_colors."""
    height, width = alphas.shape
    tiles_x, _ = tile_grid(width, height)
    # First a row of sums for each pair of tile and Gaussian, by the thread that has the tile; then the rows of each
    # Gaussian added up, by the thread that has it. No locks, and the same order of additions always.
    sums = np.empty((len(bins.ids), 10), np.float32)
    tiles = _tile_parts(bins.offsets)
    run_chunks(
        lambda part: blend_tiles_backward(
            tiles[part], tiles_x, width, height, bins.offsets, bins.ids, bins.table, image, alphas,
            v_image, v_alphas, sums,
        ),
        len(tiles),
    )  # fmt: skip
    parts = slices(len(bins.order), 1 if len(bins.ids) < 4096 else thread_count())
    run_chunks(lambda part: reduce_pairs(*parts[part], bins.order, bins.ids, bins.table, sums, *gradients), len(parts))


def _as_float32(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to(device="cpu", dtype=torch.float32).contiguous()


def rasterization(
    means: torch.Tensor,
    quats: torch.Tensor,
    scales: torch.Tensor,
    opacities: torch.Tensor,
    colors: torch.Tensor,
    viewmats: torch.Tensor,
    Ks: torch.Tensor,
    width: int,
    height: int,
    near_plane: float = 0.01,
    far_plane: float = 1e10,
    radius_clip: float = 0.0,
    eps2d: float = 0.3,
    with_color: bool = True,
    with_depth: bool = False,
    antialiased: bool = False,
) -> tuple[torch.Tensor, torch.Tensor, dict]:
    """Differentiable pictures (C, H, W, D [+ 1 accumulated depth]) and alphas (C, H, W, 1), float32, no background.

    Shapes as in `rasterize.rasterization`. Gradients reach means, quats, scales, opacities and colors, not the
    cameras. `meta` holds `means2d` (C, N, 2), `radii` (C, N, 2), `depths` (C, N), `conics` (C, N, 3) and
    `compensations` (C, N).
    """
    means, quats, scales, opacities, colors = (
        _as_float32(tensor) for tensor in (means, quats, scales, opacities, colors)
    )
    mats = np.ascontiguousarray(viewmats.detach().cpu().numpy(), np.float64)
    intrinsics = np.ascontiguousarray(Ks.detach().cpu().numpy(), np.float64)
    views = [
        RasterizationSettings(mat, K, width, height, near_plane, far_plane, radius_clip, eps2d, antialiased)
        for mat, K in zip(mats, intrinsics, strict=True)
    ]
    means2d, depths, conics, compensations, radii = _Project.apply(means, quats, scales, opacities, views)
    pictures, alphas = [], []
    for camera in range(len(views)):
        channels = [colors] if with_color else []
        channels += [depths[camera][:, None]] if with_depth else []
        # Strength and depth channel are nodes of the graph: their gradients reach opacities, compensations and depths.
        strength = opacities * compensations[camera] if antialiased else opacities
        picture, alpha = _Blend.apply(
            means2d[camera], conics[camera], strength, torch.cat(channels, dim=1),
            depths[camera].detach(), radii[camera], width, height,
        )  # fmt: skip
        pictures.append(picture)
        alphas.append(alpha[..., None])
    meta = {
        "means2d": means2d,
        "radii": radii,
        "depths": depths.detach(),
        "conics": conics.detach(),
        "compensations": compensations.detach(),
    }
    return torch.stack(pictures), torch.stack(alphas), meta
