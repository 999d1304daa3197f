"""What Blender plays at a frame is what the head says at that time: frames, seconds, trims, cuts and offsets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.helpers.sounds import RATE, read_ramp, save_ramp

bpy = pytest.importorskip("bpy")

from addon.blender import compat
from addon.scene.heads import settings
from addon.takes.performance import build_performance
from addon.timeline.prompts import add_voice
from emodifftalk.core.clock import Clock, clock_text, sampled_curve, sound_span
from emodifftalk.core.errors import UserError


@pytest.mark.parametrize(("fps", "base"), [(24, 1.0), (25, 1.0), (30, 1.001), (24, 1.001), (60, 1.0), (12, 0.5)])
def test_seconds_and_frames_are_exact_for_every_frame_rate(fps, base):
    clock = Clock(fps, base, zero=17)
    assert clock.seconds(17) == 0
    assert clock.seconds(17 + fps) == pytest.approx(base)
    for frame in (-100, 17.5, 12345):
        assert clock.frame(clock.seconds(frame)) == pytest.approx(frame)


def test_an_hour_at_ntsc_rate_does_not_drift():
    clock = Clock(30, 1.001)
    assert clock.seconds(107892) == pytest.approx(3599.9964, abs=1e-9)


def test_trimming_starts_later_in_the_file_without_moving_the_content():
    clock = Clock(25)
    span = sound_span(clock, content_start=10, left_handle=35, right_handle=60)
    assert (span.start, span.offset, span.duration) == pytest.approx((35 / 25, 1.0, 1.0))


def test_a_sound_moved_inside_its_strip_is_silent_before_it_begins():
    span = sound_span(Clock(25), 0, 0, 100, delay=0.5)
    assert (span.start, span.offset, span.duration) == pytest.approx((0.5, 0.0, 3.5))
    assert sound_span(Clock(25), 0, 0, 10, delay=5.0) is None


def test_a_resting_curve_is_two_keys_and_a_moving_one_is_exact():
    clock = Clock(24, 1.0, zero=1)
    assert sampled_curve(lambda frame: 0.25, clock, 0.0, 10.0) == ((0.0, 0.25), (10.0, 0.25))

    def step(frame: float) -> float:
        return 0.0 if clock.seconds(frame) < 1 else clock.seconds(frame) - 1

    keys = np.array(sampled_curve(step, clock, 0.0, 3.0))
    times = np.arange(76) / 25
    expected = [step(clock.frame(t)) for t in times]
    assert np.interp(times, keys[:, 0], keys[:, 1]) == pytest.approx(expected, abs=1e-6)
    assert len(keys) < 60


def test_times_are_written_as_people_say_them():
    assert clock_text(4.2) == "4.20 s"
    assert clock_text(64.2) == "1:04.2"
    assert clock_text(-0.5) == "-0.50 s"


def speak(head, scene, path: Path, frame: int = 10):
    return add_voice(head, scene, save_ramp(path, 6.0), frame)


def heard(scene, path: Path) -> np.ndarray:
    """Seconds into the ramp that Blender itself plays at every sample from the scene's first frame on."""
    answer = bpy.ops.sound.mixdown(
        filepath=str(path), container="WAV", codec="PCM", format="S16", mixrate=RATE, channels="MONO"
    )
    assert answer == {"FINISHED"}
    return read_ramp(path)


def spoken(request, scene, first_frame: float, length: int) -> np.ndarray:
    """The same from the Performance; its second 0 lies at `first_frame`."""
    ramp = np.zeros(length)
    times = (np.arange(length) / RATE) - (first_frame - scene.frame_start) * scene.render.fps_base / scene.render.fps
    for strip in request.performance.voice:
        inside = (times >= strip.start) & (times < strip.start + strip.duration)
        ramp[inside] = (times - strip.start + strip.offset)[inside]
    return ramp


