"""Speech to AU (EmoDiffTalk 3.2 and supplement 7, Equations 3, 18, 19): a transformer over front-end features.

Lower layers attend locally (quick articulation), upper layers to everything (prosody); a residual projection head and a
linear layer give 17 AU codes; frame pooling brings 50 features a second down to 25 video frames.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..core import tensors
from ..core.checks import expect, expect_format
from ..core.errors import UserError
from ..core.facs import AU_NAMES, FPS
from ..core.watch import UNWATCHED, Watch
from .audio import SAMPLE_RATE, heard, level
from .closures import shut_lips
from .frontends import FEATURE_RATE, EmbeddedFrontEnd, FrontEnd, HubertFrontEnd, choose_front_end, speech_model_path

SCHEMA = 1
_LOCAL_REACH = 8  # features of 20 ms to either side
_CHUNK, _MARGIN = 24 * FPS, 2 * FPS  # frames
_POOL = FEATURE_RATE // FPS


@dataclass(frozen=True)
class SpeechTrack:
    """What was heard, at 25 fps. Blinks are not in it: AU45 is what a voice tells of it, next to nothing.

    aus: (T, 17) float32 0..1.
    features: (T, 128) float32, the A of Equation 4.
    """

    aus: np.ndarray
    features: np.ndarray


class _Layer(nn.Module):
    def __init__(self, width: int, heads: int, local: bool) -> None:
        super().__init__()
        self.local = local
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed = nn.Sequential(nn.Linear(width, 3 * width), nn.GELU(), nn.Linear(3 * width, width))
        # A learned slope per head makes near features count more, at any length (no position table to outgrow).
        self.slope = nn.Parameter(torch.linspace(-3.0, 0.0, heads))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, steps, width = x.shape
        # One product for q, k and v, each (B, heads, L, width / heads).
        q, k, v = self.qkv(self.norm1(x)).view(batch, steps, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        at = torch.arange(steps, device=x.device)
        # bias (heads, L, L): the distance times a rate of the head is taken off the scores, so attention fades
        # exponentially with it; local layers see nothing beyond their reach.
        gap = (at[:, None] - at[None, :]).abs().float()
        bias = -gap * torch.exp(self.slope)[:, None, None] * 0.2
        if self.local:
            bias = bias.masked_fill(gap > _LOCAL_REACH, -torch.inf)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype))
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, steps, width))
        return x + self.feed(self.norm2(x))


class SpeechToAU(nn.Module):
    """Features (B, L, dim) at 50 per second → AU codes (B, L // 2, 17) at 25 fps, 0..1."""

    def __init__(self, dim: int, width: int = 160, heads: int = 4, layers: int = 4) -> None:
        super().__init__()
        self.enter = nn.Linear(dim, width)
        self.layers = nn.ModuleList(_Layer(width, heads, local=i < layers // 2) for i in range(layers))
        self.norm = nn.LayerNorm(width)
        self.residual = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
        self.codes = nn.Linear(width, len(AU_NAMES))
        count = len(AU_NAMES)
        # A code is pooled from four features, two of them its neighbours'. It begins as their mean; each unit may learn
        # to lead or to lag.
        self.pool = nn.Conv1d(count, count, 2 * _POOL, stride=_POOL, padding=_POOL // 2, groups=count)
        nn.init.constant_(self.pool.weight, 1 / (2 * _POOL))
        assert self.pool.bias is not None  # a convolution has one unless told otherwise
        nn.init.zeros_(self.pool.bias)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.read(self.understand(features))

    def understand(self, features: torch.Tensor) -> torch.Tensor:
        """What the layers make of features (B, L, dim): (B, L, width)."""
        x = self.enter(features)
        for layer in self.layers:
            x = layer(x)
        return self.norm(x)

    def read(self, x: torch.Tensor) -> torch.Tensor:
        """AU codes (B, L // 2, 17) of what the layers made (B, L, width)."""
        codes = self.codes(x + self.residual(x))
        return torch.sigmoid(self.pool(codes.mT).mT)


class SpeechModel:
    """A front end and its encoder, ready to listen.

    bridge: (B, L, front end's dim) → (B, L, 128), from a foreign front end to the embedded one's features, which are
    what the motion model was trained to read; None for the embedded front end itself.
    """

    def __init__(self, front_end: FrontEnd, encoder: SpeechToAU, bridge: nn.Module | None = None) -> None:
        self.front_end, self.encoder = front_end.eval(), encoder.eval()
        self.bridge = bridge.eval() if bridge is not None else None
        self.name = front_end.name

    @torch.inference_mode()
    def predict(self, wave: np.ndarray, frames: int | None = None, watch: Watch = UNWATCHED) -> SpeechTrack:
        """AU codes and features of a recording (S,) at 16 kHz, any length; `frames` defaults to ceil(seconds × 25).

        Long recordings are heard in overlapping pieces of 24 s, so memory stays small. Where nothing is heard, all AU
        are exactly 0. Raises UserError when the samples are not one row of finite numbers, Cancelled.
        """
        wave = np.asarray(wave, np.float32)
        if wave.ndim != 1 or not np.isfinite(wave).all():
            raise UserError("The voice must be one channel of finite samples: load it with load_audio.")
        frames = frames or max(1, math.ceil(round(len(wave) / SAMPLE_RATE * FPS, 6)))
        per_frame = SAMPLE_RATE // FPS
        # Silence on both sides: convolutions see zeros beyond their input, and zero features are not silence.
        whole = np.zeros((frames + 2 * _MARGIN) * per_frame, np.float32)
        leveled = level(wave)[: frames * per_frame]
        whole[_MARGIN * per_frame :][: len(leveled)] = leveled
        aus, features = [], []
        for start in range(0, frames, _CHUNK):
            count = min(_CHUNK, frames - start)
            piece = whole[start * per_frame : (start + count + 2 * _MARGIN) * per_frame]
            piece_aus, piece_features = self._hear(torch.from_numpy(piece)[None], count + 2 * _MARGIN)
            aus.append(piece_aus[_MARGIN:-_MARGIN])
            features.append(piece_features[_MARGIN:-_MARGIN])
            watch.check()
            watch.say((start + _CHUNK) / frames, "Listening to the voice")
        sounding = heard(leveled, frames, FPS)[:, None]
        return SpeechTrack(np.concatenate(aus) * sounding, np.concatenate(features))

    def _hear(self, piece: torch.Tensor, frames: int) -> tuple[np.ndarray, np.ndarray]:
        features = fit_steps(self.front_end(piece), frames * _POOL)
        aus = self.encoder(features)[0].float().numpy()
        if isinstance(self.front_end, EmbeddedFrontEnd):  # only it knows phonemes
            # The likelier of a frame's two features: a closure of 20 ms still shuts the lips.
            heard = self.front_end.bilabials(features)[0].view(frames, _POOL).amax(dim=1)
            aus = shut_lips(aus, heard.float().numpy())
        features = features if self.bridge is None else self.bridge(features)
        pooled = features[0].view(frames, _POOL, -1).mean(dim=1)
        return aus, pooled.float().numpy()


def fit_steps(features: torch.Tensor, steps: int) -> torch.Tensor:
    """Features (B, L, D) cut or held to exactly `steps`."""
    if features.shape[1] >= steps:
        return features[:, :steps]
    held = features[:, -1:].expand(-1, steps - features.shape[1], -1)
    return torch.cat([features, held], dim=1)


def save_speech_model(path: Path, model: SpeechModel, about: dict[str, str]) -> None:
    """Write, in half precision, the encoder and what belongs to it: the embedded front end, or HuBERT's bridge.

    HuBERT's own weights are not ours and are not written.
    """
    parts = {"encoder": model.encoder, "bridge": model.bridge}
    if isinstance(model.front_end, EmbeddedFrontEnd):
        parts["front_end"] = model.front_end
    arrays = {
        f"{part}.{name}": value.detach().numpy().astype(np.float16)
        for part, module in parts.items()
        if module is not None
        for name, value in module.state_dict().items()
    }
    metadata = {"format": "emodifftalk.speech_to_au", "schema": str(SCHEMA), "front_end": model.name}
    tensors.save(path, arrays, {**metadata, "au_names": json.dumps(AU_NAMES), **about})


def read_speech_model(path: Path, front_end: FrontEnd) -> SpeechModel:
    """Load weights from `path` into a new encoder for `front_end`. Raises UserError when they do not fit."""
    file = tensors.TensorFile(path)
    expect_format(file, "speech_to_au", SCHEMA)
    if file.metadata.get("front_end") != front_end.name or file.metadata.get("au_names") != json.dumps(AU_NAMES):
        raise UserError(f"{path.name} was trained for another front end or other action units.")
    embedded = isinstance(front_end, EmbeddedFrontEnd)
    encoder = SpeechToAU(front_end.dim)
    bridge = None if embedded else nn.Linear(front_end.dim, EmbeddedFrontEnd.dim)
    try:
        encoder.load_state_dict(_state(file, "encoder."))
        if bridge is not None:
            bridge.load_state_dict(_state(file, "bridge."))
        else:
            front_end.load_state_dict(_state(file, "front_end."))
    except RuntimeError as error:
        raise UserError(f"{path.name} does not fit this version of EmoDiffTalk: train it again.") from error
    return SpeechModel(front_end, encoder, bridge)


def _state(file: tensors.TensorFile, prefix: str) -> dict[str, torch.Tensor]:
    names = [name for name in file.shapes if name.startswith(prefix)]
    return {
        name.removeprefix(prefix): torch.from_numpy(expect(file, name, file.shapes[name]).astype(np.float32))
        for name in names
    }


@lru_cache(maxsize=2)
def load_speech_to_au(front_end: str = "auto") -> SpeechModel:
    """The model for a front end, `auto` as `choose_front_end` says. Raises UserError when its weights are missing."""
    name = choose_front_end(front_end)
    path = speech_model_path(name)
    if not path.exists():
        raise UserError(f"There is no speech-to-AU model for the {name} front end: train one, or use embedded.")
    return read_speech_model(path, EmbeddedFrontEnd() if name == "embedded" else HubertFrontEnd.load())
