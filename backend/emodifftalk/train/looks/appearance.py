"""Stage 3 (EmoDiffTalk 3.4): RotNet, OPCNet and the feature line, Equations 31 to 34, or FeatureNet in their place."""

from __future__ import annotations

import copy
import os
from dataclasses import dataclass

import numpy as np
import torch

from ...appearance.decoder import AppearanceDecoder
from ...appearance.opcnet import OPCNet
from ...core.errors import UserError
from ...core.subject import Subject, load_subject, save_subject
from ...core.watch import UNWATCHED, Watch
from ...data.captures.capture import Capture, load_capture
from ...splat.metrics import psnr, ssim
from ...splat.rasterize import choose_rasterizer
from ..rig.views import CapturedView, load_views
from .face_crops import FaceCrop, blurred, fine_error
from .face_painter import Drawn, FacePainter
from .report import measure_decoders
from .shade_points import (
    SHADE_POINTS,
    Candidates,
    choose_places,
    first_features,
    with_shade_points,
    without_shade_points,
)

LAMBDA_SSIM = 0.2  # Equation 32
LAMBDA_SPARSE, LAMBDA_SMOOTH = 0.01, 0.001  # Equation 31
# Equation 33, movement in metres: in centimetres a cheek that rises in a smile would be asked to turn transparent.
LAMBDA_OPCMOTION, GAMMA = 0.1, 1.0
SIZE = 512
"""Pixels of the pictures that are learned from and measured with."""
# Equation 34 limits displacement; here positions come from stage 2 and cannot change, so it is constant and left out.
_CANDIDATES = 160000
_FINE_WEIGHT = 4.0
"""How much more a pixel counts where the canonical face lacks detail."""
_HELD_BACK = 9
"""One training picture in so many is kept back to validate with."""
_OWN_RATE, _SKIN_RATE = 1e-2, 0.1
_PATIENCE = 4
_ENOUGH = 0.005
"""dB of validation PSNR that count as better."""


@dataclass(frozen=True)
class AppearanceSettings:
    """How long appearance is learned, from what, and what is learned.

    steps: pictures to learn from, one each.
    size: pixels of the pictures that are learned from and measured with.
    backend: rasterizer, `auto`, `cpu` or `gsplat`.
    seed: another seed sees the pictures in another order.
    decoder: `opcnet` (opacity, as EmoDiffTalk) or `featurenet` (colour, as EmoTalk3D).
    codes: False for OPCNet that is told no AU codes, an ablation.
    validate: keep some training pictures back, stop when they get no better, keep the best.
    shade_points: how many Gaussians are added where wrinkles come; FeatureNet has none.
    """

    steps: int = 1200
    size: int = SIZE
    backend: str = "auto"
    seed: int = 0
    decoder: str = "opcnet"
    codes: bool = True
    validate: bool = False
    shade_points: int = SHADE_POINTS

    @property
    def kind(self) -> str:
        """The decoder as `AppearanceDecoder` names it."""
        return "opcnet_without_codes" if self.decoder == "opcnet" and not self.codes else self.decoder


def train_appearance(
    capture_dir: str | os.PathLike,
    subject_path: str | os.PathLike,
    out: str | os.PathLike,
    settings: AppearanceSettings = AppearanceSettings(),
    watch: Watch = UNWATCHED,
) -> dict:
    """Train the decoders on the expressive pictures of the capture and write the whole Subject to `out`.

    Returns a report: held-out PSNR and SSIM of expressive pictures with and without the decoders, and after validation
    the `curve` of (step, training loss, validation PSNR). Raises UserError, Cancelled.
    """
    kind, size = settings.kind, settings.size
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    subject, capture = without_shade_points(load_subject(subject_path)), load_capture(capture_dir)
    backend = choose_rasterizer(settings.backend)
    device = "cuda" if backend == "gsplat" else "cpu"
    views = _expressive(capture, "train", size, device)
    crops = [crop for view in views if (crop := FaceCrop.of(view, capture.points[view.frame])) is not None]
    if not crops:
        raise UserError(f"{capture_dir} has no pictures of an expressive face to train from.")
    plain = FacePainter(subject, None, capture, backend)
    with torch.no_grad():
        before = [plain.draw(crop, crop.image.new_zeros(3), depth=True).picture for crop in crops]
    if kind != "featurenet":
        subject, start = _shaded(subject, crops, before, plain, settings, rng)
    trained = AppearanceDecoder(subject, kind).to(device)
    if isinstance(trained.shade, OPCNet):
        with torch.no_grad():
            trained.shade.line[..., len(plain.subject.triangle) :, 0] += torch.from_numpy(start).float().to(device)
    session = _Session(FacePainter(subject, trained, capture, backend), trained, crops, before, settings, rng)
    session.run(watch.part(0.0, 0.95))
    subject = trained.eval().onto(session.painter.coloured(subject))
    save_subject(out, subject)
    tests = _expressive(capture, "test", size, device)
    report = {"steps": session.taken, "decoder": kind, "shade_points": subject.n_face - len(plain.subject.triangle)}
    report |= measure_decoders(subject, plain.subject, capture, tests, backend)
    if settings.validate:
        report |= {
            "curve": session.curve,
            "best_step": session.best_step,
            "stopped_early": session.taken < settings.steps,
        }
    return report


