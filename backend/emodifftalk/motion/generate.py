"""The motion model as the pipeline uses it: AU codes and speech features in, offsets of all facial points out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..core import tensors
from ..core.checks import expect, expect_format
from ..core.errors import Cancelled, UserError
from ..core.facs import AU_NAMES
from ..core.template import load_template
from .basis import HeadShape, MotionBasis, head_shape
from .denoiser import FEATURES, Denoiser
from .gru import MotionGRU
from .schedule import ddim
from .windows import fade, frame_noise, spans

SCHEMA = 1
_MODELS = Path(__file__).parent.parent / "models"
_FILES = {"diffusion": "motion.safetensors", "gru": "motion_gru.safetensors"}
_NETWORKS: dict[str, type[nn.Module]] = {"diffusion": Denoiser, "gru": MotionGRU}


class MotionModel:
    """A trained network and the basis it speaks in. kind: `diffusion` or `gru`."""

    def __init__(self, network: nn.Module, basis: MotionBasis) -> None:
        self.network, self.basis, self.kind = network.eval(), basis, network.kind

    def generate(
        self,
        neutral: np.ndarray,
        aus: np.ndarray,
        features: np.ndarray,
        seed: int,
        steps: int = 10,
        progress: Callable[[float, str], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> np.ndarray:
        """Offsets (T, V, 3) float32 metres from `neutral` (V, 3), by DDIM in `steps` steps.

        aus (T, 17) 0..1 and features (T, 128), both 25 a second, T at least 1. The same inputs and seed give the same
        offsets, and a frame depends only on the windows it lies in. Raises UserError when the arrays do not fit,
        Cancelled when `cancelled()` turned true (asked before every step).
        """
        head = head_shape(neutral)
        aus, features = _checked(aus, features)
        steps = max(1, int(steps)) if self.kind == "diffusion" else 1
        with one_thread():
            total = self._coefficients(aus, features, head, seed, steps, progress, cancelled)
        if progress:
            progress(1.0, "Moving the face")
        return self.basis.decode(total) * head.size.astype(np.float32)

    def _coefficients(
        self,
        aus: np.ndarray,
        features: np.ndarray,
        head: HeadShape,
        seed: int,
        steps: int,
        progress: Callable[[float, str], None] | None,
        cancelled: Callable[[], bool] | None,
    ) -> np.ndarray:
        """Coefficients (T, K), window after window."""
        frames, windows = len(aus), spans(len(aus))
        total = np.zeros((frames, self.basis.components.shape[0]), np.float32)
        for i, (start, end) in enumerate(windows):

            def before_step(step: int, i: int = i) -> None:
                if cancelled and cancelled():
                    raise Cancelled
                if progress:
                    progress((i + step / steps) / len(windows), "Moving the face")

            noise = frame_noise(seed, start, end, total.shape[1])
            found = self._window(noise, aus[start:end], features[start:end], head, steps, before_step)
            total[start:end] += fade((start, end), frames)[:, None].astype(np.float32) * found
        return total

    @torch.inference_mode()
    def _window(
        self,
        noise: np.ndarray,
        aus: np.ndarray,
        features: np.ndarray,
        head: HeadShape,
        steps: int,
        before_step: Callable[[int], None],
    ) -> np.ndarray:
        told = [torch.from_numpy(np.ascontiguousarray(array))[None] for array in (aus, features)]
        code = torch.from_numpy(head.code)[None]

        def predict(noisy: torch.Tensor, n: int) -> torch.Tensor:
            return self.network(noisy, *told, code, torch.tensor([n]))

        return ddim(predict, torch.from_numpy(noise)[None], steps, before_step)[0].numpy()


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch on one thread: a window is too small to share, and on a busy machine threads that wait for each other at
    every layer were measured 70 times slower than one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _checked(aus: np.ndarray, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    aus, features = np.asarray(aus, np.float32), np.asarray(features, np.float32)
    fits = aus.ndim == 2 and aus.shape[1] == len(AU_NAMES) and features.shape == (len(aus), FEATURES)
    if not fits or not len(aus):
        raise UserError(
            f"The motion model needs AU codes (T, 17) and speech features (T, {FEATURES}) of the same length, "
            f"not {aus.shape} and {features.shape}."
        )
    if not (np.isfinite(aus).all() and np.isfinite(features).all()):
        raise UserError("The AU codes or speech features contain numbers that are not finite.")
    return aus, features


def save_motion(path: str | os.PathLike, model: MotionModel, about: dict[str, str]) -> None:
    """Write network and basis in half precision."""
    arrays = {
        f"network.{name}": value.detach().float().numpy().astype(np.float16)
        for name, value in model.network.state_dict().items()
    }
    arrays["basis.components"] = model.basis.components.astype(np.float16)
    arrays["basis.spread"] = model.basis.spread.astype(np.float32)
    metadata = {"format": "emodifftalk.motion", "schema": str(SCHEMA), "kind": model.kind}
    tensors.save(path, arrays, {**metadata, "au_names": json.dumps(AU_NAMES), **about})


def read_motion(path: str | os.PathLike, kind: str) -> MotionModel:
    """The model in a file. Raises UserError when it is damaged, of another kind, or of another version."""
    file = tensors.TensorFile(path)
    expect_format(file, "motion", SCHEMA)
    if file.metadata.get("kind") != kind or file.metadata.get("au_names") != json.dumps(AU_NAMES):
        raise UserError(f"{file.path.name} holds another kind of motion model, or knows other action units.")
    components = expect(file, "basis.components", (None, None)).astype(np.float32)
    spread = expect(file, "basis.spread", (len(components),)).astype(np.float32)
    if components.shape[1] != load_template().neutral.size:
        raise UserError(f"{file.path.name} moves another facial template than ours: train it again.")
    network = _NETWORKS[kind](len(components))
    state = {}
    for name, value in network.state_dict().items():
        state[name] = torch.from_numpy(expect(file, f"network.{name}", tuple(value.shape)).astype(np.float32))
    network.load_state_dict(state)
    return MotionModel(network, MotionBasis(components, spread))


@lru_cache(maxsize=2)
def load_motion(path: str | os.PathLike | None = None, kind: str = "diffusion") -> MotionModel:
    """The motion model of a kind (`diffusion` or `gru`), by default the one shipped. Raises UserError without it."""
    if kind not in _FILES:
        raise UserError(f"There is no motion model “{kind}”: choose diffusion or gru.")
    return read_motion(path or _MODELS / _FILES[kind], kind)
