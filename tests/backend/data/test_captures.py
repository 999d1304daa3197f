"""A data set of any layout becomes a capture whose cameras see what the data set's cameras saw.

Every layout's data set is tiny, synthetic and written as the real one is (tiny_datasets.py); nobody was captured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

pytest.importorskip("scipy")
pytest.importorskip("h5py")
from emodifftalk.cli import main
from emodifftalk.core.camera import Camera
from emodifftalk.core.errors import UserError
from emodifftalk.core.subject import OTF_GROUPS, load_subject
from emodifftalk.data.captures.capture import Capture, load_capture, read_picture, save_capture
from emodifftalk.data.captures.readers import emotalk3d, open_dataset
from emodifftalk.data.captures.readers.picture import Picture
from emodifftalk.data.captures.readers.recording import DatasetSettings
from emodifftalk.data.similarity import fit_similarity
from tests.helpers import tiny_datasets
from tests.helpers import tiny_head as head

pytestmark = pytest.mark.slow

MOMENTS = list(head.MOMENTS)


@dataclass(frozen=True)
class Read:
    """A data set, what was read from it, and its cameras under the names the layout has for them."""

    dataset: tiny_datasets.Dataset
    capture: Capture
    cameras: dict[str, Camera]


@pytest.fixture(scope="module", params=tiny_datasets.LAYOUTS)
def read(request, tmp_path_factory) -> Read:
    dataset = tiny_datasets.LAYOUTS[request.param](tmp_path_factory.mktemp("data") / request.param)
    capture = load_capture(dataset.path)
    names = sorted(capture.cameras)
    return Read(dataset, capture, dict(zip(names, head.cameras().values(), strict=True)))


def test_every_camera_sees_known_points_where_it_saw_them_in_the_data_set(read):
    """The capture may lie elsewhere in space, so the way there is found from the cameras' places, then points are
    taken along: through the cameras of the capture they fall on the very pixels they fell on before."""
    ours = np.stack([_place(camera) for camera in read.cameras.values()])
    theirs = np.stack([_place(read.capture.cameras[name].camera) for name in read.cameras])
    way = fit_similarity(ours, theirs, scaled=True)
    known = head.vertices(MOMENTS[0])[::50]
    for name, camera in read.cameras.items():
        left, top, side = _box(read.capture.frames[0].pictures[name])
        there = read.capture.cameras[name].camera
        assert (there.width, there.height) == (side, side)
        wanted = camera.project(known)[:, :2] - (left, top)
        assert there.project(way.points(known))[:, :2] == pytest.approx(wanted, abs=2e-3)


def test_the_capture_is_in_metres_and_the_face_stands_where_our_template_stands(read):
    truth = head.template().neutral
    assert np.linalg.norm(read.capture.points[0] - truth, axis=1).mean() < 0.004
    ours = np.stack([_place(camera) for camera in read.cameras.values()])
    theirs = np.stack([_place(read.capture.cameras[name].camera) for name in read.cameras])
    assert theirs == pytest.approx(ours, abs=0.02)


def test_the_pictures_show_what_the_cameras_are_said_to_see(read):
    """Lenses straightened, squares cut out, the turning of the head followed: the tip of the nose is where it should
    be, to a pixel or two of a picture of 128."""
    nose = head.template().landmarks["nose_tip"][0]
    for i, frame in enumerate(read.capture.frames):
        for name in sorted(read.cameras)[2:5]:
            camera = read.capture.camera_at(i, name).resized(128, 128)
            colors, matte = read_picture(frame.pictures[name], 128)
            blue = np.argwhere((colors[..., 2] > 0.5) & (colors[..., 0] < 0.3) & (matte > 0.5))
            found = blue.mean(axis=0)[::-1] + 0.5
            assert np.linalg.norm(found - camera.project(read.capture.points[i])[nose, :2]) < 2.5


def test_the_head_is_held_still_and_the_face_moves(read):
    points, template = read.capture.points, head.template()
    forehead = template.neutral[:, 2] > 0.92
    assert np.linalg.norm(points[2][forehead] - points[0][forehead], axis=1).max() < 0.002
    chin = template.landmarks["chin"][0]
    assert points[1][chin, 2] < points[0][chin, 2] - 0.005
    assert read.capture.frames[2].head is not None and "The head moves by up to" in _said(read.capture)


def test_moments_cameras_and_seeds_are_all_there(read):
    capture = read.capture
    assert [int(frame.name) for frame in capture.frames] == [int(moment) for moment in MOMENTS]
    assert all(set(frame.pictures) == set(capture.cameras) for frame in capture.frames)
    middle = sorted(capture.cameras)[3]
    assert [c.name for c in capture.cameras.values() if c.split == "test"] == [middle]
    assert f"Held out to measure with: {middle}." in capture.notes
    groups = np.bincount(capture.seed_group, minlength=len(OTF_GROUPS))
    assert groups.min() > 100
    hair = capture.seed_points[capture.seed_group == OTF_GROUPS.index("surround")]
    assert np.percentile(hair[:, 1], 90) > 0.0


def test_action_units_come_from_openface_by_name_and_what_it_lacks_is_said(read):
    for frame, moment in zip(read.capture.frames, MOMENTS, strict=True):
        assert frame.aus == pytest.approx(tiny_datasets.units(moment), abs=1e-5)
    assert "openface.csv has no AU24: taken as 0 throughout." in read.capture.notes
    assert "openface.csv has AU20, which is not among our units: left out." in read.capture.notes


def test_terms_and_eyes_of_dataset_json_are_kept(read):
    capture = read.capture
    assert capture.synthetic and capture.credit == "the tests"
    assert (capture.licence, capture.consent) == ("CC0", "nobody was captured")
    assert capture.eye_centers == pytest.approx(head.EYE_CENTERS, abs=0.003)
    eye = capture.seed_points[capture.seed_group == OTF_GROUPS.index("eye_left")]
    assert np.linalg.norm(eye - capture.eye_centers[0], axis=1) == pytest.approx(0.0125, abs=1e-4)


def test_check_capture_says_what_is_in_it(read, capsys):
    assert main(["check-capture", str(read.dataset.path)]) == 0
    said = capsys.readouterr().out
    assert "3 moments seen by 6 cameras to learn from and 1 to measure with" in said
    assert "all 21 pictures can be read" in said and "licence: CC0" in said
    assert "by 8 landmarks alone: its points may be millimetres off" in said
    assert "note: openface.csv has no AU24" in said and "AU12, AU25, AU26" in said


def test_what_a_person_chooses_is_obeyed(tmp_path):
    dataset = tiny_datasets.transforms(tmp_path)
    (tmp_path / "openface.csv").unlink()
    chosen = {"held_out": ["1", "5"], "neutral": "00001", "most_pictures": 14, "eye_centers": []}
    with pytest.raises(UserError, match="eye_centers"):
        open_dataset(dataset.path, **chosen)
    (tmp_path / "dataset.json").unlink()
    del chosen["eye_centers"]
    capture = open_dataset(dataset.path, **chosen)
    assert [c.name for c in capture.cameras.values() if c.split == "test"] == ["1", "5"]
    assert [frame.name for frame in capture.frames] == ["00001", "00000"]
    said = _said(capture)
    assert "every frame is taken as neutral" in said and "2 of 3 moments are used" in said
    assert "give “eye_centers” to steer the gaze" in said and not len(capture.eye_centers)


@pytest.mark.parametrize("naming", ["{moment}/{camera}.png", "{camera}/{moment}.png", "cam_{camera}_{moment}.png",
                                    "{moment}/cam{camera}.png"])  # fmt: skip
def test_pictures_of_emotalk3d_are_found_by_any_of_the_usual_names(tmp_path, naming):
    """Numbers of moments that are numbers of cameras too are never taken for them."""
    dataset = tiny_datasets.nersemble(tmp_path)
    images = dataset.folder / "images"
    for path in list(images.iterdir()):
        _, camera, moment = path.stem.split("_")
        new = images / naming.format(camera=camera, moment=moment)
        new.parent.mkdir(exist_ok=True)
        path.rename(new)
    recording = emotalk3d.read(dataset.path, DatasetSettings())
    assert {m: sorted(views) for m, views in recording.moments.items()} == {m: list(head.ANGLES) for m in MOMENTS}
    assert not recording.notes


def test_our_own_layout_comes_back_as_it_was_written(tmp_path):
    folder = tiny_datasets.own(tmp_path / "own")
    capture = load_capture(folder)
    nose = head.template().landmarks["nose_tip"][0]
    for name, camera in head.cameras().items():
        left, top, side = _box(capture.frames[0].pictures[name])
        wanted = camera.project(capture.points[0])[:, :2] - (left, top)
        assert side == head.WIDTH
        assert capture.cameras[name].camera.project(capture.points[0])[:, :2] == pytest.approx(wanted, abs=1e-6)
    colors = read_picture(capture.frames[0].pictures["03"], 128)[0]
    found = np.argwhere((colors[..., 2] > 0.5) & (colors[..., 0] < 0.3)).mean(axis=0)[::-1] + 0.5
    assert found == pytest.approx(capture.cameras["03"].camera.project(capture.points[0])[nose, :2], abs=1)
    assert [frame.aus.tolist() for frame in capture.frames] == [tiny_datasets.units(m).tolist() for m in MOMENTS]
    assert (capture.licence, capture.consent) == ("CC0", "nobody was captured")
    assert capture.eye_centers == pytest.approx(head.EYE_CENTERS, abs=1e-6)


def test_a_subject_is_learned_from_a_data_set_of_another_layout(tmp_path):
    """A few steps only: that everything training asks of a capture is there, its terms and eyes too."""
    pytest.importorskip("torch")
    from emodifftalk.train.rig.canonical import CanonicalSettings, train_canonical

    dataset = tiny_datasets.colmap_binary(tmp_path / "data")
    out = tmp_path / "head.safetensors"
    report = train_canonical(dataset.path, out, CanonicalSettings(steps=3, size=64, face=4000, backend="cpu"))
    subject = load_subject(out)
    assert subject.synthetic and subject.licence == "CC0" and subject.consent == "nobody was captured"
    assert subject.eye_centers == pytest.approx(head.EYE_CENTERS, abs=0.003)
    assert any("AU24" in note for note in report["notes"])
    assert report["neutral"]["pictures"] == 1 and report["expressive"]["pictures"] == 2


def test_only_captures_with_pictures_of_their_own_can_be_written(tmp_path):
    capture = load_capture(tiny_datasets.own(tmp_path / "own"))
    with pytest.raises(TypeError, match="files of their own"):
        save_capture(tmp_path / "again", capture)


def _place(camera: Camera) -> np.ndarray:
    return -camera.viewmat[:3, :3].T @ camera.viewmat[:3, 3]


def _box(picture: object) -> tuple[int, int, int]:
    assert isinstance(picture, Picture) and picture.box is not None
    return picture.box


def _said(capture: Capture) -> str:
    return "\n".join(capture.notes)
