"""A tiny subject and take, valid in every field, made in a blink: a bumpy half ellipsoid with eyes and a mouth.

For tests that need a head but not its looks. `shipped_template=True` binds the Gaussians to the shipped facial
template instead, which the motion model can move.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from emodifftalk.core.facs import ARTICULATIONS, AU_INDEX, AU_NAMES
from emodifftalk.core.gaussians import Gaussians, normalize
from emodifftalk.core.subject import OTF_GROUPS, Subject, save_subject
from emodifftalk.core.take import save_take
from emodifftalk.core.template import LANDMARKS, REGIONS, FacialTemplate, load_template

COLUMNS, ROWS = 13, 12
_MOUTH, _EYES = 3, 8  # rows below the two openings


def tiny_template() -> FacialTemplate:
    """13 x 12 points over the front of a head 18 cm wide and 24 cm high; openings for the mouth and both eyes."""
    x, z = np.meshgrid(np.linspace(-1, 1, COLUMNS), np.linspace(-1, 1, ROWS))
    depth = np.sqrt(np.maximum(1 - 0.45 * x**2 - 0.45 * z**2, 0.05)) + 0.02 * np.sin(9 * x) * np.cos(7 * z)
    neutral = np.stack([0.09 * x, -0.1 * depth, 0.12 * z], axis=-1).reshape(-1, 3).astype(np.float32)
    index = np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS)
    mouth, left, right = slice(4, 9), slice(8, 12), slice(1, 5)
    holes = {(_MOUTH, c) for c in range(4, 8)} | {(_EYES, c) for c in (*range(8, 11), *range(1, 4))}
    quads = [(r, c) for r in range(ROWS - 1) for c in range(COLUMNS - 1) if (r, c) not in holes]
    faces = [t for r, c in quads for t in _triangles(index, r, c)]
    line = {
        # Seen from the head itself its right is at -x: corner to corner from right to left is from low to high x.
        "lip_inner_upper": index[_MOUTH + 1, mouth],
        "lip_inner_lower": index[_MOUTH, mouth],
        "lip_outer": np.concatenate([index[_MOUTH + 2, mouth], index[_MOUTH - 1, mouth][::-1]]),
        "lid_upper_left": index[_EYES + 1, left],
        "lid_lower_left": index[_EYES, left],
        "lid_upper_right": index[_EYES + 1, right],
        "lid_lower_right": index[_EYES, right],
        "brow_left": index[_EYES + 2, left],
        "brow_right": index[_EYES + 2, right],
        "jaw": index[0, :],
        "nose_tip": index[6, 6:7],
        "chin": index[1, 6:7],
    }
    regions = np.zeros(ROWS * COLUMNS, np.uint8)
    for name, region in (
        ("lip_outer", "lips_outer"),
        ("lip_inner_upper", "lips_inner_upper"),
        ("lip_inner_lower", "lips_inner_lower"),
        *((name, name) for name in LANDMARKS if name.startswith(("lid", "brow"))),
        ("jaw", "jaw"),
        ("chin", "chin"),
        ("nose_tip", "nose"),
    ):
        regions[line[name]] = REGIONS.index(region)
    return FacialTemplate(
        neutral=neutral,
        faces=np.array(faces, np.int32),
        uv=np.stack([(x + 1) / 2, (z + 1) / 2], axis=-1).reshape(-1, 2).astype(np.float32),
        regions=regions,
        landmarks={name: points.astype(np.int32) for name, points in line.items()},
        au_basis=_au_basis(neutral, line),
        articulation_basis=np.zeros((len(ARTICULATIONS), len(neutral), 3), np.float32),
    )


def _triangles(index: np.ndarray, r: int, c: int) -> list[tuple[int, int, int]]:
    a, b, d, e = index[r, c], index[r, c + 1], index[r + 1, c], index[r + 1, c + 1]
    return [(a, b, e), (a, e, d)]  # x right and z up seen from -y: counter-clockwise from outside


def _au_basis(neutral: np.ndarray, line: dict[str, np.ndarray]) -> np.ndarray:
    basis = np.zeros((len(AU_NAMES), len(neutral), 3), np.float32)
    below = neutral[:, 2] <= neutral[line["lip_inner_lower"][0], 2] + 1e-6
    basis[AU_INDEX["AU26"], below] = (0, 0.002, -0.02)
    basis[AU_INDEX["AU25"], line["lip_inner_lower"]] = (0, 0, -0.006)
    for side, corner in ((-1, 0), (1, -1)):
        for lip in ("lip_inner_upper", "lip_inner_lower"):
            basis[AU_INDEX["AU12"], line[lip][corner]] = (0.008 * side, 0.002, 0.006)
            basis[AU_INDEX["AU15"], line[lip][corner]] = (0.002 * side, 0, -0.008)
    for side in ("left", "right"):
        basis[AU_INDEX["AU45"], line[f"lid_upper_{side}"]] = (0, 0, -0.02)
        for au, lift in (("AU01", 0.008), ("AU02", 0.008), ("AU04", -0.008)):
            basis[AU_INDEX[au], line[f"brow_{side}"]] = (0, 0, lift)
    return basis


def tiny_subject(faces: int = 300, others: int = 40, shipped_template: bool = False, seed: int = 0) -> Subject:
    """`faces` facial Gaussians on random places of the template and `others` around it. No appearance decoder."""
    rng = np.random.default_rng(seed)
    template = load_template() if shipped_template else tiny_template()
    triangle = rng.integers(0, len(template.faces), faces).astype(np.int32)
    bary = rng.dirichlet((1, 1, 1), faces).astype(np.float32)
    on_face = np.einsum("nk,nkc->nc", bary, template.neutral[template.faces[triangle]])
    anchor = rng.integers(0, len(template.neutral), others).astype(np.int32)
    away = rng.uniform(0.002, 0.03, others).astype(np.float32)
    around = template.neutral[anchor] + away[:, None] * np.array([0, 1, 0], np.float32)
    count = faces + others
    return Subject(
        name="Tiny",
        licence="CC0-1.0",
        credit="made by the tests",
        consent="nobody",
        template=template,
        gaussians=Gaussians(
            means=np.concatenate([on_face, around]).astype(np.float32),
            quats=normalize(rng.normal(size=(count, 4))).astype(np.float32),
            scales=rng.uniform(0.003, 0.009, (count, 3)).astype(np.float32),
            opacities=rng.uniform(0.5, 0.95, count).astype(np.float32),
            colors=np.clip(rng.normal((0.8, 0.6, 0.5), 0.1, (count, 3)), 0, 1).astype(np.float32),
        ),
        triangle=triangle,
        bary=bary,
        otf_anchor=anchor,
        otf_weight=np.exp(-0.1 * 1000 * away).astype(np.float32),
        otf_group=rng.integers(0, len(OTF_GROUPS), others).astype(np.uint8),
        eye_centers=np.stack([_behind(template, side) for side in ("left", "right")]),
        au_range=np.tile(np.array([0, 1], np.float32), (len(AU_NAMES), 1)),
    )


def _behind(template: FacialTemplate, side: str) -> np.ndarray:
    """Centre (3,) of an eyeball: 12 mm behind the middle of the lids."""
    lids = np.concatenate([template.landmarks[f"lid_{which}_{side}"] for which in ("upper", "lower")])
    return (template.neutral[lids].mean(axis=0) + np.array([0, 0.012, 0])).astype(np.float32)


def save_tiny_subject(path: Path, appearance: bool = False, **options) -> Subject:
    """Write a tiny subject and return it. appearance: with an untrained decoder, as a backend expects (needs torch)."""
    subject = tiny_subject(**options)
    if appearance:
        from emodifftalk.appearance.decoder import AppearanceDecoder

        subject = AppearanceDecoder(subject).onto(subject)
    save_subject(path, subject)
    return subject


def save_tiny_take(path: Path, subject: Subject, seconds: float = 2.0, metadata: dict | None = None) -> np.ndarray:
    """Write a take in which the jaw opens steadily over `seconds` (AU26 from 0 to 1); returns its AUs (T, 17)."""
    frames = max(2, round(seconds * 25))
    aus = np.zeros((frames, len(AU_NAMES)), np.float32)
    aus[:, AU_INDEX["AU26"]] = np.linspace(0, 1, frames)
    count = subject.n_face
    quats = np.broadcast_to(subject.gaussians.quats[:count], (frames, count, 4))
    alphas = np.broadcast_to(subject.gaussians.opacities[:count], (frames, count))
    offsets = subject.template.displace(aus)
    save_take(path, aus, aus, offsets, quats, alphas, {"models": json.dumps({}), **(metadata or {})})
    return aus


def scaled(subject: Subject, factor: float) -> Subject:
    """The same subject with Gaussians `factor` times as large."""
    return replace(subject, gaussians=replace(subject.gaussians, scales=subject.gaussians.scales * factor))