def _expressive(capture: Capture, split: str, size: int, device: str) -> list[CapturedView]:
    """Pictures of faces that move, looking ahead: decoders are not about eyes."""
    ahead = [index for index, frame in enumerate(capture.frames) if index and not any(frame.gaze)]
    return [view for view in load_views(capture, split, size, device) if view.frame in ahead]


def _shaded(
    subject: Subject,
    crops: list[FaceCrop],
    before: list[torch.Tensor],
    painter: FacePainter,
    settings: AppearanceSettings,
    rng: np.random.Generator,
) -> tuple[Subject, np.ndarray]:
    """The subject with shade points, and what their direct features start from, (17, M) or (M,).

    before: each crop as `painter` draws it without decoders.
    """
    places = Candidates.all_over(subject, _CANDIDATES, rng)
    frames = sorted({crop.frame for crop in crops})
    error = np.full((len(frames), _CANDIDATES, 3), np.nan, np.float32)
    for i, frame in enumerate(frames):
        seen = [painter.error_at(places, crop, drawn) for crop, drawn in zip(crops, before, strict=True)
                if crop.frame == frame]  # fmt: skip
        # The mean over those cameras of the frame that show a place (C, 3), NaN where none does.
        number = np.sum([~np.isnan(e) for e in seen], axis=0)
        error[i] = np.where(number > 0, np.nansum(seen, axis=0) / np.maximum(number, 1), np.nan)
    rows = choose_places(places.on(subject.template, subject.template.neutral), error, settings.shade_points, rng)
    places, error = places.some(rows), error[:, rows]
    if settings.kind == "opcnet":
        return with_shade_points(subject, places, error), first_features(error, painter.aus_of(frames))
    moved = np.stack([places.on(subject.template, painter.offsets_of(frame)) for frame in frames])
    # As OPCNet counts movement: in centimetres.
    drivers = 100 * np.linalg.norm(moved, axis=-1, keepdims=True)
    return with_shade_points(subject, places, error), first_features(error, drivers)[0]


