"""From phoneme times to what the face does: coarticulated AU and articulation targets.

Each phoneme pulls the mouth towards its shape with a dominance that rises before it and fades after it (after Cohen and
Massaro's dominance functions): that gives anticipation and carry-over. What speech cannot do without (the closure of
p b m, the lip-teeth contact of f v) is enforced afterwards, whatever the neighbours want.
"""

from __future__ import annotations

import numpy as np

from ...core.facs import ARTICULATIONS, AU_NAMES, FPS
from ...speech.blinks import add_blinks
from ...speech.closures import HELD, LEFT_WHEN_SHUT
from .synthesizers import BILABIALS, VOWELS, Phoneme, Utterance

_HELD = {"p": 0.6, "b": 0.75}
"""Share of a stop during which the lips are shut; the rest is burst and breath with the lips already parting."""
_RATE = 100  # internal targets per second; frames are pooled from these
_CHANNELS = (*AU_NAMES, *ARTICULATIONS)
_INDEX = {name: i for i, name in enumerate(_CHANNELS)}

# Shape of each phoneme's mouth at a normal voice.
_SHAPES: dict[str, dict[str, float]] = {
    "pau": {},
    "p": {"lip_press": 0.7, "AU24": 0.35},
    "b": {"lip_press": 0.7, "AU24": 0.35},
    "m": {"lip_press": 0.6, "AU24": 0.3},
    "f": {"lip_bite": 0.9, "AU10": 0.15, "AU25": 0.12},
    "v": {"lip_bite": 0.85, "AU10": 0.12, "AU25": 0.12},
    "th": {"AU25": 0.35, "AU26": 0.12, "tongue_up": 0.5},
    "dh": {"AU25": 0.35, "AU26": 0.12, "tongue_up": 0.5},
    "t": {"AU25": 0.35, "AU26": 0.10, "stretch": 0.15, "tongue_up": 0.8},
    "d": {"AU25": 0.35, "AU26": 0.10, "stretch": 0.12, "tongue_up": 0.8},
    "s": {"AU25": 0.42, "AU26": 0.05, "stretch": 0.3},
    "z": {"AU25": 0.42, "AU26": 0.05, "stretch": 0.3},
    "sh": {"AU25": 0.35, "AU26": 0.08, "AU10": 0.08, "funnel": 0.75},
    "zh": {"AU25": 0.35, "AU26": 0.08, "AU10": 0.08, "funnel": 0.75},
    "ch": {"AU25": 0.35, "AU26": 0.08, "AU10": 0.08, "funnel": 0.7},
    "jh": {"AU25": 0.35, "AU26": 0.08, "AU10": 0.08, "funnel": 0.65},
    "k": {"AU25": 0.35, "AU26": 0.16},
    "g": {"AU25": 0.35, "AU26": 0.16},
    "ng": {"AU25": 0.35, "AU26": 0.14},
    "n": {"AU25": 0.33, "AU26": 0.10, "tongue_up": 0.8},
    "hh": {"AU25": 0.35, "AU26": 0.20},
    "l": {"AU25": 0.38, "AU26": 0.16, "tongue_up": 0.9},
    "r": {"AU25": 0.30, "AU26": 0.10, "funnel": 0.45, "pucker": 0.2},
    "w": {"AU25": 0.10, "AU26": 0.06, "pucker": 0.9, "AU23": 0.15, "AU17": 0.08},
    "y": {"AU25": 0.35, "AU26": 0.08, "stretch": 0.3},
    "iy": {"AU25": 0.45, "AU26": 0.12, "AU12": 0.12, "AU14": 0.06, "stretch": 0.55},
    "ih": {"AU25": 0.42, "AU26": 0.20, "stretch": 0.25},
    "eh": {"AU25": 0.50, "AU26": 0.36, "stretch": 0.2},
    "ey": {"AU25": 0.50, "AU26": 0.30, "AU12": 0.08, "stretch": 0.4},
    "ae": {"AU25": 0.55, "AU26": 0.58, "stretch": 0.3, "AU10": 0.1},
    "aa": {"AU25": 0.50, "AU26": 0.68},
    "ao": {"AU25": 0.40, "AU26": 0.52, "funnel": 0.55},
    "ah": {"AU25": 0.48, "AU26": 0.42},
    "ax": {"AU25": 0.40, "AU26": 0.24},
    "er": {"AU25": 0.38, "AU26": 0.18, "funnel": 0.4},
    "uh": {"AU25": 0.30, "AU26": 0.20, "funnel": 0.4, "pucker": 0.25},
    "uw": {"AU25": 0.15, "AU26": 0.10, "pucker": 0.95, "AU23": 0.12},
    "ay": {"AU25": 0.50, "AU26": 0.58, "stretch": 0.15},
    "aw": {"AU25": 0.45, "AU26": 0.58, "funnel": 0.35},
    "ow": {"AU25": 0.28, "AU26": 0.30, "funnel": 0.4, "pucker": 0.5},
    "oy": {"AU25": 0.40, "AU26": 0.42, "funnel": 0.5},
}
_DIPHTHONG_ENDS = {"ay": "iy", "ey": "iy", "oy": "iy", "aw": "uw", "ow": "uw"}
# How strongly a phoneme insists on its shape: tongue consonants yield to the vowels around them.
_DOMINANCE = {"pau": 0.6, "w": 1.6, "sh": 1.5, "zh": 1.5, "ch": 1.4, "jh": 1.4, "r": 1.0, "f": 1.6, "v": 1.6}


