"""How a decoder lies in a Subject's file: half precision, what every Gaussian has of its own in signed bytes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from ..core.subject import APPEARANCES, Subject
from .network import MOVE, ROOM

_OWN = {"shade.line": "feature_line", "shade.latent": "latent"}
"""Learned for every Gaussian: the module's name and the file's."""


@dataclass(frozen=True)
class StoredDecoder:
    """A decoder as found in a file.

    kind: one of core.subject.APPEARANCES.
    on_surface: as `AppearanceDecoder`'s.
    widths: of RotNet, and of the network that shades.
    weights: by the decoder's names.
    """

    kind: str
    on_surface: bool
    widths: tuple[int, int]
    weights: dict[str, torch.Tensor]


def onto_subject(subject: Subject, kind: str, state: dict[str, torch.Tensor]) -> Subject:
    """The subject carrying these weights of a decoder of this kind."""
    arrays = {name: value.detach().cpu().numpy() for name, value in state.items()}
    packed = {"kind": np.array([APPEARANCES.index(kind)], np.uint8)}
    for name, stored in _OWN.items():
        if name in arrays:
            own = arrays.pop(name)
            if own.ndim == 2:  # one feature for each Gaussian: there is no feature line
                stored = "latent"
            # q = rint(x / scale) in signed bytes, x (17, N, 16) or (N, 16), scale = max over N of |x| / 127: one for
            # each feature, and unit, since they differ more from each other than Gaussians do.
            scale = np.maximum(np.abs(own).max(axis=-2, keepdims=True), 1e-8) / 127
            packed |= {stored: np.rint(own / scale).astype(np.int8), f"{stored}_scale": scale.astype(np.float32)}
    return replace(subject, appearance={**{k: v.astype(np.float16) for k, v in arrays.items()}, **packed})


def weights_of(appearance: dict[str, np.ndarray]) -> StoredDecoder:
    """Read `Subject.appearance`. Raises KeyError or ValueError for what is no decoder."""
    arrays = {name: array.astype(np.float32) for name, array in appearance.items()}
    kind = APPEARANCES[int(arrays.pop("kind", np.zeros(1))[0])]
    for stored in ("feature_line", "latent"):
        if stored in arrays:
            # Earlier versions kept the feature line in half precision, without a scale.
            own = arrays.pop(stored) * arrays.pop(f"{stored}_scale", np.float32(1))
            arrays["shade.latent" if kind == "featurenet" else "shade.line"] = own
    earlier = "rotnet.enter.weight" in arrays
    if earlier:
        arrays = _from_earlier(arrays)
    widths = len(arrays["rotnet.net.leave.weight"][0]), len(arrays["shade.net.leave.weight"][0])
    weights = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
    return StoredDecoder(kind, not earlier, widths, weights)


def _from_earlier(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights of subjects whose RotNet learned the surface's turn as well, under today's names: the same numbers."""
    renamed = {"shade.line": arrays["shade.line"], "shade.direct": np.zeros(arrays["shade.line"].shape[-1], np.float32)}
    for net, new in (("rotnet", "rotnet"), ("opcnet", "shade")):
        enter = arrays[f"{net}.enter.weight"]
        if net == "rotnet":  # R_0, codes, place, movement
            still, codes, moving = enter[:, [0, 1, 2, 3, 21, 22, 23]], enter[:, 4:21], enter[:, 24:]
        else:  # features, codes, moved place
            still, codes = enter[:, 33:], enter[:, 16:33]
            # W ((place + movement) / ROOM) = W (place / ROOM) + W (MOVE / ROOM) (movement / MOVE): the moved place as
            # the two inputs that stand for it today.
            moving = np.concatenate([enter[:, :16], still * (MOVE / ROOM)], axis=1)
        renamed |= {
            f"{new}.net.still.weight": still,
            f"{new}.net.still.bias": arrays[f"{net}.enter.bias"],
            f"{new}.net.codes.weight": codes,
            f"{new}.net.moving.weight": moving,
        }
        for part in ("weight", "bias"):
            renamed[f"{new}.net.inner.0.{part}"] = arrays[f"{net}.middle.{part}"]
            renamed[f"{new}.net.leave.{part}"] = arrays[f"{net}.leave.{part}"]
    return renamed
