"""The motion model as the pipeline uses it: AU codes and speech features in, offsets of all facial points out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..core import tensors
from ..core.checks import expect, expect_format
from ..core.errors import UserError
from ..core.facs import AU_NAMES
from ..core.template import load_template
from ..core.watch import UNWATCHED, Watch
from ..core.windows import fade, frame_noise, spans, touched
from ..speech.one_thread import one_thread
from .basis import HeadShape, MotionBasis, head_shape
from .denoiser import FEATURES, Denoiser, UncodedDenoiser
from .gru import MotionGRU
from .schedule import ddim

SCHEMA = 1
BLOCK = 32
"""Frames whose offsets are made at a time: ten minutes of them would fill the memory."""
_CALM = np.float32(0.5)
"""Share of the noise that sampling starts from: with all of it two seeds say a closure differently (lips 0.37 mm apart
on average, 0.19 mm with half), and lips are further from the truth (0.96 and 0.90 mm)."""
REACH = 30
"""Frames to either side that a glimpse is told of. With 30 and all steps points lie 0.02 mm beside the whole on average
(two heads, pictures 70 dB alike in the median, 45 at worst); half the steps doubled that and saved a third of the time,
and one step alone was as far off as another seed."""
_MODELS = Path(__file__).parent.parent / "models"
KINDS: dict[str, type[nn.Module]] = {"diffusion": Denoiser, "gru": MotionGRU, "no_codes": UncodedDenoiser}
"""`diffusion` is the model; the others are ablations of the paper's Table 3: without diffusion, without AU codes."""
_FILES = {
    "diffusion": "motion.safetensors", "gru": "motion_gru.safetensors", "no_codes": "motion_no_codes.safetensors",
}  # fmt: skip


