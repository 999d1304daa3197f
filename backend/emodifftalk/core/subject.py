"""A Subject: one trained head in one safetensors file."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from . import tensors
from .arrays import Array, Floats, Ints
from .checks import expect, expect_format, expect_indices
from .errors import UserError
from .facs import AU_NAMES
from .gaussians import Gaussians, expect_bounds, quat_multiply
from .jaw import TONGUE, Jaw, jaw_opening, jaw_reading
from .opening import opened
from .template import FacialTemplate, name_metadata, read_template

SCHEMA = 1
OTF_GROUPS: tuple[str, ...] = ("surround", "eye_left", "eye_right", "teeth_upper", "teeth_lower", "tongue")
ON_JAW = {"teeth_lower": 1.0, "tongue": TONGUE}
"""Groups that ride on the jaw, and how much of its way they go."""
APPEARANCES: tuple[str, ...] = ("opcnet", "featurenet", "opcnet_without_codes")
"""What a subject's appearance can be decoded with, by the number `kind` in its file (0 when the file says nothing)."""
_MOST_HASHED = 64 << 30
"""Bytes of a subject, a take or a recording; what says it has more takes too long to be looked at."""
_TEXTS = ("name", "licence", "credit", "consent")
_WEIGHTS = ("appearance", "motion", "speech")


@dataclass(frozen=True, eq=False)
class Subject:
    """A trained head (EmoDiffTalk 3.1) in its own space, metres, z up, looking along -y.

    template: the facial template fitted to this head.
    gaussians: the canonical Gaussians; the first Nf rows are facial, the others are the OTF (other than face) points.
    triangle: (Nf,) int32, the triangle of the template that a facial Gaussian is bound to.
    bary: (Nf, 3) float32, where in its triangle.
    otf_anchor: (No,) int32, the template vertex that an OTF point follows.
    otf_weight: (No,) float32 0..1, how much, exp(-alpha d) of EmoTalk3D Equation 9.
    otf_group: (No,) uint8, index into OTF_GROUPS.
    au_range: (17, 2), least and greatest AU intensity seen in training.
    eye_centers: (2, 3), what the left and the right eyeball turn about; (0, 3) when the eyes cannot be steered.
    jaw: what the lower teeth and, by a share, the tongue ride on; None when they follow their anchor like the others.
    appearance: weights of RotNet and of the network that shades, `kind` saying which of APPEARANCES; of OPCNet also the
        feature line (17, Nf, 16), times feature_line_scale (17, 1, 16).
    motion: the motion model tuned to this head (`motion.generate.motion_arrays`); empty when the shared one moves it.
    speech: weights of a speech model of its own, tuned to this person's recordings; empty when the shipped one listens.
    synthetic: True when the pictures it learned from were rendered.
    """

    name: str
    template: FacialTemplate
    gaussians: Gaussians
    triangle: Ints
    bary: Floats
    otf_anchor: Ints
    otf_weight: Floats
    otf_group: Ints
    au_range: Floats
    eye_centers: Floats = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    jaw: Jaw | None = None
    appearance: dict[str, Array] = field(default_factory=dict)
    motion: dict[str, Array] = field(default_factory=dict)
    speech: dict[str, Array] = field(default_factory=dict)
    licence: str = ""
    credit: str = ""
    consent: str = ""
    synthetic: bool = True

    @cached_property
    def jaw_reading(self) -> Floats:
        """(V, 3): see `jaw.jaw_reading`."""
        return jaw_reading(self.template)

    @property
    def n_face(self) -> int:
        """Number of facial Gaussians Nf."""
        return len(self.triangle)


