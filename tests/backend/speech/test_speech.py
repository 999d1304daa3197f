"""What a voice does to the face: silence stays still, words open and close the mouth, any recording will do."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import soundfile
from scipy.signal import resample_poly

from emodifftalk.core.errors import Cancelled, UserError
from emodifftalk.core.facs import ARTICULATIONS, AU_INDEX, FPS
from emodifftalk.core.template import load_template
from emodifftalk.core.watch import Watch
from emodifftalk.data.speech import augmentation, corpus, languages, synthesizers
from emodifftalk.data.speech.ipa import mouth_shapes
from emodifftalk.data.speech.languages import HELD_OUT_LANGUAGE
from emodifftalk.data.speech.prosody import STATES
from emodifftalk.data.speech.rooms import nobody
from emodifftalk.data.speech.sentences import TEST_SENTENCES, sentence
from emodifftalk.data.speech.synthesizers import Phoneme, Utterance
from emodifftalk.data.speech.visemes import bilabial_frames, viseme_targets
from emodifftalk.speech import frontends
from emodifftalk.speech.audio import frame_energy, level, load_audio
from emodifftalk.speech.blinks import add_blinks, blink_frames
from emodifftalk.speech.encoder import SpeechModel, SpeechToAU, load_speech_to_au, read_speech_model, save_speech_model
from emodifftalk.train.speech.speech_to_au import SpeechSettings, train_speech_to_au
from tests.helpers.places import HELLO, HELLO_BILABIALS
from tests.helpers.synthesizers import can_synthesize

RATE = 16000


@pytest.fixture(scope="module")
def model() -> SpeechModel:
    return load_speech_to_au("embedded")


@pytest.fixture(scope="module")
def hello() -> np.ndarray:
    return load_audio(HELLO)


def opening(aus: np.ndarray) -> np.ndarray:
    return aus[:, AU_INDEX["AU25"]] + aus[:, AU_INDEX["AU26"]]


# Silence


def test_an_all_zero_recording_leaves_the_face_at_rest(model):
    assert not model.predict(np.zeros(3 * RATE, np.float32)).aus.any()


def test_a_quiet_room_does_not_make_the_mouth_chatter(model):
    room = np.random.default_rng(0).normal(0, 3e-4, 4 * RATE).astype(np.float32)
    aus = model.predict(room).aus
    assert opening(aus).max() < 0.1
    assert np.abs(np.diff(aus, axis=0)).max() < 0.05


def band(seconds: float) -> np.ndarray:
    """A chord of organ tones on every beat, bass drum and hi-hat between."""
    wave = np.zeros(round(seconds * RATE))
    rng = np.random.default_rng(3)
    for beat in range(int(seconds * 2)):
        times = np.arange(min(RATE, len(wave) - beat * RATE // 2)) / RATE
        here = slice(beat * RATE // 2, beat * RATE // 2 + len(times))
        for pitch in (220.0, 277.2, 329.6):
            for k in (1, 2, 3, 4):
                root = pitch * (1.0, 1.335)[beat // 4 % 2]
                wave[here] += 0.04 / k * np.sin(2 * np.pi * k * root * times) * np.exp(-times / 0.3)
        wave[here] += 0.3 * np.sin(2 * np.pi * 55 * times) * np.exp(-times / 0.08)
        wave[here] += 0.1 * rng.normal(size=len(times)) * np.exp(-times / 0.03)
    return wave.astype(np.float32)


def test_music_and_noise_without_a_voice_do_not_make_the_mouth_speak(model):
    rng = np.random.default_rng(4)
    pink = np.fft.irfft(np.fft.rfft(rng.normal(size=6 * RATE)) / np.sqrt(np.maximum(np.arange(3 * RATE + 1), 30)))
    sounds = {"band": band(6), "white noise": 0.1 * rng.normal(size=6 * RATE), "pink noise": 0.2 * pink / pink.std()}
    for name, wave in sounds.items():
        aus = model.predict(wave.astype(np.float32)).aus
        assert (opening(aus) > 0.1).mean() < 0.1, name
        assert np.abs(np.diff(aus, axis=0)).mean() < 0.005, name


def test_speech_is_still_seen_over_soft_music(model, hello):
    reference = opening(model.predict(hello).aus)
    music = band(len(hello) / RATE + 1)[: len(hello)]
    mixed = hello + 0.1 * hello.std() / music.std() * music
    assert np.corrcoef(opening(model.predict(mixed).aus), reference)[0, 1] > 0.85


def test_the_mouth_rests_before_and_after_the_words(model, hello):
    wave = np.concatenate([np.zeros(RATE, np.float32), hello, np.zeros(RATE, np.float32)])
    aus = model.predict(wave).aus
    assert not aus[:15].any()
    assert not aus[-15:].any()


# Words


def test_hello_opens_and_closes_the_mouth(model, hello):
    aus = model.predict(hello).aus
    assert np.isfinite(aus).all() and aus.min() >= 0 and aus.max() <= 1
    gap = opening(aus)
    assert np.quantile(gap, 0.95) > 0.6
    assert (gap < 0.15).sum() > 10
    assert aus[:, AU_INDEX["AU24"]].max() > 0.3


def test_lips_meet_on_p_b_and_m_of_a_voice_never_heard_in_training(model, hello):
    gap = opening(model.predict(hello).aus)
    usual = np.quantile(gap, 0.8)
    met = [gap[round(at * FPS) - 1 : round(at * FPS) + 2].min() < 0.2 * usual for at in HELLO_BILABIALS]
    assert np.mean(met) >= 0.75, met


def test_frames_cover_the_whole_recording(model):
    for seconds in (0.01, 1.0, 1.001, 2.5):
        wave = np.zeros(round(seconds * RATE), np.float32)
        assert len(model.predict(wave).aus) == math.ceil(round(seconds * FPS, 6))
    track = model.predict(np.zeros(RATE, np.float32), frames=60)
    assert track.aus.shape == (60, 17) and track.features.shape == (60, 128)


def test_a_later_start_only_moves_the_track(model, hello):
    plain = model.predict(hello).aus
    later = model.predict(np.concatenate([np.zeros(20 * RATE // FPS, np.float32), hello])).aus
    assert np.abs(later[20:] - plain).mean() < 0.01


@pytest.mark.slow
def test_long_recordings_have_no_seams(model, hello):
    once = model.predict(np.pad(hello, (0, -len(hello) % 640))).aus
    many = model.predict(np.tile(np.pad(hello, (0, -len(hello) % 640)), 9)).aus
    assert len(many) == 9 * len(once)
    repeats = many.reshape(9, len(once), 17)[:, 15:-15]
    assert np.abs(repeats - once[15:-15]).mean(axis=(1, 2)).max() < 0.02


@pytest.mark.slow
def test_five_minutes_take_the_memory_of_one_piece(model, hello):
    import resource

    long = np.resize(np.pad(hello, (0, -len(hello) % 640)), 300 * RATE)
    model.predict(long[: 60 * RATE])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    track = model.predict(long)
    assert track.aus.shape == (300 * FPS, 17)
    # kilobytes on Linux: five minutes of samples are 19 MB, their copy as much, the track 5 MB
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000
    assert np.isfinite(track.aus).all() and np.quantile(opening(track.aus)[-FPS * 60 :], 0.95) > 0.5


def test_the_same_voice_gives_the_same_track(model, hello):
    first, second = model.predict(hello), model.predict(hello)
    assert np.array_equal(first.aus, second.aus) and np.array_equal(first.features, second.features)


# Recordings


def test_telephone_studio_and_whispered_copies_move_the_mouth_alike(model, hello, tmp_path):
    reference = opening(model.predict(hello).aus)
    studio = np.stack([resample_poly(hello, 3, 1)] * 2, axis=1)
    soundfile.write(tmp_path / "studio.wav", studio, 48000, subtype="FLOAT")
    soundfile.write(tmp_path / "phone.wav", resample_poly(hello, 1, 2), 8000, subtype="PCM_16")
    soundfile.write(tmp_path / "quiet.wav", 0.02 * hello, RATE, subtype="PCM_24")
    soundfile.write(tmp_path / "packed.flac", hello, RATE)
    for name, tolerance in (("studio.wav", 0.02), ("quiet.wav", 0.02), ("packed.flac", 0.02), ("phone.wav", 0.12)):
        found = opening(model.predict(load_audio(tmp_path / name), len(reference)).aus)
        assert np.abs(found - reference).mean() < tolerance, name


def test_a_recording_that_cannot_be_used_says_so_in_one_sentence(tmp_path):
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF\x00\x00\x00\x00WAVEfmt nonsense")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE)
    cases = {"missing.wav": "does not exist", "broken.wav": "cannot|not a recording", "empty.wav": "no sound"}
    for name, words in cases.items():
        with pytest.raises(UserError, match=words):
            load_audio(tmp_path / name)


def test_leveling_never_amplifies_silence():
    assert not level(np.zeros(RATE, np.float32)).any()
    assert len(level(np.zeros(0, np.float32))) == 0


def test_samples_that_are_not_numbers_are_refused(model):
    with pytest.raises(UserError, match="finite"):
        model.predict(np.full(RATE, np.nan, np.float32))


# Front ends


def tiny_hubert() -> frontends.HubertFrontEnd:
    from transformers import HubertConfig, HubertModel

    torch.manual_seed(0)
    config = HubertConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        conv_dim=(16,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
    )
    return frontends.HubertFrontEnd(HubertModel(config))


@pytest.mark.slow
def test_hubert_features_become_au_codes_and_motion_features(hello, tmp_path):
    made = SpeechModel(tiny_hubert(), SpeechToAU(32), torch.nn.Linear(32, 128))
    track = made.predict(hello)
    assert track.aus.shape == (math.ceil(len(hello) / 640), 17)
    assert track.features.shape == (len(track.aus), 128)
    save_speech_model(tmp_path / "h.safetensors", made, {})
    again = read_speech_model(tmp_path / "h.safetensors", tiny_hubert()).predict(hello)
    assert np.abs(again.aus - track.aus).max() < 0.01
    with pytest.raises(UserError, match="another front end"):
        read_speech_model(tmp_path / "h.safetensors", frontends.EmbeddedFrontEnd())


def test_hubert_gives_fifty_features_a_second():
    for seconds in (1, 2):
        features = tiny_hubert()(torch.randn(1, seconds * RATE))
        assert features.shape[1] in (50 * seconds, 50 * seconds + 1)


def test_auto_falls_back_to_embedded_and_says_why(monkeypatch, caplog):
    monkeypatch.setattr(frontends, "hubert_is_here", lambda: True)
    monkeypatch.setattr(frontends, "_MODELS", Path("/nowhere"))
    with caplog.at_level("WARNING"):
        assert frontends.choose_front_end("auto") == "embedded"
    assert "HuBERT lacks" in caplog.text


def test_an_unknown_front_end_is_named():
    with pytest.raises(UserError, match="wav2vec"):
        frontends.choose_front_end("wav2vec")


# Blinks


def test_blinks_come_at_a_human_rate_and_are_repeatable():
    wave = np.random.default_rng(1).normal(0, 0.1, 120 * RATE).astype(np.float32)
    frames = blink_frames(120 * FPS, wave, seed=5)
    assert 8 <= len(frames) / 2 <= 30
    assert np.diff(frames).min() > FPS * 0.9
    assert frames == blink_frames(120 * FPS, wave, seed=5)
    assert frames != blink_frames(120 * FPS, wave, seed=6)


def test_blinks_close_the_eyes_and_touch_nothing_else():
    aus = np.random.default_rng(2).uniform(0, 0.3, (250, 17)).astype(np.float32)
    blinked = add_blinks(aus, np.zeros(10 * RATE, np.float32), seed=1)
    others = [i for name, i in AU_INDEX.items() if name != "AU45"]
    assert np.array_equal(blinked[:, others], aus[:, others])
    assert blinked[:, AU_INDEX["AU45"]].max() == 1


# Targets


def spoken(*symbols: tuple[str, float]) -> Utterance:
    phonemes, at = [], 0.0
    for symbol, seconds in symbols:
        phonemes.append(Phoneme(symbol, at, at + seconds))
        at += seconds
    return Utterance(np.zeros(round(at * RATE), np.float32), tuple(phonemes), "", "by hand")


@pytest.mark.parametrize("shift", [0.0, 0.007, 0.013, 0.02, 0.027, 0.033])
@pytest.mark.parametrize("lips", ["p", "b", "m"])
def test_even_a_short_closure_between_two_frames_shuts_the_lips(lips, shift):
    utterance = spoken(("pau", 0.2 + shift), ("aa", 0.15), (lips, 0.05), ("aa", 0.15), ("pau", 0.2))
    aus, articulations = viseme_targets(utterance, 20)
    closure, before, after = bilabial_frames(utterance)[0]
    template = load_template()
    gap = template.lip_opening(template.displace(aus, articulations))
    assert gap[closure - 1 : closure + 2].min() < 0.05 * max(gap[before], gap[after])
    assert aus[closure - 1 : closure + 2, AU_INDEX["AU24"]].max() > 0.3


def test_lips_round_for_oo_bite_for_f_and_spread_for_ee():
    channel = {name: i for i, name in enumerate(ARTICULATIONS)}
    for symbol, name in (("uw", "pucker"), ("w", "pucker"), ("f", "lip_bite"), ("iy", "stretch"), ("sh", "funnel")):
        _, articulations = viseme_targets(spoken(("pau", 0.2), (symbol, 0.2), ("pau", 0.2)), 15)
        curve = articulations[:, channel[name]]
        assert curve.max() > 0.4
        assert curve[6:9].max() == curve.max()


def test_feelings_reach_the_whole_face_and_leave_closures_shut():
    utterance = spoken(("pau", 0.2), *[("aa", 0.12), ("m", 0.07)] * 10, ("pau", 0.2))
    tracks = [viseme_targets(utterance, 57, np.random.default_rng(i), expressive=True)[0] for i in range(20)]
    assert (np.max(tracks, axis=(0, 1)) > 0.2).all()
    for closure, _, _ in bilabial_frames(utterance):
        assert max(track[closure, AU_INDEX["AU25"]] for track in tracks) < 0.05


def test_the_mouth_prepares_the_vowel_before_it_sounds():
    aus, _ = viseme_targets(spoken(("pau", 0.4), ("aa", 0.3), ("pau", 0.4)), 28)
    jaw = aus[:, AU_INDEX["AU26"]]
    assert jaw[9] > 0.02 and jaw[0] < 0.01 and jaw[-1] < 0.01


def test_a_vowel_between_two_closures_opens_the_mouth():
    utterance = spoken(("pau", 0.21), ("m", 0.08), ("aa", 0.08), ("m", 0.08), ("aa", 0.08), ("p", 0.1), ("pau", 0.2))
    aus, _ = viseme_targets(utterance, 18)
    for phoneme in utterance.phonemes:
        if phoneme.symbol == "aa":
            assert opening(aus)[round((phoneme.start + phoneme.end) / 2 * FPS)] > 0.1


def test_a_feeling_in_the_voice_comes_with_the_words_and_leaves_with_them():
    utterance = spoken(("pau", 1.0), ("aa", 0.5), ("m", 0.1), ("aa", 0.5), ("pau", 1.0))
    calm, _ = viseme_targets(utterance, 78)
    happy, _ = viseme_targets(replace(utterance, feeling=(("AU12", 0.35),)), 78)
    smile = happy[:, AU_INDEX["AU12"]] - calm[:, AU_INDEX["AU12"]]
    assert smile[27:50] == pytest.approx(0.35, abs=0.01)
    assert not smile[:18].any() and not smile[-18:].any()
    others = [i for i in range(17) if i != AU_INDEX["AU12"]]
    assert np.array_equal(happy[:, others], calm[:, others])


# Training speech


def loudness(utterance: Utterance, phoneme: Phoneme, first: float, last: float) -> float:
    """Mean amplitude between two fractions of a phoneme's length."""
    begin, end = (phoneme.start + f * (phoneme.end - phoneme.start) for f in (first, last))
    return float(np.abs(utterance.wave[int(begin * RATE) : int(end * RATE)]).mean())


