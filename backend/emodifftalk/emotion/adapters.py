"""Low-rank adapters: what a text encoder learns about faces, in a few numbers beside its own weights.

Every linear layer's weight W becomes W + B A (LoRA); the encoder's own weights stay as they were published.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils import parametrize

from ..core.errors import UserError

RANK = 16


class _LowRank(nn.Module):
    def __init__(self, rows: int, columns: int, rank: int) -> None:
        super().__init__()
        self.up = nn.Parameter(torch.zeros(rows, rank))
        self.down = nn.Parameter(torch.randn(rank, columns) / columns**0.5)

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight + self.up @ self.down


def add_adapters(model: nn.Module, rank: int = RANK) -> dict[str, nn.Parameter]:
    """Put an adapter that changes nothing yet on every linear layer; returns their parameters by name."""
    layers = {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    parameters = {}
    for name, layer in layers.items():
        adapter = _LowRank(*layer.weight.shape, rank)
        parametrize.register_parametrization(layer, "weight", adapter)
        parameters |= {f"{name}.up": adapter.up, f"{name}.down": adapter.down}
    return parameters


def merge_adapters(model: nn.Module, arrays: dict[str, torch.Tensor]) -> None:
    """Add trained adapters to a model's weights for good. Raises UserError when they do not fit the model."""
    layers = {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    for name in {key.rpartition(".")[0] for key in arrays}:
        up, down = arrays.get(f"{name}.up"), arrays.get(f"{name}.down")
        if name not in layers or up is None or down is None or (up @ down).shape != layers[name].weight.shape:
            raise UserError("The text-to-AU model was trained for another text encoder: train it again.")
        with torch.no_grad():
            layers[name].weight += up @ down
