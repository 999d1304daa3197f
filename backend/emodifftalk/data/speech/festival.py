"""Festival, a third synthesizer: only ever listened to, never trained on."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from ...core.child_process import environment, find_program
from ...core.errors import UserError
from .synthesizers import PHONEMES, SAMPLE_RATE, Phoneme, Utterance, with_stress

HELD_OUT_FESTIVAL = "ked_diphone"
_SCRIPT = """(voice_{voice})
(set! utterance (Utterance Text "{text}"))
(utt.synth utterance)
(utt.save.wave utterance "{path}" 'riff)
(mapcar (lambda (s) (format t "%s %f\\n" (item.name s) (item.feat s "end"))) (utt.relation.items utterance 'Segment))
"""


def festival(text: str, voice: str = HELD_OUT_FESTIVAL) -> Utterance:
    """Speak English with a Festival voice whose phoneme set is ARPAbet, with the times of its Segment relation.

    Raises UserError when Festival or the voice is not installed.
    """
    program = find_program("festival")
    if program is None:
        raise UserError("Measuring on Festival's voice needs it: install the packages festival and festvox-kdlpc16k.")
    import soundfile

    quoted = text.replace("\\", " ").replace('"', " ")
    with tempfile.TemporaryDirectory() as folder:
        path, script = Path(folder) / "voice.wav", Path(folder) / "speak.scm"
        script.write_text(_SCRIPT.format(voice=voice, text=quoted, path=path))
        words = [program, "-b", str(script)]
        answer = subprocess.run(words, capture_output=True, text=True, cwd=folder, env=environment())
        if not path.exists():
            raise UserError(f"Festival has no voice {voice}: install the package festvox-kdlpc16k.")
        wave, rate = soundfile.read(path, dtype="float32")
    phonemes, last = [], 0.0
    for symbol, end in re.findall(r"^([a-z]+) ([\d.]+)$", answer.stdout, re.MULTILINE):
        if float(end) > last:
            phonemes.append(Phoneme(symbol if symbol in PHONEMES else "pau", last, float(end)))
        last = float(end)
    divisor = int(np.gcd(rate, SAMPLE_RATE))
    wave = resample_poly(wave, SAMPLE_RATE // divisor, rate // divisor).astype(np.float32)
    return Utterance(wave, with_stress(phonemes), text, f"festival {voice}")
