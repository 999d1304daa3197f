"""What a voice is felt to say: bounded and smooth for any recording, nothing in silence, excited more than tired."""

from __future__ import annotations

import json
import math
import time

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from emodifftalk.cli import main
from emodifftalk.core.errors import Cancelled, UserError
from emodifftalk.core.facs import FPS
from emodifftalk.core.watch import Watch
from emodifftalk.data.speech.augmentation import telephone
from emodifftalk.data.speech.corpus import HELD_OUT_ESPEAK, HELD_OUT_FLITE, espeak_in_mood, flite_in_mood
from emodifftalk.data.speech.moods import MOODS, converse, held_out_session, training_session
from emodifftalk.data.speech.prosody import CALM, colour
from emodifftalk.speech.affect import MODEL, VoiceAffect, load_voice_affect, read_voice_affect
from emodifftalk.speech.audio import load_audio
from emodifftalk.speech.pitch import track_pitch
from emodifftalk.train.speech.voice_affect import VoiceAffectSettings, train_voice_affect
from tests.helpers.places import HELLO, SCENES
from tests.helpers.synthesizers import can_synthesize

RATE = 16000
VOICES = [HELLO, *(SCENES / "held_out" / "voices" / f"{n}.flac" for n in ("slt07", "f508", "ked02"))]
SENTENCE = "I'm amazed how many maple boats appeared in the harbour."

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def model() -> VoiceAffect:
    return load_voice_affect()


@pytest.fixture(scope="module")
def hello() -> np.ndarray:
    return load_audio(VOICES[0])


def largest_step(found: np.ndarray) -> float:
    return float(np.abs(np.diff(found, axis=0)).max(initial=0))


# Any recording


@pytest.mark.parametrize("path", VOICES, ids=lambda path: path.stem)
def test_a_voice_gives_a_smooth_track_within_bounds(model, path):
    wave = load_audio(path)
    found = model.estimate(wave)
    assert found.dtype == np.float32 and found.shape == (math.ceil(len(wave) / RATE * FPS), 2)
    assert np.abs(found).max() <= 1 and largest_step(found) < 0.05


def test_silence_is_no_feeling_at_all(model):
    assert not model.estimate(np.zeros(5 * RATE, np.float32)).any()
    assert model.estimate(np.zeros(0, np.float32), 30).shape == (30, 2)


def test_long_silence_after_words_comes_back_to_exactly_nothing_and_words_still_count(model, hello):
    found = model.estimate(np.concatenate([np.zeros(8 * RATE, np.float32), hello, np.zeros(8 * RATE, np.float32)]))
    assert not found[: 3 * FPS].any() and not found[-3 * FPS :].any()
    assert np.abs(found[8 * FPS : -8 * FPS]).max() > 0.02


def test_a_short_pause_holds_the_mood(model, hello):
    words = hello[: round(2.3 * RATE)]
    wave = np.concatenate([words, np.zeros(RATE, np.float32), words])
    found = model.estimate(wave)
    pause = found[round(2.3 * FPS) : round(3.3 * FPS)]
    around = np.concatenate([found[FPS : 2 * FPS], found[round(4.3 * FPS) : round(5.0 * FPS)]])
    assert np.abs(pause.mean(axis=0) - around.mean(axis=0)).max() < 0.1


def test_one_second_is_enough_to_get_an_answer(model, hello):
    for seconds in (0.01, 0.3, 1.0):
        found = model.estimate(hello[: round(seconds * RATE)])
        assert len(found) == math.ceil(round(seconds * FPS, 6)) and np.isfinite(found).all()
        assert np.abs(found).max() <= 1 and largest_step(found) < 0.05


@pytest.mark.slow
def test_a_minute_has_no_seams_and_frames_can_be_asked_for(model, hello):
    minute = np.tile(hello, 9)[: 60 * RATE]
    found = model.estimate(minute)
    assert len(found) == 60 * FPS and largest_step(found) < 0.05
    assert model.estimate(minute, 400).shape == (400, 2)
    assert model.estimate(hello, 400).shape == (400, 2)
    # Once all that is usual has been heard, the same words feel the same, also across the joints of the pieces.
    again = round(len(hello) / RATE * FPS)
    assert np.abs(found[3 * again : 4 * again] - found[4 * again : 5 * again]).max() < 0.1


def test_noise_and_hum_are_hardly_felt(model):
    rng = np.random.default_rng(4)
    hum = 0.1 * np.sin(2 * np.pi * 50 * np.arange(8 * RATE) / RATE)
    for wave in (0.1 * rng.normal(size=8 * RATE), 3e-4 * rng.normal(size=8 * RATE), hum):
        assert np.abs(model.estimate(wave.astype(np.float32))).max() < 0.15


def test_loudness_of_the_recording_and_a_telephone_do_not_change_the_mood_much(model, hello):
    found = model.estimate(hello)
    assert np.abs(model.estimate(0.1 * hello) - found).max() < 0.05
    assert np.abs(model.estimate(telephone(hello).astype(np.float32)) - found).mean() < 0.3


def test_the_same_recording_gives_the_same_track(model, hello):
    assert np.array_equal(model.estimate(hello), model.estimate(hello))


def test_samples_that_are_not_numbers_are_refused(model):
    for wave in (np.full(RATE, np.nan, np.float32), np.zeros((2, RATE), np.float32)):
        with pytest.raises(UserError, match="one channel of finite samples"):
            model.estimate(wave)


@pytest.mark.slow
def test_listening_costs_a_small_part_of_the_recording(model, hello):
    minute = np.tile(hello, 9)[: 60 * RATE]
    model.estimate(minute)
    began = time.process_time()  # of this process: others may be busy
    model.estimate(minute)
    assert time.process_time() - began < 0.05 * 60


