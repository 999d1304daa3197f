"""What is wrong with a data set is one sentence that says what and where; nothing else ever comes out of it."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy")
h5py = pytest.importorskip("h5py")
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from emodifftalk.cli import main
from emodifftalk.core.errors import UserError
from emodifftalk.data.captures.capture import load_capture, read_picture
from emodifftalk.data.captures.readers import open_dataset
from emodifftalk.data.captures.readers.colmap_files import read_model
from emodifftalk.data.captures.readers.mesh_files import read_mesh
from tests.helpers import tiny_datasets
from tests.helpers import tiny_head as head
from tests.helpers.places import BACKEND, ROOT, with_paths

pytestmark = pytest.mark.slow

Copies = Callable[[str], tiny_datasets.Dataset]


@pytest.fixture(scope="module")
def originals(tmp_path_factory) -> dict[str, tiny_datasets.Dataset]:
    """One data set of every layout, written when it is first asked for."""
    return {"root": tmp_path_factory.mktemp("originals")}  # type: ignore[dict-item]


@pytest.fixture
def copy(originals, tmp_path) -> Copies:
    """A fresh copy of the data set of a layout, to be broken."""

    def fresh(layout: str) -> tiny_datasets.Dataset:
        folder = originals["root"] / layout
        if layout not in originals:
            originals[layout] = tiny_datasets.LAYOUTS[layout](folder)
        made, here = originals[layout], tmp_path / layout
        shutil.copytree(folder, here)
        return tiny_datasets.Dataset(
            here / made.path.relative_to(folder), here / made.folder.relative_to(folder), made.world
        )

    return fresh


def _said(path: Path, *words: str, **options: object) -> str:
    """The one sentence that reading this, every picture of it too, ends with; all `words` are in it."""
    with pytest.raises(UserError) as caught:
        capture = open_dataset(path, **options)
        for frame in capture.frames:
            for picture in frame.pictures.values():
                read_picture(picture, 32)
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence and "Error" not in sentence
    for word in words:
        assert word in sentence, f"“{word}” is not in: {sentence}"
    return sentence


def _edit(path: Path, change: Callable[[dict], object]) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")


# Cameras


def test_a_camera_that_does_not_exist_is_named_with_those_that_do(copy):
    data = copy("emotalk3d")
    _said(data.path, "no camera 09", "00, 01, 02", cameras=("00", "09"))
    _said(data.path, "no camera 11", held_out=("11",))


def test_pictures_without_a_camera_are_left_out_and_said_or_refused(copy, tmp_path):
    data = copy("emotalk3d")
    _edit(data.folder / "params.json", lambda d: [d.pop(key) for key in list(d) if key.startswith("03_")])
    capture = load_capture(data.path)
    assert "03" not in capture.cameras and any(f"{Path('images/03/000000.jpg')}: left out" in n for n in capture.notes)
    text = copy("colmap_text")
    cameras = text.folder / "sparse" / "0" / "cameras.txt"
    cameras.write_text("\n".join(cameras.read_text(encoding="utf-8").splitlines()[:-1]), encoding="utf-8")
    _said(text.path, "camera 7 of the picture 06/000000.png is not in the model")
    own = tiny_datasets.own(tmp_path / "own")
    _edit(own / "capture.json", lambda d: d["cameras"].pop(2))
    _said(own, "capture.json", "unknown cameras ['02']")


def test_calibration_that_no_camera_can_have_is_refused_by_name(copy, tmp_path):
    data = copy("emotalk3d")
    _edit(data.folder / "params.json", lambda d: d["02_K"][0].__setitem__(0, 0.0))
    _said(data.path, "params.json: camera 02", "focal length")
    _edit(data.folder / "params.json", lambda d: d.update({"02_K": None}))
    _said(data.path, "params.json: camera 02 is not calibrated")
    json_ = copy("transforms")
    _edit(json_.path / "transforms.json", lambda d: d.update({"cx": 4000.0}))
    _said(json_.path, "transforms.json", "principal point", "outside the picture")
    _edit(json_.path / "transforms.json", lambda d: d["frames"][0].pop("transform_matrix"))
    _said(json_.path, "transforms.json", "transform_matrix")
    own = tiny_datasets.own(tmp_path / "own")
    _edit(own / "capture.json", lambda d: d["cameras"][1]["viewmat"][0].__setitem__(0, 7.0))
    _said(own, "capture.json: camera 01", "not a rotation")


def test_calibration_that_does_not_belong_to_the_pictures_is_noticed(copy):
    """The numbers are those of a camera, only not of this one: the face does not fall where the person is."""
    data = copy("emotalk3d")
    _edit(data.folder / "params.json", lambda d: d["02_K"][0].__setitem__(2, 18.0))
    _said(data.path, "emotalk3d", "camera 02", "calibration")
    away = copy("transforms")

    def turn(d: dict) -> None:
        for frame in d["frames"]:
            if frame["camera_index"] == 4:
                frame["transform_matrix"] = (np.array(frame["transform_matrix"]) @ np.diag([-1.0, 1, -1, 1])).tolist()

    _edit(away.path / "transforms.json", turn)
    _said(away.path, "camera 4 does not see the head")


# Pictures


def test_an_empty_matte_is_named(copy, capsys):
    data = copy("emotalk3d")
    Image.new("L", (head.WIDTH, head.HEIGHT)).save(data.folder / "masks" / "04" / "000002.png")
    assert main(["check-capture", str(data.path)]) == 1
    told = capsys.readouterr()
    assert "000002.jpg is empty" in told.err and "The matte of" in told.err and "3 moments seen by" in told.out
    assert str(Path("04") / "000002.jpg") in told.err


def test_a_picture_of_another_size_than_its_camera_is_named(copy):
    data = copy("colmap_text")
    path = data.folder / "images" / "05" / "000001.png"
    with Image.open(path) as image:
        image.resize((64, 56)).save(path)
    _said(data.path, str(Path("05") / "000001.png"), "64 × 56", "128 × 112")


def test_a_missing_matte_is_named_with_what_to_add(copy):
    data = copy("emotalk3d")
    (data.folder / "masks" / "01" / "000001.png").unlink()
    _said(data.path, "000001.jpg has no matte", str(Path("masks") / "01" / "000001.png"))


# Half copied


def test_a_half_copied_data_set_is_refused_naming_what_is_missing(copy, tmp_path):
    data = copy("emotalk3d")
    for moment in ("000001", "000002"):
        (data.folder / "images" / "06" / f"{moment}.jpg").unlink()
    _said(data.path, "half copied", "camera 06 took 1 pictures where others took 3", "000001")
    shutil.rmtree(data.folder / "mesh")
    _said(data.path, "no tracked mesh", "000000.obj")
    json_ = copy("transforms")
    (json_.path / "images" / "000001_05.png").unlink()
    _said(json_.path, "000001_05.png is missing", "copy the data set again")
    model = copy("colmap_binary")
    (model.path / "images" / "02" / "000000.png").unlink()
    _said(model.path, str(Path("02") / "000000.png"), "is missing")
    own = tiny_datasets.own(tmp_path / "own")
    (own / "pictures" / "000002_06.png").unlink()
    _said(own, "000002_06.png is missing")


def test_the_two_files_of_renderme_360_are_asked_for_by_name(copy):
    data = copy("renderme360")
    (data.folder / "0026_e0_anno.smc").unlink()
    _said(data.path, "0026_e0_anno.smc")


def test_one_missing_picture_or_mesh_is_left_out_and_said(copy):
    data = copy("nersemble")
    (data.folder / "images" / "cam_01_000002.png").unlink()
    (data.folder / "mesh" / "000001.obj").unlink()
    capture = load_capture(data.path)
    assert [frame.name for frame in capture.frames] == ["000000", "000002"]
    assert "01" not in capture.frames[1].pictures
    assert "1 of 3 moments have no tracked mesh: left out." in capture.notes
    assert any("amera 01 took 1 pictures where others took 2" in note and "000002" in note for note in capture.notes)
    # OpenFace's rows are of the pictures, not of the meshes.
    assert capture.frames[1].aus == pytest.approx(tiny_datasets.units("000002"), abs=1e-5)


CUT = {
    "emotalk3d": ["params.json", "landmarks.json", "dataset.json", "openface.csv", "mesh/000000.obj",
                  "images/03/000000.jpg", "masks/03/000000.png"],
    "renderme360": ["raw/0026/0026_e0_raw.smc", "anno/0026/0026_e0_anno.smc", "anno/0026/topology.obj"],
    "transforms": ["transforms.json", "mesh/00001.obj"],
    "colmap_text": ["sparse/0/cameras.txt", "sparse/0/images.txt", "mesh/000000.ply"],
    "colmap_binary": ["sparse/0/cameras.bin", "sparse/0/images.bin", "sparse/0/points3D.bin"],
}  # fmt: skip


@pytest.mark.parametrize(("layout", "file"), [(layout, file) for layout, files in CUT.items() for file in files])
def test_a_file_that_is_cut_short_is_named(copy, layout, file):
    data = copy(layout)
    path = data.path.parents[2] / file if layout == "renderme360" else data.folder / file
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2 + 1])
    _said(data.path, path.name)
    path.write_bytes(b"")
    if not file.startswith(("images", "masks")):
        _said(data.path)


# Landmarks and meshes


def test_landmarks_that_are_missing_exchanged_or_impossible_are_explained(copy):
    data = copy("emotalk3d")
    path = data.folder / "landmarks.json"
    marks = head.landmarks()
    path.write_text(json.dumps({"nose_tip": marks["nose_tip"], "chin": marks["chin"]}), encoding="utf-8")
    _said(data.path, "landmarks.json names 2 places", "4 are needed")
    swapped = {name.replace("left", "LEFT").replace("right", "left").replace("LEFT", "right"): v
               for name, v in marks.items()}  # fmt: skip
    path.write_text(json.dumps(swapped), encoding="utf-8")
    _said(data.path, "landmarks.json", "left and right are exchanged")
    path.write_text(json.dumps(marks | {"chin": 10**9}), encoding="utf-8")
    _said(data.path, "“chin” is neither")
    path.write_text(json.dumps(marks | {"chin": marks["eye_outer_left"]}), encoding="utf-8")
    _said(data.path, "do not lie as on a face")
    path.unlink()
    _said(data.path, "Add landmarks.json")


def test_meshes_of_two_vertex_orders_are_refused(copy):
    data = copy("transforms")
    (data.path / "mesh" / "00002.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", encoding="utf-8")
    _said(data.path, "00002.obj has 3 vertices", "one vertex order")


def test_eyes_outside_the_head_are_refused(copy):
    data = copy("emotalk3d")
    wrong = data.world.of(head.EYE_CENTERS[::-1]).tolist()
    _said(data.path, "left of “eye_centers”", "mm", eye_centers=wrong)


def test_a_setting_that_does_not_exist_is_named(copy):
    data = copy("emotalk3d")
    _edit(data.folder / "dataset.json", lambda d: d.update({"heldout": ["03"]}))
    _said(data.path, "heldout", "held_out")


# Hostile files


def test_no_path_leads_out_of_the_data_set(copy, tmp_path):
    secret = tmp_path / "secret.png"
    Image.new("RGBA", (head.WIDTH, head.HEIGHT), (255, 255, 255, 255)).save(secret)
    json_ = copy("transforms")
    for key, path in (("file_path", "../secret.png"), ("fg_mask_path", str(secret)), ("mesh_path", "../x.obj")):
        before = (json_.path / "transforms.json").read_text(encoding="utf-8")
        _edit(json_.path / "transforms.json", lambda d, k=key, p=path: d["frames"][0].update({k: p}))
        _said(json_.path, "points outside the folder")
        (json_.path / "transforms.json").write_text(before, encoding="utf-8")
    _said(json_.path, "points outside the folder", openface="../openface.csv")
    model = copy("colmap_text")
    images = model.path / "sparse" / "0" / "images.txt"
    text = images.read_text(encoding="utf-8")
    images.write_text(text.replace("00/000000.png", "../../secret.png", 1), encoding="utf-8")
    _said(model.path, "points outside the folder")


def test_links_inside_smc_files_to_other_files_are_not_followed(copy, tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as other:
        other["K"] = np.eye(3)
    data = copy("renderme360")
    with h5py.File(data.folder / "0026_e0_anno.smc", "r+") as file:
        del file["Calibration/03/K"]
        file["Calibration/03/K"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "K")
    _said(data.path, "0026_e0_anno.smc", "Calibration/03/K")


@given(st.data())
def test_any_damage_to_a_colmap_model_or_a_mesh_is_one_sentence_or_harmless(originals, tmp_path_factory, data):
    folder = originals["root"] / "colmap_binary"
    if "colmap_binary" not in originals:
        originals["colmap_binary"] = tiny_datasets.colmap_binary(folder)
    here = tmp_path_factory.mktemp("damaged")
    for name in ("cameras.bin", "images.bin", "points3D.bin"):
        shutil.copy(folder / "sparse" / "0" / name, here / name)
    shutil.copy(folder / "mesh" / "000000.ply", here / "mesh.ply")
    name, read = data.draw(st.sampled_from([("cameras.bin", read_model), ("images.bin", read_model),
                                            ("points3D.bin", read_model), ("mesh.ply", read_mesh)]))  # fmt: skip
    content = bytearray((here / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, min(len(content), 400) - 1))] = data.draw(st.integers(0, 255))
    (here / name).write_bytes(content)
    try:
        read(here / name if read is read_mesh else here)
    except UserError as error:
        assert name in str(error) and "\n" not in str(error)


def test_a_model_that_promises_more_than_it_holds_takes_no_memory(copy):
    data = copy("colmap_binary")
    path = data.path / "sparse" / "0" / "images.bin"
    content = path.read_bytes()
    path.write_bytes(struct.pack("<Q", 2**60) + content[8:])
    _said(data.path, "images.bin is damaged or cut short")


# Writing

FULL = """
import resource, signal
from tests.helpers import tiny_datasets
from pathlib import Path
from dataclasses import replace
from emodifftalk.core.errors import UserError
from emodifftalk.data.captures.capture import load_capture, save_capture
import numpy as np
folder = Path({folder!r})
capture = tiny_datasets.own_capture(folder)
capture = replace(capture, name="another", seed_points=np.zeros((4 * {more}, 3)), seed_colors=np.zeros((4 * {more}, 3)),
                  seed_group=np.zeros(4 * {more}, np.uint8))
