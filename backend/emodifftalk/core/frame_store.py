"""How the frames of a take lie in its file: whole, one after the other, or compact, as weights of a few components."""

from __future__ import annotations

import numpy as np

from .arrays import Floats
from .checks import expect
from .errors import UserError
from .gaussians import normalize
from .tensors import TensorFile

TINT_STEPS = 254
"""Steps of a stored change of colour: a byte holds -0.5..0.5."""
_LARGEST_METRES = 10.0
"""No point of a face moves that far; it bounds what a damaged file can ask for."""


class WholeFrames:
    """Each frame as it was made, read when asked for. Raises UserError when they do not fit together.

    In the file: offsets (T, V, 3) float16 metres, rotations (T, Nf, 4) int8, opacities (T, Nf) uint8 and maybe tints
    (T, Nf, 3) int8.
    """

    def __init__(self, file: TensorFile, frames: int) -> None:
        for name, trailing, dtype in (("offsets", 3, "f2"), ("rotations", 4, "i1"), ("opacities", None, "u1")):
            shape = file.shapes.get(name, ())
            width = len(shape) == (2 if trailing is None else 3) and (trailing is None or shape[-1] == trailing)
            if not width or shape[0] != frames or file.dtypes[name] != np.dtype(dtype):
                raise UserError(f"{file.path.name} is damaged: “{name}” does not fit its {frames} frames.")
        if file.shapes["rotations"][1] != file.shapes["opacities"][1]:
            raise UserError(f"{file.path.name} is damaged: rotations and opacities differ in number.")
        self.tinted = "tints" in file.shapes
        if self.tinted:
            same = file.shapes["tints"] == (*file.shapes["opacities"], 3) and file.dtypes["tints"] == np.dtype("i1")
            if not same:
                raise UserError(f"{file.path.name} is damaged: “tints” does not fit its {frames} frames.")
        self._file = file

    def offsets(self, i: int) -> Floats:
        """(V, 3) float32 metres. Raises UserError when the file has been damaged or removed."""
        return self.offsets_between(i, 0.0)

    def offsets_between(self, i: int, part: float) -> Floats:
        """(V, 3) float32 metres at `part`, 0..1, of the way from frame i to the next; one reading of the file."""
        rows: Floats = self._file.read_rows("offsets", i, i + (2 if part else 1)).astype(np.float32)
        if not np.isfinite(rows).all():
            raise UserError(f"{self._file.path.name} is damaged: frame {i} contains numbers that are not finite.")
        offsets: Floats = rows[0] + np.float32(part) * (rows[1] - rows[0]) if part else rows[0]
        return offsets

    def rotations(self, i: int) -> Floats:
        """(Nf, 4) float32 unit quaternions, wxyz."""
        return normalize(self._row("rotations", i)).astype(np.float32)

    def opacities(self, i: int) -> Floats:
        """(Nf,) float32, 0..1."""
        return self._row("opacities", i) / 255

    def tints(self, i: int) -> Floats | None:
        """(Nf, 3) float32, -0.5..0.5, or None."""
        return self._row("tints", i) / TINT_STEPS if self.tinted else None

    def _row(self, name: str, i: int) -> Floats:
        row: Floats = self._file.read_rows(name, i, i + 1)[0].astype(np.float32)
        return row