# Moods


def spoken(voice: str, mood: str, register: float = 1.0) -> np.ndarray:
    """SENTENCE by a voice never trained on."""
    rng = np.random.default_rng(1)
    if voice == "slt":
        utterance = flite_in_mood(SENTENCE, HELD_OUT_FLITE, 1.0, MOODS[mood], register)
    else:
        utterance = espeak_in_mood(SENTENCE, HELD_OUT_ESPEAK, 1.0, MOODS[mood], rng)
    return colour(utterance, MOODS[mood], rng).wave


@can_synthesize
@pytest.mark.parametrize("voice", ["slt", "f5"])
def test_excited_words_have_more_arousal_than_the_same_words_tired(model, voice):
    moods = ("surprised", "angry", "tired", "sad")
    surprised, angry, tired, sad = (model.estimate(spoken(voice, mood))[:, 1].mean() for mood in moods)
    assert min(surprised, angry) > max(tired, sad) + 0.15


@can_synthesize
def test_a_high_voice_is_no_excited_one(model):
    waves = {register: spoken("slt", "neutral", register) for register in (0.8, 1.5)}
    pitches = {register: np.median(pitch[periodic > 0.7]) for register, wave in waves.items()
               for pitch, periodic, _ in [track_pitch(wave)]}  # fmt: skip
    assert pitches[1.5] - pitches[0.8] > 7  # semitones
    low, high = (model.estimate(wave)[:, 1].mean() for wave in waves.values())
    excited = model.estimate(spoken("slt", "afraid"))[:, 1].mean()
    assert abs(high) < excited - 0.15 and abs(low) < excited - 0.15


@can_synthesize
def test_a_mood_that_changes_is_followed(model):
    session = held_out_session("slt", 2, ("tired", "angry"))
    found = model.estimate(session.wave, len(session.affect))[:, 1]
    tired, angry = (found[session.affect[:, 1] == np.float32(MOODS[mood].place[1])] for mood in ("tired", "angry"))
    assert angry[FPS:].mean() > tired[:-FPS].mean() + 0.3


@can_synthesize
def test_training_sessions_say_where_each_mood_lies_and_can_be_made_again():
    sessions = [training_session(0, i) for i in range(5)]
    for session in sessions:
        assert len(session.affect) == math.ceil(len(session.wave) / RATE * FPS) and np.abs(session.affect).max() <= 1
    assert np.array_equal(sessions[3].wave, training_session(0, 3).wave)
    calm = converse(lambda mood: flite_in_mood(SENTENCE, "kal", 1.0, mood), [CALM], np.random.default_rng(0))
    assert calm.name == "neutral" and not calm.affect.any()


def test_every_mood_has_a_place_of_its_own():
    places = {mood.place for mood in MOODS.values()}
    assert len(places) == len(MOODS) and MOODS["neutral"].place == (0, 0)
    assert all(0.5 < math.hypot(*mood.place) <= 1 for name, mood in MOODS.items() if name != "neutral")


# Files and training


def test_the_shipped_model_is_small_and_says_that_no_person_was_heard():
    assert MODEL.stat().st_size < 400_000
    header = MODEL.read_bytes()[8:4000]
    assert b"no human voice" in header and b'"F32"' not in header


def test_a_damaged_model_is_refused_in_one_sentence(tmp_path):
    whole = MODEL.read_bytes()
    for name, data in {"cut": whole[: len(whole) // 2], "empty": b"", "noise": b"\xff" * 999}.items():
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(data)
        with pytest.raises(UserError, match=path.name):
            read_voice_affect(path)
    with pytest.raises(UserError, match="not an EmoDiffTalk voice_affect"):
        read_voice_affect(MODEL.with_name("speech_to_au.safetensors"))
    with pytest.raises(UserError, match="does not exist"):
        read_voice_affect(tmp_path / "nowhere.safetensors")


@can_synthesize
def test_training_writes_a_model_that_can_be_used_the_same_for_the_same_seed(tmp_path, hello, capsys):
    paths = [tmp_path / name for name in ("one.safetensors", "two.safetensors")]
    for path in paths:
        amount = ["--sessions", "6", "--epochs", "2", "--seed", "5", "--no-report"]
        assert main(["train", "affect", "--out", str(path), *amount]) == 0
        report = json.loads(capsys.readouterr().out)
    assert report["sessions"] == 6 and "no human voice" in report["voices"]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert np.isfinite(read_voice_affect(paths[0]).estimate(hello)).all()
    with pytest.raises(Cancelled):
        train_voice_affect(tmp_path / "never.safetensors", VoiceAffectSettings(4, 1), Watch(cancelled=lambda: True))
    assert not (tmp_path / "never.safetensors").exists()


def test_pitch_is_measured_to_a_tenth_of_a_semitone():
    times = np.arange(RATE) / RATE
    for hertz in (80, 120, 220, 400):
        wave = sum(np.sin(2 * np.pi * hertz * k * times) / k for k in range(1, 5000 // hertz)).astype(np.float32)
        pitch, periodic, breath = track_pitch(0.1 * wave)
        assert abs(np.median(pitch) - 12 * np.log2(hertz / 100)) < 0.1
        assert np.median(periodic) > 0.9 and np.median(breath) < 0.2
    pitch, periodic, _ = track_pitch(np.random.default_rng(0).normal(size=RATE).astype(np.float32))
    assert np.median(periodic) < 0.6
    assert len(track_pitch(np.zeros(10, np.float32))[0]) == 0