@can_synthesize
def test_phoneme_times_fit_the_sound():
    for utterance in [*corpus.generate(4, 0, "test"), *corpus.generate(4, 0, "test_espeak")]:
        starts = np.array([p.start for p in utterance.phonemes])
        ends = np.array([p.end for p in utterance.phonemes])
        assert (np.diff(starts) > 0).all() and (ends > starts).all()
        assert abs(ends[-1] - len(utterance.wave) / RATE) < 0.35
        vowels = [loudness(utterance, p, 0.3, 0.7) for p in utterance.phonemes if p.symbol in synthesizers.VOWELS]
        stops = [loudness(utterance, p, 0.2, 0.5) for p in utterance.phonemes if p.symbol == "p"]
        if stops:
            assert np.median(stops) < 0.25 * np.median(vowels)


@can_synthesize
def test_what_is_held_out_is_never_trained_on():
    seen = list(corpus.generate(100, 3))
    assert not any(name in u.voice for u in seen for name in ("slt", "f5", "festival", HELD_OUT_LANGUAGE))
    assert HELD_OUT_LANGUAGE not in languages.SENTENCES
    rng = np.random.default_rng(4)
    assert not {sentence(rng) for _ in range(3000)} & set(TEST_SENTENCES)
    assert {p.symbol for u in seen for p in u.phonemes} == set(synthesizers.PHONEMES)
    foreign = sum(any(name in u.voice for name in languages.SENTENCES) for u in seen) / len(seen)
    assert 0.1 < foreign < 0.4