class CompactFrames:
    """Frames as a mean plus a few components weighed anew in each frame (see `compact_take`); read whole, it is small.

    In the file, of each of offsets, rotations, opacities and maybe tints:
    X.mean: (rows, width) float.
    X.components: (K, rows, width) int8 or int16.
    X.scales: (K,) float32, for a step of them.
    X.weights: (T, K) float32.
    X.layers: (L,) whole numbers that add up to K, maybe; a frame whose weights in a layer are all 0 does not see it, so
    that layers can be added for others. Without it there is one.

    A frame number may lie between two: what is mixed are the weights. Raises UserError when they do not fit together.
    """

    def __init__(self, file: TensorFile, frames: int) -> None:
        self.tinted = "tints.weights" in file.shapes
        names = ("offsets", "rotations", "opacities") + (("tints",) if self.tinted else ())
        self._parts = {name: _read_part(file, name, frames) for name in names}
        faces = {len(self._parts[name][0]) for name in names[1:]}
        widths = tuple(self._parts[name][0].shape[1] for name in names)
        if len(faces) > 1 or widths != (3, 4, 1, 3)[: len(names)]:
            raise UserError(f"{file.path.name} is damaged: its parts differ in number.")

    def offsets(self, i: float) -> Floats:
        """(V, 3) float32 metres."""
        return self._frame("offsets", i).clip(-_LARGEST_METRES, _LARGEST_METRES)

    def offsets_between(self, i: int, part: float) -> Floats:
        """(V, 3) float32 metres at `part`, 0..1, of the way from frame i to the next."""
        return self.offsets(i + part if part else i)

    def rotations(self, i: float) -> Floats:
        """(Nf, 4) float32 unit quaternions, wxyz."""
        return normalize(self._frame("rotations", i)).astype(np.float32)

    def opacities(self, i: float) -> Floats:
        """(Nf,) float32, 0..1."""
        return self._frame("opacities", i)[:, 0].clip(0, 1)

    def tints(self, i: float) -> Floats | None:
        """(Nf, 3) float32, -0.5..0.5, or None."""
        return self._frame("tints", i).clip(-0.5, 0.5) if self.tinted else None

    def _frame(self, name: str, i: float) -> Floats:
        # mean + weights (K,) @ components (K, rows * width), layer by layer. Between two frames the K weights are mixed
        # and not the frames: the product is linear in them, so it comes to the same.
        mean, layers = self._parts[name]
        low, frame = int(i), mean
        for components, weights in layers:
            mixed = weights[low]
            if i > low:
                mixed = mixed + np.float32(i - low) * (weights[low + 1] - mixed)
            if mixed.any():  # a layer that is not seen must not cost a frame the last bit of its sum
                frame = frame + (mixed @ components).reshape(mean.shape)
        return frame


def layer_sizes(file: TensorFile, name: str) -> list[int]:
    """How many components each layer of one of the arrays of a compact take has. Raises UserError when they are not
    as many as there are."""
    count = file.shapes[f"{name}.components"][0]
    if f"{name}.layers" not in file.shapes:
        return [count]
    sizes = expect(file, f"{name}.layers", (None,))
    if sizes.dtype.kind != "i" or not sizes.size or sizes.min() < 0 or sizes.max() > count or sizes.sum() != count:
        raise UserError(f"{file.path.name} is damaged: the layers of “{name}” do not add up.")
    return [int(size) for size in sizes]


def _read_part(file: TensorFile, name: str, frames: int) -> tuple[Floats, list[tuple[Floats, Floats]]]:
    """Mean (rows, width) of one of the arrays and, of each layer, components (K, rows * width) and weights (T, K), all
    float32."""
    mean = expect(file, f"{name}.mean", (None, None)).astype(np.float32)
    components = expect(file, f"{name}.components", (None, *mean.shape))
    scales = expect(file, f"{name}.scales", (len(components),)).astype(np.float32)
    weights = expect(file, f"{name}.weights", (frames, len(components))).astype(np.float32)
    # The largest number that any frame could hold: |mean| + 2^15 (most of an int16) times the sum of |weight * scale|.
    # A damaged file is refused here, before its infinities reach a picture.
    with np.errstate(over="ignore"):
        reach = np.abs(mean).max(initial=0.0) + 2**15 * float(np.abs(weights * scales).sum(axis=1).max(initial=0.0))
    if components.dtype not in (np.int8, np.int16) or not reach < 1e9:
        raise UserError(f"{file.path.name} is damaged: “{name}” cannot be what a face does.")
    # The steps go into the weights: the components stay what they are, and are made float once. Each layer is an array
    # of its own, so that its sums are the same wherever in the file it lies.
    rows, weights = components.reshape(len(components), mean.size), weights * scales
    cuts = np.cumsum(layer_sizes(file, name))[:-1]
    values = [part.astype(np.float32) for part in np.split(rows, cuts)]
    return mean, list(zip(values, np.split(weights, cuts, axis=1), strict=True))
