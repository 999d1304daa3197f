"""What a file is that somebody hands us: a subject, a take, or something else, said in a sentence."""

from __future__ import annotations

from pathlib import Path

from emodifftalk.core.errors import UserError

SUBJECT, TAKE = "subject", "take"
_OTHERS = {
    "motion": "a motion model, which the backend uses by itself",
    "speech_to_au": "a speech model, which the backend uses by itself",
    "text_to_au": "a model of feelings in words, which the backend uses by itself",
    "voice_affect": "a model of feelings in voices, which the backend uses by itself",
    "template": "a facial template, which subjects bring themselves",
}


def kind_of(path: Path) -> str:
    """SUBJECT or TAKE. Raises UserError saying what any other file is, or that it is damaged or gone."""
    from emodifftalk.core.tensors import TensorFile

    kind = TensorFile(path).metadata.get("format", "").removeprefix("emodifftalk.")
    if kind in (SUBJECT, TAKE):
        return kind
    what = _OTHERS.get(kind, f"“{kind}”" if kind else "tensors that EmoDiffTalk knows nothing of")
    raise UserError(f"{path.name} holds {what}: a head is added from a subject, and given a take.")
