"""Damaged and hostile files of Gaussians and face curves are refused in one sentence, or read; nothing else happens."""

from __future__ import annotations

import gzip
import json
import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest

from emodifftalk.core import tensors
from emodifftalk.core.errors import UserError
from emodifftalk.core.formats.dot_splat import write_splat
from emodifftalk.core.formats.face_curves import read_face_curves
from emodifftalk.core.formats.gaussian_file import read_gaussians
from emodifftalk.core.formats.ply import write_ply
from emodifftalk.core.formats.spz import write_spz
from emodifftalk.core.gaussians import Gaussians
from emodifftalk.core.subject import file_hash
from emodifftalk.core.tensors import TensorFile
from tests.helpers.places import BACKEND, with_paths


def some(**changes) -> Gaussians:
    good = {
        "means": np.zeros((3, 3)),
        "quats": np.tile([1.0, 0, 0, 0], (3, 1)),
        "scales": np.full((3, 3), 0.01),
        "opacities": np.ones(3),
        "colors": np.full((3, 3), 0.5),
    }
    return Gaussians(**{name: np.asarray(rows, np.float32) for name, rows in (good | changes).items()})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"means": np.full((3, 3), 1e30)}, "too far away"),
        ({"scales": np.full((3, 3), 1e10)}, "too large"),
        ({"colors": np.full((3, 3), -5.0)}, "no screen shows"),
    ],
)
def test_gaussians_that_no_scene_has_are_refused_with_the_reason(tmp_path, changes, said):
    write_ply(tmp_path / "a.ply", some(**changes))
    with pytest.raises(UserError, match=said):
        read_gaussians(tmp_path / "a.ply")


def test_the_same_holds_for_a_splat_file(tmp_path):
    write_splat(tmp_path / "a.splat", some(scales=np.full((3, 3), 1e10)))
    with pytest.raises(UserError, match="too large"):
        read_gaussians(tmp_path / "a.splat")


@pytest.mark.parametrize("where", [-1, -5, -20])
def test_a_spz_whose_checksum_is_wrong_or_that_is_cut_is_refused(tmp_path, where):
    write_spz(tmp_path / "a.spz", some())
    data = bytearray((tmp_path / "a.spz").read_bytes())
    (tmp_path / "cut.spz").write_bytes(data[:where])
    data[where] ^= 1
    (tmp_path / "a.spz").write_bytes(data)
    for name in ("a.spz", "cut.spz"):
        with pytest.raises(UserError):
            read_gaussians(tmp_path / name)


def test_a_spz_with_harmonics_behind_is_read(tmp_path):
    write_spz(tmp_path / "a.spz", some())
    data = gzip.decompress((tmp_path / "a.spz").read_bytes())
    (tmp_path / "a.spz").write_bytes(gzip.compress(data + bytes(3 * 9)))
    assert len(read_gaussians(tmp_path / "a.spz")) == 3


PLY = "ply\nformat binary_little_endian 1.0\n"


@pytest.mark.parametrize(
    "header",
    [
        "element vertex 99999999999999\n",
        "element vertex 1\nproperty float x\nelement vertex 1\nproperty float x\n",
        "element vertex 1\nproperty float x\nproperty float x\n",
        "element vertex 9999999999999999999999999999\nproperty float x\n",
        "element vertex 0\n" + "".join(f"property float p{i}\n" for i in range(2000)),
    ],
)
def test_a_ply_header_that_no_writer_writes_is_refused(tmp_path, header):
    (tmp_path / "a.ply").write_bytes(f"{PLY}{header}end_header\n".encode() + bytes(8))
    with pytest.raises(UserError):
        read_gaussians(tmp_path / "a.ply")


def safetensors(header: object, data: bytes = bytes(64)) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


ONE = {"dtype": "F32", "shape": [4, 4], "data_offsets": [0, 64]}


@pytest.mark.parametrize(
    "header",
    [
        {"a": ONE, "b": ONE},
        {"a": ONE, "b": {**ONE, "data_offsets": [32, 64], "shape": [8]}},
        {"a": {**ONE, "shape": [1] * 40 + [16]}},
        {"a": {**ONE, "shape": [10**400]}},
        {"a": {**ONE, "shape": [0, 2**62]}},
        {"a": {**ONE, "dtype": []}},
        b"[" * 5000,
    ],
)
def test_tensors_that_overlap_or_have_no_shape_are_refused(tmp_path, header):
    (tmp_path / "a.safetensors").write_bytes(safetensors(header))
    with pytest.raises(UserError):
        TensorFile(tmp_path / "a.safetensors")


