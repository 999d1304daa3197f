"""Files that have moved: voices, takes, subjects and stills are found again by what they hold; nothing waits for it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.helpers.sounds import save_ramp
from tests.helpers.tiny_subject import save_tiny_take, tiny_subject

bpy = pytest.importorskip("bpy")

from addon.blender import compat
from addon.files import missing
from addon.files.head_files import missing_files
from addon.scene.content import sound_settings
from addon.scene.heads import absolute, is_head, settings
from addon.takes import staleness
from addon.takes.generate import add_take
from addon.takes.performance import build_performance
from addon.timeline.prompts import add_voice
from tests.helpers.windowed import WindowedApp


def the_head():
    (head,) = [obj for obj in bpy.data.objects if is_head(obj)]
    return head


def voice_file() -> Path:
    """Where the file's only sound is looked for."""
    (sound,) = bpy.data.sounds
    return absolute(sound.filepath)


@pytest.fixture
def spoken(head, scene, tmp_path):
    """A head with a voice, saved as work/shot.blend beside work/line.wav, and an archive of other recordings."""
    work, archive = tmp_path / "work", tmp_path / "archive" / "deep"
    work.mkdir(), archive.mkdir(parents=True)
    add_voice(head, scene, save_ramp(work / "line.wav", 3.0), 1)
    save_ramp(archive / "another.wav", 3.1)
    bpy.ops.wm.save_as_mainfile(filepath=str(work / "shot.blend"))
    return work, archive


def find(folder: Path) -> set[str]:
    return bpy.ops.emodifftalk.find_missing(directory=str(folder))


def test_a_voice_that_was_renamed_is_found_by_what_it_holds(spoken):
    work, archive = spoken
    shutil.move(work / "line.wav", archive / "Take 7 (final).WAV")
    save_ramp(archive / "line.wav", 2.0)  # of the same name, another recording
    bpy.ops.wm.open_mainfile(filepath=str(work / "shot.blend"))
    assert missing.missing_line() == "The voice line.wav is missing"
    assert find(archive.parent) == {"FINISHED"}
    assert voice_file() == archive / "Take 7 (final).WAV" and missing.missing_line() == ""


def test_pieces_of_a_voice_share_it_and_its_movie_comes_along(spoken, scene):
    work, archive = spoken
    scene = bpy.context.scene
    (strip,) = compat.all_strips(scene)
    movie = scene.sequence_editor.strips.new_movie("line", str(work / "line.wav"), 5, 1)
    other = scene.sequence_editor.strips.new_movie("background", str(work / "background.mp4"), 6, 1)
    strip.split(frame=30, split_method="SOFT")
    assert missing_files() == []  # a background is none of ours
    shutil.move(work / "line.wav", archive / "renamed.wav")
    assert [file.path.name for file in missing_files()] == ["line.wav", "line.wav"]
    assert missing.missing_line() == "The voice line.wav is missing"
    assert find(archive) == {"FINISHED"}
    assert voice_file() == absolute(movie.filepath) == archive / "renamed.wav"
    assert absolute(other.filepath).name == "background.mp4"


def test_music_that_no_head_speaks_is_none_of_ours(spoken, scene):
    work, _ = spoken
    scene = bpy.context.scene
    scene.sequence_editor.strips.new_sound("music", str(save_ramp(work / "music.wav", 1.0)), 9, 1)
    (work / "music.wav").unlink()
    assert missing_files() == [] and missing.missing_line() == ""


def test_a_voice_recorded_anew_under_its_name_is_taken_and_marks_the_take_stale(spoken, tmp_path):
    work, archive = spoken
    head, scene = the_head(), bpy.context.scene
    save_tiny_take(tmp_path / "take.safetensors", tiny_subject(), seconds=3.0)
    add_take(head, tmp_path / "take.safetensors", build_performance(head, scene))
    assert staleness.check(head, scene).state == staleness.BAKED
    (work / "line.wav").unlink()
    save_ramp(archive / "line.wav", 2.5)
    assert find(archive) == {"FINISHED"} and voice_file().parent == archive
    assert "voice at" in staleness.check(head, scene).sentence


def test_a_voice_whose_content_was_never_noted_is_found_by_its_name(spoken):
    """In files of earlier versions."""
    work, archive = spoken
    (sound,) = bpy.data.sounds
    sound_settings(sound).known_by = ""
    shutil.move(work / "line.wav", archive / "line.wav")
    assert find(archive) == {"FINISHED"} and voice_file() == archive / "line.wav"


def test_a_recording_is_read_once_as_long_as_it_stays_the_same(spoken, monkeypatch):
    from addon.scene import content

    read, fingerprint = [], content.fingerprint
    monkeypatch.setattr(content, "fingerprint", lambda path: read.append(path.name) or fingerprint(path))
    for _ in range(3):
        bpy.ops.wm.save_mainfile()
    assert read == []
    save_ramp(spoken[0] / "line.wav", 3.0)  # written again: the same bytes, another time
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.save_mainfile()
    assert read == ["line.wav"]


