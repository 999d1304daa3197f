"""The Text-to-AU Emotion Controller (EmoDiffTalk 3.3): from words to AU activations and intensities.

The paper's controller gives the binary vector y of Equation 7. Ours gives that, an intensity for each unit, so that a
hint of a smile is less than a broad one, and whether the words speak of a face or a feeling at all.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..core import tensors
from ..core.checks import expect, expect_format
from ..core.errors import UserError
from ..core.facs import AU_NAMES
from .adapters import merge_adapters
from .labels import labelled
from .prototypes import PROTOTYPES, prototype
from .text_encoders import TextEncoder, choose_text_encoder, controller_path, load_text_encoder
from .wording import sentences

SCHEMA = 2
_GATE = 0.1
"""Half the width of probabilities in which an intensity fades in: unsure units stay still instead of trembling."""
_KNOWN = 0.5
_NEAREST = 3


class Controller(nn.Module):
    """A trunk on the text vector with three heads; its features z align with those of AU vectors (Equation 36)."""

    def __init__(self, dim: int, width: int = 768, features: int = 96) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Linear(dim, width), nn.GELU(), nn.Dropout(0.2), nn.Linear(width, width), nn.GELU(), nn.Dropout(0.2)
        )
        self.activation = nn.Linear(width, len(AU_NAMES))
        self.strength = nn.Linear(width, len(AU_NAMES))
        self.known = nn.Linear(width, 1)
        self.align = nn.Linear(width, features)

    def forward(self, vectors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """What the heads say of text vectors (B, dim), in this order.

        logits: (B, 17), of activation.
        strength: (B, 17) intensities, 0..1.
        known: (B,) logits of speaking of a face or a feeling.
        z: (B, F) features of unit length.
        """
        hidden = self.trunk(vectors)
        strength, known = torch.sigmoid(self.strength(hidden)), self.known(hidden)[:, 0]
        return self.activation(hidden), strength, known, nn.functional.normalize(self.align(hidden), dim=-1)


@dataclass(frozen=True)
class Meaning:
    """What words mean on a face.

    aus: (17,) float32 in 0..1.
    active: (17,) uint8, the y of Equation 7.
    known: whether they speak of a face or a feeling as far as the model can tell; aus are 0 where they do not.
    nearest: names of the feelings it knows that come nearest to the words, best first.
    """

    aus: np.ndarray
    active: np.ndarray
    known: bool
    nearest: tuple[str, ...]

    @property
    def answer(self) -> str:
        """What to tell a person whose words were not understood; empty when they were."""
        if self.known:
            return ""
        return f"I do not know this one. The nearest feelings I know: {', '.join(self.nearest)}."


class TextToAU:
    """A text encoder with its adapters merged, and the controller trained on it.

    name: the encoder's.
    threshold: (17,) probabilities from which a unit is active, chosen on meanings that are neither in training nor in
    the held-out split.
    """

    def __init__(self, encoder: TextEncoder, controller: Controller, threshold: np.ndarray) -> None:
        self._encoder, self._controller, self.threshold = encoder.eval(), controller.eval(), threshold
        self.name = encoder.name
        self._names = [name for name in PROTOTYPES if name != "neutral"]
        self._places = encoder.encode(self._names)

    def read(self, text: str) -> Meaning:
        """What words mean, in any language, spelling and length.

        A label of `labels` is taken by its name. A long text is read sentence by sentence; what its sentences mean is
        averaged over those that say something.
        """
        label = labelled(text)
        if label is not None:
            return Meaning(label.aus, label.presence.astype(np.uint8), True, self._alike(label.aus))
        parts = sentences(text)
        if not parts:
            return Meaning(np.zeros(len(AU_NAMES), np.float32), np.zeros(len(AU_NAMES), np.uint8), True, ())
        probability, strength, known, vectors = self.probabilities(parts)
        # clip((p - threshold) / 2 GATE + 1/2, 0, 1), (P, 17): intensities fade in around each unit's own threshold,
        # since at a hard step units would tremble from wording to wording.
        gate = ((probability - self.threshold) / (2 * _GATE) + 0.5).clip(0, 1)
        says = known > _KNOWN
        if not says.any():
            # Cosines (F,) of the mean sentence with the feelings' names, but for the mean's own length: the order
            # is the same.
            nearest = np.argsort(-(self._places @ vectors.mean(axis=0)), kind="stable")[:_NEAREST]
            names = tuple(self._names[i] for i in nearest)
            return Meaning(np.zeros(len(AU_NAMES), np.float32), np.zeros(len(AU_NAMES), np.uint8), False, names)
        # (P', 17), sentences that speak of a face; those that move none of it count only where all are so, or a plain
        # one beside a feeling would halve it.
        aus = (strength * gate)[says]
        felt = aus.max(axis=1) > 0.1
        mean = aus[felt].mean(axis=0) if felt.any() else aus.mean(axis=0)
        active = (probability[says] > self.threshold).any(axis=0)
        return Meaning(mean.astype(np.float32), active.astype(np.uint8), True, self._alike(mean))

    @torch.inference_mode()
    def probabilities(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """What the controller says of P sentences, in this order.

        probability: (P, 17), of activation.
        strength: (P, 17) intensities, 0..1.
        known: (P,) probabilities of speaking of a face or a feeling.
        vectors: (P, dim) of the texts, unit length.
        """
        vectors = self._encoder.encode(texts)
        logits, strength, known, _ = self._controller(torch.from_numpy(vectors))
        return torch.sigmoid(logits).numpy(), strength.numpy(), torch.sigmoid(known).numpy(), vectors

    def _alike(self, aus: np.ndarray) -> tuple[str, ...]:
        if aus.max() < 0.1:
            return ("neutral",)
        distance = [np.abs(prototype(name) - aus).sum() for name in self._names]
        return tuple(self._names[i] for i in np.argsort(distance, kind="stable")[:_NEAREST])


def save_controller(
    path: str | Path,
    controller: Controller,
    adapters: dict[str, torch.Tensor],
    threshold: np.ndarray,
    encoder: TextEncoder,
    about: dict[str, str],
) -> None:
    """Write a controller and its encoder's adapters in half precision."""
    arrays = {f"controller.{name}": value for name, value in controller.state_dict().items()}
    arrays |= {f"adapter.{name}": value for name, value in adapters.items()}
    halves = {name: value.detach().numpy().astype(np.float16) for name, value in arrays.items()}
    metadata = {"format": "emodifftalk.text_to_au", "schema": str(SCHEMA), "encoder": encoder.name}
    halves["threshold"] = threshold.astype(np.float32)
    tensors.save(path, halves, {**metadata, "au_names": json.dumps(AU_NAMES), **about})


