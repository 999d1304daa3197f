"""The canonical Gaussian rig from a capture (EmoDiffTalk 3.1 and supplement 6).

Facial Gaussians ride on the tracked template (their positions are not learned), a fixed number of OTF points makes up
hair, ears, neck, clothes, eyes and the inside of the mouth. Colour comes from a triplane (Equation 1) and is baked when
done. Trained on the neutral frame and on expressive ones, so that what a closed mouth hides is learned too.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import nn

from ..appearance.rotnet import quat_multiply
from ..core.errors import Cancelled, UserError
from ..core.facs import AU_INDEX
from ..core.gaussians import Gaussians, matrix_to_quat
from ..core.subject import OTF_GROUPS, Subject, save_subject
from ..core.template import FacialTemplate, load_template
from ..data.capture import Capture, load_capture, read_picture
from ..splat.metrics import psnr, ssim
from ..splat.rasterize import choose, rasterization
from .binding import bind_others, sample_face, stretched_spacing, surface_turns, triangle_frames
from .pruning import drop_unseen, well_seen
from .triplane import TriplaneColor

FACE_GAUSSIANS = 11000
CHECKPOINT_EVERY = 250
LAMBDA_SSIM, LAMBDA_MASK = 0.2, 0.1
_LARGEST, _SMALLEST = 0.007, 0.0002  # metres
_LARGEST_INNER = 0.0016
"""Metres: what lids and lips must be able to hide stays small enough not to shine through them."""
_SEEDS_SEEN = 0.7
"""Share of the neutral pictures that must contain a seed."""
_COARSE = 0.65
"""Share of the steps on pictures of half the size."""


@dataclass(frozen=True)
class View:
    """One picture: frame, premultiplied colours (H, W, 3), matte (H, W), viewmat (4, 4), K (3, 3)."""

    frame: int
    name: str
    image: torch.Tensor
    matte: torch.Tensor
    viewmat: torch.Tensor
    K: torch.Tensor


def load_views(capture: Capture, split: str, size: int) -> list[View]:
    """All pictures by the cameras of one split, at `size` pixels. Raises UserError for a broken picture."""
    views = []
    for index, frame in enumerate(capture.frames):
        for name, path in frame.pictures.items():
            if capture.cameras[name].split == split:
                image, matte = (torch.from_numpy(x) for x in read_picture(path, size))
                camera = capture.camera_at(index, name).resized(size, size)
                viewmat, K = (torch.from_numpy(m).float() for m in (camera.viewmat, camera.K))
                views.append(View(index, name, image, matte, viewmat, K))
    return views


class Rig(nn.Module):
    """The rig while it is trained: explicit parameters, triplane colour, and per-frame positions and turns."""

    def __init__(self, capture: Capture, template: FacialTemplate, seed: int = 0) -> None:
        super().__init__()
        self.template = template
        triangle, bary = sample_face(capture.points, template, FACE_GAUSSIANS, seed)
        kept = well_seen(capture, capture.seed_points, _SEEDS_SEEN)
        seeds, group = capture.seed_points[kept], capture.seed_group[kept]
        self.triangle, self.bary, self.group = triangle, bary, group
        self.anchor, self.weight = bind_others(seeds, group, template)
        face = np.einsum("nk,nkc->nc", bary, template.neutral[template.faces[triangle]])
        means = np.concatenate([face, seeds]).astype(np.float32)
        inner = np.array([name != "surround" for name in OTF_GROUPS])[group]
        largest = np.full(len(means), _LARGEST, np.float32)
        largest[len(face) :][inner] = _LARGEST_INNER
        self.register_buffer("largest", torch.from_numpy(largest[:, None]), persistent=False)
        self.register_buffer("free", torch.from_numpy(~inner).float()[:, None], persistent=False)
        spacing = cKDTree(means).query(means, k=4)[0][:, 1:].mean(axis=1)
        spacing[: len(face)] = np.maximum(spacing[: len(face)], stretched_spacing(capture.points, template, triangle))
        spacing = spacing.clip(2 * _SMALLEST, 0.6 * _LARGEST)
        scales = np.repeat(spacing[:, None], 3, axis=1)
        scales[: len(face), 2] *= 0.3  # flat on the skin
        quats = np.zeros((len(means), 4), np.float32)
        quats[:, 0] = 1
        quats[: len(face)] = matrix_to_quat(triangle_frames(template.neutral, template.faces)[triangle])
        self.face_means = torch.from_numpy(means[: len(face)])
        self.seeds = torch.from_numpy(means[len(face) :])
        self.others = nn.Parameter(torch.zeros_like(self.seeds))
        self.quats = nn.Parameter(torch.from_numpy(quats))
        self.log_scales = nn.Parameter(torch.from_numpy(np.log(scales).astype(np.float32)))
        self.logits = nn.Parameter(torch.full((len(means),), 1.4))
        low, high = torch.from_numpy(means.min(axis=0)) - 0.01, torch.from_numpy(means.max(axis=0)) + 0.01
        self.color = TriplaneColor(low, high)
        self._prepare_frames(capture)

    def _prepare_frames(self, capture: Capture) -> None:
        offsets = capture.points - self.template.neutral
        faces = self.template.faces[self.triangle]
        moved = np.einsum("nk,fnkc->fnc", self.bary, offsets[:, faces])
        self.face_moved = torch.from_numpy(moved.astype(np.float32))
        others = self.weight[None, :, None] * offsets[:, self.anchor]
        self.others_moved = torch.from_numpy(others.astype(np.float32))
        turns = [surface_turns(self.template, points, self.triangle) for points in capture.points]
        self.turns = torch.from_numpy(np.stack(turns))

    def means(self) -> torch.Tensor:
        """Canonical positions (N, 3). Eyes and teeth stay on their surfaces; the rest around the face may drift."""
        return torch.cat([self.face_means, self.seeds + self.free * self.others])

    def posed(self, frame: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions (N, 3) and rotations (N, 4) in a captured frame."""
        means = self.means() + torch.cat([self.face_moved[frame], self.others_moved[frame]])
        quats = nn.functional.normalize(self.quats, dim=-1)
        count = len(self.face_means)
        return means, torch.cat([quat_multiply(self.turns[frame], quats[:count]), quats[count:]])

    def scales(self) -> torch.Tensor:
        """Sizes (N, 3) in metres, within what a Gaussian of a head may be."""
        return torch.minimum(self.log_scales.exp().clamp(min=_SMALLEST), self.largest)

    def draw(self, view: View, backend: str, background: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Picture (H, W, 3) and alpha (H, W) of a view."""
        means, quats = self.posed(view.frame)
        size = view.image.shape[0]
        colors = self.color(self.means())
        picture, alpha, _ = rasterization(
            means, quats, self.scales(), torch.sigmoid(self.logits), colors,
            view.viewmat[None], view.K[None], size, size, backgrounds=background[None], backend=backend,
        )  # fmt: skip
        return picture[0], alpha[0, ..., 0]

    def subject(self, capture: Capture, name: str) -> Subject:
        """The finished rig, its colours baked."""
        with torch.no_grad():
            means = self.means()
            gaussians = Gaussians(
                means.numpy(),
                nn.functional.normalize(self.quats, dim=-1).numpy(),
                self.scales().numpy(),
                torch.sigmoid(self.logits).numpy(),
                self.color(means).numpy(),
            )
        aus = np.stack([frame.aus for frame in capture.frames])
        return Subject(
            name=name,
            template=self.template,
            gaussians=gaussians,
            triangle=self.triangle,
            bary=self.bary,
            otf_anchor=self.anchor,
            otf_weight=self.weight,
            otf_group=self.group,
            au_range=np.stack([aus.min(axis=0), aus.max(axis=0)], axis=1),
            licence="CC0-1.0" if capture.synthetic else "",
            credit=capture.credit,
            consent="no person: the actor is a synthetic model" if capture.synthetic else "",
            synthetic=capture.synthetic,
        )


def train_canonical(
    capture_dir: str | os.PathLike,
    out: str | os.PathLike,
    steps: int = 3000,
    size: int = 512,
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    name: str = "",
    backend: str = "auto",
    seed: int = 0,
) -> dict:
    """Train the rig and write the Subject to `out`; returns a report with held-out figures.

    size: pixels of the pictures it is finished on and measured at; it begins on pictures of half that size.

    A checkpoint beside `out` lets an interrupted training go on. Raises UserError for a broken capture, Cancelled.
    """
    torch.manual_seed(seed)
    capture = load_capture(capture_dir)
    views = [load_views(capture, "train", pixels) for pixels in (size // 2, size)]
    if not views[0]:
        raise UserError(f"{capture_dir} has no pictures to train from.")
    rig = Rig(capture, _fitted_template(capture), seed)
    trainer = _Trainer(rig, views, steps, choose(backend), seed, [_shows_hidden(f.aus) for f in capture.frames])
    checkpoint = Path(f"{out}.checkpoint.pt")
    trainer.resume(checkpoint)
    while trainer.step < steps:
        if cancelled():
            raise Cancelled
        trainer.advance()
        if progress and trainer.step % 25 == 0:
            progress(trainer.step / steps, f"step {trainer.step}/{steps}, training PSNR {trainer.recent:.1f} dB")
        if trainer.step % CHECKPOINT_EVERY == 0:
            trainer.save(checkpoint)
    subject = drop_unseen(rig.subject(capture, name or capture.name), capture, views[0], trainer.backend)
    save_subject(out, subject)
    report = {"steps": steps, "gaussians": len(subject.gaussians), "training_psnr": round(trainer.recent, 2)}
    report |= evaluate(rig, load_views(capture, "test", size), trainer.backend)
    checkpoint.unlink(missing_ok=True)
    return report


def _fitted_template(capture: Capture) -> FacialTemplate:
    """Our template in the shape of this subject: its first frame is neutral.

    The AU basis is scaled to the subject's size; its own range of motion refines the motion model, not the basis.
    """
    template = load_template()
    neutral = capture.points[0]
    if len(neutral) != len(template.neutral):
        raise UserError(f"The capture tracks {len(neutral)} points, the template has {len(template.neutral)}.")
    ratio = np.linalg.norm(neutral.std(axis=0)) / np.linalg.norm(template.neutral.std(axis=0))
    return FacialTemplate(
        neutral=neutral.astype(np.float32),
        faces=template.faces,
        uv=template.uv,
        regions=template.regions,
        landmarks=template.landmarks,
        au_basis=template.au_basis * np.float32(ratio),
        articulation_basis=template.articulation_basis * np.float32(ratio),
    )


def _shows_hidden(aus: np.ndarray) -> float:
    """How much of what a neutral face hides a frame shows: the folded lids, the inside of the mouth."""
    return float(aus[AU_INDEX["AU45"]] + 0.5 * aus[AU_INDEX["AU26"]] + 0.5 * aus[AU_INDEX["AU10"]])


def _chances(frames: list[int], hidden: list[float]) -> np.ndarray:
    """Chance (P,) of each picture, given its frame, to be drawn: four of ten neutral, rare sights oftener."""
    weight = np.array([1 + 3 * hidden[frame] for frame in frames])
    neutral = np.array([frame == 0 for frame in frames])
    for part, share in ((neutral, 0.4), (~neutral, 0.6)):
        weight[part] *= share / max(weight[part].sum(), 1e-9)
    return weight / weight.sum()


class _Trainer:
    def __init__(
        self, rig: Rig, views: list[list[View]], steps: int, backend: str, seed: int, hidden: list[float]
    ) -> None:
        self.rig, self.views, self.steps, self.backend = rig, views, steps, backend
        self.step, self.recent = 0, 0.0
        self._rng = np.random.default_rng(seed)
        self._chance = _chances([view.frame for view in views[0]], hidden)
        groups = [
            {"params": [rig.others], "lr": 1.5e-4, "name": "others"},
            {"params": [rig.quats], "lr": 3e-3},
            {"params": [rig.log_scales], "lr": 8e-3},
            {"params": [rig.logits], "lr": 4e-2},
            {"params": [rig.color.planes], "lr": 1e-2},
            {"params": rig.color.decode.parameters(), "lr": 3e-3},
        ]
        self._optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
        self._rates = [group["lr"] for group in groups]

    def advance(self) -> None:
        """One step on one picture."""
        fade = 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * self.step / self.steps))
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * fade
        views = self.views[int(self.step >= _COARSE * self.steps)]
        view = views[self._rng.choice(len(views), p=self._chance)]
        background = torch.from_numpy(self._rng.random(3).astype(np.float32))
        picture, alpha = self.rig.draw(view, self.backend, background)
        truth = view.image + (1 - view.matte[..., None]) * background
        loss = (1 - LAMBDA_SSIM) * (picture - truth).abs().mean() + LAMBDA_SSIM * (1 - ssim(picture, truth))
        loss = loss + LAMBDA_MASK * (alpha - view.matte).abs().mean() + self._shape_loss()
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        self.step += 1
        value = float(psnr(picture.detach(), truth))
        self.recent = value if self.step == 1 else 0.98 * self.recent + 0.02 * value

    def _shape_loss(self) -> torch.Tensor:
        # Needles and discs tear when the face moves: sizes may differ sixfold, no more.
        scales = self.rig.log_scales
        return 0.002 * torch.relu(scales.amax(dim=1) - scales.amin(dim=1) - math.log(6.0)).mean()

    def save(self, path: Path) -> None:
        """Write a checkpoint, whole or not at all."""
        state = {"rig": self.rig.state_dict(), "optimizer": self._optimizer.state_dict(), "step": self.step}
        state |= {"recent": self.recent, "rng": self._rng.bit_generator.state, "steps": self.steps}
        partial = path.with_suffix(".part")
        torch.save(state, partial)
        os.replace(partial, path)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint when there is one of the same training."""
        if not path.exists():
            return
        try:
            state = torch.load(path, weights_only=True)
            if state["steps"] == self.steps:
                self.rig.load_state_dict(state["rig"])
                self._optimizer.load_state_dict(state["optimizer"])
                self._rng.bit_generator.state = state["rng"]
                self.step, self.recent = state["step"], state["recent"]
        except (RuntimeError, KeyError, ValueError, OSError, EOFError, UnpicklingError) as error:
            raise UserError(f"The checkpoint {path} is damaged: delete it to train from the beginning.") from error


@torch.inference_mode()
def evaluate(rig: Rig, views: list[View], backend: str = "cpu") -> dict:
    """Mean PSNR and SSIM over held-out cameras, black background, matte applied: neutral and expressive apart.

    Expressive pictures of frames that trained cameras saw, and of frames never seen at all, are told apart.
    """
    seen = {"neutral": [], "expressive": []}
    for view in views:
        picture, _ = rig.draw(view, backend, torch.zeros(3))
        kind = "neutral" if view.frame == 0 else "expressive"
        seen[kind].append((float(psnr(picture, view.image)), float(ssim(picture, view.image))))
    if not views:
        return {"protocol": "no held-out cameras in this capture"}
    size = views[0].image.shape[0]
    report: dict = {"protocol": f"held-out cameras, {size} pixels, black background, matte applied, mean per picture"}
    for kind, values in seen.items():
        if values:
            mean = np.mean(values, axis=0)
            report[kind] = {"psnr": round(mean[0], 2), "ssim": round(mean[1], 4), "pictures": len(values)}
    return report