def test_tensors_that_touch_are_read(tmp_path):
    tensors.save(tmp_path / "a.safetensors", {"a": np.zeros(0), "b": np.arange(3.0), "c": np.array(1.0)})
    assert tensors.load(tmp_path / "a.safetensors")[0]["b"].tolist() == [0, 1, 2]


CURVES = {"format": 1, "fps": 25, "names": ["AU12"], "frames": [[0.1], [0.2]]}


@pytest.mark.parametrize(
    "change",
    [
        *({"fps": rate} for rate in (0, 1e-300, True, "25")),
        *({"frames": rows} for rows in ([[0.1], [0.2, 0.3]], [[10**400]], [["0.1"]], {}, [])),
        {"names": 7},
        {"frames": [{"weights": [1], "time": 1e300}]},
    ],
)
def test_json_of_face_curves_that_makes_no_sense_is_a_sentence(tmp_path, change):
    (tmp_path / "a.json").write_text(json.dumps(CURVES | change))
    with pytest.raises(UserError):
        read_face_curves(tmp_path / "a.json")


@pytest.mark.parametrize(
    "text",
    [
        "seconds," + "AU12," * 50_000,
        'seconds,AU12\n0,"' + "1\n" * 200_000,
        "seconds,AU12\n" + "9" * 5000 + ",1\n1e999,1",
        "seconds,AU" + "1" * 5000 + "\n0,1\n",
        "Timecode,JawOpen\n" + "9" * 30 + ":00:00:00,1\n",
        "Timecode,JawOpen\n00:00:00:" + "9" * 30 + ",1\n",
        "seconds,AU12\n0,nan\n",
    ],
)
def test_tables_that_no_tool_writes_are_a_sentence(tmp_path, text):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(UserError):
        read_face_curves(tmp_path / "a.csv")


@pytest.mark.once
def test_a_usd_file_is_read_by_a_process_that_may_die_and_opens_no_other_file(tmp_path):
    pytest.importorskip("pxr")
    (tmp_path / "other.usda").write_text(
        '#usda 1.0\ndef SkelAnimation "A" {\n uniform token[] blendShapes = ["jawOpen"]\n'
        " float[] blendShapeWeights.timeSamples = { 0: [0.1], 1: [0.5] }\n}\n"
    )
    (tmp_path / "a.usda").write_text("#usda 1.0\n(subLayers = [@./other.usda@])\n")
    (tmp_path / "b.usdc").write_bytes(b"PXR-USDC" + zlib.compress(bytes(500)) * 9)
    assert len(read_face_curves(tmp_path / "other.usda").times) == 2
    for name, said in (("a.usda", "no animation"), ("b.usdc", "damaged")):
        with pytest.raises(UserError, match=said):
            read_face_curves(tmp_path / name)


@pytest.mark.parametrize("version", [2, 3])
def test_a_spz_without_gaussians_is_refused(tmp_path, version):
    (tmp_path / "a.spz").write_bytes(gzip.compress(struct.pack("<IIIBBBB", 0x5053474E, version, 0, 0, 12, 0, 0)))
    with pytest.raises(UserError, match="header is damaged"):
        read_gaussians(tmp_path / "a.spz")


def test_what_says_it_has_a_tebibyte_is_not_hashed(tmp_path):
    (tmp_path / "a.safetensors").touch()
    os.truncate(tmp_path / "a.safetensors", 1 << 40)
    with pytest.raises(UserError, match="larger"):
        file_hash(tmp_path / "a.safetensors")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits it")
def test_a_process_for_strangers_files_takes_no_more_than_it_is_given():
    words = "from emodifftalk.core.outside import limit_growth; limit_growth(64)"
    words += "; bytearray(32 << 20); print(1); bytearray(96 << 20)"
    done = subprocess.run([sys.executable, "-c", words], env=with_paths(BACKEND), capture_output=True, text=True)
    assert done.stdout == "1\n" and "MemoryError" in done.stderr
