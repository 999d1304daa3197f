"""The colours of heads: as captured, or under the scene's view transform."""

from __future__ import annotations

from bpy.types import Scene

ENGINE = "EMODIFFTALK"


TRUE_TRANSFORMS = ("Standard", "Raw")
"""View transforms under which a head looks as it was captured."""


def shows_true_colours(scene: Scene) -> bool:
    """Whether the scene's colour management shows a head as it was captured."""
    view = scene.view_settings
    bent = view.use_curve_mapping or getattr(view, "use_white_balance", False)
    plain = view.look in ("None", "") and view.exposure == 0 and view.gamma == 1 and not bent
    return plain and view.view_transform in TRUE_TRANSFORMS
