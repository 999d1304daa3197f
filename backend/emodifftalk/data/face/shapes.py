"""How faces differ from our template: a few measured ways, learnt from CC0 heads, that say what cannot be seen.

Forehead, cheeks and jaw have no marks: a surface alone does not tell which of its places is which. How heads differ as
a whole tells, from eyes, nose, mouth and outline, where those places are. The heads are ten synthetic identities of the
CC0 MakeHuman base mesh; only our template's points on them are kept, never their mesh.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from ...core import tensors
from ...core.checks import expect, expect_format
from ...core.template import load_template
from ..similarity import fit_similarity
from .actor import Actor
from .actor_template import fit_shipped_template

SCHEMA = 1
SHIPPED = Path(__file__).parents[2] / "models" / "face_shapes.safetensors"
TEMPLATE_ACTOR = "african_male_young"
"""The identity the shipped template was laid out on: its attachment names the same skin on every other one."""


@dataclass(frozen=True)
class FaceShapes:
    """mean: (V, 3) from the template's neutral face to the mean face, metres, in the template's frame.

    ways: (K, V, 3) metres, each one standard deviation of how faces differ.
    """

    mean: np.ndarray
    ways: np.ndarray


@lru_cache(maxsize=2)
def load_face_shapes(path: str | os.PathLike | None = None) -> FaceShapes:
    """The shipped ways faces differ. Raises UserError when the file is damaged or belongs to another template."""
    file = tensors.TensorFile(path or SHIPPED)
    expect_format(file, "face_shapes", SCHEMA)
    count = len(load_template().neutral)
    mean, ways = expect(file, "shapes.mean", (count, 3)), expect(file, "shapes.ways", (None, count, 3))
    return FaceShapes(mean.astype(float), ways.astype(float))


def save_face_shapes(path: str | os.PathLike, shapes: FaceShapes, credit: str) -> None:
    """Write the shapes as safetensors, halves: a thousandth of a face's difference is a hundredth of a millimetre."""
    arrays = {"shapes.mean": shapes.mean.astype(np.float16), "shapes.ways": shapes.ways.astype(np.float16)}
    tensors.save(path, arrays, {"format": "emodifftalk.face_shapes", "schema": str(SCHEMA), "credit": credit})


def same_places(heads: str | os.PathLike, identities: tuple[str, ...]) -> np.ndarray:
    """The template's points (H, V, 3) metres on these identities of `cc0_heads.npz`: everywhere the same skin.

    The heads share one topology, so a place on one names the place on all. Raises UserError as Actor.load does.
    """
    _, attachment = fit_shipped_template(Actor.load(heads, TEMPLATE_ACTOR))
    return np.stack([attachment.follow(Actor.load(heads, name).neutral) for name in identities]).astype(float)


def learn_face_shapes(faces: np.ndarray) -> FaceShapes:
    """The ways faces (H, V, 3) differ once place, turn and size are taken away; H - 1 of them."""
    neutral = load_template().neutral.astype(float)
    # Procrustes: every head laid on the template by its best similarity, else size and pose were the first "ways".
    laid = np.stack([fit_similarity(face, neutral).points(face) for face in faces])
    mean = laid.mean(axis=0)
    # Principal components of (H, 3 V); singular value / √(H - 1) is the standard deviation along each of them.
    # Centred data have one component less than heads: the last one is rounding error.
    _, strength, ways = np.linalg.svd((laid - mean).reshape(len(faces), -1), full_matrices=False)
    ways = ways[:-1] * strength[:-1, None] / np.sqrt(len(faces) - 1)
    return FaceShapes(mean - neutral, ways.reshape(-1, *neutral.shape))
