"""Low-rank adapters: what a text encoder learns about faces, in a few numbers beside its own weights.

Every linear layer's weight W becomes W + B A (LoRA); the encoder's own weights stay as they were published.
"""

from __future__ import annotations

import torch
from torch import nn

from ..core.errors import UserError

RANK = 16


class _LowRank(nn.Module):
    """Called by its layer after the layer: W is not touched while it learns, so no gradient of W is computed."""

    def __init__(self, layer: nn.Linear, rank: int) -> None:
        super().__init__()
        self.up = nn.Parameter(torch.zeros(layer.out_features, rank))
        self.down = nn.Parameter(torch.randn(rank, layer.in_features) / layer.in_features**0.5)
        layer.register_forward_hook(self._add)

    def _add(self, layer: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        # x (..., in) → W x + B (A x), A = down (rank, in), B = up (out, rank); the layer has done W x.
        # From the right: B A would be as large as W, and its gradient too.
        return output + (inputs[0] @ self.down.T) @ self.up.T


def add_adapters(model: nn.Module, rank: int = RANK) -> dict[str, nn.Parameter]:
    """Put an adapter that changes nothing yet on every linear layer; returns their parameters by name."""
    layers = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    adapters = {name: _LowRank(layer, rank) for name, layer in layers}
    return {f"{name}.{part}": getattr(adapters[name], part) for name in adapters for part in ("up", "down")}


def merge_adapters(model: nn.Module, arrays: dict[str, torch.Tensor]) -> None:
    """Add trained adapters to a model's weights for good. Raises UserError when they do not fit the model."""
    layers = {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    for name in sorted({key.rpartition(".")[0] for key in arrays}):
        up, down = arrays.get(f"{name}.up"), arrays.get(f"{name}.down")
        if name not in layers or up is None or down is None or not _fits(up, down, layers[name]):
            raise UserError("The text-to-AU model was trained for another text encoder: train it again.")
        with torch.no_grad():
            layers[name].weight += up @ down


def _fits(up: torch.Tensor, down: torch.Tensor, layer: nn.Linear) -> bool:
    """Whether up (out, rank) @ down (rank, in) is as large as the layer's weights."""
    matrices = up.ndim == down.ndim == 2 and up.shape[1] == down.shape[0]
    return matrices and (up.shape[0], down.shape[1]) == tuple(layer.weight.shape)