@can_synthesize
def test_every_sound_of_every_language_has_a_mouth_shape(caplog):
    spoken_languages = [*languages.SENTENCES.items(), (HELD_OUT_LANGUAGE, languages.HELD_OUT_SENTENCES)]
    for language, sentences in spoken_languages:
        for text in sentences:
            utterance = synthesizers.espeak().speak(text, language)
            silent = sum(p.end - p.start for p in utterance.phonemes if p.symbol == "pau")
            assert silent < 0.4 * utterance.phonemes[-1].end, text
    assert not caplog.records


def test_a_sound_that_is_not_known_is_said_and_never_taken_as_silence(caplog):
    assert mouth_shapes("y") == [("uw", False)]  # rounded, though at the front
    assert mouth_shapes("pf") == [("p", False), ("f", False)]
    assert mouth_shapes("ɐ̃ʊ̃") == [("ah", False), ("uh", False)]
    assert mouth_shapes("ː") == []
    assert not caplog.records
    assert mouth_shapes("ↄ") == [("ax", False)]
    assert "not in the table" in caplog.text


@can_synthesize
@pytest.mark.skipif(not shutil.which("festival"), reason="Festival is not installed: it is needed only to measure")
def test_festival_tells_when_its_phonemes_sound():
    utterance = next(corpus.generate(1, 0, "test_festival"))
    assert "".join(p.symbol for p in utterance.phonemes).count("p") >= 3
    vowels = [loudness(utterance, p, 0.3, 0.7) for p in utterance.phonemes if p.symbol in synthesizers.VOWELS]
    stops = [loudness(utterance, p, 0.2, 0.5) for p in utterance.phonemes if p.symbol == "p"]
    assert np.median(stops) < 0.25 * np.median(vowels)


