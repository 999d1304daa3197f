"""Blend shape animation of a USD file, read by a process of its own (`outside`): `python -m … MEGABYTES FILE`.

Only the file itself is read: layers, references and payloads it names are somebody else's files.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ..errors import UserError
from ..outside import answer_outside, limit_growth, limit_memory

_MOST_FRAMES = 1_000_000
_MOST_NUMBERS = 12_000_000
"""An hour of 52 shapes, sixty times a second."""
_ROOM = 384
"""MiB that a file may take once the library is loaded; so many numbers need half of it."""


def main() -> int:
    """Answer with {"names", "rate"} and the arrays codes (T,) and values (T, S), or with {"error"}."""
    limit_memory(int(sys.argv[1]))
    try:
        answer_outside(*_read(sys.argv[2]))
    except UserError as error:
        answer_outside({"error": str(error)})
    return 0


def _read(path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    name = path.replace("\\", "/").rpartition("/")[2]
    try:
        from pxr import Sdf, Usd, UsdSkel
    except ImportError as error:
        raise UserError("Reading USD needs usd-core: export the curves as CSV or JSON instead.") from error
    limit_growth(_ROOM)
    try:
        return _animation(_only(Sdf, Usd, path), name, UsdSkel)
    except UserError:
        raise
    except Exception as error:  # the library raises errors of its own, and of Boost, without a common kind
        raise UserError(f"{name} is no USD file, or damaged.") from error


def _only(sdf: Any, usd: Any, path: str) -> Any:
    """A stage of the file alone, without what it wants to be joined with."""
    alone = sdf.Layer.CreateAnonymous(".usda")
    alone.TransferContent(sdf.Layer.FindOrOpen(path))
    alone.subLayerPaths.clear()
    alone.Traverse(sdf.Path.absoluteRootPath, lambda place: _cut_off(alone, place))
    return usd.Stage.Open(alone, usd.Stage.LoadNone)


def _cut_off(layer: Any, place: Any) -> None:
    spec: Any = layer.GetPrimAtPath(place) if place.IsPrimPath() else None
    for arcs in ("references", "payload") if spec is not None else ():
        if spec.HasInfo(arcs):
            spec.ClearInfo(arcs)


def _animation(stage: Any, name: str, skel: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    for prim in stage.Traverse():
        animation = skel.Animation(prim)
        shapes = animation.GetBlendShapesAttr().Get() if prim.IsA(skel.Animation) else None
        codes = animation.GetBlendShapeWeightsAttr().GetTimeSamples() if shapes else []
        if shapes and codes:
            if len(codes) > _MOST_FRAMES or len(codes) * len(shapes) > _MOST_NUMBERS:
                raise UserError(f"{name} holds more frames than a face can have.")
            values = [animation.GetBlendShapeWeightsAttr().Get(code) for code in codes]
            if any(row is None or len(row) != len(shapes) for row in values):
                raise UserError(f"{name} is damaged: its weights do not fit its blend shapes.")
            rate = float(stage.GetTimeCodesPerSecond() or 24.0)
            header = {"names": [str(shape) for shape in shapes], "rate": rate}
            return header, {"codes": np.array(codes, np.float64), "values": np.array(values, np.float64)}
    raise UserError(f"{name} holds no animation of blend shapes.")


if __name__ == "__main__":
    sys.exit(main())