if {more} == 1:
    frame = replace(capture.frames[0], name="x" * 200_000)
    capture = replace(capture, frames=[frame, *capture.frames[1:]])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    save_capture(folder, capture)
except UserError as error:
    print(error)
"""


@pytest.mark.skipif(os.name == "nt", reason="the size of files cannot be limited there")
@pytest.mark.parametrize(("more", "file"), [(100_000, "points.safetensors"), (1, "capture.json")])
def test_what_was_written_stays_when_the_disk_is_full(tmp_path, more, file):
    """A limit on the size of files stands for the full disk: the same refusal in the midst of writing."""
    folder = tiny_datasets.own(tmp_path / "own")
    before = sorted(path.name for path in folder.iterdir())
    code = FULL.format(folder=str(folder), more=more)
    answer = subprocess.run(
        [sys.executable, "-c", code], env=with_paths(ROOT, BACKEND), capture_output=True, text=True, timeout=120
    )
    assert answer.stderr == "" and answer.stdout.count("\n") == 1, answer.stderr
    assert file in answer.stdout and "cannot be written" in answer.stdout
    assert sorted(path.name for path in folder.iterdir()) == before
    assert load_capture(folder).name == "tiny"


def test_something_that_is_no_capture_is_said_to_be_none(tmp_path, capsys):
    assert main(["check-capture", str(tmp_path / "nothing")]) == 1
    assert "there is no such folder" in capsys.readouterr().err
    assert main(["check-capture", str(tmp_path)]) == 1
    assert "docs/formats/captures.md" in capsys.readouterr().err
    (tmp_path / "capture.json").write_text("[1]", encoding="utf-8")
    assert main(["check-capture", str(tmp_path)]) == 1
    assert "capture.json is damaged" in capsys.readouterr().err
