"""The report of a canonical training: held-out figures, the training curve and pictures, as JSON and as a page."""

from __future__ import annotations

import base64
import html
import io
import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ..core.errors import UserError
from ..splat.metrics import psnr, ssim
from .rig import Rig
from .views import View

_SHOWN = 8
"""Held-out pictures on the page."""


@torch.inference_mode()
def evaluate(rig: Rig, views: list[View], names: list[str], backend: str = "cpu") -> dict:
    """Mean PSNR and SSIM over held-out cameras, black background, matte applied: neutral and expressive apart.

    names: of the frames. Under `expressive_unseen`, those frames again that no trained camera saw either.
    """
    if not views:
        return {"protocol": "no held-out cameras in this capture"}
    seen: dict[str, list] = {"neutral": [], "expressive": [], "expressive_unseen": []}
    for view in views:
        picture, _, _ = rig.draw(view, backend, torch.zeros(3, device=view.rgba.device))
        values = float(psnr(picture, view.image)), float(ssim(picture, view.image))
        seen["expressive" if view.frame else "neutral"].append(values)
        if names[view.frame].startswith("test_"):
            seen["expressive_unseen"].append(values)
    size = views[0].size
    report: dict = {"protocol": f"held-out cameras, {size} pixels, black background, matte applied, mean per picture"}
    for kind, values in seen.items():
        if values:
            mean = np.mean(values, axis=0)
            report[kind] = {"psnr": round(mean[0], 2), "ssim": round(mean[1], 4), "pictures": len(values)}
    return report


def peak_memory() -> int | None:
    """Most memory this process has held so far, MiB; None where the system does not tell (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit >> 20


def save_picture(path: Path, picture: np.ndarray) -> None:
    """Write a picture (H, W, 3), 0..1, whole or not at all. Raises UserError when it cannot be written."""
    partial = path.with_suffix(".part")
    try:
        partial.write_bytes(_png(picture))
        partial.replace(path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from error


def write_report(
    out: Path, report: dict, curve: list[tuple[int, float, float]], rig: Rig, views: list[View], backend: str
) -> None:
    """Write `OUT.report.json` and `OUT.report.html`, one page that holds everything it shows.

    curve: (step, loss, PSNR). views: held-out pictures, of which some are shown beside what the rig makes of them.
    """
    pairs = [_pair(rig, view, backend) for view in views[:: max(1, len(views) // _SHOWN)][:_SHOWN]]
    rows = "".join(
        f"<tr><th>{html.escape(key)}</th><td>{html.escape(_said(value))}</td></tr>" for key, value in report.items()
    )
    pictures = "".join(f'<img src="data:image/png;base64,{base64.b64encode(_png(pair)).decode()}">' for pair in pairs)
    page = (
        f"<!doctype html><meta charset=utf-8><title>{html.escape(report['subject'])}</title>{_STYLE}"
        f"<h1>{html.escape(report['subject'])}: canonical rig</h1><table>{rows}</table>"
        f"<h2>Training PSNR in decibels, by step</h2>{_plot([(s, p) for s, _, p in curve])}"
        f"<h2>Held-out cameras: the rig left, the photograph right</h2>{pictures}"
    )
    try:
        Path(f"{out}.report.json").write_text(json.dumps({**report, "curve": curve}, indent=1), encoding="utf-8")
        Path(f"{out}.report.html").write_text(page, encoding="utf-8")
    except OSError as error:
        raise UserError(f"The report beside {out} cannot be written: {error.strerror}.") from error


_STYLE = (
    "<style>body{font:15px system-ui;margin:2em auto;max-width:1080px;background:#1d1d1d;color:#ddd}"
    "th{text-align:left;padding-right:2em;font-weight:500;vertical-align:top}img{width:49%;margin:.4%}"
    "svg{width:100%;background:#262626}</style>"
)


def _said(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {part}" for key, part in value.items())
    return "; ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


@torch.inference_mode()
def _pair(rig: Rig, view: View, backend: str) -> np.ndarray:
    picture, _, _ = rig.draw(view, backend, torch.zeros(3, device=view.rgba.device))
    return torch.cat([picture, view.image], dim=1).cpu().numpy()


def _png(picture: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.rint(picture.clip(0, 1) * 255).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def _plot(points: list[tuple[int, float]]) -> str:
    """A line with a scale at its left, as SVG."""
    if len(points) < 2:
        return "<p>too few steps to draw</p>"
    x, y = np.array(points, float).T
    low, high = np.floor(y.min()), np.ceil(y.max())
    across, down = 60 + 930 * x / x.max(), 280 - 260 * (y - low) / max(high - low, 1)
    line = " ".join(f"{a:.1f},{d:.1f}" for a, d in zip(across, down, strict=True))
    marks = "".join(
        f'<text x="8" y="{280 - 260 * (v - low) / max(high - low, 1) + 5:.0f}" fill="#999">{v:.0f}</text>'
        for v in np.linspace(low, high, 5)
    )
    ends = f'<text x="930" y="298" fill="#999">{x.max():.0f}</text>'
    curve = f'<polyline points="{line}" fill="none" stroke="#e8a33d" stroke-width="2"/>'
    return f'<svg viewBox="0 0 1000 304">{curve}{marks}{ends}</svg>'
