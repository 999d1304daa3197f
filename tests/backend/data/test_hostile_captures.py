"""What no honest program writes into a capture is a sentence, at once and in little memory."""

from __future__ import annotations

import io
import json
import os
import struct
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy")
h5py = pytest.importorskip("h5py")
from PIL import Image

from emodifftalk.core import tensors
from emodifftalk.core.errors import UserError
from emodifftalk.core.plan import NAME, expect_mapping, load_plan
from emodifftalk.core.template import load_template
from emodifftalk.data.captures.plan import CaptureRequest, plan_capture
from emodifftalk.data.captures.readers import open_dataset, smc_child, smc_file
from emodifftalk.data.captures.readers.colmap_files import read_model
from emodifftalk.data.captures.readers.mesh_files import read_mesh
from emodifftalk.data.captures.readers.picture import StoredPicture
from emodifftalk.data.captures.readers.recording import DatasetSettings, is_number, read_settings
from emodifftalk.data.captures.readers.transforms_json import read as read_transforms
from emodifftalk.data.captures.readers.world import read_landmarks
from emodifftalk.data.face.actor import Actor
from emodifftalk.data.numpy_files import read_npy, read_npz
from emodifftalk.data.speech.recordings import read_recordings

HUGE = 10**400
BAD = [HUGE, float("nan"), float("inf"), 1e300, "x", None, [], {}, [[[1]]], "\ud800"]
CAMERA = {"name": "00", "viewmat": np.eye(4).tolist(), "K": [[60, 0, 32], [0, 60, 32], [0, 0, 1]],
          "width": 64, "height": 64}  # fmt: skip
pipes = pytest.mark.skipif(sys.platform == "win32", reason="there are no pipes among files")


def sentence(read, *words: object) -> str:
    """The sentence that reading ends with."""
    with pytest.raises(UserError) as caught:
        read(*words)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 1100
    return str(caught.value)


def own(folder: Path, points: np.ndarray | None = None, **changes: object) -> Path:
    """The smallest capture; changes: of its frame."""
    frame = {"name": "a", "aus": {"AU12": 0.5}, "gaze": [0, 0], "pictures": {"00": "a.png"}, **changes}
    data = {"schema": 1, "name": "x", "cameras": [CAMERA], "frames": [frame]}
    folder.mkdir(exist_ok=True)
    (folder / "capture.json").write_text(json.dumps(data))
    (folder / "a.png").touch()
    points = load_template().neutral[None] if points is None else points
    seeds = {"seed_points": np.zeros((1, 3)), "seed_colors": np.zeros((1, 3)), "seed_group": np.zeros(1, np.uint8)}
    tensors.save(folder / "points.safetensors", {"points": points, **seeds})
    return folder


@pytest.mark.parametrize("value", BAD, ids=lambda value: repr(value)[:12])
@pytest.mark.parametrize("place", ["width", "K", "viewmat", "aus", "gaze", "pictures"])
def test_a_capture_of_ours_with_a_value_that_none_has_is_a_sentence(tmp_path, monkeypatch, value, place):
    if place in CAMERA:
        monkeypatch.setitem(CAMERA, place, [[value] * 3] * 3 if place == "K" else value)
        sentence(open_dataset, own(tmp_path))
    else:
        inside = {"aus": {"AU12": value}, "gaze": [value, 0], "pictures": {"00": value}}
        sentence(open_dataset, own(tmp_path, **{place: inside[place]}))


def test_a_capture_of_ours_is_read_and_its_points_are_of_the_template(tmp_path):
    assert len(open_dataset(own(tmp_path)).frames) == 1
    assert "expected 1 × 1855" in sentence(open_dataset, own(tmp_path, np.zeros((1, 7, 3))))
    assert "no places in metres" in sentence(open_dataset, own(tmp_path, np.full((1, 1855, 3), 1e30)))


def test_deep_nesting_is_a_sentence_wherever_json_is_read(tmp_path):
    for name in ("capture.json", NAME, "dataset.json", "landmarks.json", "transforms.json", "mapping.json"):
        (tmp_path / name).write_text("[" * 100_000)
    sentence(open_dataset, tmp_path)
    sentence(load_plan, tmp_path)
    sentence(read_settings, tmp_path, {})
    sentence(read_landmarks, tmp_path, np.zeros((3, 3)))
    sentence(read_transforms, tmp_path, DatasetSettings())
    sentence(plan_capture, tmp_path / "out", CaptureRequest(mapping=str(tmp_path / "mapping.json")))


