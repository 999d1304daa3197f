"""On the complete Blender with its window: the built .zip installs, plays, scrubs, renders, and leaves without a trace.

No backend exists in it. Slow graphics are enough: software OpenGL takes a minute or two.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

Image = pytest.importorskip("PIL.Image")

from tools import packages
from tools.complete_blender import complete_blender, with_a_screen
from tools.environments import Missing

pytestmark = pytest.mark.slow

PACKAGE = "bl_ext.user_default.emodifftalk"
PATIENCE = 400
"""Seconds the session may take."""


@pytest.fixture(scope="module")
def session(tmp_path_factory) -> Path:
    """The folder that drive.py left its facts and pictures in."""
    try:
        blender = complete_blender()
        windowed = with_a_screen(blender)
    except Missing as problem:
        pytest.skip(str(problem))
    if packages.this_platform() not in packages.PLATFORMS:
        pytest.skip(f"there is no package for {packages.this_platform()}")
    folder = tmp_path_factory.mktemp("window")
    (folder / "profile").mkdir()
    hidden = ("PYTHONPATH", "EMODIFFTALK_PYTHON")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment |= {"BLENDER_USER_RESOURCES": str(folder / "profile")}
    path = next(p for p in packages.build_packages() if packages.this_platform() in p.name)
    for command in (["validate", str(path)], ["install-file", "-r", "user_default", str(path)]):
        run([blender, "--command", "extension", *command], environment)
    (folder / "out").mkdir()
    drive = Path(__file__).with_name("drive.py")
    options = ["--enable-event-simulate", "--window-geometry", "0", "0", "1200", "800", "--python", str(drive)]
    said = run([*windowed, *options, "--", str(folder / "out"), PACKAGE], environment)
    if not (folder / "out" / "facts.json").exists():
        pytest.fail(f"Blender ended before the session did:\n{said}")
    return folder / "out"


def run(command: list[str], environment: dict[str, str]) -> str:
    """Run Blender and return what it said."""
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout[-3000:]


@pytest.fixture(scope="module")
def facts(session) -> dict:
    """What the session found."""
    found = json.loads((session / "facts.json").read_text())
    assert "error" not in found, found["error"]
    return found


def screenshot(session: Path, name: str) -> np.ndarray:
    """The window (H, W, 3) in 0..1, row 0 at the bottom as Blender counts."""
    return np.load(session / f"{name}.npy")[..., :3].astype(np.float32) / 255


def covered(mask: np.ndarray) -> list[float]:
    """Left, right, bottom, top of most of what is True."""
    rows, columns = np.nonzero(mask)
    assert len(rows) > 100, "nothing was drawn"
    return [float(np.quantile(line, share)) for line in (columns, rows) for share in (0.002, 0.998)]


def expect_head(mask: np.ndarray, box: list[float]) -> None:
    """The pixels in which a head shows lie where its Gaussians are projected to, and fill that box as a head does."""
    left, right, bottom, top = box
    assert covered(mask) == pytest.approx(box, abs=0.06 * max(right - left, top - bottom))
    inside = mask[max(int(bottom), 0) : int(top), max(int(left), 0) : int(right)]
    assert inside.mean() > 0.5
    assert inside.sum() > 0.97 * mask.sum()


def drawn(session: Path, name: str, region: list[float]) -> np.ndarray:
    """Where in the viewport the Gaussians make a difference, as a mask of the whole window."""
    left, right, bottom, top = map(int, region)
    change = np.abs(screenshot(session, f"{name} with") - screenshot(session, f"{name} without")).max(axis=-1)
    mask = np.zeros(change.shape, bool)
    mask[bottom:top, left:right] = change[bottom:top, left:right] > 0.04
    return mask


def test_the_viewport_shows_every_head_where_it_is(session, facts, record_property):
    record_property("blender", facts["blender"])
    assert {"imported", "origin set", "reopened", "frame 5", "frame 20", "frame 60"} <= set(facts["boxes"])
    for name, boxes in facts["boxes"].items():
        expect_head(drawn(session, name, boxes["region"]), boxes["head"])


def test_view_selected_frames_the_whole_head(facts):
    for boxes in facts["boxes"].values():
        _, _, bottom, top = boxes["head"]
        assert boxes["seen"] > 0.995 and top - bottom > 0.5 * (boxes["region"][3] - boxes["region"][2])


def test_set_origin_leaves_the_picture_as_it_is(session, facts):
    left, right, bottom, top = map(int, facts["boxes"]["imported"]["region"])
    before, now = (screenshot(session, f"{name} with")[bottom:top, left:right] for name in ("imported", "origin set"))
    assert (np.abs(before - now).max(axis=-1) > 0.02).mean() < 1e-4
    assert facts["boxes"]["origin set"]["head"] == pytest.approx(facts["boxes"]["imported"]["head"], abs=0.1)


def test_what_was_typed_and_keyed_is_there_after_saving_and_opening(facts):
    assert facts["typed"]["prompts"] == ["calm", "delighted"]
    assert facts["typed"]["head"] == "Nora" and facts["typed"]["voice"] == "hello"
    assert 0.2 < facts["typed"]["intensity"] < 0.8
    assert facts["reopened"] == facts["typed"]


def test_the_sample_shot_is_scrubbed_by_keys_and_its_mouth_moves(session, facts):
    assert facts["frame after three presses"] == 4
    assert max(facts["mouths"].values()) - min(facts["mouths"].values()) > 0.0015
    closed, open_ = (screenshot(session, f"frame {frame} with") for frame in (5, 20))
    region = facts["boxes"]["frame 5"]["region"]
    change = np.abs(closed - open_).max(axis=-1)[int(region[2]) : int(region[3]), int(region[0]) : int(region[1])]
    assert 0.001 < (change > 0.08).mean() < 0.2


def test_f12_renders_the_head_where_the_camera_sees_it(session, facts):
    found = np.asarray(Image.open(session / "rendered.png").convert("RGB"), np.float32)[::-1] / 255
    height, width = found.shape[:2]
    box = [share * size for share, size in zip(facts["rendered box"], (width, width, height, height), strict=True)]
    backdrop = found[height - 4 :, :4].reshape(-1, 3).mean(axis=0)
    mask = np.abs(found - backdrop).max(axis=-1) > 0.04
    expect_head(mask, box)


def test_a_render_that_lacks_its_head_is_reported_when_it_has_ended(facts):
    assert facts["lacked"] == {
        "said": ["Nora is not in the picture: Workbench cannot draw heads."],
        "not reported": [],
    }


def test_no_line_lies_over_a_face_in_rendered_shading_under_any_view_transform(session, facts):
    with_lines, without = (screenshot(session, f"overlays {shown}") for shown in (True, False))
    left, right, bottom, top = map(int, facts["overlays box"]["head"])
    height, width = top - bottom, right - left
    change = np.abs(with_lines - without).max(axis=-1)
    face = change[bottom + height // 3 : top - height // 4, left + width // 3 : right - width // 3]
    assert (face > 0.04).mean() < 0.001
    assert (change > 0.04).sum() > 100  # grid and axes are there, beside the head


def test_a_file_from_elsewhere_starts_nothing_until_a_press_and_code_beside_it_is_never_run(facts):
    found = facts["downloaded"]
    assert found["state"] == "stopped" and found["deaths"] == 0
    assert "not saved on this computer" in found["live"]
    assert found["after the press"] == "dead" and "No module named" in found["it said"]
    assert found["ran"] == ""


def test_every_press_on_the_pad_is_the_pads_and_the_head_stays_selected(facts):
    found = facts["pad"]
    assert all(found["selected after"].values()), found["selected after"]
    assert found["pad went"] == [-120, 60] and not found["pad beyond the edge"]
    assert found["mood"] == [-0.8, -0.1] and found["mood after undo"] == [0, 0]
    assert found["closed"] and not found["closed by a press that was thought better of"]


def test_a_head_that_is_deleted_while_it_generates_is_back_after_one_undo_and_its_take_is_offered(facts):
    found = facts["deleted"]
    assert found["deleted"] and found["back after one undo"]
    assert found["takes that wait"] == ["meanwhile.safetensors"] and found["takes listed"] == 1


def test_a_sample_scene_comes_with_our_tab_open_and_what_was_read_stays_read_after_undo(facts):
    assert facts["tab of a sample"] == "EmoDiffTalk"
    assert facts["read after undo"] == "a word of ours"


def test_the_workspace_talking_head_is_made_once(facts):
    found = facts["workspace"]
    assert found["name"] == found["again"] == "Talking Head" and found["more"] == 1
    assert found["editors"] == ["GRAPH_EDITOR", "SEQUENCE_EDITOR", "VIEW_3D"] and found["lowest"] != "VIEW_3D"
    assert (found["tab"], found["strips of"]) == ("EmoDiffTalk", "Scene")


def test_a_head_copied_by_hand_brings_its_prompts_and_one_undo_takes_both(facts):
    (before, heads), (copied, more), (after, fewer) = facts["copies"]
    prompts = [name for name in before if name != "hello"]
    assert len(prompts) == 3 and (heads, more, fewer) == (1, 2, 1)
    assert len(copied) == len(before) + 3 and all(name.startswith("Nora") for name in copied)
    assert after == before


def test_switched_off_it_leaves_nothing_behind(session, facts):
    assert facts["left behind"] == {}
    name = "frame 60"
    boxes = facts["boxes"][name]
    change = np.abs(screenshot(session, "switched off") - screenshot(session, f"{name} without")).max(axis=-1)
    left, right, bottom, top = map(int, boxes["head"])
    assert (change[bottom:top, left:right] > 0.04).mean() < 0.01