_EXPRESSIONS: tuple[dict[str, float], ...] = (
    {"AU06": 0.7, "AU12": 0.8},
    {"AU12": 0.5, "AU14": 0.3},
    {"AU01": 0.7, "AU04": 0.5, "AU15": 0.7, "AU17": 0.3},
    {"AU04": 0.8, "AU05": 0.4, "AU07": 0.6, "AU23": 0.4},
    {"AU01": 0.8, "AU02": 0.8, "AU05": 0.7, "AU26": 0.3},
    {"AU09": 0.8, "AU10": 0.6, "AU15": 0.3},
    {"AU01": 0.6, "AU02": 0.3, "AU04": 0.5, "AU05": 0.4},
    {"AU14": 0.8, "AU04": 0.2},
)


def viseme_targets(
    utterance: Utterance, frames: int, rng: np.random.Generator | None = None, expressive: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """AU (frames, 17) and articulation (frames, 6) targets, 0..1, at 25 fps.

    The utterance's own feeling comes and goes with its words; in silence the face rests.
    With `rng`, loudness of articulation and brow accents vary from take to take and there are blinks; without it they
    are average and blinks are left out, because the voice does not determine them. `expressive` (needs `rng`) lets
    feelings that the voice does not determine either come and go on the speaking face.
    """
    steps = frames * _RATE // FPS + 8
    times = np.arange(steps) / _RATE
    values = _blend(utterance.phonemes, times)
    effort = 1.0 if rng is None else float(np.clip(rng.normal(1.0, 0.10), 0.75, 1.3))
    values *= effort
    values[:, _INDEX["AU01"]] += (brow := _accents(utterance.phonemes, times, rng))
    values[:, _INDEX["AU02"]] += 0.8 * brow
    values[:, _INDEX["AU05"]] += 0.3 * brow
    for name, value in utterance.feeling:
        values[:, _INDEX[name]] += value * _speaking(utterance.phonemes, times)
    pooled = _pool(values, frames)
    press = _closed_frames(utterance.phonemes, times, frames)
    bite = _pool_most(_gate(_contacts(utterance.phonemes, frozenset("fv")), times, 0.020), frames)
    if rng is not None and expressive:
        pooled[:, : len(AU_NAMES)] += _feelings(frames, rng)
    _close_lips(pooled, press, bite)
    pooled = pooled.clip(0, 1).astype(np.float32)
    aus, articulations = pooled[:, : len(AU_NAMES)], pooled[:, len(AU_NAMES) :]
    if rng is not None:
        aus = add_blinks(aus, utterance.wave, int(rng.integers(1 << 31)))
    return aus, articulations


def _blend(phonemes: tuple[Phoneme, ...], times: np.ndarray) -> np.ndarray:
    """Dominance-weighted shapes (S, 23) at times (S,)."""
    total = np.zeros((len(times), len(_CHANNELS)))
    weight = np.full(len(times), 1e-3)  # nothing pulls: the mouth rests
    for phoneme in phonemes:
        parts = [(phoneme.symbol, phoneme.start, phoneme.end)]
        if phoneme.symbol in _DIPHTHONG_ENDS and not phoneme.steady:
            turn = phoneme.start + 0.55 * (phoneme.end - phoneme.start)
            glide = (_DIPHTHONG_ENDS[phoneme.symbol], turn, phoneme.end)
            parts = [(phoneme.symbol, phoneme.start, turn), glide]
        for symbol, start, end in parts:
            shape = np.zeros(len(_CHANNELS))
            for name, value in _SHAPES[symbol].items():
                shape[_INDEX[name]] = value
            if phoneme.stressed:
                shape[[_INDEX["AU26"], _INDEX["AU25"]]] *= 1.2
            ahead, behind = (0.060, 0.070) if symbol != "pau" else (0.035, 0.060)
            # Pull = insistence · exp(-u^1.3), u the time before or behind in units of how far it reaches: sounds are
            # anticipated over 60 ms and linger over 70, pauses come late.
            outside = np.maximum(start - times, 0) / ahead + np.maximum(times - end, 0) / behind
            default = 1.0 if symbol in VOWELS else 0.75
            pull = _DOMINANCE.get(symbol, default) * np.exp(-(outside**1.3))
            pull *= np.clip((end - start) / 0.05, 0.5, 1.3)
            total += pull[:, None] * shape
            weight += pull
    return total / weight[:, None]


def _accents(phonemes: tuple[Phoneme, ...], times: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
    """Brow raise (S,) on prominent vowels."""
    brow = np.zeros(len(times))
    for phoneme in phonemes:
        if phoneme.stressed:
            height = 0.14 if rng is None else 0.14 * rng.gamma(2.0, 0.5)
            middle = (phoneme.start + phoneme.end) / 2 - 0.02
            brow = np.maximum(brow, height * np.exp(-(((times - middle) / 0.13) ** 2)))
    return brow


def _speaking(phonemes: tuple[Phoneme, ...], times: np.ndarray) -> np.ndarray:
    """Whether somebody is speaking (S,), 0..1: it rises and falls within a fifth of a second and spans short pauses."""
    distance = np.full(len(times), np.inf)
    for phoneme in phonemes:
        if phoneme.symbol != "pau":
            distance = np.minimum(distance, np.maximum(np.maximum(phoneme.start - times, times - phoneme.end), 0))
    return 0.5 + 0.5 * np.cos(np.pi * np.clip(distance / 0.22, 0, 1))


def _feelings(frames: int, rng: np.random.Generator) -> np.ndarray:
    """Expressions (frames, 17) that come and go, on average every two seconds, each of its own strength."""
    curves = np.zeros((frames, len(AU_NAMES)))
    times = np.arange(frames) / FPS
    for _ in range(1 + rng.poisson(times[-1] / 2 if frames else 0)):
        vector = np.zeros(len(AU_NAMES))
        for name, value in _EXPRESSIONS[rng.integers(len(_EXPRESSIONS))].items():
            vector[_INDEX[name]] = value * rng.uniform(0.4, 1.25)
        if rng.random() < 0.5:  # and something of any other muscle, so that no combination is foreign
            vector[rng.integers(len(AU_NAMES) - 1)] += rng.uniform(0, 0.7)
        # A parabola cut off at 0 and 1 and squared: it swells, holds and fades over `length` seconds on either side.
        middle, length = rng.uniform(0, frames / FPS), rng.uniform(0.4, 2.0)
        shape = np.clip(1.3 - (np.abs(times - middle) / length) ** 2, 0, 1)
        curves = np.maximum(curves, rng.uniform(0.1, 1.0) * shape[:, None] ** 2 * vector)
    return curves


def _closed_frames(phonemes: tuple[Phoneme, ...], times: np.ndarray, frames: int) -> np.ndarray:
    """Lip contact (frames,) 0..1 of p b m: a closure shuts its frame, a vowel between opens its own."""
    contacts = _contacts(phonemes, BILABIALS)
    gate = _gate(contacts, times, 0.030)
    press, soft = _pool_most(gate, frames), _pool(gate[:, None], frames)[:, 0]
    shut = {round(middle * FPS) for middle, _ in contacts}
    for phoneme in phonemes:
        frame = round((phoneme.start + phoneme.end) / 2 * FPS)
        if phoneme.symbol in VOWELS and frame < frames and frame not in shut:
            press[frame] = soft[frame]
    return press


def _contacts(phonemes: tuple[Phoneme, ...], symbols: frozenset[str]) -> list[tuple[float, float]]:
    return [_contact(phoneme) for phoneme in phonemes if phoneme.symbol in symbols]


def _gate(contacts: list[tuple[float, float]], times: np.ndarray, shoulder: float) -> np.ndarray:
    """1 (S,) during contacts (middle and half width, seconds), falling to 0 within `shoulder` seconds around them.

    Between contacts close together it falls within a quarter of the gap, so that the mouth opens between them.
    """
    gate = np.zeros(len(times))
    for i, (middle, half) in enumerate(contacts):
        # Seconds to the end of the contact before and to the beginning of the next.
        before = middle - half - sum(contacts[i - 1]) if i else np.inf
        after = contacts[i + 1][0] - contacts[i + 1][1] - middle - half if i + 1 < len(contacts) else np.inf
        distance = np.maximum(np.abs(times - middle) - half, 0)
        room = np.where(times < middle, before, after)
        gate = np.maximum(gate, np.clip(1 - distance / np.clip(0.25 * room, 0.005, shoulder), 0, 1))
    return gate


def _contact(phoneme: Phoneme) -> tuple[float, float]:
    """Middle and half width, in seconds, of the lips' contact in p b m f v; at least 50 ms wide."""
    length = (phoneme.end - phoneme.start) * _HELD.get(phoneme.symbol, 1.0)
    return phoneme.start + length / 2, max(length / 2, 0.025)


def _pool(values: np.ndarray, frames: int) -> np.ndarray:
    """Mean over the 40 ms around each frame time."""
    step = _RATE // FPS
    # Shifted by half a frame, so that each group of `step` targets is centred on its frame's time.
    padded = np.concatenate([np.repeat(values[:1], step // 2, axis=0), values])
    return padded[: frames * step].reshape(frames, step, -1).mean(axis=1)


def _pool_most(gate: np.ndarray, frames: int) -> np.ndarray:
    """Greatest value over the 40 ms around each frame time, so that no short closure falls between two frames."""
    step = _RATE // FPS
    padded = np.concatenate([np.repeat(gate[:1], step // 2), gate])
    return padded[: frames * step].reshape(frames, step).max(axis=1)


def _close_lips(values: np.ndarray, press: np.ndarray, bite: np.ndarray) -> None:
    """Enforce lip contact in place: values (frames, 23), press and bite (frames,) 0..1."""
    # As far as the lips press, what opens them is lessened to a share of itself and what holds them raised to a value.
    for name, share in {**LEFT_WHEN_SHUT, "funnel": 0.3, "stretch": 0.6, "lip_bite": 0.0}.items():
        values[:, _INDEX[name]] *= 1 - press * (1 - share)
    for name, value in {"lip_press": 0.75, **HELD}.items():
        column = values[:, _INDEX[name]]
        values[:, _INDEX[name]] = np.where(press > 0, np.maximum(column * press, value * press), column)
    bite = bite * (1 - press)
    for name, share in (("AU25", 0.3), ("AU26", 0.2), ("pucker", 0.5)):
        values[:, _INDEX[name]] *= 1 - bite * (1 - share)
    values[:, _INDEX["lip_bite"]] = np.maximum(values[:, _INDEX["lip_bite"]], 0.9 * bite)


def bilabial_frames(utterance: Utterance) -> list[tuple[int, int, int]]:
    """(frame of closure, frame of the vowel before, frame of the vowel after) for every p b m between two vowels.

    Vowels are looked for within 0.35 s; closures without both neighbours are left out.
    """
    closures = []
    phonemes = utterance.phonemes
    for i, phoneme in enumerate(phonemes):
        if phoneme.symbol not in BILABIALS:
            continue
        before = next((p for p in reversed(phonemes[:i]) if p.symbol in VOWELS), None)
        after = next((p for p in phonemes[i + 1 :] if p.symbol in VOWELS), None)
        if before and after and phoneme.start - before.end < 0.35 and after.start - phoneme.end < 0.35:
            vowels = [round((p.start + p.end) / 2 * FPS) for p in (before, after)]
            closures.append((round(_contact(phoneme)[0] * FPS), vowels[0], vowels[1]))
    return closures
