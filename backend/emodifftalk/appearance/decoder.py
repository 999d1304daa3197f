"""The dynamic appearance decoder of a Subject: rotation and opacity of its facial Gaussians, frame by frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from ..core.errors import UserError
from ..core.subject import Subject
from .opcnet import OPCNet
from .rotnet import RotNet


class AppearanceDecoder(nn.Module):
    """RotNet and OPCNet over one Subject's facial Gaussians."""

    def __init__(self, subject: Subject) -> None:
        super().__init__()
        count = subject.n_face
        self.rotnet, self.opcnet = RotNet(), OPCNet(count)
        gaussians = subject.gaussians
        for name, array in (
            ("quats", gaussians.quats[:count]),
            ("means", gaussians.means[:count]),
            ("opacities", gaussians.opacities[:count]),
            ("bary", subject.bary),
        ):
            self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(array, np.float32)), persistent=False)
        corners = torch.from_numpy(subject.template.faces[subject.triangle].astype(np.int64))
        self.register_buffer("corners", corners, persistent=False)
        self._rest: tuple[torch.Tensor, torch.Tensor] | None = None

    @staticmethod
    def from_subject(subject: Subject) -> AppearanceDecoder:
        """The trained decoder. Raises UserError when the subject has none or it does not fit."""
        decoder = AppearanceDecoder(subject)
        if not subject.appearance:
            raise UserError(f"The subject {subject.name} has no appearance decoder yet: train its appearance first.")
        state = {_module_name(k): torch.from_numpy(v) for k, v in _unpacked(subject.appearance).items()}
        try:
            decoder.load_state_dict(state)
        except RuntimeError as error:
            raise UserError(f"The appearance decoder of {subject.name} does not fit this version.") from error
        return decoder.eval()

    def onto(self, subject: Subject) -> Subject:
        """The subject carrying this decoder's weights: half precision, the feature line in signed bytes."""
        state = {_file_name(k): v.detach().cpu().numpy() for k, v in self.state_dict().items()}
        line = state.pop("feature_line")
        # One scale for each action unit and feature.
        scale = np.maximum(np.abs(line).max(axis=1, keepdims=True), 1e-8) / 127
        packed = {"feature_line": np.rint(line / scale).astype(np.int8), "feature_line_scale": scale}
        return replace(subject, appearance={**{k: v.astype(np.float16) for k, v in state.items()}, **packed})

    def facial_offsets(self, offsets: torch.Tensor) -> torch.Tensor:
        """Movement (Nf, 3) of the facial Gaussians from that of the template points (V, 3), metres."""
        return torch.einsum("nk,nkc->nc", self.bary, offsets[self.corners])

    def forward(
        self, aus: torch.Tensor, offsets: torch.Tensor, rest: tuple[torch.Tensor, torch.Tensor] | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """aus (17,), template offsets (V, 3) → quats (Nf, 4), opacities (Nf,). rest: both networks' rest, if known."""
        moved = self.facial_offsets(offsets)
        turn_rest, change_rest = rest or (None, None)
        quats = self.rotnet(self.quats, aus, self.means, moved, turn_rest)
        opacities = (self.opacities + self.opcnet(aus, self.means, moved, change_rest)).clamp(0, 1)
        return quats, opacities

    @torch.inference_mode()
    def decode(self, aus: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same in NumPy: aus (17,) 0..1, offsets (V, 3) metres → rotations (Nf, 4) wxyz, opacities (Nf,) 0..1."""
        if self._rest is None:  # decoding is for finished decoders: their weights do not change any more
            self._rest = self.rotnet.rest(self.quats, self.means), self.opcnet.rest(self.means)
        as_tensor = (torch.from_numpy(np.ascontiguousarray(x, np.float32)) for x in (aus, offsets))
        quats, opacities = self(*as_tensor, self._rest)
        return quats.numpy(), opacities.numpy()


def _unpacked(appearance: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    arrays = {name: array.astype(np.float32) for name, array in appearance.items()}
    # Earlier versions kept the feature line in half precision, without a scale.
    arrays["feature_line"] = arrays["feature_line"] * arrays.pop("feature_line_scale", np.float32(1))
    return arrays


def _file_name(name: str) -> str:
    return "feature_line" if name == "opcnet.line" else name


def _module_name(name: str) -> str:
    return "opcnet.line" if name == "feature_line" else name
