"""A recording that lies about itself is a sentence, at once, and takes no memory."""

from __future__ import annotations

import os
import signal
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

soundfile = pytest.importorskip("soundfile")
from emodifftalk.core import outside
from emodifftalk.core.errors import UserError
from emodifftalk.speech import audio, decoding
from emodifftalk.speech.audio import load_audio

TONE = (0.3 * np.sin(np.arange(24_000) / 20)).astype(np.float32)


def wav(path: Path, rate: int = 24_000, channels: int = 1, size: int | None = None) -> Path:
    """A recording whose header says this; the samples are those of TONE."""
    samples = (TONE * 32767).astype("<i2").tobytes()
    header = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, min(rate * 2, 2**32 - 1), 2 * channels, 16)
    data = header + struct.pack("<4sI", b"data", len(samples) if size is None else size) + samples
    path.write_bytes(struct.pack("<4sI4s", b"RIFF", 4 + len(data), b"WAVE") + data)
    return path


@pytest.mark.parametrize("rate", [0, 1, 3999, 384_001, 2**31 - 1, 2**31, 2**32 - 1])
def test_a_sample_rate_that_no_recording_has_is_a_sentence(tmp_path, rate):
    with pytest.raises(UserError, match=r"samples a second|not a recording"):
        decoding.decode(wav(tmp_path / "a.wav", rate))


def test_more_channels_than_any_studio_has_are_a_sentence(tmp_path):
    with pytest.raises(UserError, match="65 channels"):
        decoding.decode(wav(tmp_path / "a.wav", channels=65))


def test_samples_that_a_header_promises_in_vain_are_not_waited_for(tmp_path):
    rate, pieces = decoding.decode(wav(tmp_path / "a.wav", size=2**32 - 100))
    assert rate == 24_000 and sum(map(len, pieces)) == len(TONE)


def test_a_recording_is_the_same_in_blocks_as_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "_BLOCK", 4096)
    monkeypatch.setattr(decoding, "_PIECE", 10_000)
    for ending in ("wav", "flac", "ogg", "mp3"):
        path = tmp_path / f"a.{ending}"
        soundfile.write(path, np.stack([TONE, 0.5 * TONE], axis=1), 24_000)
        pieces = decoding.decode(path)[1]
        whole = soundfile.read(path, dtype="float32")[0].mean(axis=1)
        assert len(pieces) > 2 and np.allclose(np.concatenate(pieces), whole, rtol=0, atol=1e-6), ending


def test_a_recording_longer_than_two_hours_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "MOST_SECONDS", 0)
    with pytest.raises(UserError, match="more than 0 minutes"):
        decoding.decode(wav(tmp_path / "a.wav"))


def test_samples_beyond_reason_are_brought_back(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.array([np.nan, np.inf, -np.inf, 3e38, 0.5], np.float32), 16_000, "FLOAT")
    assert decoding.decode(tmp_path / "a.wav")[1][0].tolist() == [0.0, 1.0, -1.0, decoding.LOUDEST, 0.5]


def test_an_odd_rate_is_resampled_to_the_same_length(tmp_path):
    assert abs(len(load_audio(wav(tmp_path / "a.wav", 383_999))) - 16_000 * len(TONE) / 383_999) < 1


def test_a_decoder_that_crashes_is_a_sentence(tmp_path, monkeypatch):
    def crash(words: list[str], **options: object) -> object:
        return outside.subprocess.CompletedProcess(words, -signal.SIGSEGV, b"", b"")

    monkeypatch.setattr(outside.subprocess, "run", crash)
    with pytest.raises(UserError, match=r"a.wav is damaged: the library that reads it ended with SIGSEGV"):
        load_audio(wav(tmp_path / "a.wav"))


def test_a_short_recording_is_decoded_once_until_it_changes(tmp_path, monkeypatch):
    times = []
    monkeypatch.setattr(audio, "_decoded", lambda path, rate: times.append(path) or np.zeros(10, np.float32))
    path = wav(tmp_path / "a.wav")
    load_audio(path)[:] = 1
    assert not load_audio(path).any() and len(times) == 1
    wav(path, size=100)
    os.utime(path, (1, 1))
    load_audio(path)
    assert len(times) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pipes among files")
def test_a_pipe_or_a_device_is_no_recording(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    for path in (tmp_path / "pipe.wav", Path("/dev/zero"), tmp_path):
        with pytest.raises(UserError, match="no plain file"):
            load_audio(path)