@pipes
def test_pipes_and_links_out_of_the_folder_are_no_pictures_and_no_meshes(tmp_path):
    capture = own(tmp_path / "own")
    (capture / "a.png").unlink()
    os.mkfifo(capture / "a.png")
    assert "is missing" in sentence(open_dataset, capture)
    (capture / "a.png").unlink()
    (tmp_path / "secret.png").touch()
    (capture / "a.png").symlink_to(tmp_path / "secret.png")
    assert "outside the folder" in sentence(open_dataset, capture)
    for name in ("pipe.png", "pipe.obj", "pipe.ply", "pipe.npy", "pipe.smc"):
        os.mkfifo(tmp_path / name)
        read = StoredPicture(tmp_path / name).size if name == "pipe.png" else read_mesh
        if name.endswith("smc"):
            read = open_dataset
        assert "no plain file" in sentence(read, *([] if name == "pipe.png" else [tmp_path / name]))
    (tmp_path / "speech").mkdir()
    os.mkfifo(tmp_path / "speech" / "a.wav")
    assert "no plain file" in sentence(read_recordings, tmp_path)


# transforms.json


@pytest.mark.parametrize("change", [{"camera_angle_x": 5e-324}, {"fl_x": HUGE}, {"w": float("nan")}, {"k1": HUGE},
                                    {"train_filenames": 3}, {"time": HUGE}, {"timestep_index": HUGE},
                                    {"camera_angle_x": 0.5, "cx": float("inf")}])  # fmt: skip
def test_a_transforms_json_with_a_number_that_none_has_is_read_or_a_sentence(tmp_path, change):
    Image.new("RGBA", (8, 8)).save(tmp_path / "a.png")
    frame = {"file_path": "a.png", "transform_matrix": np.eye(4).tolist(), "fl_x": 9.0, **change}
    (tmp_path / "transforms.json").write_text(json.dumps({"frames": [frame], "w": 8, "h": 8, **change}))
    try:
        assert len(read_transforms(tmp_path, DatasetSettings()).cameras) == 1
    except UserError as error:
        assert "transforms.json" in str(error)


def test_a_name_counts_only_with_digits_that_are_numbers():
    assert is_number("000012") and not is_number("²") and not is_number("9" * 5000)


# Plans and mappings


def test_a_plan_names_no_file_outside_its_folder_and_no_number_that_is_none(tmp_path):
    place = {"name": "00", "azimuth": 0.0, "elevation": 0.0, "split": "train"}
    shot = {"name": "a", "units": {"AU12": 1.0}, "cameras": ["00"]}
    data = {"schema": 1, "character": "", "size": 64, "samples": 1, "engine": "cycles", "studio_light": False,
            "places": [place], "shots": [shot], "mapping": {}, "spoken": 0, "voice_hash": ""}  # fmt: skip
    (tmp_path / NAME).write_text(json.dumps(data))
    assert load_plan(tmp_path).pictures == 1
    for key, value in [("places", [{**place, "name": "../x"}]), ("shots", [{**shot, "name": "a/b"}]), ("size", HUGE),
                       ("shots", [{**shot, "units": {"AU12": float("nan")}}]), ("engine", "x"), ("mapping", {"a": 1}),
                       ("places", [{**place, "azimuth": HUGE}]), ("shots", [{**shot, "cameras": ["01"]}])]:  # fmt: skip
        (tmp_path / NAME).write_text(json.dumps({**data, key: value}))
        assert "damaged" in sentence(load_plan, tmp_path)


def test_weights_of_a_mapping_are_numbers():
    expect_mapping({"jawOpen": "Mouth", "AU12": {"Left": 1, "Right": 0.5}, "AU45": ["a", "b"]})
    for wrong in ([], {"a": 1}, {"a": {"b": float("inf")}}, {"a": {"b": HUGE}}, {"a": {"b": True}}, {"a": [1]}):
        with pytest.raises(ValueError, match=r"object|needs"):
            expect_mapping(wrong)


# Arrays and meshes


def npy(header: bytes, data: bytes = b"") -> bytes:
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + data


LIES = [b"{'descr': '<U1', 'fortran_order': False, 'shape': (4,)}",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 1000000000)}",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 3)}",
        b"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
        b"{'descr': '<V0', 'fortran_order': False, 'shape': (9,)}",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}",
        b"{'descr': '<f8', 'shape': (1,)", b"(" * 9000, b"\xff" * 50, b"[]", b""]  # fmt: skip


@pytest.mark.parametrize("header", LIES)
def test_an_array_that_its_file_does_not_hold_is_a_sentence(tmp_path, header):
    (tmp_path / "a.npy").write_bytes(npy(header, b"\xff" * 16))
    sentence(read_npy, tmp_path / "a.npy", 1 << 20, "The mesh")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", npy(header, b"\xff" * 16))
    sentence(read_npz, tmp_path / "a.npz", ("a",), 1 << 20, "The heads")


