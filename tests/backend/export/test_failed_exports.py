"""An export that fails or is cancelled leaves nothing half, in any format: no part, no manifest without a frame."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emodifftalk.core import whole_file
from emodifftalk.core.errors import Cancelled, UserError
from emodifftalk.core.watch import UNWATCHED, Watch
from emodifftalk.export import face_tracks, sequence
from emodifftalk.export.cast import Cast, cast_of_one
from emodifftalk.export.face_tracks import write_face_track
from emodifftalk.export.frame_formats import FRAME_FORMATS, SOG_TOOL
from emodifftalk.export.sequence import ExportOptions, export_sequence
from emodifftalk.export.shot_files import SHOT_FORMATS, export_shot
from tests.helpers.tiny_subject import save_tiny_subject, save_tiny_take

FRAMES = 3
ALL = (*FRAME_FORMATS, *SHOT_FORMATS, *face_tracks.FORMATS)


@pytest.fixture(scope="module")
def cast(tmp_path_factory) -> Cast:
    """A tiny subject's first frames."""
    folder = tmp_path_factory.mktemp("failing")
    subject = save_tiny_subject(folder / "subject.safetensors", faces=40, others=10)
    save_tiny_take(folder / "take.safetensors", subject)
    return cast_of_one(folder / "subject.safetensors", folder / "take.safetensors", 25.0, 0.0, FRAMES / 25)


@pytest.fixture(autouse=True)
def tool(tmp_path_factory, monkeypatch) -> Path:
    """A stand-in for PlayCanvas' tool, which copies what it is given."""
    path = tmp_path_factory.mktemp("tool") / SOG_TOOL
    path.write_text(f"#!{sys.executable}\nimport shutil, sys\nshutil.copy(*sys.argv[-2:])\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(path.parent), prepend=os.pathsep)
    return path


def export(cast: Cast, folder: Path, name: str, watch: Watch = UNWATCHED, overwrite: bool = False) -> None:
    """Into a folder that need not be there."""
    if name.startswith("usd"):
        pytest.importorskip("pxr")
    if name == "sog" and sys.platform == "win32":
        pytest.skip("the stand-in is a script")
    if name in face_tracks.FORMATS:
        write_face_track(folder / "face", cast.heads[0], name, 25.0, overwrite)
    elif name in SHOT_FORMATS:
        export_shot(cast, folder / "shot", ExportOptions(name, overwrite=overwrite), watch)
    else:
        export_sequence(cast, folder, ExportOptions(name, overwrite=overwrite), watch)


def full_disk(monkeypatch, after: int) -> None:
    """From the file after `after` whole ones on there is no room."""
    done, move = [], os.replace

    def no_room(part, path):
        done.extend([path] if ".part" not in Path(path).name else [])  # a writer's own part of a part is no file yet
        if len(done) > after:
            raise OSError(errno.ENOSPC, "No space left on device")
        move(part, path)

    monkeypatch.setattr(whole_file.os, "replace", no_room)


def left(folder: Path) -> list[str]:
    """Whatever is there, folders too."""
    return sorted(path.name for path in folder.rglob("*"))


@pytest.mark.parametrize("name", ALL)
def test_on_a_full_disk_nothing_is_left_not_even_the_folder(cast, tmp_path, monkeypatch, name):
    full_disk(monkeypatch, after=0)
    with pytest.raises(UserError, match="No space left"):
        export(cast, tmp_path / "new" / "folder", name)
    assert left(tmp_path) == []


@pytest.mark.parametrize("name", ALL)
def test_what_another_export_left_is_whole_after_one_that_failed(cast, tmp_path, monkeypatch, name):
    export(cast, tmp_path, name)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    other = replace(cast, heads=[replace(cast.heads[0], seconds=cast.heads[0].seconds + 0.2)])
    full_disk(monkeypatch, after=0)
    with pytest.raises(UserError, match="No space left"):
        export(other, tmp_path, name, overwrite=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("name", [*FRAME_FORMATS, *SHOT_FORMATS])
@pytest.mark.parametrize("frame", [0, FRAMES - 1])
def test_a_frame_that_fails_leaves_whole_frames_of_a_sequence_and_nothing_of_a_shot(
    cast, tmp_path, monkeypatch, name, frame
):
    posed = Cast.gaussians

    def torn(self: Cast, i: int):
        gaussians = posed(self, i)
        return gaussians if i != frame else replace(gaussians, means=np.full_like(gaussians.means, np.nan))

    monkeypatch.setattr(Cast, "gaussians", torn)
    if name == "npz" or name in ("ply", "sog", "compressed-ply", "splat", "spz"):
        # These write what they are given: the frame itself cannot be made.
        monkeypatch.setattr(Cast, "gaussians", lambda self, i: posed(self, i) if i != frame else unreadable())
    with pytest.raises(UserError):
        export(cast, tmp_path / "out", name)
    if frame == 0 or name in SHOT_FORMATS:
        assert left(tmp_path) == []
    else:
        expect_whole(tmp_path / "out", frame)


def unreadable() -> None:
    raise UserError("The take cannot be read.")


def expect_whole(folder: Path, frames: int) -> None:
    """So many frames, and the manifest that says they are not all."""
    files = left(folder)
    assert len(files) == frames + 1 and "shot.json" in files and not [file for file in files if file.startswith(".")]
    assert json.loads((folder / "shot.json").read_text())["complete"] is False


@pytest.mark.parametrize("name", [*FRAME_FORMATS, *SHOT_FORMATS])
def test_cancelled_before_a_frame_is_written_it_leaves_nothing(cast, tmp_path, name):
    with pytest.raises(Cancelled):
        export(cast, tmp_path / "out", name, Watch(cancelled=lambda: True))
    assert left(tmp_path) == []


def test_splat_transform_that_fails_leaves_neither_a_manifest_nor_a_folder(cast, tmp_path, tool):
    tool.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('no WebGPU')\n")
    with pytest.raises(UserError, match="no WebGPU"):
        export(cast, tmp_path / "out", "sog")
    tool.unlink()
    with pytest.raises(UserError, match=r"install Node\.js"):
        export_sequence(cast, tmp_path / "out", ExportOptions("sog"))
    assert left(tmp_path) == []


def test_the_disk_that_fills_up_between_two_frames_leaves_whole_ones_that_the_same_export_goes_on_from(
    cast, tmp_path, monkeypatch
):
    with monkeypatch.context() as filling:
        full_disk(filling, after=3)  # the manifest, and two frames
        with pytest.raises(UserError, match="No space left"):
            export(cast, tmp_path, "ply")
    expect_whole(tmp_path, 2)
    assert sequence.export_sequence(cast, tmp_path, ExportOptions("ply")).written == 1