@can_synthesize
def test_states_are_heard_and_neutral_speech_stays_neutral():
    plain = list(corpus.generate(3, 0, "voices"))
    assert not any(u.feeling for u in plain)
    felt = dict(zip(STATES, corpus.generate(len(STATES), 0, "feelings"), strict=False))
    assert all(dict(felt[name].feeling) == state.aus for name, state in STATES.items())
    seconds = {name: len(u.wave) / len(u.text) for name, u in felt.items()}
    assert seconds["tired"] > 1.3 * seconds["happy"]
    brightness = {name: float((np.diff(u.wave) ** 2).mean() / (u.wave**2).mean()) for name, u in felt.items()}
    assert brightness["angry"] > 1.5 * brightness["sad"]


def test_breaths_are_drawn_before_phrases_and_part_the_lips_a_little():
    spoken_words = spoken(("pau", 0.8), ("aa", 0.3), ("pau", 0.2), ("m", 0.1), ("aa", 0.3), ("pau", 0.5))
    wave = np.where(np.arange(len(spoken_words.wave)) % 100 < 50, 0.1, -0.1).astype(np.float32)
    breathing = augmentation.with_breaths(replace(spoken_words, wave=wave), np.random.default_rng(0))
    (breath,) = [p for p in breathing.phonemes if p.symbol == "hh"]
    assert breath.end < 0.8 and breath.start > 0.1
    assert all(before.end <= after.start + 1e-6 for before, after in pairwise(breathing.phonemes))
    gap = opening(viseme_targets(breathing, 55)[0])
    assert 0.1 < gap[round(breath.start * FPS) + 2] < 0.7 and gap[:2].max() < 0.05


