"""Stage 3 (EmoDiffTalk 3.4): RotNet, OPCNet and the feature line, Equations 31 to 34."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import torch

from ..appearance.decoder import AppearanceDecoder
from ..appearance.rotnet import quat_multiply
from ..core.errors import Cancelled, UserError
from ..core.gaussians import Gaussians
from ..core.subject import Subject, load_subject, pose, save_subject
from ..data.capture import Capture, load_capture
from ..splat.metrics import psnr, ssim
from ..splat.rasterize import choose, rasterization
from .binding import surface_turns
from .views import View, load_views

LAMBDA_SSIM = 0.2  # Equation 32
LAMBDA_SPARSE, LAMBDA_SMOOTH = 0.01, 0.001  # Equation 31
# Equation 33, movement in metres: in centimetres a cheek that rises in a smile would be asked to turn transparent.
LAMBDA_OPCMOTION, GAMMA = 0.1, 1.0
MEASURED = 512
"""Pixels of the pictures that the report is about."""
# Equation 34 limits displacement; here positions come from stage 2 and cannot change, so it is constant and left out.


def train_appearance(
    capture_dir: str | os.PathLike,
    subject_path: str | os.PathLike,
    out: str | os.PathLike,
    steps: int = 600,
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    size: int = MEASURED,
    backend: str = "auto",
    seed: int = 0,
    warm_up: int = 2500,
) -> dict:
    """Train the decoders on the expressive pictures of the capture and write the whole Subject to `out`.

    Returns a report: held-out PSNR and SSIM of expressive pictures with and without the decoders. Raises UserError,
    Cancelled.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    subject, capture = load_subject(subject_path), load_capture(capture_dir)
    backend = choose(backend)
    device = "cuda" if backend == "gsplat" else "cpu"
    decoder = AppearanceDecoder(subject).to(device)
    offsets = torch.from_numpy(capture.points - subject.template.neutral).float().to(device)
    aus = torch.from_numpy(np.stack([frame.aus for frame in capture.frames])).to(device)
    rotation_error = _warm_up(decoder, subject, warm_up, rng, progress, cancelled)
    views = _expressive(capture, "train", size, device)
    if not views:
        raise UserError(f"{capture_dir} has no pictures of an expressive face to train from.")
    painter = _Painter(subject, decoder, backend)
    optimizer = torch.optim.AdamW(
        [
            {"params": decoder.rotnet.parameters(), "lr": 2e-4},
            {"params": [decoder.opcnet.line], "lr": 1e-2},
            {"params": [p for n, p in decoder.opcnet.named_parameters() if n != "line"], "lr": 1e-3},
        ],
        weight_decay=0.0,
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    recent = 0.0
    for step in range(steps):
        if cancelled():
            raise Cancelled
        view = views[rng.integers(len(views))]
        background = torch.from_numpy(rng.random(3).astype(np.float32)).to(device)
        picture, opacities = painter.draw(view, aus[view.frame], offsets[view.frame], background)
        truth = view.on(background)
        loss = (1 - LAMBDA_SSIM) * (picture - truth).abs().mean() + LAMBDA_SSIM * (1 - ssim(picture, truth))
        loss = loss + _regularity(decoder, opacities, offsets[view.frame])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        value = float(psnr(picture.detach(), truth))
        recent = 0.95 * recent + 0.05 * value if step else value
        if progress and step % 10 == 0:
            progress(0.3 + 0.7 * step / steps, f"step {step}/{steps}, training PSNR {recent:.1f} dB")
    save_subject(out, decoder.onto(subject))
    tests = _expressive(capture, "test", MEASURED, device)
    return {
        "steps": steps,
        "rotation_error_degrees": round(rotation_error, 2),
        "protocol": f"held-out cameras, expressive frames, {MEASURED} pixels, black background, matte applied",
        "with_decoders": _score(painter, tests, aus, offsets),
        "canonical_only": _score(_Painter(subject, None, painter.backend), tests, aus, offsets),
    }


def _expressive(capture: Capture, split: str, size: int, device: str) -> list[View]:
    """Pictures of faces that move, looking ahead: decoders are not about eyes."""
    ahead = [index for index, frame in enumerate(capture.frames) if index and not any(frame.gaze)]
    return [view for view in load_views(capture, split, size, device) if view.frame in ahead]


def _regularity(decoder: AppearanceDecoder, opacities: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
    line = decoder.opcnet.line
    sparse = LAMBDA_SPARSE * line.abs().mean() + LAMBDA_SMOOTH * ((line[1:] - line[:-1]) ** 2).mean()
    moved = decoder.facial_offsets(offsets).norm(dim=-1)
    change = (opacities - decoder.opacities).abs()
    return sparse + LAMBDA_OPCMOTION * ((moved - GAMMA * change) ** 2).mean()


def _warm_up(decoder, subject: Subject, steps: int, rng, progress, cancelled) -> float:
    """Teach RotNet how the skin turns, on random expressions of the template; returns its error on new ones (°)."""
    optimizer = torch.optim.AdamW(decoder.rotnet.parameters(), lr=3e-3, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        if cancelled():
            raise Cancelled
        loss = _turn_error(decoder, subject, rng)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if progress and step % 25 == 0:
            progress(0.3 * step / steps, f"learning how the skin turns, step {step}/{steps}")
    with torch.no_grad():
        errors = [float(_turn_error(decoder, subject, rng)) for _ in range(20)]
    return float(np.degrees(2 * np.sqrt(np.mean(errors))))


def _turn_error(decoder: AppearanceDecoder, subject: Subject, rng: np.random.Generator) -> torch.Tensor:
    template = subject.template
    aus = np.where(rng.random(17) < 0.3, rng.random(17), 0).astype(np.float32)
    articulations = np.where(rng.random(6) < 0.2, rng.random(6), 0).astype(np.float32)
    offsets = template.displace(aus, articulations)
    device = decoder.quats.device
    turns = torch.from_numpy(surface_turns(template, template.neutral + offsets, subject.triangle)).to(device)
    moved = decoder.facial_offsets(torch.from_numpy(offsets).float().to(device))
    found = decoder.rotnet(decoder.quats, torch.from_numpy(aus).to(device), decoder.means, moved)
    wanted = quat_multiply(turns, decoder.quats)
    same = (found * wanted).sum(dim=-1).abs().clamp(max=1.0)
    # 1 - cos^2 of half the angle between the two rotations, about a quarter of its square.
    return (1 - same**2).mean()


class _Painter:
    """Draws the subject in a captured frame, with the decoders or (decoder None) with its canonical attributes."""

    def __init__(self, subject: Subject, decoder: AppearanceDecoder | None, backend: str) -> None:
        self._decoder, self.backend = decoder, backend
        self._device = "cuda" if backend == "gsplat" else "cpu"
        self._subject = subject
        self._posed: dict[int, dict[str, torch.Tensor]] = {}

    def _tensors(self, gaussians: Gaussians) -> dict[str, torch.Tensor]:
        return {k: torch.from_numpy(np.asarray(v, np.float32)).to(self._device) for k, v in vars(gaussians).items()}

    def draw(self, view: View, aus, offsets, background) -> tuple[torch.Tensor, torch.Tensor]:
        """Picture (H, W, 3) and facial opacities (Nf,)."""
        if view.frame not in self._posed:  # positions are given, they are not what is learned here
            self._posed[view.frame] = self._tensors(pose(self._subject, offsets.cpu().numpy()))
        g, count = self._posed[view.frame], self._subject.n_face
        means, quats, alphas = g["means"], g["quats"], g["opacities"]
        facial = alphas[:count]
        if self._decoder is not None:
            turned, facial = self._decoder(aus, offsets)
            quats = torch.cat([turned, quats[count:]])
            alphas = torch.cat([facial, alphas[count:]])
        picture, _, _ = rasterization(
            means, quats, g["scales"], alphas, g["colors"], view.viewmat[None], view.K[None], view.size, view.size,
            backgrounds=background[None], backend=self.backend,
        )  # fmt: skip
        return picture[0], facial


@torch.inference_mode()
def _score(painter: _Painter, views: list[View], aus: torch.Tensor, offsets: torch.Tensor) -> dict:
    values = []
    for view in views:
        picture, _ = painter.draw(view, aus[view.frame], offsets[view.frame], view.image.new_zeros(3))
        values.append((float(psnr(picture, view.image)), float(ssim(picture, view.image))))
    if not values:
        return {}
    mean = np.mean(values, axis=0)
    return {"psnr": round(float(mean[0]), 2), "ssim": round(float(mean[1]), 4), "pictures": len(values)}