def test_arrays_are_read_as_numpy_reads_them(tmp_path):
    for array in (np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3)), np.array(["a", "bc"])):
        np.save(tmp_path / "a.npy", array)
        np.savez_compressed(tmp_path / "a.npz", a=array)
        assert np.array_equal(read_npy(tmp_path / "a.npy", 1 << 20, "The mesh"), array)
        assert np.array_equal(read_npz(tmp_path / "a.npz", ("a",), 1 << 20, "The heads")["a"], array)


def test_an_archive_that_unpacks_to_more_than_heads_have_is_a_sentence(tmp_path):
    np.savez_compressed(tmp_path / "bomb.npz", a=np.zeros(1 << 20))
    assert "unpacks to" in sentence(read_npz, tmp_path / "bomb.npz", ("a",), 1 << 20, "The heads")
    data = (tmp_path / "bomb.npz").read_bytes()
    for place in range(0, len(data), 97):  # wherever it is cut
        (tmp_path / "cut.npz").write_bytes(data[:place])
        sentence(read_npz, tmp_path / "cut.npz", ("a",), 1 << 30, "The heads")
    assert "lacks" in sentence(Actor.load, tmp_path / "bomb.npz")


PLY = "ply\nformat {} 1.0\nelement vertex {}\nproperty float x\nproperty float y\nproperty float z\n"
FACES = "element face {}\nproperty list {} int vertex_indices\nend_header\n"
MESHES = {
    "infinite.obj": b"v 0 0 1e400\nv 1 0 0\nv 0 1 0\n",
    "far.obj": b"v 0 0 1e30\nv 1 0 0\nv 0 1 0\n",
    "index.obj": b"v 0 0 1\nv 1 0 0\nv 0 1 0\nf 1 2 " + b"9" * 30 + b"\n",
    "two.obj": b"v 0 0\n",
    "negative.ply": (PLY.format("binary_little_endian", -1) + FACES.format(0, "uchar")).encode() + bytes(36),
    "many.ply": (PLY.format("ascii", 10**15) + FACES.format(0, "uchar")).encode() + b"0 0 0\n" * 3,
    "signed.ply": (PLY.format("binary_little_endian", 3) + FACES.format(1, "char")).encode() + bytes(36) + b"\xff",
    "float.ply": (PLY.format("binary_little_endian", 3) + FACES.format(1, "float")).encode() + bytes(40),
    "corners.ply": (PLY.format("ascii", 3) + FACES.format(1, "uchar")).encode() + b"0 0 0\n" * 3 + b"inf 0 1 2\n",
    "empty.ply": b"ply\nformat ascii 1.0\nelement vertex 0\nend_header\n",
    "strange.stl": b"",
}  # fmt: skip


@pytest.mark.parametrize("name", MESHES)
def test_a_mesh_that_no_program_writes_is_a_sentence(tmp_path, name):
    (tmp_path / name).write_bytes(MESHES[name])
    assert name in sentence(read_mesh, tmp_path / name)


def test_polygons_become_fans(tmp_path):
    text = PLY.format("ascii", 5) + FACES.format(2, "uchar") + "0 0 0\n1 0 0\n1 1 0\n0 1 0\n2 2 0\n4 0 1 2 3\n3 0 1 4\n"
    (tmp_path / "a.ply").write_text(text)
    assert read_mesh(tmp_path / "a.ply")[1].tolist() == [[0, 1, 2], [0, 2, 3], [0, 1, 4]]


def test_points_of_a_model_that_are_no_numbers_are_a_sentence(tmp_path):
    (tmp_path / "cameras.txt").write_text("1 PINHOLE 8 8 9 9 4 4\n")
    (tmp_path / "images.txt").write_text("1 1 0 0 0 0 0 0 1 a.png\n\n")
    (tmp_path / "points3D.txt").write_text("1 0 0 nan 1 2 3 0\n")
    assert "points3D.txt" in sentence(read_model, tmp_path)


# Pictures


def png(width: int, height: int) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (1, 1)).save(stream, "PNG")
    data = stream.getvalue()
    return data[:16] + struct.pack(">II", width, height) + data[24:]


