"""The report of a canonical training: held-out figures, the training curve and pictures, as JSON and as a page."""

from __future__ import annotations

import html
import json
from pathlib import Path

import numpy as np
import torch

from ...core.errors import UserError
from ...core.whole_file import whole_file
from ..shared.held_out import frame_score, held_out_summary
from ..shared.page import chart, embedded, encoded, html_page, html_table, save_page
from .parameters import Rig
from .views import CapturedView

_SHOWN = 8
"""Held-out pictures on the page."""


@torch.inference_mode()
def evaluate_rig(rig: Rig, views: list[CapturedView], unseen: set[int], backend: str = "cpu") -> dict:
    """What `held_out_summary` says of the rig over held-out views. unseen: frames no trained camera saw."""
    scores = []
    for view in views:
        picture, _, _ = rig.draw(view, backend, torch.zeros(3, device=view.rgba.device))
        scores.append(frame_score(view.frame, picture, view.image))
    return held_out_summary(scores, views[0].size if views else 0, unseen)


def save_picture(path: Path, picture: np.ndarray) -> None:
    """Write a picture (H, W, 3), 0..1, whole or not at all. Raises UserError when it cannot be written."""
    try:
        with whole_file(path) as stream:
            stream.write(encoded(picture))
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from error


def write_rig_report(
    out: Path, report: dict, curve: list[tuple[int, float, float]], rig: Rig, views: list[CapturedView], backend: str
) -> None:
    """Write `OUT.report.json` and `OUT.report.html`, one page that holds everything it shows.

    curve: (step, loss, PSNR in dB).
    views: held-out pictures, of which some are shown beside what the rig makes of them.
    """
    pairs = [_pair(rig, view, backend) for view in views[:: max(1, len(views) // _SHOWN)][:_SHOWN]]
    body = (
        f"<h1>{html.escape(report['subject'])}: canonical rig</h1>{html_table(report)}"
        f"<h2>Training PSNR in decibels, by step</h2>{chart([(step, value) for step, _, value in curve])}"
        f"<h2>Held-out cameras: the rig left, the photograph right</h2>{''.join(map(embedded, pairs))}"
    )
    save_page(Path(f"{out}.report.json"), json.dumps({**report, "curve": curve}, indent=1))
    save_page(Path(f"{out}.report.html"), html_page(report["subject"], body))


@torch.inference_mode()
def _pair(rig: Rig, view: CapturedView, backend: str) -> np.ndarray:
    picture, _, _ = rig.draw(view, backend, torch.zeros(3, device=view.rgba.device))
    return torch.cat([picture, view.image], dim=1).cpu().numpy()