def save_subject(path: str | os.PathLike[str], subject: Subject) -> None:
    """Write a Subject as safetensors, compactly: half precision where the eye cannot tell."""
    g = subject.gaussians
    arrays = subject.template.tensors()
    arrays |= {
        "gaussians.means": g.means.astype(np.float32),
        "gaussians.quats": g.quats.astype(np.float16),
        "gaussians.scales": g.scales.astype(np.float32),
        "gaussians.opacities": g.opacities.astype(np.float16),
        "gaussians.colors": g.colors.astype(np.float16),
        "face.triangle": subject.triangle.astype(np.int32),
        "face.bary": subject.bary.astype(np.float32),
        "otf.anchor": subject.otf_anchor.astype(np.int32),
        "otf.weight": subject.otf_weight.astype(np.float32),
        "otf.group": subject.otf_group.astype(np.uint8),
        "au_range": subject.au_range.astype(np.float32),
        "eye_centers": subject.eye_centers.astype(np.float32),
    }
    if subject.jaw is not None:
        arrays["jaw"] = np.array([subject.jaw.turn, *subject.jaw.hinge], np.float32)
    for part in _WEIGHTS:
        arrays |= {f"{part}.{name}": value for name, value in getattr(subject, part).items()}
    metadata = {"format": "emodifftalk.subject", "schema": str(SCHEMA), **name_metadata()}
    metadata |= {key: getattr(subject, key) for key in _TEXTS}
    metadata["synthetic"] = str(subject.synthetic).lower()
    tensors.save(path, arrays, metadata)


def load_subject(path: str | os.PathLike[str]) -> Subject:
    """Read and check a Subject. Raises UserError, one sentence, for anything that is not a whole, sane Subject."""
    file = tensors.TensorFile(path)
    expect_format(file, "subject", SCHEMA)
    template = read_template(file)
    gaussians = _read_gaussians(file)
    triangle = expect_indices(file, "face.triangle", expect(file, "face.triangle", (None,)), len(template.faces))
    n_face, n_otf = len(triangle), len(gaussians) - len(triangle)
    if n_otf < 0:
        raise UserError(f"{file.path.name} binds more facial Gaussians than it has.")
    anchor = expect_indices(file, "otf.anchor", expect(file, "otf.anchor", (n_otf,)), len(template.neutral))
    group = expect_indices(file, "otf.group", expect(file, "otf.group", (n_otf,)), len(OTF_GROUPS))
    weights = {part: _read_part(file, f"{part}.") for part in _WEIGHTS}
    _check_appearance(file.path.name, weights["appearance"], n_face)
    # Subjects of earlier versions have none.
    eyes = expect(file, "eye_centers", (None, 3)) if "eye_centers" in file.shapes else np.zeros((0, 3))
    if len(eyes) not in (0, 2):
        raise UserError(f"{file.path.name}: “eye_centers” must be of two eyes.")
    jaw = None
    if "jaw" in file.shapes:
        turn, *hinge = expect(file, "jaw", (3,)).astype(float).tolist()
        jaw = Jaw(turn, (hinge[0], hinge[1]))
    texts = {key: file.metadata.get(key, "") for key in _TEXTS}
    return Subject(
        name=texts["name"],
        template=template,
        gaussians=gaussians,
        triangle=triangle.astype(np.int32),
        bary=expect(file, "face.bary", (n_face, 3)).astype(np.float32),
        otf_anchor=anchor.astype(np.int32),
        otf_weight=expect(file, "otf.weight", (n_otf,)).astype(np.float32),
        otf_group=group.astype(np.uint8),
        au_range=expect(file, "au_range", (len(AU_NAMES), 2)).astype(np.float32),
        eye_centers=eyes.astype(np.float32),
        jaw=jaw,
        appearance=weights["appearance"],
        motion=weights["motion"],
        speech=weights["speech"],
        synthetic=file.metadata.get("synthetic") != "false",
        licence=texts["licence"],
        credit=texts["credit"],
        consent=texts["consent"],
    )


