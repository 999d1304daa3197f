"""Perceptual likeness of two pictures: HaarPSI, which needs no weights, and LPIPS where its weights are on the machine.

HaarPSI (Reisenhofer et al. 2018, the package `piq`): 1 for equal pictures, higher is better. LPIPS (Zhang et al. 2018,
the package `lpips`, version 0.1, AlexNet): 0 for equal pictures, lower is better; the package brings its own small
layers, the AlexNet beneath them is a file of torchvision's that we never download.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from ..core.errors import UserError
from ..core.opening import opened

ALEXNET = "alexnet-owt-7be5be79.pth"
"""The name under which torchvision publishes, and torch's cache keeps, AlexNet's weights."""
_VARIABLE = "EMODIFFTALK_ALEXNET"


def haarpsi(image: np.ndarray, truth: np.ndarray) -> float:
    """HaarPSI of two sRGB pictures (H, W, 3), 0..1."""
    import piq

    return float(piq.haarpsi(_batch(image), _batch(truth), data_range=1.0))


def find_alexnet(given: str | os.PathLike | None = None) -> Path | None:
    """Where AlexNet's weights lie: the given file, the one EMODIFFTALK_ALEXNET names, torch's cache; None: nowhere.

    Raises UserError when a named file is not there.
    """
    named = given or os.environ.get(_VARIABLE)
    if named:
        if not Path(named).is_file():
            raise UserError(f"The AlexNet weights {named} do not exist.")
        return Path(named)
    cached = Path(torch.hub.get_dir()) / "checkpoints" / ALEXNET
    return cached if cached.is_file() else None


class Lpips:
    """LPIPS, or the reason why there is none. measure: None then; otherwise two pictures (H, W, 3) 0..1 to LPIPS."""

    def __init__(self, weights: str | os.PathLike | None = None) -> None:
        """weights: AlexNet's, else they are looked for. Raises UserError when a named file is missing or damaged."""
        self.measure: Callable[[np.ndarray, np.ndarray], float] | None = None
        self.missing = ""
        path = find_alexnet(weights)
        if path is None:
            self.missing = f"LPIPS is empty: AlexNet's weights ({ALEXNET}) are not on this machine"
            return
        try:
            network = _network(path)
        except ImportError:
            self.missing = "LPIPS is empty: the package lpips is not installed"
            return

        @torch.inference_mode()
        def measure(image: np.ndarray, truth: np.ndarray) -> float:
            return float(network(_batch(image), _batch(truth), normalize=True))

        self.measure = measure


_MOST_BYTES = 1 << 30


def _network(path: Path) -> torch.nn.Module:
    import lpips

    with warnings.catch_warnings(), contextlib.redirect_stdout(None):
        warnings.simplefilter("ignore")
        network = lpips.LPIPS(net="alex", version="0.1", pnet_rand=True, verbose=False).eval()
    try:
        with opened(path, _MOST_BYTES, "The weights of AlexNet") as stream:
            state = torch.load(stream, map_location="cpu", weights_only=True)
        # torchvision numbers the layers of AlexNet; lpips keeps those numbers inside its slices.
        layers = {name: layer for part in network.net.children() for name, layer in part.named_children()}
        for name, layer in layers.items():
            if isinstance(layer, torch.nn.Conv2d):
                layer.load_state_dict({key: state[f"features.{name}.{key}"] for key in ("weight", "bias")})
    except UserError:
        raise
    except Exception as error:  # torch raises whatever the damaged file makes it stumble over
        raise UserError(f"{path} does not hold the weights of torchvision's AlexNet.") from error
    return network


def _batch(picture: np.ndarray) -> torch.Tensor:
    # (H, W, 3) → (1, 3, H, W), as both packages take pictures.
    return torch.from_numpy(np.ascontiguousarray(picture, np.float32)).permute(2, 0, 1)[None].clamp(0, 1)
