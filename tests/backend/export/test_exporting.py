"""A take in the formats of other tools: named as they want it, resumable, with its papers, and the same picture."""

from __future__ import annotations

import json
import os
import shutil
import struct
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from emodifftalk.core.axes import AXES, turned
from emodifftalk.core.errors import Cancelled, UserError
from emodifftalk.core.facs import AU_INDEX, AU_NAMES
from emodifftalk.core.formats.gaussian_file import read_gaussians
from emodifftalk.core.formats.ply import SH_C0
from emodifftalk.core.gaussians import Gaussians
from emodifftalk.core.take import load_take, save_take
from emodifftalk.core.watch import Watch
from emodifftalk.core.whole_file import begin_part
from emodifftalk.export.cast import Cast, Head, cast_of_many, cast_of_one
from emodifftalk.export.frame_formats import FRAME_FORMATS
from emodifftalk.export.sequence import ExportOptions, export_sequence
from emodifftalk.export.shot_files import export_shot
from emodifftalk.export.video import VideoWriter
from tests.helpers.tiny_subject import save_tiny_subject, save_tiny_take

FRAMES = 8


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A tiny subject and its take on disk."""
    folder = tmp_path_factory.mktemp("export")
    subject = save_tiny_subject(folder / "subject.safetensors")
    save_tiny_take(folder / "take.safetensors", subject, metadata={"inputs_hash": "abc"})
    return folder


@pytest.fixture(scope="module")
def cast(files) -> Cast:
    """Its first frames."""
    return cast_of_one(files / "subject.safetensors", files / "take.safetensors", 25.0, 0.0, FRAMES / 25)


def read_glb(path, frame: int = 0) -> Gaussians:
    """The Gaussians of one mesh of a binary glTF, in its own axes."""
    data = path.read_bytes()
    (size,) = struct.unpack_from("<I", data, 12)
    document = json.loads(data[20 : 20 + size])

    def column(name: str) -> np.ndarray:
        accessor = document["accessors"][document["meshes"][frame]["primitives"][0]["attributes"][name]]
        view = document["bufferViews"][accessor["bufferView"]]
        rows = np.frombuffer(data[28 + size + view["byteOffset"] :][: view["byteLength"]], "<f4")
        return rows.reshape(accessor["count"], -1)

    kind = "KHR_gaussian_splatting"
    quats, opacities = np.roll(column(f"{kind}:ROTATION"), 1, axis=1), column(f"{kind}:OPACITY")[:, 0]
    colors = 0.5 + SH_C0 * column(f"{kind}:SH_DEGREE_0_COEF_0")
    return Gaussians(column("POSITION"), quats, column(f"{kind}:SCALE"), opacities, colors)


def frame_of(path, format_name: str) -> Gaussians:
    """A frame read back, in our axes."""
    if format_name == "glb":
        return turned(read_glb(path), "rub", "blender")
    if format_name == "npz":
        return Gaussians(**np.load(path))
    return read_gaussians(path)


def test_frames_are_named_for_timelines_and_come_with_their_papers(cast, tmp_path):
    done = export_sequence(cast, tmp_path, ExportOptions("ply", "take one", first=101, step=2))
    assert [path.name for path in done.files[:2]] == ["take one.0101.ply", "take one.0103.ply"]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*(p.name for p in done.files), "take one.json"])
    about = json.loads(done.manifest.read_text(encoding="utf-8"))
    assert about["complete"] and about["files"] == "take one.####.ply" and about["axes"] == "rdf"
    assert about["frames"] == {"first": 101, "last": 115, "step": 2, "count": 8} and about["fps"] == 25.0
    head = about["heads"][0]
    assert head["synthetic"] is True and head["licence"] == "CC0-1.0" and head["consent"] == "nobody"
    assert head["take"] == "take.safetensors" and head["take_inputs"] == "abc"


@pytest.mark.parametrize("name", [name for name in FRAME_FORMATS if name != "sog"])
@pytest.mark.slow
def test_the_picture_of_what_comes_back_is_the_same(cast, tmp_path, name):
    """Over 60 dB where nothing is lost, over 40 dB where the format rounds; the same rows in the same order."""
    pytest.importorskip("torch")
    from emodifftalk.core.camera import look_at
    from emodifftalk.splat.render import render

    done = export_sequence(cast, tmp_path, ExportOptions(name))
    found, wanted = frame_of(done.files[5], name), cast.gaussians(5)
    assert np.abs(found.means - wanted.means).max() < 1e-3
    middle = wanted.means.mean(axis=0)
    camera = look_at(tuple(middle + np.array([0.3, -1.0, 0.1])), tuple(middle), 192, 192, 24.0)
    one, other = render(wanted, camera)[0], render(found, camera)[0]
    decibel = 10 * np.log10(1 / max(float(np.mean((one - other) ** 2)), 1e-12))
    assert one.max() > 0.2 and decibel > (40 if FRAME_FORMATS[name].loss else 60)


@pytest.mark.parametrize("name", [*(name for name in FRAME_FORMATS if name != "sog"), "usd", "glb-animated"])
def test_one_eye_shut_and_one_brow_up_stay_on_their_sides(tmp_path, name):
    """An asymmetric face through every format and its axes: left lids meet, the right brow rises, nothing mirrored."""
    subject = save_tiny_subject(tmp_path / "s.safetensors", shipped_template=True)
    points, basis = subject.template.neutral, subject.template.au_basis
    left = points[:, :1] > 0
    offsets = basis[AU_INDEX["AU45"]] * left + basis[AU_INDEX["AU02"]] * ~left
    still = np.zeros((2, len(AU_NAMES)))
    count = subject.n_face
    quats = np.broadcast_to(subject.gaussians.quats[:count], (2, count, 4))
    alphas = np.broadcast_to(subject.gaussians.opacities[:count], (2, count))
    save_take(tmp_path / "t.safetensors", still, still, np.stack([offsets, offsets]), quats, alphas, {})
    asymmetric = cast_of_one(tmp_path / "s.safetensors", tmp_path / "t.safetensors", 25.0)
    if name == "usd":
        pytest.importorskip("pxr")
        from pxr import Usd, UsdVol

        done = export_shot(asymmetric, tmp_path / "shot", ExportOptions(name))
        stage = Usd.Stage.Open(str(done.files[0]))
        field = UsdVol.ParticleField3DGaussianSplat(stage.GetPrimAtPath("/Shot/Gaussians"))
        found = np.array(field.GetPositionsAttr().Get(1)) @ AXES["rub"]
    elif name == "glb-animated":
        done = export_shot(asymmetric, tmp_path / "shot", ExportOptions(name))
        found = turned(read_glb(done.files[0]), "rub", "blender").means
    else:
        found = frame_of(export_sequence(asymmetric, tmp_path / "out", ExportOptions(name)).files[0], name).means
    moved = (found - subject.gaussians.means)[:count, 2]
    sides = subject.gaussians.means[:count, 0] > 0.004
    assert moved[sides].min() < -0.003 and moved[sides].max() < 0.002, "the left lids close"
    assert moved[~sides].max() > 0.002 and moved[~sides].min() > -0.002, "the right brow rises"


def test_an_export_that_was_stopped_goes_on_and_writes_nothing_twice(cast, tmp_path):
    calls = []

    def tired() -> bool:
        calls.append(1)
        return len(calls) > 3

    with pytest.raises(Cancelled):
        export_sequence(cast, tmp_path, ExportOptions("splat"), Watch(cancelled=tired))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.splat")}
    assert len(before) == 3 and not json.loads((tmp_path / "shot.json").read_text())["complete"]
    done = export_sequence(cast, tmp_path, ExportOptions("splat"))
    assert done.written == FRAMES - 3 and all(path.stat().st_mtime_ns == then for path, then in before.items())
    assert export_sequence(cast, tmp_path, ExportOptions("splat")).written == 0


def test_files_of_another_export_are_neither_kept_nor_replaced_unasked(cast, files, tmp_path):
    export_sequence(cast, tmp_path, ExportOptions("ply"))
    later = cast_of_one(files / "subject.safetensors", files / "take.safetensors", 25.0, 1.0, 1.0 + FRAMES / 25)
    with pytest.raises(UserError, match="exists already"):
        export_sequence(later, tmp_path, ExportOptions("ply"))
    # Stopped before its first frame it has changed nothing, and after it no frame of the older export may pass for one
    # of the newer.
    for frames, left in ((0, FRAMES), (1, 1)):
        answers = iter([False] * frames + [True])
        with pytest.raises(Cancelled):
            export_sequence(later, tmp_path, ExportOptions("ply", overwrite=True), Watch(cancelled=answers.__next__))
        assert len(list(tmp_path.glob("*.ply"))) == left
    assert export_sequence(later, tmp_path, ExportOptions("ply", overwrite=True)).written == FRAMES - 1


def test_a_manifest_that_is_nested_without_end_is_of_another_export(cast, tmp_path):
    done = export_sequence(cast, tmp_path, ExportOptions("ply"))
    done.manifest.write_text("[" * 5000)
    with pytest.raises(UserError, match="exists already"):
        export_sequence(cast, tmp_path, ExportOptions("ply"))


def test_a_disk_that_is_too_small_is_noticed_after_one_frame(cast, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(total=10, used=0, free=1000))
    with pytest.raises(UserError, match="make room"):
        export_sequence(cast, tmp_path, ExportOptions("ply"))
    assert len(list(tmp_path.glob("*.ply"))) == 1


def test_fewer_gaussians_are_the_same_ones_in_every_frame(cast):
    thin = cast.thinned(0.25)
    assert thin.splats == round(0.25 * cast.splats) and len(thin.gaussians(0)) == thin.splats
    for i in (0, 7):
        assert np.array_equal(thin.gaussians(i).means, cast.gaussians(i).means[thin.rows])
    assert cast.thinned(1.0) is cast


def test_several_heads_stand_where_their_objects_stand(files):
    take = load_take(files / "take.safetensors")
    seconds = np.tile(np.arange(FRAMES) / 25, (2, 1))
    matrices = np.tile(np.eye(4), (2, FRAMES, 1, 1))
    matrices[1, :, 0, 3] = np.arange(FRAMES)
    names = [(str(files / "subject.safetensors"), str(take.path)), (str(files / "subject.safetensors"), "")]
    both = cast_of_many(names, seconds, np.zeros((2, FRAMES, 2)), matrices)
    count = both.splats // 2
    found = both.gaussians(3)
    rest = both.heads[1].subject.gaussians.means
    assert np.allclose(found.means[count:], rest + np.array([3.0, 0, 0]), atol=1e-5)
    assert np.allclose(found.means[:count], both.heads[0].gaussians(3).means)
    with pytest.raises(UserError, match="makes no sense"):
        cast_of_many(names, seconds[:, :3], np.zeros((2, FRAMES, 2)), None)


def test_pygltflib_reads_every_frame_of_the_flip_book(cast, tmp_path):
    """One shot in one .glb: a node a frame, one of them seen at any time, what does not change stored once."""
    pygltflib = pytest.importorskip("pygltflib")
    done = export_shot(cast, tmp_path / "shot", ExportOptions("glb-animated"))
    assert [path.name for path in done.files] == ["shot.glb"] and (tmp_path / "shot.json").is_file()
    file = pygltflib.GLTF2().load(str(done.files[0]))
    blob = file.binary_blob()
    assert len(file.nodes) == len(file.meshes) == FRAMES and file.extensionsUsed == ["KHR_gaussian_splatting"]

    def values(number: int) -> np.ndarray:
        accessor = file.accessors[number]
        view = file.bufferViews[accessor.bufferView]
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[accessor.type]
        return np.frombuffer(blob, "<f4", accessor.count * width, view.byteOffset).reshape(-1, width)

    means = json.loads(json.dumps(file.meshes[5].primitives[0].attributes.__dict__))["POSITION"]
    wanted = turned(cast.gaussians(5), "blender", "rub")
    assert np.array_equal(values(means), wanted.means)
    assert np.all(values(means).min(axis=0) >= np.array(file.accessors[means].min) - 1e-6)
    animation = file.animations[0]
    for now in (0.0, 0.5 / 25, 3.2 / 25, 99.0):
        seen = []
        for channel in animation.channels:
            sampler = animation.samplers[channel.sampler]
            times, scales = values(sampler.input)[:, 0], values(sampler.output)
            assert (np.diff(times) > 0).all() and times[0] >= 0
            seen.append(scales[max(np.searchsorted(times, now + 1e-6) - 1, 0), 0])
        assert sum(seen) == 1 and seen[min(int(now * 25), FRAMES - 1)] == 1
    for i in (0, 5):
        assert np.allclose(read_glb(done.files[0], i).means, turned(cast.gaussians(i), "blender", "rub").means)


def test_what_makes_no_sense_is_said(cast, tmp_path):
    for options, sentence in (
        (ExportOptions("jpeg"), "no format"),
        (ExportOptions("ply", name="../up"), "plain file name"),
        (ExportOptions("ply", axes="xyz"), "no axes"),
        (ExportOptions("ply", keep=0.0), "share to keep"),
    ):
        with pytest.raises(UserError, match=sentence):
            export_sequence(cast, tmp_path / "none", options)
    broken = replace(cast.heads[0].subject.gaussians, means=np.full_like(cast.heads[0].subject.gaussians.means, np.nan))
    head = Head(replace(cast.heads[0].subject, gaussians=broken), None, np.zeros(1), np.zeros((1, 2)))
    for name in ("ply", "splat", "spz", "compressed-ply", "glb"):
        with pytest.raises(UserError, match="not finite"):
            export_sequence(Cast((head,)), tmp_path / name, ExportOptions(name))


# ---- OpenUSD ----------------------------------------------------------------------------------------------------


@pytest.fixture
def blinking(cast) -> Cast:
    """A cast whose opacities and scales rest for a while and then jump: rests must not become ramps."""
    head = cast.heads[0]
    hold = np.array([0, 0, 0, 0, 4, 4, 6, 7]) / 25
    return Cast((replace(head, seconds=hold),))


@pytest.mark.parametrize("name", ["usd", "usd-half"])
def test_usd_reads_every_frame_of_the_particle_field(blinking, tmp_path, name):
    Usd, UsdGeom, UsdVol = (pytest.importorskip(f"pxr.{part}") for part in ("Usd", "UsdGeom", "UsdVol"))
    done = export_shot(blinking, tmp_path / "shot", ExportOptions(name, first=10, fps=24.0))
    stage = Usd.Stage.Open(str(done.files[0]))
    assert UsdGeom.GetStageUpAxis(stage) == "Y" and UsdGeom.GetStageMetersPerUnit(stage) == 1.0
    assert (stage.GetStartTimeCode(), stage.GetEndTimeCode(), stage.GetTimeCodesPerSecond()) == (10, 17, 24)
    field = UsdVol.ParticleField3DGaussianSplat(stage.GetDefaultPrim().GetChildren()[0])
    half = name.endswith("half")
    loose = 2e-3 if half else 1e-6
    for i in range(FRAMES):
        g, code = turned(blinking.gaussians(i), "blender", "rub"), 10 + i
        assert np.allclose(np.array(field.GetPositionsAttr().Get(code)), g.means, atol=1e-7)
        turns = np.array((field.GetOrientationshAttr() if half else field.GetOrientationsAttr()).Get(code))
        assert np.allclose(np.roll(turns.astype(np.float32), 1, axis=1), g.quats, atol=loose)
        opacities = (field.GetOpacitieshAttr() if half else field.GetOpacitiesAttr()).Get(code)
        assert np.allclose(np.array(opacities, np.float32), g.opacities, atol=loose)
        scales = (field.GetScaleshAttr() if half else field.GetScalesAttr()).Get(code)
        assert np.allclose(np.array(scales, np.float32), g.scales, rtol=2e-3)
    assert field.GetRadianceSphericalHarmonicsDegreeAttr().Get() == 0
    low, high = np.array(field.GetExtentAttr().Get(12))
    assert (low < g.means.min(axis=0)).all() and (high > g.means.max(axis=0)).all()


def test_usd_points_carry_the_attributes(cast, tmp_path):
    Usd, UsdGeom = (pytest.importorskip(f"pxr.{part}") for part in ("Usd", "UsdGeom"))
    done = export_shot(cast, tmp_path / "points", ExportOptions("usd-points", axes="blender", scale=100.0))
    stage = Usd.Stage.Open(str(done.files[0]))
    assert UsdGeom.GetStageUpAxis(stage) == "Z"
    points = UsdGeom.Points(stage.GetDefaultPrim().GetChildren()[0])
    g = cast.gaussians(5)
    assert np.allclose(np.array(points.GetPointsAttr().Get(6)), 100 * g.means, rtol=1e-5)
    assert np.array_equal(np.array(points.GetIdsAttr().Get()), np.arange(len(g)))
    opacities = UsdGeom.PrimvarsAPI(points).GetPrimvar("displayOpacity").Get(6)
    assert np.allclose(np.array(opacities), g.opacities, atol=1e-6)
    assert len(points.GetWidthsAttr().Get(6)) == len(g)


def test_a_cancelled_shot_leaves_nothing(cast, tmp_path):
    pytest.importorskip("pxr")
    for name in ("usd", "glb-animated"):
        with pytest.raises(Cancelled):
            export_shot(cast, tmp_path / name, ExportOptions(name), Watch(cancelled=lambda: True))
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("ending", [".mp4", ".ply"])
def test_an_export_never_takes_the_place_of_what_is_no_file(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    os.mkfifo(path)
    with pytest.raises((UserError, OSError), match="not replaced"):
        if ending == ".mp4":
            with VideoWriter(path, 16, 16, 25.0) as video:
                video.add(np.zeros((16, 16, 3), np.uint8))
        else:
            begin_part(path)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_movie_that_is_given_up_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), VideoWriter(tmp_path / "a.mp4", 16, 16, 25.0) as video:
        video.add(np.zeros((16, 16, 3), np.uint8))
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())
