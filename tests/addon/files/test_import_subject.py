"""Importing heads: what comes in, and what a damaged file does (nothing)."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.tiny_subject import tiny_subject

bpy = pytest.importorskip("bpy")

from addon.scene.heads import active_head, settings


def everything() -> dict[str, list[str]]:
    """Names of all data-blocks in the file."""
    lists = (name for name in dir(bpy.data) if isinstance(getattr(bpy.data, name), bpy.types.bpy_prop_collection))
    return {name: sorted(block.name for block in getattr(bpy.data, name)) for name in lists}


def test_an_imported_head_is_one_light_object_with_its_credits(scene, subject_path):
    scene.cursor.location = (1, 2, 3)
    assert bpy.ops.emodifftalk.import_subject(filepath=str(subject_path)) == {"FINISHED"}
    head, subject = bpy.context.active_object, tiny_subject()
    assert active_head(bpy.context) == head and head.select_get()
    assert tuple(head.location) == (1, 2, 3)
    kept = settings(head)
    assert (kept.subject_name, kept.subject_licence, kept.subject_points) == ("Tiny", "CC0-1.0", 340)
    points = np.array([v.co for v in head.data.vertices])[: len(subject.template.neutral)]
    moved = points - subject.template.neutral
    assert moved == pytest.approx(np.broadcast_to(moved[0], moved.shape), abs=1e-6)


def test_the_sketch_shows_the_features_and_is_left_out_by_other_render_engines(head):
    assert len(head.data.polygons) == 0
    assert 50 < len(head.data.edges) < 400
    assert not head.hide_render


def test_no_line_of_the_sketch_leads_across_the_face_whatever_the_templates_landmarks_are():
    """Of the shipped template, the samples and a loop of the lips that other software begins and ends elsewhere."""
    from addon.files.import_subject import sketch_edges
    from emodifftalk.core.subject import load_subject
    from emodifftalk.core.template import load_template
    from tests.helpers.places import SCENES

    shipped = load_template()
    lips = shipped.landmarks["lip_outer"]
    half = {"lip_outer": lips[: len(lips) // 2], "brow_left": np.append(shipped.landmarks["brow_left"], lips[0])}
    odd = replace(shipped, landmarks=shipped.landmarks | half)
    none = replace(shipped, landmarks=shipped.landmarks | {"brow_left": lips[:1], "lip_outer": lips[:0]})
    samples = [load_subject(SCENES / "subjects" / f"{name}.safetensors").template for name in ("nora", "kofi")]
    for template in (shipped, odd, none, *samples):
        edges = sketch_edges(template)
        sides = np.concatenate([template.faces[:, [0, 1]], template.faces[:, [1, 2]], template.faces[:, [2, 0]]])
        longest = np.linalg.norm(np.subtract(*(template.neutral[sides[:, end]] for end in (0, 1))), axis=1).max()
        lengths = np.linalg.norm(np.subtract(*(template.neutral[edges[:, end]] for end in (0, 1))), axis=1)
        assert len(edges) > 100 and lengths.max() <= longest


def test_line_art_never_draws_the_sketch(head):
    assert head.lineart.usage == "EXCLUDE"


def test_paths_are_relative_to_a_saved_file(scene, subject_path, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.emodifftalk.import_subject(filepath=str(subject_path))
    assert settings(bpy.context.active_object).subject_path == "//tiny.safetensors"


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def renamed(data: bytes) -> bytes:
    return data.replace(b"emodifftalk.subject", b"emodifftalk.picture")


def scrambled(data: bytes) -> bytes:
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    begin, end = header["gaussians.means"]["data_offsets"]
    return data[: 8 + length + begin] + b"\xff" * (end - begin) + data[8 + length + end :]


@pytest.mark.parametrize("damage", [cut, renamed, scrambled, lambda data: b"", lambda data: b"PK" + os.urandom(500)])
def test_a_damaged_subject_is_refused_in_one_sentence_and_changes_nothing(scene, subject_path, damage):
    subject_path.write_bytes(damage(subject_path.read_bytes()))
    before = everything()
    with pytest.raises(RuntimeError) as refusal:
        bpy.ops.emodifftalk.import_subject(filepath=str(subject_path))
    assert "tiny.safetensors" in str(refusal.value)
    assert len(str(refusal.value).strip().splitlines()) == 1
    assert everything() == before


def test_a_missing_file_is_refused_too(scene, tmp_path):
    with pytest.raises(RuntimeError, match="does not exist"):
        bpy.ops.emodifftalk.import_subject(filepath=str(tmp_path / "nobody.safetensors"))


@pytest.mark.parametrize("name", ["hello", "two_talking", "in_a_room"])
def test_a_sample_scene_plays_without_a_backend(addon, tmp_path, monkeypatch, name):
    """Copied, opened, every head with its take, subject and voice found; work saved there is never overwritten."""
    from addon.files import samples
    from addon.playback import gaussians, sources
    from addon.scene.heads import absolute, heads, settings
    from addon.scene.strips import voice_strips

    monkeypatch.setattr(samples, "user_folder", lambda folder: tmp_path)
    assert bpy.ops.emodifftalk.open_sample(scene=name) == {"FINISHED"}
    scene = bpy.context.scene
    assert Path(bpy.data.filepath) == tmp_path / f"{name}.blend"
    assert scene.sync_mode == "AUDIO_SYNC"
    cast = list(heads(scene))
    assert len(cast) == (2 if name == "two_talking" else 1)
    for head in cast:
        voices = voice_strips(head, scene)
        assert voices and all(absolute(strip.sound.filepath).is_file() for strip in voices)
        assert sources.take_of(head).compact and settings(head).takes[0].path.startswith("//")
        faces = []
        for frame in (scene.frame_start, (scene.frame_start + scene.frame_end) // 2):
            scene.frame_set(frame)
            faces.append(gaussians.current_gaussians(head, scene).means)
        assert abs(faces[0] - faces[1]).max() > 5e-4
        assert head.session_uid not in gaussians.problems
    scene.name = "Changed"
    bpy.ops.wm.save_mainfile()
    assert bpy.ops.emodifftalk.open_sample(scene=name) == {"FINISHED"}
    assert Path(bpy.data.filepath) == tmp_path / f"{name}_2.blend" and bpy.context.scene.name != "Changed"