class _Session:
    """The steps. curve: (step, training loss, validation PSNR in dB) so far."""

    def __init__(
        self,
        painter: FacePainter,
        decoder: AppearanceDecoder,
        crops: list[FaceCrop],
        before: list[torch.Tensor],
        settings: AppearanceSettings,
        rng: np.random.Generator,
    ) -> None:
        self.painter, self.steps, self.taken = painter, settings.steps, 0
        self._decoder = decoder
        self.curve: list[tuple[int, float, float]] = []
        self.best_step, self._best = 0, -np.inf
        self._best_state: tuple[dict, dict] | None = None
        self._rng, self._validate = rng, settings.validate
        weights = [_weights(crop, drawn) for crop, drawn in zip(crops, before, strict=True)]
        # The fifth of every nine: the list goes frame by frame, so these are spread over expressions and cameras.
        back = {i for i in range(len(crops)) if self._validate and i % _HELD_BACK == _HELD_BACK // 2 and len(crops) > 2}
        self._train = [(crops[i], weights[i]) for i in range(len(crops)) if i not in back]
        self._held_back = [(crops[i], weights[i]) for i in sorted(back)]
        own = [p for n, p in decoder.shade.named_parameters() if n in ("line", "latent")]
        layers = [p for n, p in decoder.shade.named_parameters() if n not in ("line", "latent")]
        # FeatureNet has no direct way: all it does has to pass its layers.
        groups = [
            (decoder.rotnet.parameters(), 2e-4),
            (own, 5 * _OWN_RATE if decoder.tints else _OWN_RATE),
            (layers, 4e-3 if decoder.tints else 1e-3),
            ([painter.shade_colors, painter.shade_sizes], 5e-3),
            ([painter.shade_means], 1.5e-5),
        ]
        self._optimizer = torch.optim.Adam([{"params": list(p), "lr": lr} for p, lr in groups], fused=True)
        self._schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self._optimizer, max(self.steps, 1), eta_min=0)

    def run(self, watch: Watch) -> None:
        """Take the steps. Raises Cancelled."""
        every, loss = max(self.steps // 12, 1), 0.0
        self._decoder.train()
        while self.taken < self.steps:
            watch.check()
            value = self._step()
            loss = 0.95 * loss + 0.05 * value if self.taken else value
            self.taken += 1
            if self.taken % 10 == 0:
                known = f", validation {self.curve[-1][2]:.2f} dB" if self._validate and self.curve else ""
                watch.say(self.taken / self.steps, f"step {self.taken}/{self.steps}, loss {loss:.4f}{known}")
            if self._validate and self._held_back and (self.taken % every == 0 or self.taken == self.steps):
                self.curve.append((self.taken, round(loss, 5), round(self._validation(), 3)))
                if self._no_better():
                    break
        if self._best_state is not None:
            self.painter.load(self._best_state)

    def _step(self) -> float:
        crop, weights = self._train[self._rng.integers(len(self._train))]
        background = torch.from_numpy(self._rng.random(3).astype(np.float32)).to(crop.rgba.device)
        drawn, truth = self.painter.draw(crop, background), crop.on(background)
        apart = (drawn.picture - truth).abs().mean(dim=-1)
        # Equation 32: (1 - λ) L1 + λ (1 - SSIM), the L1 weighted where wrinkles are; Equations 31 and 33 are added.
        loss = (1 - LAMBDA_SSIM) * (apart * weights).mean() + LAMBDA_SSIM * (1 - ssim(drawn.picture, truth))
        loss = loss + self._regularity(drawn)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        # The feature line's rows of skin go a tenth of Adam's step; those of shade points, at the end, the whole.
        line = getattr(self._decoder.shade, "line", None)
        skin = None if line is None else line.detach()[..., : self.painter.shade_rows.start, :]
        before = None if skin is None else skin.clone()
        self._optimizer.step()
        if skin is not None and before is not None:  # seldom right to change, and many of them to be wrong about
            skin.lerp_(before, 1 - _SKIN_RATE)
        self._schedule.step()
        return float(loss.detach())

    def _regularity(self, drawn: Drawn) -> torch.Tensor:
        """Equations 31 and 33: opacity changes where the face moves; the feature line is sparse and smooth."""
        if drawn.moved is None or drawn.change is None:
            raise ValueError("drawn without decoders")
        line = getattr(self._decoder.shade, "line", None)
        moved, change = drawn.moved.norm(dim=-1), drawn.change.abs()
        # Equation 33: (|movement in metres| - γ |change of opacity|)², the mean over facial Gaussians.
        coupled = LAMBDA_OPCMOTION * ((moved - GAMMA * change) ** 2).mean()
        if line is None:  # FeatureNet has no feature line
            return coupled
        sparse = LAMBDA_SPARSE * line.abs().mean()
        if line.ndim == 3:  # (17, Nf, 16): smooth from unit to unit
            sparse = sparse + LAMBDA_SMOOTH * ((line[1:] - line[:-1]) ** 2).mean()
        return coupled + sparse

    @torch.no_grad()
    def _validation(self) -> float:
        """dB, weighted as in training: over whole faces, wrinkles would not count."""
        black = self._held_back[0][0].image.new_zeros(3)
        drawn = [(self.painter.draw(crop, black).picture, crop.image, weights) for crop, weights in self._held_back]
        return float(np.mean([float(psnr(*pair)) for pair in drawn]))

    def _no_better(self) -> bool:
        value, step = self.curve[-1][2], self.taken
        if value > self._best + _ENOUGH:
            self._best, self.best_step = value, step
            self._best_state = copy.deepcopy(self.painter.state())
        return sum(at > self.best_step for at, _, _ in self.curve) >= _PATIENCE


def _weights(crop: FaceCrop, drawn: torch.Tensor) -> torch.Tensor:
    """(h, w) of mean 1: more where the face without decoders lacks detail."""
    # Fine error, blurred over 2 pixels as pictures never match to the pixel, as weight 1 to 5, then mean 1 so that the
    # rate does not depend on the crop.
    missing = fine_error(crop.image, drawn[..., :3], crop.rgba[..., 3].float() / 255).abs().mean(dim=-1, keepdim=True)
    missing = blurred(missing, 2.0)[..., 0]
    weights = 1 + _FINE_WEIGHT * missing / missing.max().clamp(min=1e-4)
    return weights / weights.mean()
