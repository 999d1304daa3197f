"""What is compared: the full system and the three of the paper's Table 3 that lack a part."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ..core.errors import UserError
from ..core.subject import Subject, load_subject, save_subject
from ..motion.generate import load_motion


@dataclass(frozen=True)
class Variant:
    """A system that is compared.

    name, title: in files, and in tables.
    motion: what `perform` moves the face with.
    codes_for_opacity: whether OPCNet knows the AU codes.
    tuned: whether a subject's own motion model, learned from the shared one, moves it where it has one.
    """

    name: str
    title: str
    motion: str = "diffusion"
    codes_for_opacity: bool = True
    tuned: bool = True


FULL = Variant("full", "full")
SHARED = Variant("shared", "full, moved by the model of all heads", tuned=False)
"""On equal footing with the variants that lack a part of the motion model: these are not tuned to a subject."""
WITHOUT_DIFFUSION = Variant("gru", "w/o diffusion (GRU)", motion="gru")
VARIANTS = (
    Variant("no_codes4p", "w/o AU codes to the points", motion="no_codes"),
    Variant("no_codes4o", "w/o AU codes to the opacity", codes_for_opacity=False),
    WITHOUT_DIFFUSION,
    SHARED,
    FULL,
)


def opacity_file(folder: Path, subject: str) -> Path:
    """Where the Subject lies that was trained without AU codes to its opacity."""
    return folder / f"{subject}_no_codes.safetensors"


def why_not(variant: Variant, folder: Path, subjects: dict[str, Path]) -> str:
    """One sentence when a variant cannot be measured with what is there, else empty. Raises UserError when a subject's
    file is missing or damaged."""
    try:
        load_motion(kind=variant.motion)
    except UserError:
        return "Its motion model is not here."
    if not variant.tuned and not any(load_subject(path).motion for path in subjects.values()):
        return "No subject has a motion model of its own: it is the same as the full system."
    missing = [name for name in subjects if not variant.codes_for_opacity and not opacity_file(folder, name).exists()]
    return f"There are no appearance weights without AU codes for {' and '.join(missing)}." if missing else ""


def untuned(path: Path, folder: Path) -> Path:
    """The subject's file without a motion model of its own, written into `folder` where it has one."""
    subject = load_subject(path)
    if not subject.motion:
        return path
    target = folder / f"{path.stem}_shared.safetensors"
    if not target.exists():
        save_subject(target, replace(subject, motion={}))
    return target


def dressed(variant: Variant, subject: Subject, folder: Path, name: str) -> Subject:
    """The subject with the appearance of the variant. Raises UserError when its file is damaged or of another head."""
    if variant.codes_for_opacity:
        return subject
    path = opacity_file(folder, name)
    other = load_subject(path)
    if other.template.neutral.shape != subject.template.neutral.shape or len(other.otf_group) != len(subject.otf_group):
        raise UserError(f"{path.name} was trained from another rig than {subject.name}: train its appearance again.")
    # Its shade points have colours and sizes of their own.
    return replace(
        subject,
        gaussians=other.gaussians,
        appearance=other.appearance,
        triangle=other.triangle,
        bary=other.bary,
    )