def test_telephones_and_codecs_keep_every_sound_at_its_time(hello):
    for worn in (augmentation.telephone(hello), augmentation.compressed(hello, 0.9)):
        assert len(worn) == len(hello)
        loudness_then, loudness_now = (np.sqrt(frame_energy(wave, 80)) for wave in (hello, worn))  # every 5 ms
        fits = {at: np.corrcoef(np.roll(loudness_now, -at), loudness_then)[0, 1] for at in range(-4, 5)}
        assert abs(max(fits, key=fits.get)) <= 1 and max(fits.values()) > 0.6


def test_in_a_room_without_a_voice_the_face_rests():
    for seed in range(12):
        utterance = nobody(np.random.default_rng(seed))
        aus, articulations = viseme_targets(utterance, len(utterance.wave) // 640)
        assert np.abs(utterance.wave).max() > 1e-4 and not aus.any() and not articulations.any()


@can_synthesize
def test_the_same_seed_makes_the_same_sentences():
    for first, second in zip(corpus.generate(5, 11), corpus.generate(5, 11), strict=True):
        assert first.text == second.text and first.voice == second.voice
        assert [p.symbol for p in first.phonemes] == [p.symbol for p in second.phonemes]
        np.testing.assert_array_equal(first.wave, second.wave)


@can_synthesize
def test_training_writes_a_model_that_can_be_used_and_stops_when_told(tmp_path, hello):
    with pytest.raises(Cancelled):
        train_speech_to_au(
            tmp_path / "never.safetensors", SpeechSettings(1.0, utterances=2), Watch(cancelled=lambda: True)
        )
    assert not (tmp_path / "never.safetensors").exists()
    report = train_speech_to_au(tmp_path / "short.safetensors", SpeechSettings(minutes=0.03, utterances=4, batch=2))
    assert report["slt"]["closures"] >= 30
    trained = read_speech_model(tmp_path / "short.safetensors", frontends.EmbeddedFrontEnd())
    assert np.isfinite(trained.predict(hello).aus).all()


# Closures


def test_lips_shut_where_a_bilabial_is_heard_and_nowhere_else():
    from emodifftalk.speech.closures import shut_lips

    assert tuple(synthesizers.PHONEMES[i] for i in frontends.BILABIAL_CLASSES) == ("p", "b", "m")
    aus = np.full((4, 17), 0.5, np.float32)
    found = shut_lips(aus, np.array([0.0, 0.05, 0.5, 1.0]))
    np.testing.assert_array_equal(found[:2], aus[:2])
    assert opening(found)[2:].max() < 0.1 and (found[2:, AU_INDEX["AU24"]] >= 0.4).all()
    upper = [AU_INDEX[name] for name in ("AU01", "AU04", "AU06", "AU12", "AU45")]
    np.testing.assert_array_equal(found[:, upper], aus[:, upper])


# Gestures


def test_another_seed_is_another_performance_above_the_mouth_only(hello, model):
    from emodifftalk.speech.gestures import add_gestures

    track = model.predict(hello).aus
    one, other = (add_gestures(track, hello, seed) for seed in (1, 2))
    brows = [AU_INDEX[name] for name in ("AU01", "AU02", "AU04", "AU07")]
    mouth = [AU_INDEX[name] for name in ("AU10", "AU12", "AU14", "AU15", "AU17", "AU23", "AU24", "AU25", "AU26")]
    assert np.abs(one - other)[:, brows].max() > 0.2
    np.testing.assert_array_equal(one[:, mouth], other[:, mouth])
    np.testing.assert_array_equal(one, add_gestures(track, hello, 1))
    np.testing.assert_array_equal(track, add_gestures(track, hello, 1, liveliness=0.0))


def test_a_silent_face_makes_no_gestures():
    from emodifftalk.speech.gestures import add_gestures

    room = 1e-4 * np.random.default_rng(0).normal(size=6 * RATE).astype(np.float32)
    for wave in (np.zeros(6 * RATE, np.float32), room):
        assert np.abs(add_gestures(np.zeros((150, 17), np.float32), wave, 3)).max() < 0.01