def pose(
    subject: Subject,
    offsets: Floats,
    rotations: Floats | None = None,
    opacities: Floats | None = None,
    tints: Floats | None = None,
) -> Gaussians:
    """The subject's Gaussians with its face moved (EmoDiffTalk 3.2; EmoTalk3D Equation 9 for the other points).

    offsets: (V, 3) metres, movement of the template points.
    rotations: (Nf, 4) absolute rotation of the facial Gaussians, wxyz, or None for the canonical ones.
    opacities: (Nf,) 0..1 likewise.
    tints: (Nf, 3) change of their colours, or None.

    Facial Gaussians ride on their triangle; the others follow the template vertex they are anchored to, weighted by
    exp(-alpha d); lower teeth and tongue ride on the jaw. Object space, metres.
    """
    canonical = subject.gaussians
    offsets = np.asarray(offsets, np.float32)
    count = len(subject.triangle)
    # corners (Nf, 3, 3): how the vertices of each Gaussian's triangle move; weighted by bary (Nf, 3), how it moves
    # itself. Rotations come from the take, so the triangle's own axes are not needed.
    corners = offsets[subject.template.faces[subject.triangle]]
    means = canonical.means.copy()
    means[:count] += np.einsum("nk,nkc->nc", subject.bary, corners)
    means[count:] += subject.otf_weight[:, None] * offsets[subject.otf_anchor]
    quats, alphas = canonical.quats, canonical.opacities
    if subject.jaw is not None:
        quats = quats.copy()
        # How far the jaw is open is read off the points, and not off the codes: teeth stay with the lips whatever moved
        # them.
        opening = float(jaw_opening(subject.jaw_reading, offsets))
        for name, share in ON_JAW.items():
            # Straight movement as skin goes, and the turn before each Gaussian's own rotation (`jaw.carried`, `.quat`).
            rows = count + np.flatnonzero(subject.otf_group == OTF_GROUPS.index(name))
            means[rows] += subject.jaw.carried(canonical.means[rows], share * opening)
            turn = np.broadcast_to(subject.jaw.quat(share * opening), (len(rows), 4))
            quats[rows] = quat_multiply(turn, quats[rows])
    if rotations is not None:
        quats = np.concatenate([rotations, quats[count:]]).astype(np.float32)
    if opacities is not None:
        alphas = np.concatenate([opacities, alphas[count:]]).astype(np.float32)
    colors = canonical.colors
    if tints is not None:
        colors = colors.copy()
        colors[:count] = np.clip(colors[:count] + tints, 0, 1)
    return replace(canonical, means=means, quats=quats, opacities=alphas, colors=colors)


def _check_appearance(name: str, appearance: dict[str, Array], n_face: int) -> None:
    line, latent, kind = (appearance.get(key) for key in ("feature_line", "latent", "kind"))
    if line is not None and line.shape[:2] != (len(AU_NAMES), n_face):
        raise UserError(f"{name}: the feature line does not fit its {n_face} facial Gaussians.")
    if latent is not None and (latent.ndim != 2 or len(latent) != n_face):
        raise UserError(f"{name}: the appearance features do not fit its {n_face} facial Gaussians.")
    # One whole number; files without it are of the first decoder.
    if kind is not None and (kind.shape != (1,) or kind.dtype.kind not in "iu" or not 0 <= kind[0] < len(APPEARANCES)):
        raise UserError(f"{name} has an appearance decoder that this version does not know: update EmoDiffTalk.")


def file_hash(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file, the identity by which a Take remembers its Subject. Raises UserError when unreadable."""
    with opened(path, _MOST_HASHED) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]  # the stub wants more than it needs


def _read_part(file: tensors.TensorFile, prefix: str) -> dict[str, Array]:
    """All tensors whose names begin with `prefix`, without it."""
    names = [name for name in file.shapes if name.startswith(prefix)]
    return {name.removeprefix(prefix): expect(file, name, file.shapes[name]) for name in names}


def _read_gaussians(file: tensors.TensorFile) -> Gaussians:
    means = expect(file, "gaussians.means", (None, 3)).astype(np.float32)
    count = len(means)
    quats = expect(file, "gaussians.quats", (count, 4)).astype(np.float32)
    scales = expect(file, "gaussians.scales", (count, 3)).astype(np.float32)
    opacities = expect(file, "gaussians.opacities", (count,)).astype(np.float32)
    colors = expect(file, "gaussians.colors", (count, 3)).astype(np.float32)
    # Half precision leaves quaternions a little off unit length: they are made unit; half of it is damage.
    length = np.linalg.norm(quats, axis=1, keepdims=True)
    if count == 0 or length.min() < 0.5 or scales.min() < 0:
        raise UserError(f"{file.path.name}: its Gaussians have no size or no direction.")
    if opacities.min() < -1e-3 or opacities.max() > 1.001:
        raise UserError(f"{file.path.name}: opacities must lie between 0 and 1.")
    expect_bounds(file.path.name, means, scales, colors)
    return Gaussians(means, quats / length, scales, opacities.clip(0, 1), colors)
