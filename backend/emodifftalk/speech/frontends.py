"""Speech front ends, one interface: samples in, features A of Equations 2 and 18 out.

`embedded` ships with us: log-mel energies and a small convolutional network trained to tell phonemes apart, so that its
features mean sounds rather than voices. `hubert` is the paper's: HuBERT through transformers, when its weights are on
this machine (they are never downloaded).
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..core.errors import UserError

_LOG = logging.getLogger(__name__)
SAMPLE_RATE = 16000
FEATURE_RATE = 50
FLOOR = 1e-3
"""Energy that is silence to `LogMel`."""
HUBERT = "facebook/hubert-base-ls960"
BILABIAL_CLASSES = (1, 2, 3)
"""p, b and m among the sounds the embedded front end was taught to tell apart."""
_MODELS = Path(__file__).parent.parent / "models"


class LogMel(nn.Module):
    """Log-mel energies (B, 80, S / 160) of samples (B, S): 25 ms windows every 10 ms, 60 to 7600 Hz."""

    window: torch.Tensor
    filters: torch.Tensor

    def __init__(self, bands: int = 80) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(400), persistent=False)
        self.register_buffer("filters", _mel_filters(bands), persistent=False)

    @torch.autocast("cpu", enabled=False)  # a spectrum in bfloat16 would be a different sound
    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        padded = nn.functional.pad(wave, (200, 200 + (-wave.shape[-1]) % 320))
        # Power (B, 257, S / 160) of the windows, times filters (80, 257): the energy in each band.
        spectrum = torch.stft(padded, 512, 160, 400, self.window, center=False, return_complex=True).abs() ** 2
        energies = self.filters @ spectrum
        # The floor lies under quiet room noise at our common level: digital silence and a quiet room look alike.
        return (torch.log(energies + FLOOR) + 2.0) / 4.0


def _mel_filters(bands: int) -> torch.Tensor:
    """Triangular filters (bands, 257) spaced evenly in mel from 60 to 7600 Hz."""
    low, high = (2595 * torch.log10(torch.tensor(1 + f / 700)) for f in (60.0, 7600.0))
    # Band i rises from edge i to i + 1 and falls to i + 2, edges evenly apart in mel: the lesser line, cut at 0.
    edges = 700 * (10 ** (torch.linspace(float(low), float(high), bands + 2) / 2595) - 1)
    frequencies = torch.linspace(0, SAMPLE_RATE / 2, 257)
    rise = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    return torch.clamp(torch.minimum(rise, fall), min=0)


class _Block(nn.Module):
    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.mix = nn.Conv1d(width, width, 5, padding=2 * dilation, dilation=dilation)
        self.norm = nn.GroupNorm(1, width)
        self.out = nn.Conv1d(width, width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.out(nn.functional.gelu(self.mix(_channel_norm(self.norm, x))))


def _channel_norm(norm: nn.GroupNorm, x: torch.Tensor) -> torch.Tensor:
    # Normalised over channels alone: over time too, a pause would change how the words around it look.
    return nn.functional.layer_norm(x.mT, (x.shape[1],), norm.weight, norm.bias).mT


class FrontEnd(nn.Module):
    """Samples (B, S) at 16 kHz in, features (B, L, dim) at 50 per second out.

    name: what `choose_front_end` calls it.
    dim: numbers of a feature.
    """

    name: str
    dim: int


class EmbeddedFrontEnd(FrontEnd):
    """Log-mel → convolutions → (B, L, 128) at 50 per second. `phonemes` is the head it is trained with."""

    name, dim = "embedded", 128

    def __init__(self, width: int = 192, phonemes: int = 41) -> None:
        super().__init__()
        self.mel = LogMel()
        self.stem = nn.Conv1d(80, width, 5, stride=2, padding=2)
        self.blocks = nn.Sequential(*(_Block(width, d) for d in (1, 2, 4, 1, 2)))
        self.project = nn.Conv1d(width, self.dim, 1)
        self.phonemes = nn.Linear(self.dim, phonemes)

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        return self.listen(self.mel(wave))

    def listen(self, energies: torch.Tensor) -> torch.Tensor:
        """Features (B, 2 T, 128) at 50 per second of log-mel energies (B, 80, 4 T)."""
        return torch.tanh(self.project(self.blocks(self.stem(energies)))).mT

    def bilabials(self, features: torch.Tensor) -> torch.Tensor:
        """Probability (B, L) that features (B, L, 128) are of p, b or m."""
        return self.phonemes(features).softmax(dim=-1)[..., list(BILABIAL_CLASSES)].sum(dim=-1)


class HubertFrontEnd(FrontEnd):
    """HuBERT base features (B, L, 768) at 50 per second (Equation 2). Takes a loaded transformers model."""

    name = "hubert"

    def __init__(self, model: Any) -> None:  # transformers has no types
        super().__init__()
        self.model = model.eval().requires_grad_(False)
        self.dim = int(model.config.hidden_size)

    @staticmethod
    def load() -> HubertFrontEnd:
        """From the local cache of transformers. Raises UserError when the weights are not on this machine."""
        from transformers import HubertModel

        try:
            return HubertFrontEnd(HubertModel.from_pretrained(HUBERT, local_files_only=True))
        except (OSError, ValueError) as error:
            raise UserError(
                f"HuBERT's weights ({HUBERT}) are not on this machine; the embedded front end needs none."
            ) from error

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        # HuBERT expects zero mean and unit variance; the small constant keeps silence silent.
        normal = (wave - wave.mean(dim=-1, keepdim=True)) / (wave.std(dim=-1, keepdim=True) + 1e-4)
        # Its convolutions swallow 400 samples; the padding keeps one feature per 20 ms.
        return self.model(nn.functional.pad(normal, (40, 360))).last_hidden_state


def hubert_is_here() -> bool:
    """Whether HuBERT's weights lie in the local cache of transformers."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return False
    names = ("model.safetensors", "pytorch_model.bin")
    return any(isinstance(try_to_load_from_cache(HUBERT, name), str) for name in names)


def speech_model_path(front_end: str) -> Path:
    """Where the encoder of a front end lies."""
    suffix = "" if front_end == "embedded" else f"_{front_end}"
    return _MODELS / f"speech_to_au{suffix}.safetensors"


def choose_front_end(name: str = "auto") -> str:
    """`embedded` or `hubert`: what `auto` means on this machine.

    HuBERT is chosen when its weights and a speech-to-AU model trained on its features are both here. When only one of
    them is, the log says what is missing. Raises UserError for an unknown name.
    """
    if name not in ("auto", "embedded", "hubert"):
        raise UserError(f"There is no speech front end “{name}”: choose auto, embedded or hubert.")
    if name != "auto":
        return name
    weights, trained = hubert_is_here(), speech_model_path("hubert").exists()
    if weights and trained:
        return "hubert"
    if weights or trained:
        missing = "a speech-to-AU model trained on it" if weights else f"its weights ({HUBERT})"
        _LOG.warning("HuBERT lacks %s on this machine: listening with the embedded front end.", missing)
    return "embedded"
