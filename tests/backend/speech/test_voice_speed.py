"""A recording played at another speed: its words come when Blender plays them, at the pitch they were spoken."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emodifftalk.core.errors import UserError
from emodifftalk.core.performance import Performance, VoiceStrip, from_json, to_json
from tests.helpers.sounds import save_wave

pytest.importorskip("soundfile")
pytest.importorskip("scipy")

from emodifftalk.speech.tempo import change_tempo
from emodifftalk.speech.voice import SAMPLE_RATE, assemble_voice


def bursts(seconds: float, every: float) -> np.ndarray:
    """A 150 Hz voice-like tone that comes and goes, sounding for the first half of every `every` seconds."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave = sum(np.sin(2 * np.pi * 150 * k * t) / k for k in range(1, 8))
    return (0.2 * wave * ((t % every) < every / 2)).astype(np.float32)


def onsets(wave: np.ndarray) -> np.ndarray:
    """Seconds at which sound begins."""
    loud = np.abs(wave) > 0.05
    near = np.convolve(loud, np.ones(1600), "same") > 0
    return (np.flatnonzero(near[1:] & ~near[:-1]) + 800) / SAMPLE_RATE


@settings(max_examples=12, deadline=None)
@given(speed=st.floats(0.5, 2.0))
@pytest.mark.slow
def test_words_come_when_they_are_played_and_do_not_drift(speed):
    wave = bursts(60, 0.75)
    changed = change_tempo(wave, speed)
    assert abs(len(changed) - len(wave) / speed) <= 1
    found, wanted = onsets(changed), onsets(wave) / speed
    assert len(found) == len(wanted)
    assert np.abs(found - wanted).max() < 0.045 and abs(np.mean(found[-20:] - wanted[-20:])) < 0.025


@pytest.mark.parametrize("speed", [0.6, 0.9, 1.2, 1.8])
def test_the_pitch_stays(speed):
    wave = bursts(4, 100.0)[: 2 * SAMPLE_RATE]
    changed = change_tempo(wave, speed)[2000:-2000]
    spectrum = np.abs(np.fft.rfft(changed * np.hanning(len(changed))))
    assert np.argmax(spectrum) * SAMPLE_RATE / len(changed) == pytest.approx(150, abs=4)


def test_the_own_speed_is_the_recording_to_the_bit():
    wave = bursts(1, 0.3)
    assert np.array_equal(change_tempo(wave, 1.0), wave)
    assert len(change_tempo(wave[:0], 1.5)) == 0


def test_a_piece_at_double_speed_uses_twice_its_time_of_the_file(tmp_path):
    path = save_wave(tmp_path / "v.wav", bursts(8, 1.0)[::2])
    strip = VoiceStrip(path, start=1.0, offset=2.0, duration=2.0, speed=2.0)
    mixed, seconds = assemble_voice(Performance((strip,)))
    assert seconds == pytest.approx(3.0) and not mixed[:SAMPLE_RATE].any()
    assert onsets(mixed) == pytest.approx([1.0, 1.5, 2.0, 2.5], abs=0.045)
    rest, seconds = assemble_voice(Performance((VoiceStrip(path, speed=0.5),)))
    assert seconds == pytest.approx(16.0) and len(rest) == 16 * SAMPLE_RATE


def test_speed_is_written_read_and_checked(tmp_path):
    performance = Performance((VoiceStrip(tmp_path / "v.wav", speed=1.25),))
    data = to_json(performance)
    assert from_json(data) == performance
    data["schema"] = 2
    del data["voice"][0]["speed"]
    assert from_json(data).voice[0].speed == 1.0
    for wrong in (0.0, -1.0, float("nan"), 1e9):
        with pytest.raises(UserError, match="voice"):
            from_json({**data, "voice": [{**data["voice"][0], "speed": wrong}]})
