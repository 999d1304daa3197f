"""To and from other tools in Blender: exports in the background, face curves as F-curves, nobody's animation lost."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from tests.helpers.tiny_subject import save_tiny_take, tiny_subject

bpy = pytest.importorskip("bpy")

from addon.blender import compat
from addon.curves.imported import apply_curves
from addon.playback import gaussians as playback
from addon.playback import origin
from addon.render import heads
from addon.takes.generate import add_take
from addon.takes.performance import build_performance
from addon.timeline.prompts import add_prompt
from emodifftalk.core.errors import UserError
from emodifftalk.core.formats.gaussian_file import read_gaussians


@pytest.fixture
def playing(head, scene, tmp_path):
    """A head with a two second take from frame 1 on, six frames to be exported."""
    add_prompt(head, scene, "calm", 1)
    save_tiny_take(tmp_path / "take.safetensors", tiny_subject())
    add_take(head, tmp_path / "take.safetensors", build_performance(head, scene))
    scene.frame_start, scene.frame_end = 1, 6
    return head


@pytest.fixture
def recording(tmp_path):
    """Two seconds of a smile and a jaw that drops, with a gaze."""
    path = tmp_path / "face.csv"
    names = ["time", "MouthSmileLeft", "MouthSmileRight", "JawOpen"]
    names += [f"eyeLook{way}{side}" for way in ("In", "Out", "Up", "Down") for side in ("Left", "Right")]
    looks = [0.5 if name == "eyeLookOutLeft" else 0.0 for name in names[4:]]
    rows = [[i / 30, 0.8, 0.6, 0.3 * i / 60, *looks] for i in range(61)]
    path.write_text("\n".join(",".join(map(str, row)) for row in (names, *rows)))
    return path


def keyed(head) -> dict:
    return {curve.data_path: curve for curve in compat.fcurves(head)}


@pytest.mark.slow
def test_the_whole_range_is_written_by_the_backend_where_the_head_stands(playing, scene, tmp_path):
    pytest.importorskip("torch", reason="the backend is not in this environment")
    scene.frame_set(1)
    for frame, x in ((1, 0.0), (6, 1.0)):
        playing.location.x = x
        playing.keyframe_insert("location", frame=frame)
    scene.frame_set(4, subframe=0.5)
    out = tmp_path / "gaussians"
    assert bpy.ops.emodifftalk.export(filepath=str(out), format="spz", space="WORLD") == {"FINISHED"}
    assert (scene.frame_current, scene.frame_subframe) == (4, 0.5)
    names = {*(f"gaussians.{n:04d}.spz" for n in range(1, 7)), "gaussians.json"}
    assert {p.name for p in out.iterdir()} == names
    assert json.loads((out / "gaussians.json").read_text())["fps"] == 24.0
    scene.frame_set(6)
    wanted = playback.current_gaussians(playing, scene).transformed(origin.to_world(playing))
    found = read_gaussians(out / "gaussians.0006.spz")
    assert np.abs(found.means - wanted.means).max() < 1e-4
    curves = tmp_path / "face"
    assert bpy.ops.emodifftalk.export(filepath=str(curves), format="au-csv") == {"FINISHED"}
    assert (tmp_path / "face.csv").read_text().startswith("seconds,AU01")
    with pytest.raises(RuntimeError, match="exists already"):
        bpy.ops.emodifftalk.export(filepath=str(curves), format="au-csv")


def test_a_recorded_face_becomes_curves_that_the_performance_hears(head, scene, recording):
    scene.frame_set(11)
    kind, notes = apply_curves(head, scene, recording)
    curves = keyed(head)
    assert "4 curves" in kind and any("AU01" in note for note in notes)
    smile = curves["emodifftalk.au_curves.au12"]
    assert smile.evaluate(11) == pytest.approx(0.7, abs=1e-5) and not smile.lock
    assert curves["emodifftalk.au_curves.au26"].evaluate(11 + 2 * 24) == pytest.approx(0.5, abs=1e-3)
    assert curves["emodifftalk.gaze_yaw"].evaluate(20) == pytest.approx(0.25 * math.radians(35), abs=1e-3)
    add_prompt(head, scene, "calm", 11)
    asked = build_performance(head, scene).performance
    assert asked.au_curves["AU12"][0][1] == pytest.approx(0.7, abs=1e-3) and "AU01" not in asked.au_curves


def test_what_is_keyed_already_stays_unless_asked(head, scene, recording):
    head.emodifftalk.aus.au12 = 0.2
    head.keyframe_insert("emodifftalk.aus.au12", frame=5)
    head.location.x = 2.0
    head.keyframe_insert("location", frame=1)
    _, notes = apply_curves(head, scene, recording, adds=True)
    assert any("AU12" in note and "left as they are" in note for note in notes)
    assert len(keyed(head)["emodifftalk.aus.au12"].keyframe_points) == 1 and "location" in keyed(head)
    assert keyed(head)["emodifftalk.aus.au26"].evaluate(1 + 24) > 0.2
    apply_curves(head, scene, recording, adds=True, over=True)
    assert keyed(head)["emodifftalk.aus.au12"].evaluate(1) == pytest.approx(0.7, abs=1e-5) and "location" in keyed(head)


def test_gaussians_of_another_tool_stand_in_the_scene_and_are_rendered(scene, tmp_path):
    """A still has bounds and a transform, is drawn where it stands, and comes back after saving and opening."""
    from emodifftalk.core.axes import turned
    from emodifftalk.core.formats.spz import write_spz

    gaussians = tiny_subject().gaussians
    write_spz(tmp_path / "bust.spz", turned(gaussians, "blender", "rub"))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert bpy.ops.emodifftalk.import_gaussians(filepath=str(tmp_path / "bust.spz")) == {"FINISHED"}
    still = bpy.context.active_object
    still.location.x = 0.5
    assert still.emodifftalk.gaussians_path == "//bust.spz" and max(still.dimensions) > 0.05
    found = playback.current_gaussians(still, scene)
    assert np.abs(found.means - gaussians.means).max() < 1e-4
    bpy.context.view_layer.update()
    drawn = list(heads.rendered_heads(bpy.context.evaluated_depsgraph_get(), []))
    assert len(drawn) == 1 and drawn[0].gaussians.means[:, 0].mean() == pytest.approx(0.5, abs=0.05)
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert len(playback.current_gaussians(bpy.data.objects["bust"], bpy.context.scene)) == len(gaussians)
    with pytest.raises(RuntimeError, match="no file of Gaussians"):
        bpy.ops.emodifftalk.import_gaussians(filepath=str(tmp_path / "shot.blend"))


def test_a_file_that_is_none_changes_nothing(head, scene, tmp_path):
    (tmp_path / "letter.csv").write_text("dear,reader\n1,2\n")
    with pytest.raises(UserError, match="no table of face curves"):
        apply_curves(head, scene, tmp_path / "letter.csv")
    with pytest.raises(RuntimeError, match="no table of face curves"):
        bpy.ops.emodifftalk.import_curves(filepath=str(tmp_path / "letter.csv"))
    assert not keyed(head)


def test_the_dialogue_says_what_will_be_written_before_it_is(playing, scene):
    from addon.files.export_size import export_lines

    scene.frame_start, scene.frame_end, scene.frame_step = 5, 9, 2
    scene.render.fps = 30
    assert export_lines(scene, "ply", 50_000) == ["Frames 5 to 9, every 2.", "15 fps, 0.2 s", "3 files, about 10 MB"]
    assert export_lines(scene, "usd", 50_000)[2] == "1 file, about 6.0 MB"


def test_the_size_that_is_said_beforehand_is_about_that_of_the_files(tmp_path):
    from addon.files import export
    from addon.files.export_size import BYTES_OF_GAUSSIAN, ONE_FILE, files_and_bytes

    pytest.importorskip("torch", reason="the backend is not in this environment")
    pytest.importorskip("pxr")
    from emodifftalk.export.cast import cast_of_one
    from emodifftalk.export.face_tracks import write_face_track
    from emodifftalk.export.sequence import ExportOptions, export_sequence
    from emodifftalk.export.shot_files import SHOT_FORMATS, export_shot
    from tests.helpers.places import SCENES

    assert set(BYTES_OF_GAUSSIAN) == {name for name, *_ in export.FORMATS} - set(export.CURVES)
    assert set(ONE_FILE) == set(SHOT_FORMATS)
    cast = cast_of_one(
        SCENES / "subjects" / "nora.safetensors", SCENES / "takes" / "hello.safetensors", 25.0, 1.0, 1.12
    )
    for name in {name for name, *_ in export.FORMATS} - {"sog"}:  # its tool need not be here
        folder = tmp_path / name
        if name in export.CURVES:
            write_face_track(folder / "x", cast.heads[0], name, 25.0)
        else:
            (export_shot if name in ONE_FILE else export_sequence)(cast, folder / "x", ExportOptions(name))
        written = [path for path in folder.rglob("*.*") if path.suffix != ".json" or name.endswith("json")]
        files, size = files_and_bytes(name, cast.splats, len(cast), 25.0)
        real = sum(path.stat().st_size for path in written)
        assert len(written) == files, name
        assert size == pytest.approx(real, rel=0.1 if name not in export.CURVES else 0.7), name
