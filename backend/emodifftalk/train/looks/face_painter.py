"""Draws a subject's face as it was captured, differentiably, with its decoders or without."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from ...appearance.decoder import AppearanceDecoder
from ...core.gaussians import Gaussians
from ...core.subject import Subject, pose
from ...data.captures.capture import Capture
from ...splat.rasterize import rasterization
from ..rig.views import CapturedView
from .face_crops import FaceCrop, fine_error
from .shade_points import Candidates

_BEHIND = 0.004  # metres
_FACING = 0.25


class Drawn(NamedTuple):
    """A view as drawn, and what the decoders did to it; None without them.

    picture: (H, W, 3), or (H, W, 4) with the expected depth in metres.
    moved: (Nf, 3) metres, of the facial Gaussians.
    change: (Nf,) of their opacity, as decoded, before it is cut to 0..1.
    tints: (Nf, 3) of their colour, None when the decoder changes none.
    """

    picture: torch.Tensor
    moved: torch.Tensor | None = None
    change: torch.Tensor | None = None
    tints: torch.Tensor | None = None


class FacePainter(nn.Module):
    """`decoder` None: canonical attributes. Colours, sizes and places of shade points are learned with the decoders."""

    decoder: AppearanceDecoder | None

    def __init__(self, subject: Subject, decoder: AppearanceDecoder | None, capture: Capture, backend: str) -> None:
        super().__init__()
        self.subject, self.backend, self._capture = subject, backend, capture
        object.__setattr__(self, "decoder", decoder)  # a part of its own, not of this module's parameters
        self._device = "cuda" if backend == "gsplat" else "cpu"
        self._posed: dict[int, dict[str, torch.Tensor]] = {}
        self._first = int((subject.gaussians.opacities[: subject.n_face] > 0).sum())
        shade = slice(self._first, subject.n_face if decoder is not None else self._first)
        self.shade_rows = shade
        g = subject.gaussians
        self.shade_colors = nn.Parameter(torch.from_numpy(g.colors[shade].copy()).to(self._device))
        self.shade_means = nn.Parameter(torch.zeros(self.shade_colors.shape, device=self._device))
        self.shade_sizes = nn.Parameter(torch.from_numpy(np.log(g.scales[shade])).to(self._device))

    def state(self) -> tuple[dict, dict]:
        """All that is learned."""
        return self.state_dict(), self.decoder.state_dict() if self.decoder is not None else {}

    def load(self, state: tuple[dict, dict]) -> None:
        """Take back a `state`."""
        self.load_state_dict(state[0])
        if self.decoder is not None:
            self.decoder.load_state_dict(state[1])

    def coloured(self, subject: Subject) -> Subject:
        """The subject with the shade points as learned."""
        g = subject.gaussians
        colors, scales, means = g.colors.copy(), g.scales.copy(), g.means.copy()
        means[self.shade_rows] += self.shade_means.detach().cpu().numpy()
        colors[self.shade_rows] = self.shade_colors.detach().clamp(0, 1).cpu().numpy()
        scales[self.shade_rows] = self.shade_sizes.detach().exp().cpu().numpy()
        fresh = Gaussians(means, g.quats, scales, g.opacities, colors)
        return replace(subject, gaussians=fresh)

    def offsets_of(self, frame: int) -> np.ndarray:
        """Movement (V, 3) of the template points in a captured frame, metres."""
        return (self._capture.points[frame] - self.subject.template.neutral).astype(np.float32)

    def aus_of(self, frames: list[int]) -> np.ndarray:
        """(F, 17)."""
        return np.stack([self._capture.frames[frame].aus for frame in frames]).astype(np.float32)

    def _at(self, frame: int) -> dict[str, torch.Tensor]:
        if frame not in self._posed:  # positions are given, they are not what is learned here
            offsets = self.offsets_of(frame)
            posed = vars(pose(self.subject, offsets))
            tensors = {k: torch.from_numpy(np.asarray(v, np.float32)).to(self._device) for k, v in posed.items()}
            tensors["offsets"] = torch.from_numpy(offsets).to(self._device)[None]
            tensors["aus"] = torch.from_numpy(self.aus_of([frame])).to(self._device)
            self._posed[frame] = tensors
        return self._posed[frame]

    def draw(self, view: FaceCrop | CapturedView, background: torch.Tensor, depth: bool = False) -> Drawn:
        """A view before a colour (3,); depth: the picture has the expected depth in metres as a fourth channel."""
        g, count = self._at(view.frame), self.subject.n_face
        quats, alphas, colors, scales = (g[name] for name in ("quats", "opacities", "colors", "scales"))
        means, moved, change, tints = g["means"], None, None, None
        if self.decoder is not None:
            turned, change, tints = next(self.decoder(g["aus"], g["offsets"]))
            moved = self.decoder.facial_offsets(g["offsets"])[0]
            facial = alphas[:count] + change
            # Cut to 0..1, but what was cut away still learns: clamped forwards, as if it were not backwards
            # (straight-through). A point driven below 0 could never come back otherwise.
            facial = facial + (facial.clamp(0, 1) - facial).detach()
            quats, alphas = torch.cat([turned, quats[count:]]), torch.cat([facial, alphas[count:]])
            # Rows in the order of the subject: skin, shade points, OTF points; only the middle ones have learned means,
            # sizes and colours.
            before, after = slice(None, self._first), slice(count, None)
            colors = torch.cat([colors[before], self.shade_colors, colors[after]])
            means = torch.cat([means[before], means[self.shade_rows] + self.shade_means, means[after]])
            scales = torch.cat([scales[before], self.shade_sizes.exp(), scales[after]])
            if tints is not None:
                colors = torch.cat([colors[:count] + tints, colors[count:]])
        width, height = view.shape
        picture, _, _ = rasterization(
            means, quats, scales, alphas, colors, view.viewmat[None], view.K[None], width, height,
            backgrounds=background[None], backend=self.backend, render_mode="RGB+ED" if depth else "RGB",
        )  # fmt: skip
        return Drawn(picture[0], moved, change, tints)

    @torch.no_grad()
    def error_at(self, places: Candidates, crop: FaceCrop, drawn: torch.Tensor) -> np.ndarray:
        """What a picture misses (C, 3) of fine detail at places on the face, NaN where it does not show them.

        drawn: the crop as drawn with depth, (h, w, 4).
        """
        template = self.subject.template
        points = self._capture.points[crop.frame]
        at = places.on(template, points)
        matrix, lens = crop.viewmat.cpu().numpy(), crop.K.cpu().numpy()
        # A place is shown when its pixel lies in the crop, its normal is turned from the camera by less than 75°, and
        # what is drawn there is at most 4 mm nearer or farther: nose and lips hide what is behind them.
        seen = at @ matrix[:3, :3].T + matrix[:3, 3]
        pixel = np.floor((seen @ lens.T)[:, :2] / seen[:, 2:]).astype(int)
        inside = ((pixel >= 0) & (pixel < crop.shape)).all(axis=1)
        column, row = np.where(inside[:, None], pixel, 0).T
        depth = drawn[..., 3].cpu().numpy()
        normal = places.normals(template, points) @ matrix[:3, :3].T
        facing = -(normal * seen).sum(axis=1) / np.linalg.norm(seen, axis=1)
        shown = inside & (facing > _FACING) & (np.abs(depth[row, column] - seen[:, 2]) < _BEHIND)
        error = fine_error(crop.image, drawn[..., :3], crop.rgba[..., 3].float() / 255).cpu().numpy()
        return np.where(shown[:, None], error[row, column], np.nan)
