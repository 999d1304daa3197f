"""Gaussians in files of other tools: what was written is what is read, by us and by readers of others."""

from __future__ import annotations

import gzip
import shutil
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emodifftalk.core.axes import AXES, turned
from emodifftalk.core.errors import UserError
from emodifftalk.core.formats.compressed_ply import read_compressed_ply, write_compressed_ply
from emodifftalk.core.formats.dot_splat import read_splat, write_splat
from emodifftalk.core.formats.gaussian_file import read_gaussians
from emodifftalk.core.formats.ply import read_ply, write_ply
from emodifftalk.core.formats.spz import read_spz, write_spz
from emodifftalk.core.gaussians import Gaussians, normalize, quat_to_matrix

FORMATS = {
    # how to write and read it, and what it may lose: metres, share of a scale, opacity, colour, degrees
    "a.ply": (write_ply, read_ply, (1e-7, 1e-5, 1e-5, 1e-5, 0.1)),
    "a.compressed.ply": (write_compressed_ply, read_compressed_ply, (3e-4, 3e-3, 2.1e-3, 2.1e-3, 0.3)),
    "a.splat": (write_splat, read_splat, (1e-7, 1e-6, 2.1e-3, 2.1e-3, 1.0)),
    "a.spz": (write_spz, read_spz, (8e-6, 0.033, 2.1e-3, 4e-3, 0.3)),
}


def some_gaussians(count: int = 700, seed: int = 0) -> Gaussians:
    """A head-sized cloud without any symmetry."""
    rng = np.random.default_rng(seed)
    return Gaussians(
        means=rng.uniform((-0.1, -0.2, 0.4), (0.15, 0.1, 0.8), (count, 3)).astype(np.float32),
        quats=normalize(rng.normal(size=(count, 4))).astype(np.float32),
        scales=np.exp(rng.uniform(np.log(2e-4), np.log(2e-2), (count, 3))).astype(np.float32),
        opacities=rng.uniform(0.01, 0.99, count).astype(np.float32),
        colors=rng.uniform(0.02, 0.98, (count, 3)).astype(np.float32),
    )


def assert_close(found: Gaussians, wanted: Gaussians, lost: tuple[float, ...]) -> None:
    """The same rows in the same order, within what the format may lose."""
    assert len(found) == len(wanted)
    assert np.abs(found.means - wanted.means).max() < lost[0]
    assert np.abs(found.scales / wanted.scales - 1).max() < lost[1]
    assert np.abs(found.opacities - wanted.opacities).max() < lost[2]
    assert np.abs(found.colors - wanted.colors).max() < lost[3]
    dot = np.abs((found.quats * normalize(wanted.quats)).sum(axis=1)).clip(0, 1)
    assert np.degrees(2 * np.arccos(dot)).max() < lost[4]


def covariances(g: Gaussians) -> np.ndarray:
    """(N, 3, 3) square metres."""
    axes = quat_to_matrix(normalize(g.quats)) * g.scales[:, None, :]
    return axes @ axes.swapaxes(1, 2)


@pytest.mark.parametrize("name", FORMATS)
def test_what_was_written_is_read_back(tmp_path, name):
    write, read, lost = FORMATS[name]
    gaussians = some_gaussians()
    write(tmp_path / name, gaussians)
    assert_close(read(tmp_path / name), gaussians, lost)
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", FORMATS)
def test_a_still_face_does_not_flicker(tmp_path, name):
    """What does not move between two frames is written in the same bytes, although others move."""
    write, read, _ = FORMATS[name]
    before = some_gaussians()
    means = before.means.copy()
    means[300:400] += 0.004
    after = Gaussians(means, before.quats, before.scales, before.opacities, before.colors)
    write(tmp_path / f"1{name}", before)
    write(tmp_path / f"2{name}", after)
    one, two = read(tmp_path / f"1{name}"), read(tmp_path / f"2{name}")
    still = np.ones(len(means), bool)
    # The compressed .ply stretches its steps with the range of each chunk of 256, so there the whole chunk may stir.
    still[256:512] = False
    assert np.array_equal(one.means[still], two.means[still])
    assert np.array_equal(one.quats, two.quats) and np.array_equal(one.scales, two.scales)


