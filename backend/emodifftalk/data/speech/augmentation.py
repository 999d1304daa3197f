"""The wear of real recordings: microphones, rooms, noise, music, telephones, lossy codecs, gain. And breaths."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from scipy.signal import butter, fftconvolve, resample_poly, sosfilt

from .rooms import music, noise
from .synthesizers import SAMPLE_RATE, Phoneme, Utterance


def pad(utterance: Utterance, before: float, after: float) -> Utterance:
    """With so many seconds of silence before and after, so that resting is learned, and measured, too."""
    silence = [np.zeros(round(t * SAMPLE_RATE), np.float32) for t in (before, after)]
    shift = len(silence[0]) / SAMPLE_RATE
    phonemes = tuple(replace(p, start=p.start + shift, end=p.end + shift) for p in utterance.phonemes)
    return replace(utterance, wave=np.concatenate([silence[0], utterance.wave, silence[1]]), phonemes=phonemes)


def faster(utterance: Utterance, factor: float) -> Utterance:
    """Played `factor` times as fast, pitch and formants rising with it."""
    at = np.arange(0, len(utterance.wave) - 1, factor)
    wave = np.interp(at, np.arange(len(utterance.wave)), utterance.wave).astype(np.float32)
    phonemes = tuple(replace(p, start=p.start / factor, end=p.end / factor) for p in utterance.phonemes)
    return replace(utterance, wave=wave, phonemes=phonemes)


def with_breaths(utterance: Utterance, rng: np.random.Generator) -> Utterance:
    """Air drawn in before phrases, audibly, through a mouth that opens a little (the shape of an h)."""
    spoken = [p for p in utterance.phonemes if p.symbol != "pau"]
    ends = [0.0] + [p.end for p in spoken[:-1]]
    wave, breaths = utterance.wave.copy(), []
    # 8 to 20 dB under the voice's own strength; the band is what a throat lets through.
    strength = float(np.sqrt(np.mean(wave**2))) * 10 ** (-rng.uniform(8, 20) / 20)
    band = butter(2, [rng.uniform(300, 800), rng.uniform(2500, 6000)], "band", fs=SAMPLE_RATE, output="sos")
    for begin, phoneme in zip(ends, spoken, strict=True):
        if phoneme.start - begin < 0.35:
            continue
        length = float(rng.uniform(0.2, min(0.5, phoneme.start - begin - 0.1)))
        start = phoneme.start - length - float(rng.uniform(0.03, 0.09))
        count, first = round(length * SAMPLE_RATE), round(start * SAMPLE_RATE)
        air = sosfilt(band, rng.normal(size=count)) * np.sin(np.linspace(0, np.pi, count)) ** 1.5
        wave[first : first + count] += (strength * air / (air.std() + 1e-9)).astype(np.float32)
        breaths.append(Phoneme("hh", start, start + length))
    # Breaths lie in pauses: what remains of these is filled with pauses again, so that phonemes cover all time.
    filled, at = [], 0.0
    for phoneme in sorted([*spoken, *breaths], key=lambda p: p.start):
        if phoneme.start - at > 1e-3:
            filled.append(Phoneme("pau", at, phoneme.start))
        filled.append(phoneme)
        at = phoneme.end
    return replace(utterance, wave=wave, phonemes=tuple(filled))


def augment(utterance: Utterance, rng: np.random.Generator) -> Utterance:
    """Dull or bright microphone, room, band limit, noise, music, codec and gain, each only sometimes. Times stay."""
    wave = utterance.wave
    # In the order sound meets them: microphone, room, band, noise, music, line, gain. Levels in decibels of the voice.
    if rng.random() < 0.4:
        wave = wave - rng.uniform(-0.4, 0.4) * np.concatenate([wave[:1] * 0, wave[:-1]])
    if rng.random() < 0.3:
        # A room: noise that falls by 52 dB (e⁻⁶) stands for its echoes.
        tail = rng.normal(size=round(rng.uniform(0.03, 0.15) * SAMPLE_RATE)).astype(np.float32)
        tail *= np.exp(-np.linspace(0, 6, len(tail)))
        wave = wave + rng.uniform(0.02, 0.08) * fftconvolve(wave, tail)[: len(wave)]
    if rng.random() < 0.2:
        edge = float(rng.uniform(3000, 7000))
        wave = sosfilt(butter(4, edge, fs=SAMPLE_RATE, output="sos"), wave)
    strength = float(np.sqrt(np.mean(wave**2)) + 1e-6)
    if rng.random() < 0.5:
        wave = wave + strength * 10 ** (-rng.uniform(12, 45) / 20) * noise(len(wave), rng)
    if rng.random() < 0.06:
        wave = wave + strength * 10 ** (-rng.uniform(12, 30) / 20) * music(len(wave), rng)
    codec = rng.random()
    if codec < 0.12:
        wave = telephone(wave)
    elif codec < 0.24:
        wave = compressed(wave, float(rng.uniform(0.5, 1.0)))
    wave = wave * 10 ** (rng.uniform(-12, 6) / 20)
    return replace(utterance, wave=np.clip(wave, -1, 1).astype(np.float32))


def telephone(wave: np.ndarray) -> np.ndarray:
    """Samples (S,) at 16 kHz as a telephone passes them on: 300 to 3400 Hz, 8 kHz, 8 bits by the mu law."""
    narrow = resample_poly(wave, 1, 2)
    narrow = sosfilt(butter(3, [300, 3400], "band", fs=SAMPLE_RATE // 2, output="sos"), narrow).clip(-1, 1)
    # ln(1 + 255 |x|) / ln 256 in 127 steps of each sign, and back: quiet sounds lose little, loud ones more.
    coded = np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256)
    coded = np.round(coded * 127) / 127
    narrow = np.sign(coded) * (256 ** np.abs(coded) - 1) / 255
    return resample_poly(narrow, 2, 1)[: len(wave)]


def compressed(wave: np.ndarray, amount: float) -> np.ndarray:
    """Samples (S,) at 16 kHz after Ogg Vorbis in memory. amount: 0 (best) to 1 (smallest)."""
    import soundfile

    packed = io.BytesIO()
    soundfile.write(
        packed, wave.clip(-1, 1), SAMPLE_RATE, format="OGG", subtype="VORBIS", compression_level=min(amount, 0.99)
    )
    packed.seek(0)
    decoded = soundfile.read(packed, dtype="float32")[0]
    return np.pad(decoded, (0, max(0, len(wave) - len(decoded))))[: len(wave)]
