"""Face curves of other tools drive our heads, and ours drive theirs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emodifftalk.core.arkit import ARKIT, arkit_of, from_arkit
from emodifftalk.core.errors import UserError
from emodifftalk.core.facs import ARTICULATIONS, AU_INDEX, AU_NAMES
from emodifftalk.core.formats.face_curves import perform_with, read_face_curves
from emodifftalk.core.performance import Performance, VoiceStrip, from_json, to_json
from emodifftalk.export.cast import cast_of_one
from emodifftalk.export.face_tracks import FORMATS, au_track, write_face_track
from tests.helpers.tiny_subject import save_tiny_subject, save_tiny_take


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    """A tiny head whose jaw opens over two seconds while its eyes wander."""
    folder = tmp_path_factory.mktemp("curves")
    save_tiny_take(folder / "take.safetensors", save_tiny_subject(folder / "subject.safetensors"))
    gaze = ((0.0, 0.0, 0.0), (1.96, 0.3, -0.2))
    return cast_of_one(folder / "subject.safetensors", folder / "take.safetensors", 25.0, gaze=gaze).heads[0]


def live_link(folder: Path, rows: int = 120) -> Path:
    """A recording as Live Link Face writes it: 60 a second, names with capitals, columns that we do not use."""
    names = [name[0].upper() + name[1:] for name in ARKIT]
    lines = [",".join(["Timecode", "BlendShapeCount", *names, "HeadYaw", "HeadPitch", "HeadRoll"])]
    for i in range(rows):
        second, frame = divmod(i + 30, 60)
        values = {"JawOpen": 0.6 * i / rows, "MouthSmileLeft": 0.8, "MouthSmileRight": 0.4, "EyeLookUpLeft": 0.5,
                  "EyeLookUpRight": 0.5}  # fmt: skip
        cells = [f"{values.get(name, 0.0):.6f}" for name in names]
        lines.append(",".join([f"11:53:{37 + second:02d}:{frame:02d}.250", "52", *cells, "0.1", "0.2", "0.3"]))
    path = folder / "MySlate_1_iPhone.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("kind", FORMATS)
def test_what_we_write_we_read(head, tmp_path, kind):
    if kind.startswith("usd"):
        pytest.importorskip("pxr")
    path = write_face_track(tmp_path / "face", head, kind, 25.0)
    found = read_face_curves(path)
    wanted = np.stack([np.interp(found.times * 25, np.arange(50), column) for column in au_track(head).T], axis=1)
    jaw = AU_INDEX["AU26"]
    assert found.times[-1] == pytest.approx(49 / 25, abs=0.02)
    assert np.abs(found.aus[:, jaw] - wanted[:, jaw]).max() < 0.01
    if "arkit" in kind or kind.startswith("usd"):
        assert found.gaze[-1] == pytest.approx((0.3, -0.2), abs=0.02)
    with pytest.raises(UserError, match="exists already"):
        write_face_track(tmp_path / "face", head, kind, 25.0)


def test_shapes_of_single_units_are_read_as_those_units():
    """Each action unit alone, through ARKit's shapes and back, is itself; nothing else rises."""
    units = np.zeros((len(AU_NAMES), len(AU_NAMES) + len(ARTICULATIONS)), np.float32)
    units[np.arange(len(AU_NAMES)), np.arange(len(AU_NAMES))] = 0.8
    found = from_arkit(list(ARKIT), arkit_of(units))
    assert found.known.all()
    own = np.diag(found.aus)
    assert np.allclose(own, 0.8, atol=0.02)
    others = found.aus - np.diag(own)
    # Lips that part raise the upper lip a little, and ARKit has one shape for that.
    others[AU_INDEX["AU25"], AU_INDEX["AU10"]] = 0
    assert others.max() < 0.02


