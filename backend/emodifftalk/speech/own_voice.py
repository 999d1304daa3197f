"""A subject's own speech model: the embedded one, tuned to this person's recordings, kept inside the Subject's file."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import torch

from ..core.subject import Subject
from .encoder import SpeechModel, SpeechToAU, load_speech_to_au
from .frontends import EmbeddedFrontEnd, choose_front_end

_LOG = logging.getLogger(__name__)
_PARTS = ("front_end", "encoder")
NAME = "embedded, tuned to this subject"


def with_own_voice(subject: Subject, model: SpeechModel) -> Subject:
    """The subject carrying `model`, an embedded one, in half precision."""
    # Every tensor of front end and encoder under "part.name", as `listener` takes them apart again.
    weights = {
        f"{part}.{name}": value.detach().cpu().numpy().astype(np.float16)
        for part in _PARTS
        for name, value in getattr(model, part).state_dict().items()
    }
    return replace(subject, speech=weights)


def listener(subject: Subject, front_end: str = "auto") -> SpeechModel:
    """Who listens for this subject: its own model when it has one and no other front end than the embedded is meant.

    A model of another version is passed over, and the log says so. Raises UserError when the front end is unknown or
    its weights are missing.
    """
    name = choose_front_end(front_end)
    if not subject.speech or name != "embedded":
        return load_speech_to_au(name)
    model = SpeechModel(EmbeddedFrontEnd(), SpeechToAU(EmbeddedFrontEnd.dim))
    try:
        for part in _PARTS:
            prefix = f"{part}."
            weights = {n.removeprefix(prefix): v for n, v in subject.speech.items() if n.startswith(prefix)}
            getattr(model, part).load_state_dict(
                {n: torch.from_numpy(v.astype(np.float32)) for n, v in weights.items()}
            )
    except (RuntimeError, TypeError):
        _LOG.warning("%s's own speech model is of another version: the shipped one listens.", subject.name)
        return load_speech_to_au(name)
    model.name = NAME
    return model