def test_pictures_larger_than_any_camera_takes_and_kinds_that_are_not_read_are_sentences(tmp_path):
    import zlib

    for size in ((2**31 - 1, 2**31 - 1), (60_000, 60_000), (12_000, 12_000)):
        data = png(*size)
        (tmp_path / "a.png").write_bytes(data[:29] + struct.pack(">I", zlib.crc32(data[12:29])) + data[33:])
        sentence(StoredPicture(tmp_path / "a.png").pixels)
    Image.new("L", (4, 4)).save(tmp_path / "b.png", "GIF")
    assert "damaged" in sentence(StoredPicture(tmp_path / "b.png").size)


def test_pictures_whose_pieces_do_not_cover_what_they_say_are_sentences(tmp_path):
    Image.new("RGBA", (32, 32)).save(tmp_path / "a.tif")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    place = data.index(struct.pack("<HHII", 257, 4, 1, 32))  # how high it is
    data[place : place + 12] = struct.pack("<HHII", 257, 4, 1, 262_176)
    (tmp_path / "a.tif").write_bytes(data)
    assert "more pixels than it holds" in sentence(StoredPicture(tmp_path / "a.tif").pixels)
    for kind, mode in (("PNG", "1"), ("TIFF", "RGB"), ("JPEG", "RGB"), ("BMP", "L"), ("WEBP", "RGB")):
        Image.new(mode, (1500, 1500)).save(tmp_path / "b", kind)
        assert not StoredPicture(tmp_path / "b").matte().any()


def test_a_matte_of_fractions_that_are_no_numbers_hides(tmp_path):
    Image.fromarray(np.array([[np.nan, 1.0], [0.5, 0.0]], np.float32)).save(tmp_path / "a.tif")
    assert StoredPicture(tmp_path / "a.tif").matte().tolist() == [[0.0, 1.0], [0.5, 0.0]]


# HDF5, by a process of its own


@pytest.fixture
def smc(tmp_path):
    with h5py.File(tmp_path / "a.smc", "w") as file:
        file["numbers"] = np.arange(6.0)
        file.attrs["actor_id"] = "0026"
        file.attrs["size"] = (3, 4)
        file.create_dataset("wide", (1,), "f8", maxshape=(None,), chunks=(1 << 24,))
        file["words"] = ["a", "b"]
    yield tmp_path / "a.smc"
    smc_file.close_all()


def test_an_smc_file_is_asked_through_one_process_that_survives_wrong_questions(smc):
    processes = set()
    for key, shape in (("numbers", (6,)), ("numbers", (3,)), ("wide", (1,)), ("words", (2,)), ("no", (1,))):
        try:
            with smc_file.open_smc(smc) as file:
                processes.add(file)
                assert smc_file.stored(file, key, shape).tolist() == list(range(6))
                assert smc_file.attribute(file, "", "actor_id") == "0026"
                assert smc_file.attribute(file, "", "size").tolist() == [3, 4]
                assert smc_file.names(file, "") == ["numbers", "wide", "words"]
        except UserError as error:
            assert key != "numbers" or shape == (3,)
            assert f"a.smc: “{key}”" in str(error) or f"a.smc has no “{key}”" in str(error)
    assert len(processes) == 1
    smc_file.close_all()
    assert not processes.pop().alive


def test_whatever_hdf5_stumbles_over_is_a_sentence(smc, monkeypatch):
    monkeypatch.setattr(smc_child, "_names", lambda file, key: [][1])
    with h5py.File(smc) as file:
        assert "damaged" in sentence(smc_child.answer, file, {"op": "names", "key": ""})
        assert "too many" in sentence(smc_child.answer, file, {"op": "read", "key": "wide"})


@pytest.mark.skipif(sys.platform == "win32", reason="the time that a process computes cannot be limited there")
def test_an_answer_computes_for_two_seconds_at_most(monkeypatch):
    import resource

    limits = []
    monkeypatch.setattr(resource, "setrlimit", lambda kind, values: limits.append((kind, values[0])))
    smc_child._limit_computing()
    assert limits[0][0] == resource.RLIMIT_CPU and 1 <= limits[0][1] - time.process_time() <= 2.1


def test_a_process_that_dies_or_does_not_answer_is_a_sentence(smc, monkeypatch):
    monkeypatch.setattr(smc_file, "_MODULE", "emodifftalk.core.errors")
    assert "ended with exit code 0" in sentence(smc_file.SmcFile, smc, ())
    monkeypatch.setattr(smc_file, "SECONDS", 0.0)
    assert "not read within 0 seconds" in sentence(smc_file.SmcFile, smc, ())


def test_words_with_letters_that_there_are_not_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.array(["head"]).view(np.uint32).__ior__(1 << 30).view("<U4"))
    sentence(read_npz, tmp_path / "a.npz", ("a",), 1 << 20, "The heads")
