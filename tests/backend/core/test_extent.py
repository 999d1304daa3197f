"""How far Gaussians reach, and where the neck begins, of heads of every kind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from emodifftalk.core.extent import neck_base, solid_box
from emodifftalk.core.gaussians import Gaussians
from emodifftalk.core.subject import load_subject
from tests.helpers.places import SCENES
from tests.helpers.tiny_subject import tiny_subject

SAMPLES = SCENES / "subjects"


@pytest.mark.parametrize(("name", "shoulders"), [("nora", 0.54), ("kofi", 0.74)])
def test_the_neck_of_the_sample_heads_begins_where_their_shoulders_end(name, shoulders):
    """Heights read off the width of the heads, 2 cm by 2 cm: a neck is a third as wide as the shoulders below it."""
    subject = load_subject(SAMPLES / f"{name}.safetensors")
    base = neck_base(subject)
    assert base[2] == pytest.approx(shoulders, abs=0.012) and abs(base[0]) < 0.003
    means = subject.gaussians.means

    def widths(z: float) -> np.ndarray:
        near = means[np.abs(means[:, 2] - z) < 0.01]
        return np.ptp(near[:, :2], axis=0)

    assert widths(base[2] + 0.02)[0] < 0.17 < 0.2 < widths(base[2] - 0.04)[0]


@pytest.mark.parametrize("shipped_template", [False, True])
def test_a_head_that_ends_above_its_neck_has_its_origin_at_its_lower_end(shipped_template):
    subject = tiny_subject(shipped_template=shipped_template)
    low, high = solid_box(subject.gaussians)
    base = neck_base(subject)
    assert (base >= low).all() and (base <= high).all() and base[2] == low[2]


def test_hair_scarves_and_the_size_of_the_head_do_not_move_the_neck_out_of_its_place():
    subject = load_subject(SAMPLES / "nora.safetensors")
    g, base = subject.gaussians, neck_base(subject)
    rng = np.random.default_rng(1)
    hair = (rng.normal(size=(9000, 3)) * (0.1, 0.1, 0.3) + (0, 0.15, 0.5)).astype(np.float32)
    longer = Gaussians(np.concatenate([g.means, hair]), *(np.concatenate([part, part[:9000]]) for part in
                       (g.quats, g.scales, g.opacities, g.colors)))  # fmt: skip
    assert neck_base(replace(subject, gaussians=longer)) == pytest.approx(base)
    grown = replace(subject.template, neutral=subject.template.neutral * 3)
    large = replace(subject, template=grown, gaussians=replace(g, means=g.means * 3))
    assert neck_base(large) == pytest.approx(base * 3, abs=1e-5)


def test_the_box_holds_what_is_seen_and_no_stray_ones():
    g = tiny_subject(faces=4000).gaussians
    strays = g.means.copy()
    strays[0], strays[1] = (50, 0, 0), (0, -80, 3)
    faint = g.opacities.copy()
    strays[2:40], faint[2:40] = (0, 0, 9), 0.01
    low, high = solid_box(replace(g, means=strays, opacities=faint))
    inside = ((g.means >= low) & (g.means <= high)).all(axis=1)
    assert inside.mean() > 0.995 and (high - low < 1.1 * np.ptp(g.means, axis=0) + 0.003).all()


@pytest.mark.parametrize("count", [1, 2])
def test_a_box_always_has_some_thickness(count):
    g = tiny_subject().gaussians
    few = Gaussians(*(part[:count] for part in (g.means, g.quats, g.scales, np.zeros(len(g), np.float32), g.colors)))
    low, high = solid_box(few)
    assert (high - low >= 0.002 - 1e-9).all()