def test_what_lies_packed_is_known_and_never_missing(spoken, tmp_path):
    work, archive = spoken
    (sound,) = bpy.data.sounds
    sound.pack()
    shutil.move(work / "line.wav", archive / "x.wav")
    bpy.ops.wm.save_mainfile()
    known = sound_settings(sound).known_by
    assert missing_files() == [] and known
    bpy.ops.wm.open_mainfile(filepath=str(work / "shot.blend"))
    bpy.data.sounds[0].unpack(method="USE_LOCAL")
    voice_file().unlink()
    assert find(archive) == {"FINISHED"} and voice_file().name == "x.wav"


@pytest.fixture
def acted(spoken, tmp_path):
    """The same with a take, saved."""
    head, scene = the_head(), bpy.context.scene
    save_tiny_take(tmp_path / "work" / "take.safetensors", tiny_subject(), seconds=3.0)
    add_take(head, tmp_path / "work" / "take.safetensors", build_performance(head, scene))
    bpy.ops.wm.save_mainfile()
    return spoken


def reopened(work: Path):
    bpy.ops.wm.open_mainfile(filepath=str(work / "shot.blend"))
    return the_head(), bpy.context.scene


def test_with_the_voice_missing_a_take_still_says_what_changed(acted):
    work, _ = acted
    (work / "line.wav").unlink()
    head, scene = reopened(work)
    latest = staleness.check(head, scene)
    assert latest.state == staleness.BAKED and "line.wav" in latest.sentence
    settings(head).seed = 7
    latest = staleness.check(head, scene)
    assert latest.state == staleness.STALE and "seed" in latest.sentence and "line.wav" in latest.sentence
    settings(head).seed = 0
    compat.all_strips(scene)[0].volume = 0.5
    assert "voice at" in staleness.check(head, scene).sentence


def test_a_voice_edited_in_place_to_the_same_length_is_noticed(acted):
    work, _ = acted
    data = bytearray((work / "line.wav").read_bytes())
    data[-4000:] = bytes(4000)
    (work / "line.wav").write_bytes(data)
    head, scene = reopened(work)
    assert "voice at" in staleness.check(head, scene).sentence


def test_a_take_of_a_packed_voice_is_up_to_date_after_reopening(spoken, tmp_path):
    work, _ = spoken
    head, scene = the_head(), bpy.context.scene
    bpy.data.sounds[0].pack()
    save_tiny_take(work / "take.safetensors", tiny_subject(), seconds=3.0)
    add_take(head, work / "take.safetensors", build_performance(head, scene))
    save_ramp(work / "line.wav", 1.0)  # what lies where it came from is not what is heard
    bpy.ops.wm.save_mainfile()
    assert staleness.check(*reopened(work)).state == staleness.BAKED


def test_takes_that_knew_their_voice_by_its_size_alone_are_not_stale_for_that(acted):
    """As earlier versions wrote them."""
    size = (acted[0] / "line.wav").stat().st_size
    head, scene = the_head(), bpy.context.scene
    request = build_performance(head, scene, looking=True)
    assert staleness.asked_for(request, [f"line.wav {size}"])["voice"][0]["path"] == f"line.wav {size}"
    assert staleness.asked_for(request, ["line.wav 17"])["voice"][0]["path"].startswith(f"line.wav {size} ")


def test_a_still_that_was_renamed_is_found_and_follows_the_file(scene, tmp_path):
    from emodifftalk.core.formats.ply import write_ply

    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    write_ply(tmp_path / "a" / "stone.ply", tiny_subject().gaussians)
    bpy.ops.emodifftalk.import_gaussians(filepath=str(tmp_path / "a" / "stone.ply"))
    still = bpy.context.active_object
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a" / "shot.blend"))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "b" / "shot.blend"))
    assert settings(still).gaussians_path == "//../a/stone.ply"
    shutil.move(tmp_path / "a" / "stone.ply", tmp_path / "a" / "rock.ply")
    assert missing.missing_line() == "The still stone.ply is missing"
    assert find(tmp_path) == {"FINISHED"} and settings(still).gaussians_path == "//../a/rock.ply"


def test_drawings_never_wait_for_a_disk(spoken, monkeypatch):
    """In a window they are shown what the last look saw; looking is a thread's work."""
    import threading

    monkeypatch.setattr(missing.bpy, "app", WindowedApp())
    asked, looked = [], missing.os.path.isfile
    monkeypatch.setattr(
        missing.os.path, "isfile", lambda path: asked.append(threading.current_thread().name) or looked(path)
    )
    (spoken[0] / "line.wav").unlink()
    missing._on_change()
    assert missing.missing_line() == "" and asked == []
    while missing._tick() is not None:
        pass
    assert missing.missing_line() == "The voice line.wav is missing" and set(asked) == {"EmoDiffTalk missing files"}


def test_the_sentence_counts_and_names_the_first(acted):
    work, _ = acted
    for name in ("line.wav", "take.safetensors"):
        (work / name).unlink()
    Path(absolute(settings(the_head()).subject_path)).unlink()
    assert missing.missing_line() == "3 files are missing: subject tiny.safetensors, take take.safetensors and 1 more"