class MotionModel:
    """A trained network and the basis it speaks in.

    kind: one of `KINDS`.
    usage: (D, D) second moment of the drivers it was trained on, which `retarget` needs; None for a model of one head.
    own: the basis is one head's own, in its own metres.
    """

    def __init__(
        self, network: nn.Module, basis: MotionBasis, usage: np.ndarray | None = None, own: bool = False
    ) -> None:
        self.network, self.basis, self.kind = network.eval(), basis, str(network.kind)
        self.usage, self.own = usage, own

    @property
    def told_codes(self) -> bool:
        """Whether it knows the AU codes. The ablation that does not must not hear of them elsewhere either."""
        return self.kind != "no_codes"

    def generate(
        self,
        neutral: np.ndarray,
        aus: np.ndarray,
        features: np.ndarray,
        seed: int,
        steps: int = 10,
        watch: Watch = UNWATCHED,
    ) -> np.ndarray:
        """Offsets (T, V, 3) float32 metres of all facial points.

        neutral: (V, 3) metres, the head's relaxed face.
        aus: (T, 17) 0..1, 25 a second, T at least 1.
        features: (T, 128), 25 a second.
        seed: of the noise. The same inputs and seed give the same offsets.
        steps: of DDIM.
        A frame depends only on the windows it lies in. Raises UserError when the arrays do not fit, Cancelled (`watch`
        is asked before every step).
        """
        coefficients = self.coefficients(neutral, aus, features, seed, steps, watch)
        watch.say(1.0, "Moving the face")
        return np.concatenate([offsets for _, offsets in self.blocks(coefficients, neutral)])

    def coefficients(
        self,
        neutral: np.ndarray,
        aus: np.ndarray,
        features: np.ndarray,
        seed: int,
        steps: int = 10,
        watch: Watch = UNWATCHED,
        changed: np.ndarray | None = None,
    ) -> np.ndarray:
        """Coefficients (T, K) float32 of what `generate` gives, from the same arguments, for `blocks`.

        changed: (T,) bool, frames whose inputs are others than in an earlier take. Then only the windows they touch are
        computed, and only the frames that `windows.touched` names are right; they are to the bit what they are in the
        whole.
        """
        head = head_shape(neutral)
        aus, features = _checked(aus, features)
        steps, frames = self._steps(steps), len(aus)
        _, needed = touched(np.ones(frames, bool) if changed is None else changed)
        windows = [span for span, wanted in zip(spans(frames), needed, strict=True) if wanted]
        total = np.zeros((frames, self.basis.components.shape[0]), np.float32)
        for i, (start, end) in enumerate(windows):

            def before_step(step: int, i: int = i) -> None:
                watch.check()
                watch.say((i + step / steps) / len(windows), "Moving the face")

            window = self._window(seed, (start, end), aus[start:end], features[start:end], head, steps, before_step)
            # Σ_w fade_w x_w, (T, K): where windows overlap their fades add up to 1, so no seam shows.
            total[start:end] += fade((start, end), frames)[:, None].astype(np.float32) * window
        return total

    def glimpse(
        self,
        neutral: np.ndarray,
        aus: np.ndarray,
        features: np.ndarray,
        seed: int,
        wanted: tuple[int, int],
        steps: int = 10,
        watch: Watch = UNWATCHED,
    ) -> np.ndarray:
        """Coefficients (end - first, K) of some frames, from a window of their own: nearly what `coefficients` gives
        them, many times sooner.

        neutral, aus, features, seed, steps: of the whole take, as `generate` takes them.
        wanted: (first, end), frames; the window reaches REACH frames to either side of them.
        Noise and steps are those of the whole, so it is the same reading of the line. Raises as `coefficients`.
        """
        aus, features = _checked(aus, features)
        start, end = max(wanted[0] - REACH, 0), min(wanted[1] + REACH, len(aus))
        around = slice(start, end)
        head, steps = head_shape(neutral), self._steps(steps)
        window = self._window(
            seed, (start, end), aus[around], features[around], head, steps, lambda step: watch.check()
        )
        return window[wanted[0] - start : wanted[1] - start]

    def _steps(self, steps: int) -> int:
        return max(1, int(steps)) if self.kind != "gru" else 1

    def blocks(
        self, coefficients: np.ndarray, neutral: np.ndarray, wanted: np.ndarray | None = None
    ) -> Iterator[tuple[int, np.ndarray]]:
        """(first frame, offsets (n, V, 3) float32 metres) of `coefficients` (T, K), at most BLOCK frames at a time.

        Blocks begin at multiples of BLOCK; those without a frame of `wanted` (T,) bool are left out.
        """
        size = np.float32(1) if self.own else head_shape(neutral).size.astype(np.float32)
        for start in range(0, len(coefficients), BLOCK):
            rows = coefficients[start : start + BLOCK]
            if wanted is not None and not wanted[start : start + BLOCK].any():
                continue
            # Always as many rows: with another number the sums would be rounded in another order.
            whole = np.zeros((BLOCK, coefficients.shape[1]), np.float32)
            whole[: len(rows)] = rows
            yield start, (self.basis.decode(whole) * size)[: len(rows)]

    @torch.inference_mode()
    def _window(
        self,
        seed: int,
        span: tuple[int, int],
        aus: np.ndarray,
        features: np.ndarray,
        head: HeadShape,
        steps: int,
        before_step: Callable[[int], None],
    ) -> np.ndarray:
        # x^N (T, K): noise that each frame draws from the seed and its own number, so that a window says the same
        # wherever it begins.
        noise = _CALM * frame_noise(seed, *span, len(self.basis.components))
        condition = [torch.from_numpy(np.ascontiguousarray(array))[None] for array in (aus, features)]
        code = torch.from_numpy(head.code)[None]

        def predict(noisy: torch.Tensor, n: int) -> torch.Tensor:
            return self.network(noisy, *condition, code, torch.tensor([n]))

        with one_thread():
            return ddim(predict, torch.from_numpy(noise)[None], steps, before_step)[0].numpy()


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


