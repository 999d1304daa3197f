"""A voice is edited in the sequencer as any sound is, the talk follows, and the take says what it no longer shows."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tests.helpers.sounds import RATE, read_ramp, save_ramp
from tests.helpers.tiny_subject import save_tiny_take, tiny_subject

bpy = pytest.importorskip("bpy")

from addon.blender import compat
from addon.playback import gaussians, take_time
from addon.scene.heads import settings
from addon.takes import line, pace, staleness
from addon.takes.generate import add_take
from addon.takes.performance import build_performance
from addon.timeline import pick_voice
from addon.timeline.prompts import add_prompt, add_voice
from emodifftalk.core.errors import UserError
from emodifftalk.core.facs import AU_INDEX

pytestmark = pytest.mark.filterwarnings("ignore")
JAW, SMILE = (AU_INDEX[au] for au in ("AU26", "AU12"))
RATES = [(24, 1.001), (24, 1.0), (25, 1.0), (30, 1.001), (30, 1.0), (50, 1.0), (60, 1.0)]
SECONDS = 6.0


@pytest.fixture
def playing(head, scene, tmp_path):
    """A head with a take of six seconds in which the jaw opens steadily; its voice begins at frame 11."""
    add_voice(head, scene, save_ramp(tmp_path / "v.wav", SECONDS), 11)
    make_take(head, scene, tmp_path / "take.safetensors")
    return head


def make_take(head, scene, path):
    request = build_performance(head, scene)
    save_tiny_take(path, tiny_subject(), seconds=request.performance.duration)
    add_take(head, path, request)
    return request


def voice(scene, index: int = 0):
    return sorted((s for s in compat.all_strips(scene) if s.type == "SOUND"), key=compat.left_handle)[index]


def frames(scene, seconds: float) -> int:
    return round(seconds * scene.render.fps / scene.render.fps_base)


def said(head, scene, frame: float) -> float:
    """Seconds into the recording that the face says at a frame: this take says it at the same second."""
    return take_time.take_moment(head, scene, frame).seconds


def in_sequencer(scene):
    """As if the pointer were in a sequencer that shows the scene."""
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    area.type = "SEQUENCE_EDITOR"
    compat.show_in_sequencer(bpy.context, scene)
    region = next(region for region in area.regions if region.type == "WINDOW")
    return bpy.context.temp_override(window=window, area=area, region=region, scene=scene)


def retime(scene, strip, speed: float) -> None:
    """What Strip > Retiming > Set Speed does."""
    scene.sequence_editor.active_strip = strip
    for other in compat.all_strips(scene):
        other.select = other == strip
    with in_sequencer(scene):
        bpy.ops.sequencer.retiming_segment_speed_set(speed=speed * 100)
    assert compat.is_retimed(strip)


@pytest.mark.parametrize(("fps", "base"), RATES)
def test_moved_cut_and_trimmed_pieces_are_said_where_they_are_heard(head, scene, tmp_path, fps, base):
    scene.render.fps, scene.render.fps_base = fps, base
    add_voice(head, scene, save_ramp(tmp_path / "v.wav", SECONDS), 11)
    make_take(head, scene, tmp_path / "take.safetensors")
    first = voice(scene)
    cut = 11 + frames(scene, 2)
    second = first.split(frame=cut, split_method="SOFT")
    second.frame_start += frames(scene, 1)
    second.frame_offset_start += frames(scene, 0.5)
    first.frame_start += 7
    for strip in (first, second):
        for frame in range(int(compat.left_handle(strip)), int(compat.right_handle(strip)), 3):
            heard = (frame - compat.content_start(strip)) * base / fps
            assert said(head, scene, frame) == pytest.approx(heard, abs=1e-3)
            assert take_time.take_moment(head, scene, frame).mouth_rest == 0


@pytest.mark.parametrize(("fps", "base"), [(24, 1.001), (60, 1.0)])
def test_ten_minutes_in_the_sequencer_do_not_drift(head, scene, tmp_path, fps, base):
    scene.render.fps, scene.render.fps_base = fps, base
    add_voice(head, scene, save_ramp(tmp_path / "v.wav", 600.0), 1)
    request = build_performance(head, scene)
    save_tiny_take(tmp_path / "take.safetensors", tiny_subject())
    add_take(head, tmp_path / "take.safetensors", request)
    piece = voice(scene).split(frame=1 + frames(scene, 200), split_method="SOFT")
    piece = piece.split(frame=1 + frames(scene, 400), split_method="HARD")
    piece.frame_start += 333
    for strip in (voice(scene, 0), voice(scene, 1), voice(scene, 2)):
        for frame in range(int(compat.left_handle(strip)), int(compat.right_handle(strip)) - fps, 211):
            trimmed = compat.strip_times(strip).trimmed
            heard = (frame - compat.content_start(strip) + trimmed) * base / fps
            assert said(head, scene, frame) == pytest.approx(heard, abs=1e-3)
    assert said(head, scene, compat.right_handle(voice(scene, 2)) - fps) > 590


@pytest.mark.parametrize("speed", [0.5, 1.5, 2.0])
def test_a_voice_at_another_speed_is_said_at_that_speed(playing, scene, speed):
    strip = voice(scene)
    retime(scene, strip, speed)
    for frame in range(int(compat.left_handle(strip)) + 1, int(compat.right_handle(strip)) - 2, 5):
        assert said(playing, scene, frame) == pytest.approx((frame - 11) / 24 * speed, rel=0.01)


@pytest.mark.skipif(
    bpy.app.version < (5, 2, 0), reason="Blender's own mixdown of a retimed sound crashes now and then before 5.2"
)
@pytest.mark.parametrize("speed", [0.8, 1.5])
def test_what_is_generated_from_a_retimed_voice_is_what_blender_plays(head, scene, tmp_path, speed):
    strip = add_voice(head, scene, save_ramp(tmp_path / "v.wav", SECONDS), 11)
    retime(scene, strip, speed)
    if hasattr(strip, "pitch_correction"):
        strip.pitch_correction = False  # keeping the pitch of a ramp would change how loud it is, by which we read it
    scene.frame_start, scene.frame_end = 11, 300
    asked = build_performance(head, scene).performance.voice
    assert [voice.speed for voice in asked] == pytest.approx([speed], rel=0.01)
    with in_sequencer(scene):
        bpy.ops.sound.mixdown(
            filepath=str(tmp_path / "m.wav"), container="WAV", codec="PCM", format="S16", mixrate=RATE, channels="MONO"
        )
    played = read_ramp(tmp_path / "m.wav")
    times = np.arange(len(played)) / RATE
    expected = asked[0].offset + (times - asked[0].start) * asked[0].speed
    sure = (played > 0.5) & (expected < SECONDS - 0.5) & (times < asked[0].duration - 0.3)
    assert sure.sum() > RATE * 2
    wrong = (played - expected)[sure]
    assert np.ptp(wrong) < 0.5 / 24 * speed  # no drift
    assert np.abs(wrong).max() < 0.5 / 24 * max(speed, 1)


def test_generating_from_several_speeds_asks_for_a_piece_of_each(head, scene, tmp_path):
    strip = add_voice(head, scene, save_ramp(tmp_path / "v.wav", SECONDS), 11)
    retime(scene, strip, 2.0)
    second = strip.split(frame=40, split_method="SOFT")
    retime(scene, second, 0.5)
    voices = build_performance(head, scene).performance.voice
    assert len(voices) == 2 and voices[0].speed == pytest.approx(2, rel=0.01) and voices[1].speed < voices[0].speed
    assert voices[0].offset + voices[0].duration * voices[0].speed <= SECONDS + 0.1


@pytest.mark.parametrize("how", ["strip", "channel"])
def test_a_muted_piece_rests_the_mouth_and_only_the_mouth(playing, scene, how):
    piece = voice(scene).split(frame=60, split_method="SOFT")
    piece.channel = 5
    if how == "strip":
        piece.mute = True
    else:
        scene.sequence_editor.channels[5].mute = True
    assert take_time.take_moment(playing, scene, 59).mouth_rest == 0
    assert take_time.take_moment(playing, scene, 100).mouth_rest == 1
    scene.frame_set(100)
    frame = gaussians.current_frame(playing, scene)
    subject = tiny_subject()
    lips = subject.template.landmarks["lip_inner_lower"]
    assert frame.aus[JAW] == 0 and np.abs(frame.offsets[lips]).max() < 1e-6
    assert np.abs(gaussians.current_gaussians(playing, scene).means - subject.gaussians.means).max() < 1e-3
    eases = [take_time.take_moment(playing, scene, 60 + part / 4).mouth_rest for part in range(16)]
    assert eases == sorted(eases) and eases[0] == 0 and eases[-1] == 1
    assert [s.start for s in build_performance(playing, scene).performance.voice] == [0]


def test_a_wholly_muted_voice_says_what_to_do(head, scene, tmp_path):
    add_voice(head, scene, save_ramp(tmp_path / "v.wav", SECONDS), 11).mute = True
    with pytest.raises(UserError, match="unmute the voice"):
        build_performance(head, scene)


def test_several_recordings_in_a_row_are_one_voice(head, scene, tmp_path):
    names = ("a", "b", "c")
    editor = scene.sequence_editor_create()
    for number, name in enumerate(names):
        sound = save_ramp(tmp_path / f"{name}.wav", 2.0)
        editor.strips.new_sound(name, str(sound), 1, 11 + 60 * number).select = True
    assert pick_voice.offered(head, scene) is None  # three of them: nobody knows which
    bpy.ops.emodifftalk.speak()
    request = make_take(head, scene, tmp_path / "take.safetensors")
    assert [voice.path.stem for voice in request.performance.voice] == list(names)
    voice(scene, 1).frame_start += 200
    for start, second in ((11, 0.0), (131, 5.0), (271, 2.5)):
        assert said(head, scene, start + 24) == pytest.approx(second + 1.0, abs=1e-3)


def test_the_only_sound_is_offered_and_taken_with_one_button(head, scene, tmp_path):
    editor = scene.sequence_editor_create()
    strip = editor.strips.new_sound("dropped", str(save_ramp(tmp_path / "v.wav", 2.0)), 1, 11)
    strip.select = False
    assert pick_voice.offered(head, scene) == strip
    assert bpy.ops.emodifftalk.speak(strip="dropped") == {"FINISHED"}
    assert settings(head).voice == "dropped" and pick_voice.offered(head, scene) is None
    strip.select = True
    assert not bpy.ops.emodifftalk.speak.poll()


def test_a_take_of_an_earlier_version_plays_as_it_did(playing, scene):
    entry = settings(playing).takes[0]
    entry.spoken = entry.made_from = ""
    assert said(playing, scene, 35) == pytest.approx(1.0)
    voice(scene).frame_start += 100
    assert said(playing, scene, 135) == pytest.approx(1.0)
    found = staleness.check(playing, scene)
    assert found.state == "" and "earlier version" in found.sentence and found.parts[0][2] == staleness.BAKED


def test_a_take_stays_where_it_was_when_its_voice_is_gone(playing, scene):
    scene.sequence_editor.strips.remove(voice(scene))
    assert said(playing, scene, 35) == pytest.approx(1.0)


def test_finding_the_moment_is_quick_with_many_strips(playing, scene, tmp_path):
    import time

    for number in range(40):
        voice(scene, -1).split(frame=15 + 3 * number, split_method="SOFT")
    scene.frame_set(40)
    began = time.perf_counter()
    for frame in range(200):
        take_time.take_moment(playing, scene, frame)
    assert (time.perf_counter() - began) / 200 < 0.004


# Staleness.


@pytest.fixture
def acted(head, scene, tmp_path):
    """A head with a take of ten seconds: a voice and two feelings."""
    add_voice(head, scene, save_ramp(tmp_path / "v.wav", 10.0), 11)
    add_prompt(head, scene, "happy", 11)
    add_prompt(head, scene, "sad", 131)
    make_take(head, scene, tmp_path / "take.safetensors")
    return head


def prompt(scene, words: str):
    return next(s for s in compat.all_strips(scene) if s.type == "TEXT" and s.emodifftalk.text == words)


def parts(found, kind: str) -> list[tuple[int, int]]:
    return [(round(start), round(end)) for start, end, which in found.parts if which == kind]


def test_nothing_changed_is_up_to_date_even_after_everything_was_moved(acted, scene):
    found = staleness.check(acted, scene)
    assert (found.state, found.line, found.sentence) == (staleness.BAKED, "Up to date", "")
    assert parts(found, staleness.BAKED) == [(11, 251)]
    for strip in compat.all_strips(scene):
        strip.frame_start += 50
    voice(scene).split(frame=100, split_method="SOFT")  # still says the same
    found = staleness.check(acted, scene)
    assert found.state == staleness.BAKED and parts(found, staleness.BAKED) == [(61, 301)]


EDITS = {
    "words": (lambda head, scene: (prompt(scene, "sad").emodifftalk, "text", "angry"), "prompt “angry” at 5.42 s", 131),
    "strength": (lambda head, scene: (prompt(scene, "sad").emodifftalk, "strength", 0.5), "“sad” at 5.42 s", 131),
    "length": (lambda head, scene: (prompt(scene, "sad"), "frame_final_end", 191), "prompt “sad” at 5.42 s", 131),
    "seed": (lambda head, scene: (settings(head), "seed", 5), "seed", 11),
    "style": (lambda head, scene: (settings(head), "lip_sync", 0.5), "lip sync", 11),
    "loudness": (lambda head, scene: (voice(scene), "volume", 0.5), "voice at 0.42 s", 11),
    "slider": (lambda head, scene: (settings(head).aus, "au12", 0.5), "AU12 offset at 0.42 s", 11),
    "trimmed": (lambda head, scene: (voice(scene), "frame_offset_end", 24), "voice at 9.42 s", 227),
    "muted": (lambda head, scene: (voice(scene).split(frame=203, split_method="SOFT"), "mute", True), "at 8.42 s", 203),
}
"""What is set to what, how it is named, and from which frame on it matters, to the end at frame 251."""


@pytest.mark.parametrize("edit", EDITS)
def test_what_changed_is_named_and_marked_where_it_is(acted, scene, edit):
    changed, named, first = EDITS[edit]
    setattr(*changed(acted, scene))
    span = (first, 251)
    found = staleness.check(acted, scene)
    assert found.state == staleness.STALE and named in found.sentence and found.sentence.count(" at ") <= 1
    assert parts(found, staleness.STALE) == [span]
    assert found.line.startswith(f"Stale: {(span[1] - span[0]) / 24:.1f} s of 10.0 s")


def test_keys_make_stale_only_where_the_curve_is_another(acted, scene, tmp_path):
    kept = settings(acted)
    for frame in (11, 60, 100, 251):
        acted.keyframe_insert("emodifftalk.valence", frame=frame)
    make_take(acted, scene, tmp_path / "keyed.safetensors")
    assert staleness.check(acted, scene).state == staleness.BAKED
    kept.valence = 0.8
    acted.keyframe_insert("emodifftalk.valence", frame=80)
    ((start, end),) = parts(staleness.check(acted, scene), staleness.STALE)
    assert 58 <= start <= 64 and 96 <= end <= 102


def test_without_a_take_and_beyond_it_the_line_says_missing(head, scene, tmp_path):
    add_voice(head, scene, save_ramp(tmp_path / "v.wav", 2.0), 11)
    found = staleness.check(head, scene)
    assert found.state == staleness.MISSING and found.parts == ((11, 59, staleness.MISSING),)
    make_take(head, scene, tmp_path / "take.safetensors")
    late = add_prompt(head, scene, "calm", 101)[0]
    found = staleness.check(head, scene)
    assert parts(found, staleness.MISSING) == [(101, round(compat.right_handle(late)))]
    assert "nothing made yet at 4.17 s" in found.sentence


def test_another_recording_under_the_same_name_is_noticed(acted, scene, tmp_path):
    save_ramp(tmp_path / "v.wav", 9.5)
    assert "voice at" in staleness.check(acted, scene).sentence


def test_low_confidence_is_marked_and_follows_the_voice(playing, scene, tmp_path):
    from emodifftalk.core import tensors

    path = tmp_path / "stretching.safetensors"
    save_tiny_take(path, tiny_subject(), seconds=SECONDS)
    arrays, about = tensors.load(path)
    values = np.ones(len(arrays["aus"]), np.float32)
    values[75:100] = 0.4
    tensors.save(path, arrays | {"confidence": values}, about)
    add_take(playing, path, build_performance(playing, scene))
    ((start, end),) = parts(staleness.check(playing, scene), staleness.STRETCHED)
    assert abs(start - (11 + 72)) <= 1 and abs(end - (11 + 96)) <= 1
    voice(scene).split(frame=59, split_method="SOFT").frame_start += 100
    ((start, end),) = parts(staleness.check(playing, scene), staleness.STRETCHED)
    assert abs(start - (111 + 72)) <= 1 and abs(end - (111 + 96)) <= 1
    assert settings(playing).takes[1].name == "stretching"


def test_the_cost_is_what_the_last_takes_cost(acted, scene, monkeypatch):
    monkeypatch.setattr(pace._learned, "pace", None)
    monkeypatch.setattr(pace, "_keep", lambda found: monkeypatch.setattr(pace._learned, "pace", found))
    stages = {"speech": 2.5, "emotion": 0.5, "motion": 5.0, "appearance": 20.0}
    pace.learn({"stages": stages, "frames": 250, "recomputed": 250}, seconds=40.0)
    settings(acted).seed = 5
    assert "about 40 s to make again" in staleness.check(acted, scene).line
    settings(acted).seed = 0
    compat.set_right_handle(prompt(scene, "sad"), 240)
    # Its end lies in the last of three windows: what the others alone show is copied.
    cost = pace.known().estimate(_changes(acted, scene))
    assert 12.5 + 25 * 0.1 < cost < 12.5 + 200 * 0.1
    less = stages | {"speech": 0.1, "motion": 1.0, "appearance": 4.0}
    pace.learn({"stages": less, "frames": 250, "recomputed": 50}, seconds=7.0)
    assert pace.known().listening == 0.01 and pace.known().beside == pytest.approx(1.9)


def _changes(head, scene):
    from emodifftalk.core.changes import compare_performances

    now = staleness.asked_for(build_performance(head, scene, looking=True))
    return compare_performances(staleness._unpacked(settings(head).takes[0].made_from), now)


def test_looking_changes_nothing(acted, scene, tmp_path):
    first = prompt(scene, "happy")
    twin = prompt(scene, "sad")
    twin.emodifftalk.uid = first.emodifftalk.uid
    voice(scene).sound.pack()
    before = sorted(tmp_path.rglob("*"))
    staleness.check(acted, scene)
    assert twin.emodifftalk.uid == first.emodifftalk.uid and sorted(tmp_path.rglob("*")) == before


def test_the_line_lies_under_the_ruler_where_the_frames_are(acted, scene):
    def to_region(frame, value, clip):
        return 2 * frame - 100, 0

    region = SimpleNamespace(width=300, height=200, view2d=SimpleNamespace(view_to_region=to_region))
    settings(acted).seed = 3
    found = line.rectangles(line.bars(scene, bpy.context), region, 2.0)
    assert found[staleness.STALE] == [(0, 146.0, 300, 154.0)] and not found[staleness.BAKED]
    assert not found[staleness.MISSING]
    assert not scene.is_property_set("emodifftalk_line") and scene.emodifftalk_line.show