def test_a_live_link_face_recording_becomes_action_units(tmp_path):
    found = read_face_curves(live_link(tmp_path))
    assert found.kind == "Live Link Face" and found.known.all()
    assert found.times[0] == 0 and found.times[-1] == pytest.approx(119 / 60, abs=1e-6)
    assert found.aus[60, AU_INDEX["AU12"]] == pytest.approx(0.6, abs=1e-4)  # the mean of both sides
    assert found.aus[60, AU_INDEX["AU26"]] == pytest.approx(0.5, abs=0.01)
    assert found.gaze[0, 1] > 0.1 and found.gaze[0, 0] == 0
    assert any("HeadYaw" in note for note in found.notes)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ({"names": list(ARKIT), "metadata": {"fps": 30.0}, "frames": [
            {"weights": [0.3] * 52, "time": i / 30, "rotation": []} for i in range(40)]}, "ARKit"),
        ({"exportFps": 60.0, "trackPath": "x.wav", "numPoses": 52, "numFrames": 40, "facsNames": list(ARKIT),
          "weightMat": [[0.3] * 52] * 40}, "Audio2Face"),
        ({"fps": 25, "names": list(AU_NAMES), "frames": [[0.3] * 17] * 40}, "Action units"),
    ],
)  # fmt: skip
def test_json_of_other_tools_is_read(tmp_path, text, kind):
    (tmp_path / "a.json").write_text(json.dumps(text))
    found = read_face_curves(tmp_path / "a.json")
    rate = {"ARKit": 30, "Audio2Face": 60, "Action units": 25}[kind]
    assert found.kind == kind and len(found.times) == 40 and found.times[-1] == pytest.approx(39 / rate)
    assert found.aus[:, AU_INDEX["AU12"]] == pytest.approx(0.3)


def test_openface_and_plain_tables_are_read(tmp_path):
    head = "frame, face_id, timestamp, confidence, success, gaze_angle_x, gaze_angle_y, " + ", ".join(
        f"{au}_r" for au in AU_NAMES if au != "AU24"
    )
    rows = [", ".join([str(i), "0", f"{i / 30:.3f}", "0.98", "1", "0.2", "0.1", *["2.5"] * 16]) for i in range(9)]
    (tmp_path / "of.csv").write_text("\n".join([head, *rows]))
    found = read_face_curves(tmp_path / "of.csv")
    assert found.kind == "OpenFace" and found.aus[3, AU_INDEX["AU12"]] == pytest.approx(0.5)
    assert not found.known[AU_INDEX["AU24"]] and found.gaze[2] == pytest.approx((0.2, -0.1))
    (tmp_path / "plain.csv").write_text("time,AU12,au_6,smell\n0,0.5,0.1,9\n0.5,0.7,0.2,9\n")
    found = read_face_curves(tmp_path / "plain.csv")
    curves = found.curves()
    assert sorted(curves) == ["AU06", "AU12"] and curves["AU12"] == ((0.0, 0.5), (0.5, pytest.approx(0.7)))
    assert "smell" in found.notes[0] and "AU01" in found.notes[1]
    shapes = "timeCode,blendShapes.JawOpen,blendShapes.MouthSmileLeft"
    (tmp_path / "a2f.csv").write_text(f"{shapes}\n0.0,0.3,0.2\n0.016,0.6,0.2\n")
    assert read_face_curves(tmp_path / "a2f.csv").aus[1, AU_INDEX["AU26"]] == pytest.approx(1.0)


def test_curves_replace_or_add_to_what_the_voice_does(tmp_path):
    found = read_face_curves(live_link(tmp_path))
    spoken = Performance(voice=(VoiceStrip(Path("voice.wav")),), au_offsets={"AU01": ((0.0, 0.1),)})
    replaced, added = perform_with(spoken, found), perform_with(spoken, found, "add")
    assert set(replaced.au_curves) == set(AU_NAMES) and replaced.au_offsets == spoken.au_offsets
    assert set(added.au_offsets) == set(AU_NAMES) and not added.au_curves and added.duration is None
    silent = perform_with(Performance(), found)
    assert silent.duration == pytest.approx(119 / 60 + 0.04)
    assert from_json(to_json(replace(silent))).au_curves["AU12"] == silent.au_curves["AU12"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_refused_in_a_sentence_or_read_sane(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged", numbered=True)
    whole = bytearray(live_link(folder, rows=5).read_bytes())
    name = data.draw(st.sampled_from(("x.csv", "x.json")))
    if name == "x.json":
        whole = bytearray(json.dumps({"fps": 25, "names": list(AU_NAMES), "frames": [[0.3] * 17] * 3}).encode())
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(whole) - 1))
        if data.draw(st.booleans()):
            whole[at] = data.draw(st.integers(0, 255))
        else:
            del whole[at : at + data.draw(st.integers(1, 40))]
        if not whole:
            break
    (folder / name).write_bytes(whole)
    try:
        found = read_face_curves(folder / name)
        assert np.isfinite(found.aus).all() and found.aus.min() >= 0 and found.aus.max() <= 1
        assert np.isfinite(found.times).all() and (np.diff(found.times) > 0).all()
    except UserError as error:
        assert "\n" not in str(error) and len(str(error)) > 15
