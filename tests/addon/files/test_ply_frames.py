"""Without a backend .ply sequences are written all the same: an independent reader reads them, they hold what is seen,
and never destroy earlier ones."""

from __future__ import annotations

import numpy as np
import pytest

from tests.helpers.tiny_subject import save_tiny_take, tiny_subject

bpy = pytest.importorskip("bpy")
plyfile = pytest.importorskip("plyfile")

from addon.backend import connection
from addon.playback import gaussians as playback
from addon.takes.generate import add_take
from addon.takes.performance import build_performance
from addon.timeline.prompts import add_prompt
from emodifftalk.core.errors import UserError
from emodifftalk.core.formats.ply import ply_table, write_ply
from emodifftalk.core.voice_time import TakeTime


@pytest.fixture
def playing(head, scene, tmp_path):
    """A head with a two second take from frame 1 on."""
    add_prompt(head, scene, "calm", 1)
    save_tiny_take(tmp_path / "take.safetensors", tiny_subject())
    add_take(head, tmp_path / "take.safetensors", build_performance(head, scene))
    scene.frame_start, scene.frame_end = 1, 5
    return head


@pytest.fixture(autouse=True)
def no_backend(monkeypatch):
    """On a machine that has none."""
    monkeypatch.setattr(connection, "unavailable_reason", lambda: "The backend is not installed yet")


def columns(path, *names: str) -> np.ndarray:
    vertices = plyfile.PlyData.read(str(path))["vertex"]
    return np.stack([vertices[name] for name in names], axis=-1)


def expect_file(path, gaussians) -> None:
    assert columns(path, "x", "y", "z") == pytest.approx(gaussians.means, abs=1e-6)
    assert np.exp(columns(path, "scale_0", "scale_1", "scale_2")) == pytest.approx(gaussians.scales, rel=1e-5)
    assert columns(path, "rot_0", "rot_1", "rot_2", "rot_3") == pytest.approx(gaussians.quats, abs=1e-5)
    assert 0.5 + 0.28209479 * columns(path, "f_dc_0", "f_dc_1", "f_dc_2") == pytest.approx(gaussians.colors, abs=1e-6)
    assert 1 / (1 + np.exp(-columns(path, "opacity")[:, 0])) == pytest.approx(gaussians.opacities, abs=1e-5)


def test_every_frame_is_a_file_that_another_program_reads(playing, scene, tmp_path):
    out = tmp_path / "gaussians"
    assert bpy.ops.emodifftalk.export(filepath=str(out), axes="blender") == {"FINISHED"}
    assert sorted(p.name for p in out.iterdir()) == [f"gaussians.{n:04d}.ply" for n in range(1, 6)]
    for frame in (1, 5):
        expect_file(
            out / f"gaussians.{frame:04d}.ply", playback.current_gaussians(playing, scene, TakeTime((frame - 1) / 24))
        )


def test_world_space_follows_the_animated_object(playing, scene, tmp_path):
    for frame, x in ((1, 0.0), (5, 1.0)):
        playing.location.x = x
        playing.keyframe_insert("location", frame=frame)
    scene.frame_set(3)
    bpy.ops.emodifftalk.export(filepath=str(tmp_path / "world"), space="WORLD")
    assert scene.frame_current == 3
    first, last = (columns(tmp_path / "world" / f"world.000{n}.ply", "x", "y", "z") for n in (1, 5))
    assert (last - first)[:, 0] == pytest.approx(np.ones(len(first)), abs=0.01)


def test_the_axes_scale_and_share_are_those_the_backend_would_write(playing, scene, tmp_path):
    """One operator, one set of choices: what is chosen does not depend on who writes."""
    bpy.ops.emodifftalk.export(filepath=str(tmp_path / "plain"))
    bpy.ops.emodifftalk.export(filepath=str(tmp_path / "few"), scale=100.0, keep=0.25)
    plain = columns(tmp_path / "plain" / "plain.0002.ply", "x", "y", "z")
    few = columns(tmp_path / "few" / "few.0002.ply", "x", "y", "z")
    scene.frame_set(2)
    means = playback.current_gaussians(playing, scene).means
    assert plain == pytest.approx(np.stack([means[:, 0], -means[:, 2], means[:, 1]], axis=1), abs=1e-6)
    assert len(few) == round(0.25 * len(plain))
    nearest = np.abs(few[:, None] - 100 * plain[None]).max(axis=2).min(axis=1)
    assert nearest.max() < 1e-3


def test_an_earlier_export_is_not_overwritten_unasked(playing, scene, tmp_path):
    assert bpy.ops.emodifftalk.export(filepath=str(tmp_path / "out")) == {"FINISHED"}
    with pytest.raises(RuntimeError, match="exists already"):
        bpy.ops.emodifftalk.export(filepath=str(tmp_path / "out"))
    assert bpy.ops.emodifftalk.export(filepath=str(tmp_path / "out"), overwrite=True) == {"FINISHED"}


def test_only_ply_is_written_without_a_backend_and_the_sentence_says_so(playing, tmp_path):
    with pytest.raises(RuntimeError, match=r"only 3DGS \(\.ply\) can be written\. The backend is not installed yet"):
        bpy.ops.emodifftalk.export(filepath=str(tmp_path / "out"), format="spz")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_a_sentence(playing, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RuntimeError, match="cannot be written"):
        bpy.ops.emodifftalk.export(filepath=str(tmp_path / "file" / "out"))


@pytest.mark.parametrize("frame", [1, 4])
def test_a_frame_that_cannot_be_written_takes_the_others_with_it(playing, scene, tmp_path, monkeypatch, frame):
    """Nothing would go on from them, and a folder of some frames passes for a whole shot."""
    from addon.files import ply_frames

    def full(path, gaussians):
        if path.name.endswith(f"{frame:04d}.ply"):
            raise OSError(28, "No space left on device")
        write_ply(path, gaussians)

    monkeypatch.setattr(ply_frames, "write_ply", full)
    scene.frame_set(3)
    with pytest.raises(RuntimeError, match="No space left"):
        bpy.ops.emodifftalk.export(filepath=str(tmp_path / "new" / "out"))
    assert not (tmp_path / "new").exists() and scene.frame_current == 3


def test_invisible_and_solid_gaussians_stay_finite_and_broken_ones_are_refused(tmp_path):
    gaussians = tiny_subject().gaussians
    gaussians.opacities[:2], gaussians.scales[0] = (0, 1), 0
    assert np.isfinite(ply_table(gaussians)).all()
    gaussians.means[3] = np.nan
    with pytest.raises(UserError, match="not finite"):
        write_ply(tmp_path / "broken.ply", gaussians)
    assert not list(tmp_path.iterdir())
