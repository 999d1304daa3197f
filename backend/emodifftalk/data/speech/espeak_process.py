"""One utterance of espeak-ng in a process of its own, so that it never depends on what was said before.

The library keeps state from one utterance to the next and has no way to forget it: the same words would come out a
little different, and training speech could not be made again. Run as a script with a request of `ask` as its argument;
standard library only, so that it starts at once.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import os
import subprocess
import sys
from pathlib import Path

_PHONEME_EVENT, _RETRIEVAL, _IPA_EVENTS = 7, 1, 3
_RATE, _PITCH, _RANGE = 1, 3, 4
NO_LIBRARY, NO_VOICE = 3, 4
"""Exit codes."""


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


def ask(
    text: str, voice: str, rate: int, pitch: int, pitch_range: int
) -> tuple[int, bytes, list[tuple[str, int]], int]:
    """Exit code, samples as 16-bit bytes, events (IPA name, first sample), samples a second."""
    request = json.dumps([text, voice, rate, pitch, pitch_range])
    words = [sys.executable, "-I", "-S", str(Path(__file__).resolve()), request]
    passed = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LD_PRELOAD"))}
    done = subprocess.run(words, capture_output=True, cwd=Path(__file__).resolve().parent, env=passed)
    if done.returncode:
        return done.returncode, b"", [], 0
    head, _, samples = done.stdout.partition(b"\n")
    said = json.loads(head)
    return 0, samples, [(name, first) for name, first in said["events"]], said["rate"]


def main() -> int:
    """Speak the request in the first argument; a line of JSON and the samples go to standard output."""
    text, voice, rate, pitch, pitch_range = json.loads(sys.argv[1])
    try:
        lib = ctypes.CDLL(ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1")
    except OSError:
        return NO_LIBRARY
    samples: list[bytes] = []
    events: list[tuple[str, int]] = []

    def receive(wave, count: int, reported) -> int:
        if wave and count > 0:
            samples.append(ctypes.string_at(wave, 2 * count))
        i = 0
        while reported[i].type != 0:
            if reported[i].type == _PHONEME_EVENT:
                events.append((reported[i].id.string.decode("utf-8", "replace"), reported[i].sample))
            i += 1
        return 0

    callback = _CALLBACK(receive)
    samples_a_second = lib.espeak_Initialize(_RETRIEVAL, 200, None, _IPA_EVENTS)
    lib.espeak_SetSynthCallback(callback)
    if lib.espeak_SetVoiceByName(voice.encode()) != 0:
        return NO_VOICE
    for parameter, value in ((_RATE, rate), (_PITCH, pitch), (_RANGE, pitch_range)):
        lib.espeak_SetParameter(parameter, int(value), 0)
    data = text.encode()
    lib.espeak_Synth(data, len(data) + 1, 0, 1, 0, 1, None, None)
    lib.espeak_Synchronize()
    sys.stdout.buffer.write(json.dumps({"rate": samples_a_second, "events": events}).encode() + b"\n")
    sys.stdout.buffer.write(b"".join(samples))
    return 0


if __name__ == "__main__":
    sys.exit(main())