def motion_arrays(model: MotionModel) -> dict[str, np.ndarray]:
    """Network and basis as they lie in files: matrices in signed bytes with a scale for every row, the rest in half
    precision."""
    arrays: dict[str, np.ndarray] = {}
    for name, tensor in model.network.state_dict().items():
        value = tensor.detach().float().numpy()
        if value.ndim < 2:
            arrays[f"network.{name}"] = value.astype(np.float16)
            continue
        # q = rint(w / scale) in signed bytes, scale = max |w| / 127 of each row of the first axis, (rows,): a row of
        # small weights keeps as many digits as one of large ones.
        scale = np.maximum(np.abs(value).max(axis=tuple(range(1, value.ndim))), 1e-8) / 127
        arrays[f"scale.{name}"] = scale.astype(np.float32)
        arrays[f"network.{name}"] = np.rint(value / _by_row(scale, value)).astype(np.int8)
    arrays["basis.components"] = model.basis.components.astype(np.float16)
    arrays["basis.spread"] = model.basis.spread.astype(np.float32)
    if model.usage is not None:
        arrays["usage"] = model.usage.astype(np.float32)
    return arrays


def _by_row(scale: np.ndarray, value: np.ndarray) -> np.ndarray:
    return scale.reshape(-1, *[1] * (value.ndim - 1))


def save_motion(path: str | os.PathLike, model: MotionModel, about: dict[str, str]) -> None:
    """Write a model that any head can use."""
    metadata = {"format": "emodifftalk.motion", "schema": str(SCHEMA), "kind": model.kind}
    tensors.save(path, motion_arrays(model), {**metadata, "au_names": json.dumps(AU_NAMES), **about})


def read_motion(path: str | os.PathLike, kind: str) -> MotionModel:
    """The model in a file. Raises UserError when it is damaged, of another kind, or of another version."""
    file = tensors.TensorFile(path)
    expect_format(file, "motion", SCHEMA)
    if file.metadata.get("kind") != kind or file.metadata.get("au_names") != json.dumps(AU_NAMES):
        raise UserError(f"{file.path.name} holds another kind of motion model, or knows other action units.")
    arrays = {name: expect(file, name, shape) for name, shape in file.shapes.items()}
    return model_of(arrays, kind, file.path.name)


def model_of(arrays: dict[str, np.ndarray], kind: str, source: str, own: bool = False) -> MotionModel:
    """The model in `motion_arrays`; source names them in errors. Raises UserError when they do not fit."""
    components, spread = (arrays.get(f"basis.{name}", np.zeros(0)) for name in ("components", "spread"))
    if components.ndim != 2 or components.shape[1] != load_template().neutral.size or len(components) != len(spread):
        raise UserError(f"{source} moves another facial template than ours: train it again.")
    network = KINDS[kind](len(components))
    weights = {name: arrays.get(f"network.{name}", np.zeros(0)) for name in network.state_dict()}
    if any(weights[name].shape != tuple(value.shape) for name, value in network.state_dict().items()):
        raise UserError(f"The motion model in {source} does not fit this version of EmoDiffTalk: train it again.")
    for name, value in weights.items():
        scale = arrays.get(f"scale.{name}")
        if (value.dtype == np.int8) != (scale is not None and scale.shape == value.shape[:1]):
            raise UserError(f"The motion model in {source} is damaged: “{name}” has no scale that fits.")
        weights[name] = value.astype(np.float32) * (1 if scale is None else _by_row(scale, value))
    network.load_state_dict({name: torch.from_numpy(value.astype(np.float32)) for name, value in weights.items()})
    basis = MotionBasis(components.astype(np.float32), spread.astype(np.float32))
    return MotionModel(network, basis, arrays.get("usage"), own)


@lru_cache(maxsize=3)
def load_motion(path: str | os.PathLike | None = None, kind: str = "diffusion") -> MotionModel:
    """The motion model of a kind of `KINDS` for any head, by default the one shipped. Raises UserError without it."""
    if kind not in _FILES:
        raise UserError(f"There is no motion model “{kind}”: choose {', '.join(KINDS)}.")
    return read_motion(path or _MODELS / _FILES[kind], kind)