def read_controller(path: str | Path, encoder: TextEncoder) -> TextToAU:
    """The controller at `path` on its encoder, which it changes. Raises UserError when it is damaged or made for
    another one."""
    file = tensors.TensorFile(path)
    expect_format(file, "text_to_au", SCHEMA)
    if file.metadata.get("encoder") != encoder.name or file.metadata.get("au_names") != json.dumps(AU_NAMES):
        raise UserError(f"{file.path.name} was trained for another text encoder or other action units.")
    controller = Controller(encoder.dim)
    state = {
        name: torch.from_numpy(expect(file, f"controller.{name}", tuple(value.shape)).astype(np.float32))
        for name, value in controller.state_dict().items()
    }
    controller.load_state_dict(state)
    names = [name for name in file.shapes if name.startswith("adapter.")]
    halves = {name.removeprefix("adapter."): expect(file, name, file.shapes[name]) for name in names}
    arrays = {name: torch.from_numpy(value.astype(np.float32)) for name, value in halves.items()}
    merge_adapters(encoder, arrays)
    return TextToAU(encoder, controller, expect(file, "threshold", (len(AU_NAMES),)))


@lru_cache(maxsize=2)
def load_text_to_au(encoder: str = "auto") -> TextToAU:
    """The controller for a text encoder. Raises UserError when its weights or the encoder's are missing."""
    name = choose_text_encoder(encoder)
    path = controller_path(name)
    if not path.exists():
        raise UserError(
            f"There is no text-to-AU model for the {name} encoder: train one with `emodifftalk train text --encoder "
            f"{name} --out {path.name}`, or use embedded."
        )
    return read_controller(path, load_text_encoder(name))


@lru_cache(maxsize=512)
def read_words(text: str, encoder: str = "auto") -> Meaning:
    """What words mean to the controller of a text encoder, remembered. Raises UserError as `load_text_to_au`."""
    return load_text_to_au(encoder).read(text)