EDITS = {
    "as it was dropped": lambda strip: None,
    "trimmed": lambda strip: setattr(strip, "frame_offset_start", 31),
    "trimmed at both ends": lambda strip: [setattr(strip, f"frame_offset_{end}", 31) for end in ("start", "end")],
    "delayed inside its strip": lambda strip: setattr(strip, "sound_offset", 0.4),
    "advanced inside its strip": lambda strip: setattr(strip, "sound_offset", -0.4),
    "cut in two": lambda strip: strip.split(frame=80, split_method="SOFT"),
    "moved": lambda strip: setattr(strip, "frame_start", 40),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize(("fps", "base"), [(24, 1.0), (30, 1.001)])
def test_the_head_says_what_blender_plays(head, scene, tmp_path, edit, fps, base):
    scene.render.fps, scene.render.fps_base = fps, base
    scene.frame_start, scene.frame_end = 3, 260
    strip = speak(head, scene, tmp_path / "ramp.wav")
    EDITS[edit](strip)
    bpy.context.view_layer.update()
    request = build_performance(head, scene)
    played = heard(scene, tmp_path / "mixed.wav")
    first = min(compat.left_handle(s) for s in compat.all_strips(scene))
    said = spoken(request, scene, first, len(played))
    # Around the ends of a strip Blender fades and rounds: a frame there does not count.
    sure = (said > 0.05) & (played > 0.05)
    assert sure.mean() > 0.9 * (said > 0.05).mean()
    assert np.abs(said - played)[sure].max() < 0.5 / fps * base


@pytest.mark.filterwarnings("ignore")
def test_a_hard_cut_keeps_speaking_within_a_frame(head, scene, tmp_path):
    strip = speak(head, scene, tmp_path / "ramp.wav")
    strip.split(frame=80, split_method="HARD")
    request = build_performance(head, scene)
    assert [round(s.offset, 6) for s in request.performance.voice] == [0.0, round(70 / 24, 6)]
    assert request.performance.voice[1].start == pytest.approx(70 / 24)


def test_a_voice_keeps_its_strip_when_that_is_renamed_and_its_pieces_when_it_is_cut(head, scene, tmp_path):
    strip = speak(head, scene, tmp_path / "ramp.wav")
    strip.name = "Line 12, take 3"
    assert settings(head).voice == "Line 12, take 3"
    strip.split(frame=60, split_method="SOFT")
    voices = build_performance(head, scene).performance.voice
    assert [round(v.start * 24) for v in voices] == [0, 50]
    assert [round(v.offset * 24) for v in voices] == [0, 50]


def test_choosing_a_strip_by_name_or_taking_it_away(head, scene, tmp_path):
    first, second = (speak(head, scene, tmp_path / f"{name}.wav", frame) for name, frame in (("a", 1), ("b", 300)))
    settings(head).voice = first.name
    assert build_performance(head, scene).performance.voice[0].path.name == "a.wav"
    settings(head).voice = second.name
    assert build_performance(head, scene).performance.voice[0].path.name == "b.wav"
    settings(head).voice = ""
    with pytest.raises(UserError, match="choose a voice"):
        build_performance(head, scene)


def test_a_missing_recording_is_named(head, scene, tmp_path):
    speak(head, scene, tmp_path / "ramp.wav")
    (tmp_path / "ramp.wav").unlink()
    with pytest.raises(UserError, match=r"ramp\.wav"):
        build_performance(head, scene)


def test_a_packed_recording_needs_no_file(head, scene, tmp_path):
    strip = speak(head, scene, tmp_path / "ramp.wav")
    strip.sound.pack()
    (tmp_path / "ramp.wav").unlink()
    voice = build_performance(head, scene).performance.voice[0]
    assert voice.path.is_file()
    assert read_ramp(voice.path)[RATE] == pytest.approx(1.0, abs=0.01)


def test_a_file_that_is_no_recording_adds_no_strip(head, scene, tmp_path):
    (tmp_path / "notes.wav").write_text("not a sound")
    with pytest.raises(UserError, match=r"notes\.wav"):
        add_voice(head, scene, tmp_path / "notes.wav")
    assert not compat.all_strips(scene)
    assert not settings(head).voice_uid
