"""A shot in one OpenUSD layer: `ParticleField3DGaussianSplat`, or plain points with attributes, sampled in time.

The schema is that of usd-core 26: positions in metres, orientations (x y z w in USD's memory), linear scales, opacities
0..1, spherical harmonics of degree 0 for colours that are display-referred sRGB. Times are frame numbers at the stage's
frames per second. What does not change is written once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core.colour_space import linear_colour
from ..core.errors import UserError
from ..core.formats.ply import SH_C0
from ..core.gaussians import Gaussians, normalize
from ..core.whole_file import begin_part, drop_part, finish_part
from .reel import Reel

_FRAMES_IN_MEMORY = 20
"""Then the layer is saved and opened anew: a crate file keeps what is saved on disk, so memory stays flat."""
_PATH = "/Shot/Gaussians"


@dataclass(frozen=True)
class _Column:
    """One attribute of a prim and what it is made of: a field of `Gaussians`, packed for USD."""

    field: str
    attribute: Any  # pxr has no types
    packed: Callable[[Gaussians], object]


def write_usd_splats(path: Path, reel: Reel, half: bool = False) -> None:
    """Write a shot as one particle field.

    half: orientations, scales, opacities and colours in half precision; positions never, half a millimetre would be
    seen. Raises UserError without usd-core, or when a number is not finite, and Cancelled.
    """

    def columns(stage: object, count: int) -> list[_Column]:
        from pxr import UsdVol, Vt

        field = UsdVol.ParticleField3DGaussianSplat.Define(stage, _PATH)
        field.CreateRadianceSphericalHarmonicsDegreeAttr().Set(0)
        field.CreateSortingModeHintAttr().Set("zDepth")
        field.CreateProjectionModeHintAttr().Set("perspective")
        if half:
            orientations = (
                field.CreateOrientationshAttr(),
                lambda g: Vt.QuathArray.FromNumpy(_xyzw(g).astype(np.float16)),
            )
            scales = field.CreateScaleshAttr(), lambda g: Vt.Vec3hArray.FromNumpy(g.scales.astype(np.float16))
            opacities = field.CreateOpacitieshAttr(), lambda g: Vt.HalfArray.FromNumpy(g.opacities.astype(np.float16))
            harmonics = field.CreateRadianceSphericalHarmonicsCoefficientshAttr()
            colors = harmonics, lambda g: Vt.Vec3hArray.FromNumpy(_harmonics(g).astype(np.float16))
        else:
            orientations = field.CreateOrientationsAttr(), lambda g: Vt.QuatfArray.FromNumpy(_xyzw(g))
            scales = field.CreateScalesAttr(), lambda g: Vt.Vec3fArray.FromNumpy(g.scales)
            opacities = field.CreateOpacitiesAttr(), lambda g: Vt.FloatArray.FromNumpy(g.opacities)
            harmonics = field.CreateRadianceSphericalHarmonicsCoefficientsAttr()
            colors = harmonics, lambda g: Vt.Vec3fArray.FromNumpy(_harmonics(g))
        return [
            _Column("means", field.CreatePositionsAttr(), lambda g: Vt.Vec3fArray.FromNumpy(g.means)),
            _Column("means", field.CreateExtentAttr(), lambda g: Vt.Vec3fArray.FromNumpy(_extent(g))),
            _Column("quats", *orientations),
            _Column("scales", *scales),
            _Column("opacities", *opacities),
            _Column("colors", *colors),
        ]

    _write(path, reel, columns)


def write_usd_points(path: Path, reel: Reel) -> None:
    """Write a shot as `Points` for programs without splats (Houdini, Maya, Nuke): widths twice the mean scale, display
    colours linear, display opacities, and orientations, scales and colours as they are under primvars:emodifftalk."""

    def columns(stage: object, count: int) -> list[_Column]:
        from pxr import Sdf, UsdGeom, Vt

        points = UsdGeom.Points.Define(stage, _PATH)
        points.CreateIdsAttr().Set(Vt.Int64Array.FromNumpy(np.arange(count, dtype=np.int64)))
        kinds, vertex = Sdf.ValueTypeNames, UsdGeom.Tokens.vertex

        def primvar(name: str, kind: object) -> object:
            return UsdGeom.PrimvarsAPI(points).CreatePrimvar(name, kind, vertex).GetAttr()

        turns, sizes = (primvar(f"emodifftalk:{name}", kind) for name, kind in (
            ("orientations", kinds.QuatfArray), ("scales", kinds.Float3Array)
        ))  # fmt: skip
        colors, opacities = primvar("displayColor", kinds.Color3fArray), primvar("displayOpacity", kinds.FloatArray)
        return [
            _Column("means", points.CreatePointsAttr(), lambda g: Vt.Vec3fArray.FromNumpy(g.means)),
            _Column("means", points.CreateExtentAttr(), lambda g: Vt.Vec3fArray.FromNumpy(_extent(g))),
            _Column("quats", turns, lambda g: Vt.QuatfArray.FromNumpy(_xyzw(g))),
            _Column("scales", sizes, lambda g: Vt.Vec3fArray.FromNumpy(g.scales)),
            _Column("scales", points.CreateWidthsAttr(), lambda g: Vt.FloatArray.FromNumpy(2 * g.scales.mean(axis=1))),
            _Column("colors", colors, lambda g: Vt.Vec3fArray.FromNumpy(linear_colour(g.colors).astype(np.float32))),
            _Column("opacities", opacities, lambda g: Vt.FloatArray.FromNumpy(g.opacities)),
        ]

    _write(path, reel, columns)


def _write(path: Path, reel: Reel, columns: Callable[[object, int], list[_Column]]) -> None:
    try:
        from pxr import Tf, Usd, UsdGeom
    except ImportError as error:
        sentence = "USD files are written by usd-core, which this backend lacks: run “pip install usd-core”."
        raise UserError(sentence) from error
    numbers = reel.numbers
    part = str(begin_part(path, ".usdc"))
    try:
        stage = Usd.Stage.CreateNew(part)
        UsdGeom.SetStageUpAxis(stage, "Z" if reel.axes == "blender" else "Y")
        UsdGeom.SetStageMetersPerUnit(stage, 1.0)
        stage.SetTimeCodesPerSecond(reel.fps)
        stage.SetFramesPerSecond(reel.fps)
        stage.SetStartTimeCode(numbers[0])
        stage.SetEndTimeCode(numbers[-1])
        stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/Shot").GetPrim())
        before, written = None, {}
        for i in range(len(reel)):
            now = reel.frame(i)
            if not all(np.isfinite(array).all() for array in vars(now).values()):
                raise UserError("These Gaussians contain numbers that are not finite: generate the take again.")
            for number, column in enumerate(columns(stage, len(now))):
                if before is not None and np.array_equal(getattr(before, column.field), getattr(now, column.field)):
                    continue
                if before is not None and written[number] != numbers[i - 1]:
                    # Readers draw a straight line between samples: what has rested must rest until here.
                    column.attribute.Set(column.packed(before), numbers[i - 1])
                column.attribute.Set(column.packed(now), numbers[i])
                written[number] = numbers[i]
            before = now
            if i % _FRAMES_IN_MEMORY == _FRAMES_IN_MEMORY - 1:
                stage.Save()
                stage = None
                stage = Usd.Stage.Open(part)
            reel.written(i)
        stage.Save()
        stage = None
        finish_part(Path(part), path)
    except Tf.ErrorException as error:
        drop_part(Path(part))
        raise UserError(f"The shot could not be written by USD: {str(error).strip().splitlines()[-1]}") from error
    except BaseException:
        stage = None
        drop_part(Path(part))
        raise


def _xyzw(g: Gaussians) -> np.ndarray:
    # (N, 4) wxyz rolled to x y z w, as USD holds quaternions in memory.
    return np.roll(normalize(g.quats), -1, axis=1).astype(np.float32)


def _harmonics(g: Gaussians) -> np.ndarray:
    # A colour c (N, 3) as the constant harmonic (c - 0.5) / Y_00, which splats are stored by.
    return ((g.colors - 0.5) / SH_C0).astype(np.float32)


def _extent(g: Gaussians) -> np.ndarray:
    """Least and most of what is seen of the Gaussians, (2, 3) float32: three standard deviations around each."""
    reach = 3 * g.scales.max(axis=1, keepdims=True)
    return np.stack([(g.means - reach).min(axis=0), (g.means + reach).max(axis=0)]).astype(np.float32)
