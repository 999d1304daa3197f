"""The Text-to-AU Emotion Controller (EmoDiffTalk 3.3): from a text vector to AU activations and intensities.

The paper's controller gives the binary vector y of Equation 7. Ours gives that, and an intensity for each unit, so that
a hint of a smile is less than a broad one.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..core import tensors
from ..core.checks import expect, expect_format
from ..core.errors import UserError
from ..core.facs import AU_NAMES
from .text_encoders import TextEncoder, choose, load_text_encoder, model_path

SCHEMA = 1
_GATE = (0.30, 0.52)
"""Activation probabilities between which an intensity fades in: unsure units stay still instead of trembling."""
_THRESHOLD = 0.42
"""Equation 35 weighs the units that are off more (alpha 0.35), so its probabilities sit below a half."""


class Controller(nn.Module):
    """A trunk on the text vector with two heads; its features z align with those of AU vectors (Equation 36)."""

    def __init__(self, dim: int, width: int = 384, features: int = 96) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Linear(dim, width), nn.GELU(), nn.Dropout(0.3), nn.Linear(width, width), nn.GELU(), nn.Dropout(0.3)
        )
        self.activation = nn.Linear(width, len(AU_NAMES))
        self.strength = nn.Linear(width, len(AU_NAMES))
        self.align = nn.Linear(width, features)

    def forward(self, vectors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Text vectors (B, dim) → activation logits (B, 17), intensities (B, 17) 0..1, unit features (B, F)."""
        hidden = self.trunk(vectors)
        strength = torch.sigmoid(self.strength(hidden))
        return self.activation(hidden), strength, nn.functional.normalize(self.align(hidden), dim=-1)


class TextToAU:
    """A text encoder and the controller trained on it. name: the encoder's."""

    def __init__(self, encoder: TextEncoder, controller: Controller) -> None:
        self._encoder, self._controller = encoder, controller.eval()
        self.name = encoder.name

    def intensities(self, texts: list[str]) -> np.ndarray:
        """What texts mean on a face, (P, 17) float32 in 0..1; nothing at all for empty ones."""
        probability, strength = self._read(texts)
        gate = np.clip((probability - _GATE[0]) / (_GATE[1] - _GATE[0]), 0, 1)
        return (strength * gate * _worded(texts)).astype(np.float32)

    def activations(self, texts: list[str]) -> np.ndarray:
        """The binary vectors y of Equation 7, (P, 17) uint8."""
        return ((self._read(texts)[0] > _THRESHOLD) * _worded(texts)).astype(np.uint8)

    @torch.inference_mode()
    def _read(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        vectors = torch.from_numpy(self._encoder.encode([" ".join(text.split()) for text in texts]))
        logits, strength, _ = self._controller(vectors)
        return torch.sigmoid(logits).numpy(), strength.numpy()


def _worded(texts: list[str]) -> np.ndarray:
    return np.array([[any(c.isalnum() for c in text)] for text in texts], np.float32).reshape(-1, 1)


def save_controller(path: str | Path, controller: Controller, encoder: TextEncoder, about: dict[str, str]) -> None:
    """Write a controller in half precision."""
    arrays = {name: value.detach().numpy().astype(np.float16) for name, value in controller.state_dict().items()}
    metadata = {"format": "emodifftalk.text_to_au", "schema": str(SCHEMA), "encoder": encoder.name}
    tensors.save(path, arrays, {**metadata, "au_names": json.dumps(AU_NAMES), **about})


def read_controller(path: str | Path, encoder: TextEncoder) -> TextToAU:
    """The controller at `path` on its encoder. Raises UserError when it is damaged or made for another one."""
    file = tensors.TensorFile(path)
    expect_format(file, "text_to_au", SCHEMA)
    if file.metadata.get("encoder") != encoder.name or file.metadata.get("au_names") != json.dumps(AU_NAMES):
        raise UserError(f"{file.path.name} was trained for another text encoder or other action units.")
    controller = Controller(encoder.dim)
    state = {
        name: torch.from_numpy(expect(file, name, tuple(value.shape)).astype(np.float32))
        for name, value in controller.state_dict().items()
    }
    controller.load_state_dict(state)
    return TextToAU(encoder, controller)


@lru_cache(maxsize=2)
def load_text_to_au(encoder: str = "auto") -> TextToAU:
    """The controller for a text encoder. Raises UserError when its weights or the encoder's are missing."""
    name = choose(encoder)
    path = model_path(name)
    if not path.exists():
        raise UserError(
            f"There is no text-to-AU model for the {name} encoder: train one with `emodifftalk train text --encoder "
            f"{name} --out {path.name}`, or use embedded."
        )
    return read_controller(path, load_text_encoder(name))