def test_plyfile_reads_our_ply(tmp_path):
    plyfile = pytest.importorskip("plyfile")
    gaussians = some_gaussians()
    write_ply(tmp_path / "a.ply", gaussians)
    rows = plyfile.PlyData.read(tmp_path / "a.ply")["vertex"]
    assert np.array_equal(np.stack([rows["x"], rows["y"], rows["z"]], axis=1), gaussians.means)
    assert np.allclose(np.exp(rows["scale_1"]), gaussians.scales[:, 1], rtol=1e-5)
    assert np.allclose(1 / (1 + np.exp(-rows["opacity"])), gaussians.opacities, atol=1e-5)
    quats = np.stack([rows[f"rot_{i}"] for i in range(4)], axis=1)
    assert np.allclose(quats, normalize(gaussians.quats), atol=1e-6)


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "a.ply"])
def test_playcanvas_reads_our_files(tmp_path, name):
    """SuperSplat's own converter finds what we wrote; it turns a .spz from its RUB axes into RDF by itself."""
    tool = shutil.which("splat-transform")
    if tool is None:
        pytest.skip("PlayCanvas' splat-transform is not installed (npm install -g @playcanvas/splat-transform)")
    write, read, _ = FORMATS[name]
    write(tmp_path / name, some_gaussians())
    subprocess.run([tool, "-w", name, "theirs.ply"], cwd=tmp_path, check=True, capture_output=True, timeout=120)
    theirs, ours = read_ply(tmp_path / "theirs.ply"), read(tmp_path / name)
    if name.endswith(".spz"):
        ours = turned(ours, "rub", "rdf")
        # Half a turn about an axis of its own leaves an ellipsoid as it is, and they write that quaternion.
        assert np.allclose(covariances(theirs), covariances(ours), atol=1e-9)
        theirs = replace(theirs, quats=ours.quats)
    # A .splat stores 128 for 0, and so we read it; their reader takes 127.5 for 0.
    assert_close(theirs, ours, (1e-6, 1e-5, 1e-5, 1e-5, 1.0 if name == "a.splat" else 0.1))


@pytest.mark.parametrize("axes", AXES)
def test_axes_turn_points_and_ellipsoids_alike(axes):
    """Up stays up: what lies above in our axes lies where the others have their up, seen from the same side."""
    g = some_gaussians(50)
    there = turned(g, "blender", axes)
    up = {"blender": (0, 0, 1), "rub": (0, 1, 0), "rdf": (0, -1, 0)}[axes]
    to_viewer = {"blender": (0, -1, 0), "rub": (0, 0, 1), "rdf": (0, 0, -1)}[axes]
    assert np.allclose(there.means @ up, g.means[:, 2], atol=1e-6)
    assert np.allclose(there.means @ to_viewer, -g.means[:, 1], atol=1e-6)
    assert np.allclose(up @ covariances(there) @ up, covariances(g)[:, 2, 2], rtol=1e-3)
    assert_close(turned(there, axes, "blender"), g, (1e-6, 1e-5, 1e-6, 1e-6, 0.1))


# ---- damage -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    """One good file of each format."""
    folder = tmp_path_factory.mktemp("good")
    for name, (write, _, _) in FORMATS.items():
        write(folder / name, some_gaussians(300))
    return folder


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_refused_in_a_sentence_or_read_whole(good, name, data):
    """Bytes flipped, cut off or junk: a UserError or sane Gaussians, never another exception, never NaN."""
    whole = bytearray((good / name).read_bytes())
    action = data.draw(st.sampled_from(("flip head", "flip", "cut", "junk")))
    if action.startswith("flip"):
        last = 400 if action == "flip head" else len(whole)
        for _ in range(data.draw(st.integers(1, 6))):
            whole[data.draw(st.integers(0, min(last, len(whole)) - 1))] = data.draw(st.integers(0, 255))
    elif action == "cut":
        whole = whole[: data.draw(st.integers(0, len(whole) - 1))]
    else:
        whole = bytearray(data.draw(st.binary(max_size=200)))
    path = good / f"bad_{name}"
    path.write_bytes(whole)
    try:
        found = read_gaussians(path)
        for array in vars(found).values():
            assert np.isfinite(array).all()
    except UserError as error:
        assert "\n" not in str(error) and len(str(error)) > 15


def test_a_header_that_promises_a_million_million_is_refused_at_once(tmp_path):
    ply = "\n".join(["ply", "format binary_little_endian 1.0", "element vertex 1000000000000", "property float x",
                     "end_header", ""])  # fmt: skip
    (tmp_path / "huge.ply").write_bytes(ply.encode())
    (tmp_path / "huge.spz").write_bytes(gzip.compress(struct.pack("<IIIBBBB", 0x5053474E, 3, 2**32 - 1, 0, 12, 0, 0)))
    bomb = struct.pack("<IIIBBBB", 0x5053474E, 3, 10, 0, 12, 0, 0) + bytes(50_000_000)
    (tmp_path / "bomb.spz").write_bytes(gzip.compress(bomb))
    for name in ("huge.ply", "huge.spz", "bomb.spz"):
        with pytest.raises(UserError):
            read_gaussians(tmp_path / name)


def test_another_file_says_what_it_is_not(tmp_path):
    (tmp_path / "mesh.ply").write_bytes(
        b"ply\nformat binary_little_endian 1.0\nelement vertex 1\nproperty float x\nend_header\n" + bytes(4)
    )
    (tmp_path / "ascii.ply").write_bytes(b"ply\nformat ascii 1.0\nelement vertex 0\nend_header\n")
    for name, sentence in (("mesh.ply", "holds no Gaussians"), ("ascii.ply", "only binary"), ("a.gif", "no file of")):
        with pytest.raises(UserError, match=sentence):
            read_gaussians(tmp_path / name)
