"""The rig while it is trained (EmoDiffTalk 3.1): parameters, triplane colour, positions and turns per frame."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import nn

from ...appearance.rotnet import torch_quat_multiply
from ...core.gaussians import Gaussians, matrix_to_quat
from ...core.gaze import gaze_matrix
from ...core.jaw import Jaw, jaw_opening, jaw_reading
from ...core.subject import ON_JAW, OTF_GROUPS, Subject
from ...core.template import FacialTemplate
from ...data.captures.capture import Capture
from ...splat.rasterize import rasterization
from .binding import bind_others, stretched_spacing, surface_turns, triangle_frames
from .layout import Layout
from .triplane import TriplaneColor
from .views import CapturedView

_LARGEST, _SMALLEST = 0.007, 0.00035
"""Metres. About half a pixel of the pictures is the least: what is thinner they cannot tell, and closer up it frays."""
_LARGEST_INNER = 0.0016
"""Metres: what lids and lips must be able to hide stays small enough not to shine through them."""
_SKIN, _OTHER = 3.0, 1.4
"""Opacities to begin with, as logits: skin lets nothing shine through."""
_LIFT = 0.0015
"""Metres that a facial Gaussian may lie off the template, which is not quite the skin."""


class Rig(nn.Module):
    """The rig of a capture: N Gaussians, the first Nf on the face. All float32.

    Learned: lift (Nf, 3) and others (No, 3), how far Gaussians left where they began; quats (N, 4); log_scales (N, 3);
        logits (N,) of opacity; tint (N, 3) beside the triplane's colour; jaw_turn (1,), jaw_way (2,), see `jaw`.
    Of the capture: face_moved (F, Nf, 3), others_moved (F, No, 3) metres; turns (F, Nf, 4), gazes (F, 4) wxyz;
        openings (F,) of the jaw.
    Of the layout: largest (N, 1) metres; free (No, 1), 1 where an OTF point may drift; face_means (Nf, 3) and
        seeds (No, 3) metres; jaw_shares (R,) and jaw_arms (R, 3) metres, of what rides on the jaw.
    """

    largest: torch.Tensor
    free: torch.Tensor
    face_means: torch.Tensor
    seeds: torch.Tensor
    jaw_shares: torch.Tensor
    jaw_arms: torch.Tensor
    openings: torch.Tensor
    face_moved: torch.Tensor
    others_moved: torch.Tensor
    turns: torch.Tensor
    gazes: torch.Tensor

    def __init__(self, capture: Capture, template: FacialTemplate, layout: Layout) -> None:
        super().__init__()
        self.template, self.layout = template, layout
        self.anchor, self.weight = bind_others(layout.seeds, layout.group, template)
        face = layout.on_face(template)
        means = np.concatenate([face, layout.seeds])
        largest = np.full((len(means), 1), _LARGEST, np.float32)
        largest[len(face) :][~layout.surround] = _LARGEST_INNER
        self._keep("largest", largest)
        self._keep("free", layout.surround.astype(np.float32)[:, None])
        self._keep("face_means", face)
        self._keep("seeds", layout.seeds)
        self.lift = nn.Parameter(torch.zeros(len(face), 3))
        self.others = nn.Parameter(torch.zeros_like(self.seeds))
        quats, scales = _shapes(capture, template, layout, means)
        self.quats = nn.Parameter(torch.from_numpy(quats))
        self.log_scales = nn.Parameter(torch.from_numpy(np.log(scales)))
        logits = torch.full((len(means),), _OTHER)
        logits[: len(face)] = _SKIN
        self.logits = nn.Parameter(logits)
        low, high = torch.from_numpy(means.min(axis=0)) - 0.01, torch.from_numpy(means.max(axis=0)) + 0.01
        self.color = TriplaneColor(low, high)
        self.tint = nn.Parameter(torch.zeros(len(means), 3))
        self._prepare_jaw()
        self._prepare_frames(capture)

    def _keep(self, name: str, array: np.ndarray) -> None:
        """A buffer that goes where the rig goes, and is made anew rather than stored."""
        self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(array)), persistent=False)

    def _prepare_jaw(self) -> None:
        """What rides on the jaw. Its turn and its way are learned: the skin of the chin tells them only roughly."""
        shares = np.zeros(len(self.layout.group), np.float32)
        for name, share in ON_JAW.items():
            shares[self.layout.group == OTF_GROUPS.index(name)] = share
        self._jaw_rows = np.flatnonzero(shares)
        self._keep("jaw_shares", shares[self._jaw_rows])
        places = self.layout.seeds[self._jaw_rows]
        self._middle = places.mean(axis=0).astype(float) if len(places) else np.zeros(3)
        self._keep("jaw_arms", (places - self._middle).astype(np.float32))
        guess = Jaw.of(self.template)
        way = guess.carried(self._middle[None], 1.0)[0]
        self.jaw_turn = nn.Parameter(torch.tensor([guess.turn], dtype=torch.float32))
        self.jaw_way = nn.Parameter(torch.tensor(way[1:], dtype=torch.float32))

    def jaw(self) -> Jaw:
        """As learned so far."""
        turn = float(self.jaw_turn.detach())
        if abs(turn) < 1e-3:
            return Jaw(0.0, (0.0, 0.0))
        # The middle of what rides on it goes (-turn (z - hinge_z), turn (y - hinge_y)): solved for the hinge.
        way_y, way_z = (float(way) for way in self.jaw_way.detach())
        return Jaw(turn, (float(self._middle[1]) - way_z / turn, float(self._middle[2]) + way_y / turn))

    def _ride_on_jaw(self, frame: int, others: torch.Tensor, quats: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions (No, 3) and rotations (No, 4) of the other points with the jaw as open as in a frame."""
        # A small turn w about the x axis moves an arm (y, z) by (-w z, w y); the way of the middle comes on top.
        # Linear in turn and way, as `core.jaw` carries teeth later; Gaussians are turned by the angle atan w.
        opening = self.openings[frame] * self.jaw_shares
        arms = self.jaw_arms
        move = torch.stack([self.jaw_way[0] - self.jaw_turn * arms[:, 2], self.jaw_way[1] + self.jaw_turn * arms[:, 1]])
        move = torch.cat([torch.zeros_like(move[:1]), move]) * opening
        # Quaternion (cos w/2, sin w/2, 0, 0), the share of each row its own.
        half = 0.5 * torch.atan(opening * self.jaw_turn)
        zero = torch.zeros_like(half)
        rows = torch.from_numpy(self._jaw_rows).to(others.device)
        turned = torch_quat_multiply(torch.stack([half.cos(), half.sin(), zero, zero], dim=-1), quats[rows])
        return others.index_add(0, rows, move.T), quats.index_copy(0, rows, turned)

    def _prepare_frames(self, capture: Capture) -> None:
        offsets = capture.points - self.template.neutral
        self._keep("openings", jaw_opening(jaw_reading(self.template), offsets).astype(np.float32))
        # Facial: barycentric mean of their triangle's corners, in all frames at once (F, Nf, 3). OTF points (EmoTalk3D
        # Equation 9): the offset of their anchor, faded by how far they lie from it.
        faces = self.template.faces[self.layout.triangle]
        self._keep("face_moved", np.einsum("nk,fnkc->fnc", self.layout.bary, offsets[:, faces]).astype(np.float32))
        others = self.weight[None, :, None] * offsets[:, self.anchor]
        turns = [surface_turns(self.template, points, self.layout.triangle) for points in capture.points]
        self._keep("turns", np.stack(turns))
        self._eyes = _eyes(capture, self.layout)
        for rows, centre in self._eyes:
            # An eyeball turns around its centre: (G - I) (seed - centre) is how far each of its points moves.
            around = self.layout.seeds[rows] - centre
            for index, frame in enumerate(capture.frames):
                others[index, rows] += around @ (gaze_matrix(np.array(frame.gaze)) - np.eye(3)).T
        self._keep("others_moved", others.astype(np.float32))
        gazes = matrix_to_quat(gaze_matrix(np.array([frame.gaze for frame in capture.frames])))
        self._keep("gazes", gazes.astype(np.float32))

    def means(self) -> torch.Tensor:
        """Canonical positions (N, 3). Eyes and teeth stay on their surfaces; what is around the face may drift."""
        # tanh holds a facial Gaussian within 1.5 mm of the template: beyond, its triangle would not carry it rightly.
        return torch.cat([self.face_means + _LIFT * torch.tanh(self.lift), self.seeds + self.free * self.others])

    def posed(self, frame: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions (N, 3) and rotations (N, 4) in a captured frame."""
        count = len(self.face_means)
        quats = nn.functional.normalize(self.quats, dim=-1)
        means, others = self.means(), quats[count:]
        around = means[count:] + self.others_moved[frame]
        if len(self._jaw_rows):
            around, others = self._ride_on_jaw(frame, around, others)
        means = torch.cat([means[:count] + self.face_moved[frame], around])
        # gazes[:, 0] = cos of half the angle: 1 is looking straight ahead, and nothing turns.
        if self.gazes[frame, 0] < 1:
            for rows, _ in self._eyes:
                turned = torch_quat_multiply(self.gazes[frame].expand(len(rows), 4), others[rows])
                others = others.index_copy(0, torch.from_numpy(rows).to(others.device), turned)
        return means, torch.cat([torch_quat_multiply(self.turns[frame], quats[:count]), others])

    def scales(self) -> torch.Tensor:
        """Sizes (N, 3) in metres, within what a Gaussian of a head may be."""
        return torch.minimum(self.log_scales.exp().clamp(min=_SMALLEST), self.largest)

    def opacities(self) -> torch.Tensor:
        """(N,) 0..1."""
        return torch.sigmoid(self.logits)

    def colors(self) -> torch.Tensor:
        """(N, 3) 0..1: Equation 1, and what a single Gaussian may differ from its surroundings."""
        return self.color(self.means(), self.tint)

    def draw(
        self, view: CapturedView, backend: str, background: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, dict]:
        """Picture (S, S, 3) and alpha (S, S) of a view, and the rasterizer's `meta`."""
        means, quats = self.posed(view.frame)
        picture, alpha, meta = rasterization(
            means, quats, self.scales(), self.opacities(), self.colors(), view.viewmat[None], view.K[None],
            view.size, view.size, backgrounds=background[None], backend=backend,
        )  # fmt: skip
        return picture[0], alpha[0, ..., 0], meta

    @torch.no_grad()
    def inherit(self, older: Rig, origin: np.ndarray, halved: np.ndarray) -> None:
        """Take over what `older` has learned: row i here comes from row origin[i] there. halved: (N,) bool, rows that
        share their place with a twin and get smaller."""
        index = torch.from_numpy(origin)
        count, before = len(self.face_means), len(older.face_means)
        for name in ("quats", "log_scales", "logits", "tint"):
            getattr(self, name).copy_(getattr(older, name)[index])
        # Twins share one place: 1/1.6 of the size each, as in 3DGS' splitting, covers about what one did.
        self.log_scales[torch.from_numpy(halved)] -= float(np.log(1.6))
        self.lift.copy_(older.lift[index[:count]])
        self.others.copy_(older.others[index[count:] - before])
        self.color.load_state_dict(older.color.state_dict())
        self.jaw_turn.copy_(older.jaw_turn)
        self.jaw_way.copy_(older.jaw_way)

    @torch.no_grad()
    def gaussians(self) -> Gaussians:
        """The canonical Gaussians, their colours baked."""
        quats = nn.functional.normalize(self.quats, dim=-1)
        parts = (self.means(), quats, self.scales(), self.opacities(), self.colors())
        return Gaussians(*(part.cpu().numpy() for part in parts))

    def subject(self, capture: Capture, name: str) -> Subject:
        """The finished rig."""
        aus = np.stack([frame.aus for frame in capture.frames])
        return Subject(
            name=name,
            template=self.template,
            gaussians=self.gaussians(),
            triangle=self.layout.triangle,
            bary=self.layout.bary,
            otf_anchor=self.anchor,
            otf_weight=self.weight,
            otf_group=self.layout.group,
            au_range=np.stack([aus.min(axis=0), aus.max(axis=0)], axis=1),
            eye_centers=capture.eye_centers,
            jaw=self.jaw(),
            licence=capture.licence,
            credit=capture.credit,
            consent=capture.consent,
            synthetic=capture.synthetic,
        )


def _shapes(
    capture: Capture, template: FacialTemplate, layout: Layout, means: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (N, 4) and sizes (N, 3) to begin with: skin is covered by flat Gaussians that lie in it."""
    count = len(layout.triangle)
    # Size to begin with: mean distance of the three nearest, on the face at least what its triangle has when it is most
    # stretched; 0.3 of that across the skin makes them discs, their third axis along the triangle's normal.
    spacing = cKDTree(means).query(means, k=4)[0][:, 1:].mean(axis=1)
    spacing[:count] = np.maximum(spacing[:count], stretched_spacing(capture.points, template, layout.triangle))
    spacing = spacing.clip(2 * _SMALLEST, 0.6 * _LARGEST)
    scales = np.repeat(spacing[:, None], 3, axis=1).astype(np.float32)
    scales[:count, 2] *= 0.3
    quats = np.zeros((len(means), 4), np.float32)
    quats[:, 0] = 1
    quats[:count] = matrix_to_quat(triangle_frames(template.neutral, template.faces)[layout.triangle])
    return quats, scales


def _eyes(capture: Capture, layout: Layout) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows of both eyeballs among the other-than-face points, with their centres (3,); none when nobody knows them."""
    names = ("eye_left", "eye_right")[: len(capture.eye_centers)]
    rows = [np.flatnonzero(layout.group == OTF_GROUPS.index(name)) for name in names]
    return list(zip(rows, capture.eye_centers, strict=True))
