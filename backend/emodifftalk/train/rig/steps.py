"""The steps of training the canonical rig: L1, D-SSIM and matte, the checkpoint, and densification when asked for."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch

from ...core.errors import UserError
from ...core.facs import AU_INDEX
from ...core.opening import opened
from ...core.template import FacialTemplate
from ...core.whole_file import whole_file
from ...data.captures.capture import Capture
from ...splat.metrics import psnr, ssim
from .details import Details
from .layout import FACE_GAUSSIANS, Layout
from .parameters import Rig
from .views import CapturedView

LAMBDA_SSIM, LAMBDA_MASK, LAMBDA_SHAPE, LAMBDA_SKIN = 0.2, 0.1, 0.01, 0.002
LAMBDA_DETAIL = 4.0
_COARSE = 0.6
"""Share of the steps on pictures of half the size."""
_DENSIFY_AT = (0.15, 0.25, 0.35, 0.45)
"""Shares of the steps after which Gaussians are added."""
_CURVE_EVERY = 25


@dataclass(frozen=True)
class CanonicalSettings:
    """How long the canonical rig is trained, and how fine it is.

    steps: pictures to learn from, one each.
    size: pixels of the pictures it is finished on and measured at; it begins on pictures of half that size.
    face: facial Gaussians.
    densify: how many Gaussians may be added where the pictures ask for them (0, as in the paper: a fixed number).
    backend: rasterizer, `auto`, `cpu` or `gsplat`.
    seed: of where Gaussians begin and in which order pictures are seen.
    """

    steps: int = 4000
    size: int = 512
    face: int = FACE_GAUSSIANS
    densify: int = 0
    backend: str = "auto"
    seed: int = 0


class Trainer:
    """Trains `rig`.

    step: how many are done.
    loss, recent: training loss and PSNR in dB, running means.
    curve: (step, loss, PSNR) so far.
    seconds: that earlier runs of this training took.
    """

    def __init__(
        self,
        capture: Capture,
        template: FacialTemplate,
        layout: Layout,
        views: list[list[CapturedView]],
        settings: CanonicalSettings,
        backend: str,
    ) -> None:
        self._capture, self._template, self._settings = capture, template, settings
        self.views, self.backend = views, backend
        self.step, self.loss, self.recent = 0, 0.0, 0.0
        self.curve: list[tuple[int, float, float]] = []
        self.seconds = 0.0
        self._began = time.monotonic()
        self._rng = np.random.default_rng(settings.seed)
        self._chance = _chances([view.frame for view in views[0]], [_shows_hidden(f.aus) for f in capture.frames])
        self._details = Details(capture, template)
        self._use(layout)

    def _use(self, layout: Layout) -> None:
        device = self.views[0][0].rgba.device
        self.rig = rig = Rig(self._capture, self._template, layout).to(device)
        # Rates by what a step may do in its own unit: tanh's argument, metres, log metres, logits, radians.
        groups: list[dict[str, Any]] = [
            {"params": [rig.lift], "lr": 2e-2},
            {"params": [rig.others], "lr": 1.5e-4},
            {"params": [rig.quats], "lr": 3e-3},
            {"params": [rig.log_scales], "lr": 8e-3},
            {"params": [rig.logits], "lr": 4e-2},
            {"params": [rig.tint], "lr": 5e-3},
            {"params": [rig.jaw_turn], "lr": 5e-4},
            {"params": [rig.jaw_way], "lr": 3e-5},
            {"params": [rig.color.planes], "lr": 1e-2},
            {"params": rig.color.decode.parameters(), "lr": 3e-3},
        ]
        self._optimizer = torch.optim.AdamW(groups, weight_decay=0.0, fused=True)
        self._rates = [group["lr"] for group in groups]
        self._pull = torch.zeros(len(rig.logits), device=device)

    def advance(self) -> None:
        """One step on one picture."""
        # Rates fall by a cosine to 2 %. For 60 % of the steps pictures have half the size, a quarter of the pixels to
        # draw, while Gaussians still move by more than one of them.
        fade = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.step / self._settings.steps))
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * fade
        views = self.views[int(self.step >= _COARSE * self._settings.steps)]
        view = views[self._rng.choice(len(views), p=self._chance)]
        # Another colour behind the head at every step, in picture and photograph: only what is opaque fits all of them.
        background = torch.from_numpy(self._rng.random(3).astype(np.float32)).to(view.rgba.device)
        picture, alpha, meta = self.rig.draw(view, self.backend, background)
        watched = self._watch(meta)
        truth = view.on(background)
        # 3DGS' (1 - λ) L1 + λ (1 - SSIM); alpha against the matte; shape and skin; eyes and mouth again.
        loss = (1 - LAMBDA_SSIM) * (picture - truth).abs().mean() + LAMBDA_SSIM * (1 - ssim(picture, truth))
        loss = loss + LAMBDA_MASK * (alpha - view.matte).abs().mean() + self._shape_loss()
        loss = loss + LAMBDA_DETAIL * self._detail_loss(view, (picture - truth).abs())
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        # |∂ loss / ∂ projected centre|, summed: as in 3DGS, who is pulled hardest has too much to show alone.
        if watched is not None and watched.grad is not None:
            self._pull += watched.grad[0].norm(dim=-1)
        self.step += 1
        self._note(float(loss.detach()), float(psnr(picture.detach(), truth)))
        self._maybe_densify()

    def _detail_loss(self, view: CapturedView, error: torch.Tensor) -> torch.Tensor:
        """What is wrong with eyes and mouth, as a share of the picture: small, but it is what people look at."""
        total = error.new_zeros(())
        for left, top, right, bottom in self._details.boxes(view):
            total = total + error[top:bottom, left:right].sum()
        return total / error.numel()

    def _shape_loss(self) -> torch.Tensor:
        scales, count = self.rig.log_scales, len(self.rig.face_means)
        # Needles and discs tear when the face moves, and fray when it is seen from nearer: sizes may differ fourfold.
        needles = torch.relu(scales.amax(dim=1) - scales.amin(dim=1) - math.log(4.0)).mean()
        # Skin hides what is behind it: an iris must not shine through a lid.
        return LAMBDA_SHAPE * needles + LAMBDA_SKIN * (1 - self.rig.opacities()[:count]).mean()

    def _note(self, loss: float, decibel: float) -> None:
        # Exponential means over some 50 steps, begun with the first value rather than with 0.
        keep = 0.98 if self.step > 1 else 0.0
        self.loss = keep * self.loss + (1 - keep) * loss
        self.recent = keep * self.recent + (1 - keep) * decibel
        if self.step % _CURVE_EVERY == 0:
            self.curve.append((self.step, round(self.loss, 5), round(self.recent, 3)))

    @property
    def _rounds(self) -> list[int]:
        return [round(share * self._settings.steps) for share in _DENSIFY_AT] if self._settings.densify else []

    def _watch(self, meta: dict) -> torch.Tensor | None:
        """The projected centres, where the next densification will look how hard they are pulled."""
        if not self._rounds or self.step >= self._rounds[-1]:
            return None
        meta["means2d"].retain_grad()
        return meta["means2d"]

    def _maybe_densify(self) -> None:
        """Double the Gaussians that the pictures pull at most: there, one tries to be two."""
        if self.step not in self._rounds:
            return
        count = self._settings.densify // len(_DENSIFY_AT)
        rig = self.rig
        rows = np.sort(self._pull.argsort(descending=True)[:count].cpu().numpy())
        spread = 0.5 * rig.scales().detach().cpu().numpy()[rows]
        layout, origin = rig.layout.split(rows, self._rng, spread)
        self._use(layout)
        self.rig.inherit(rig, origin, np.isin(origin, rows))

    @torch.no_grad()
    def preview(self) -> np.ndarray:
        """The neutral face as its first camera sees it, beside the photograph (S, 2 S, 3), 0..1."""
        view = self.views[1][0]
        picture, _, _ = self.rig.draw(view, self.backend, torch.zeros(3, device=view.rgba.device))
        return torch.cat([picture, view.image], dim=1).cpu().numpy()

    def save(self, path: Path) -> None:
        """Write a checkpoint, whole or not at all. Raises UserError when the disk is full."""
        state = {"rig": self.rig.state_dict(), "optimizer": self._optimizer.state_dict(), "step": self.step}
        state |= {"layout": {k: torch.from_numpy(v) for k, v in vars(self.rig.layout).items()}, "pull": self._pull}
        state |= {"loss": self.loss, "recent": self.recent, "curve": self.curve, "rng": self._rng.bit_generator.state}
        state |= {"settings": repr(self._settings), "seconds": self.seconds + time.monotonic() - self._began}
        try:
            with whole_file(path) as stream:
                torch.save(state, stream)
        except (OSError, RuntimeError) as error:
            raise UserError(f"The checkpoint {path} cannot be written: make room on its disk ({error}).") from error

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint when there is one of the same training. Raises UserError when it is damaged."""
        if not path.exists():
            return
        try:
            with opened(path, None, "The checkpoint") as stream:
                state = torch.load(stream, weights_only=True, map_location=self.views[0][0].rgba.device)
            if state["settings"] != repr(self._settings):
                return
            self._use(Layout(**{k: v.cpu().numpy() for k, v in state["layout"].items()}))
            self.rig.load_state_dict(state["rig"])
            self._optimizer.load_state_dict(state["optimizer"])
            self._rng.bit_generator.state = state["rng"]
            self._pull = state["pull"]
            self.step, self.loss, self.recent = state["step"], state["loss"], state["recent"]
            self.curve, self.seconds = [tuple(row) for row in state["curve"]], state["seconds"]
        except (RuntimeError, KeyError, ValueError, TypeError, OSError, EOFError, UnpicklingError) as error:
            raise UserError(f"The checkpoint {path} is damaged: delete it to train from the beginning.") from error


def _shows_hidden(aus: np.ndarray) -> float:
    """How much of what a neutral face hides a frame shows: the folded lids, the inside of the mouth."""
    return float(aus[AU_INDEX["AU45"]] + aus[AU_INDEX["AU26"]] + 0.5 * aus[AU_INDEX["AU10"]])


def _chances(frames: list[int], hidden: list[float]) -> np.ndarray:
    """Chance (P,) of each picture, given its frame, to be drawn: four of ten neutral, rare sights oftener."""
    # Rare sights weigh several times as much within their part; the parts are then scaled to 0.4 and 0.6 of all.
    weight = np.array([1 + 3 * hidden[frame] for frame in frames])
    neutral = np.array([frame == 0 for frame in frames])
    for part, share in ((neutral, 0.4), (~neutral, 0.6)):
        weight[part] *= share / max(weight[part].sum(), 1e-9)
    return weight / weight.sum()
