"""The dynamic appearance decoder of a Subject: rotation, opacity and colour of its facial Gaussians, frame by frame."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from ..core.errors import UserError
from ..core.subject import APPEARANCES, Subject
from .featurenet import FeatureNet
from .opcnet import OPCNet
from .rotnet import RotNet, torch_quat_multiply, vector_to_quat
from .stored import onto_subject, weights_of
from .surface import SurfaceTurns

_TOGETHER = 8
"""Frames decoded at once: the feature line is read once for all of them."""


class Decoded(NamedTuple):
    """One frame, in this order what `core.subject.pose` takes after the offsets.

    rotations: (Nf, 4) unit quaternions wxyz.
    opacities: (Nf,) 0..1.
    tints: (Nf, 3) change of the colours, None where there is none.
    """

    rotations: np.ndarray
    opacities: np.ndarray
    tints: np.ndarray | None


class AppearanceDecoder(nn.Module):
    """RotNet and what shades (OPCNet or FeatureNet) over one Subject's facial Gaussians.

    kind: one of core.subject.APPEARANCES.
    on_surface: rotations are relative to the turn of the Gaussian's triangle; False only for subjects of earlier
    versions.
    widths: of RotNet, and of the network that shades.
    """

    quats: torch.Tensor
    means: torch.Tensor
    opacities: torch.Tensor
    colors: torch.Tensor
    binding: torch.Tensor
    triangle: torch.Tensor

    def __init__(
        self, subject: Subject, kind: str = APPEARANCES[0], on_surface: bool = True, widths: tuple[int, int] = (16, 24)
    ) -> None:
        super().__init__()
        count, gaussians = subject.n_face, subject.gaussians
        self.kind, self.on_surface = kind, on_surface
        self.rotnet = RotNet(widths[0])
        self.shade: FeatureNet | OPCNet = (
            FeatureNet(count, widths[1]) if kind == "featurenet" else OPCNet(count, kind == "opcnet", widths[1])
        )
        for name, array in (
            ("quats", gaussians.quats[:count]),
            ("means", gaussians.means[:count]),
            ("opacities", gaussians.opacities[:count]),
            ("colors", gaussians.colors[:count]),
        ):
            self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(array, np.float32)), persistent=False)
        self.register_buffer("binding", _binding(subject), persistent=False)
        self.register_buffer("triangle", torch.from_numpy(subject.triangle.astype(np.int64)), persistent=False)
        self.turns = SurfaceTurns(subject.template)
        self._begun: tuple | None = None

    @staticmethod
    def from_subject(subject: Subject, device: str = "cpu") -> AppearanceDecoder:
        """The trained decoder. Raises UserError when the subject has none or it does not fit."""
        if not subject.appearance:
            raise UserError(f"The subject {subject.name} has no appearance decoder yet: train its appearance first.")
        try:
            stored = weights_of(subject.appearance)
            decoder = AppearanceDecoder(subject, stored.kind, stored.on_surface, stored.widths)
            decoder.load_state_dict(stored.weights)
        except (RuntimeError, KeyError, ValueError, IndexError, TypeError) as error:
            raise UserError(f"The appearance decoder of {subject.name} does not fit this version.") from error
        return decoder.eval().to(device)

    @property
    def tints(self) -> bool:
        """Whether colours change."""
        return self.kind == "featurenet"

    def onto(self, subject: Subject) -> Subject:
        """The subject carrying this decoder's weights."""
        return onto_subject(subject, self.kind, self.state_dict())

    def facial_offsets(self, offsets: torch.Tensor) -> torch.Tensor:
        """Movement (T, Nf, 3) of the facial Gaussians from that of the template points (T, V, 3), metres."""
        frames, points, _ = offsets.shape
        # B (Nf, V) x (V, 3 T): frames and axes lie side by side, so that the sparse product runs once for all of them.
        moved = self.binding @ offsets.transpose(0, 1).reshape(points, 3 * frames)
        return moved.reshape(-1, frames, 3).transpose(0, 1)

    def begin(self) -> tuple:
        """What the networks have to work out only once while their weights stay the same."""
        return self.rotnet.begin(self.quats, self.means), self.shade.begin(self.means, self.colors)

    def forward(
        self, aus: torch.Tensor, offsets: torch.Tensor, begun: tuple | None = None
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]]:
        """Of each frame quats (Nf, 4), change of opacity (Nf,) and change of colour (Nf, 3) or None.

        aus: (T, 17) 0..1.
        offsets: (T, V, 3) metres, of the template points.
        begun: what `begin` gives, where it is known already.
        """
        turn, shade = begun or self.begin()
        moved, features = self.facial_offsets(offsets), self.shade.features(aus)
        for i, codes in enumerate(aus):
            # R_t = N_Rot(R_0, E_t, mu_t) ∘ S_t ∘ R_0, (Nf, 4): Equation 5 as a residual on S_t, the turn of each one's
            # triangle, which is known.
            quats = self.quats
            if self.on_surface:
                quats = torch_quat_multiply(self.turns(offsets[i])[self.triangle], quats)
            quats = torch_quat_multiply(vector_to_quat(self.rotnet(turn, codes, moved[i])), quats)
            yield quats, *self.shade(shade, codes, moved[i], None if features is None else features[i])

    def decode(self, aus: np.ndarray, offsets: np.ndarray) -> Decoded:
        """The same in NumPy, finished: aus (17,) 0..1, template offsets (V, 3) metres → a frame for `pose`."""
        return next(self.decode_all(aus[None], offsets[None]))

    def decode_all(self, aus: np.ndarray, offsets: np.ndarray) -> Iterator[Decoded]:
        """One frame after the other of aus (T, 17) and offsets (T, V, 3): cheaper than each by itself."""
        for first in range(0, len(aus), _TOGETHER):
            rows = slice(first, first + _TOGETHER)
            yield from self._decode_together(aus[rows], offsets[rows])

    @torch.inference_mode()
    def _decode_together(self, aus: np.ndarray, offsets: np.ndarray) -> list[Decoded]:
        if self._begun is None:  # decoding is for finished decoders: their weights do not change any more
            self._begun = self.begin()
        device = self.quats.device
        given = (torch.from_numpy(np.ascontiguousarray(x, np.float32)).to(device) for x in (aus, offsets))
        decoded = []
        for quats, change, tints in self(*given, self._begun):
            opacities = (self.opacities + change).clamp(0, 1)
            tints = None if tints is None else tints.cpu().numpy()
            decoded.append(Decoded(quats.cpu().numpy(), opacities.cpu().numpy(), tints))
        return decoded


def _binding(subject: Subject) -> torch.Tensor:
    """The sparse matrix (Nf, V) from template points to facial Gaussians."""
    # Three entries in each row, the barycentric weights of the Gaussian's triangle at its corners' columns.
    rows = np.repeat(np.arange(subject.n_face), 3)
    columns = subject.template.faces[subject.triangle].astype(np.int64).ravel()
    values = torch.from_numpy(np.ascontiguousarray(subject.bary, np.float32).ravel())
    shape = (subject.n_face, len(subject.template.neutral))
    places = torch.from_numpy(np.stack([rows, columns]))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse")  # that sparse tensors are young, and unchecked
        return torch.sparse_coo_tensor(places, values, shape, check_invariants=False).to_sparse_csr()
