"""Who draws a final picture: the graphics card in a window, the backend without one, NumPy when there is neither.

Without a window the card is used only if it is asked for: on a machine without a driver asking can end Blender.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import bpy
import numpy as np

from emodifftalk.core.camera import Camera
from emodifftalk.core.errors import Cancelled, UserError
from emodifftalk.core.gaussians import Gaussians

from ..backend import connection
from ..blender.camera import View
from . import numpy_splats, target

_FAR_AWAY = 200.0
"""Metres from which a telephoto lens stands in for an orthographic camera where only perspective can be drawn."""


def draw(
    gaussians: Gaussians,
    view: View,
    announce: Callable[[str], None],
    given_up: Callable[[], bool] = lambda: False,
    choice: str = "AUTO",
) -> tuple[np.ndarray, np.ndarray]:
    """A picture of Gaussians in world space.

    announce: called with one sentence when another way than usual had to be taken.
    given_up: asked while waiting.
    choice: AUTO, CARD, BACKEND or NUMPY (see `draw.settings`); what cannot be is replaced by the next best.
    Raises Cancelled once `given_up` says yes.
    Returns rgba (H, W, 4) float32, display-referred sRGB premultiplied by alpha, and the expected view depth (H, W)
    in metres, 0 where nothing is; row 0 at the top.
    """
    if choice == "CARD" or (choice == "AUTO" and not bpy.app.background):
        try:
            return _on_the_card(gaussians, view)
        except Exception as error:  # drivers fail in ways of their own, and a frame must not be lost to that
            announce(f"The graphics card could not draw this frame ({error}); the processor draws it instead.")
    if choice != "NUMPY":
        try:
            return _in_the_backend(gaussians, view, given_up)
        except UserError as error:
            if given_up():
                raise Cancelled from error
            announce(f"Drawn inside Blender, which is slower, without the backend. {error}")
    return numpy_splats.draw(gaussians, view, given_up)


def _on_the_card(gaussians: Gaussians, view: View) -> tuple[np.ndarray, np.ndarray]:
    if bpy.app.background:
        _init_card()
    return target.draw_offscreen(gaussians, view)


def _init_card() -> None:
    """Ask for the graphics card without a window. Raises when Blender cannot (before 5.2) or finds none."""
    import gpu

    if not hasattr(gpu, "init"):
        raise RuntimeError("without a window it takes Blender 5.2")
    gpu.init()


def _in_the_backend(gaussians: Gaussians, view: View, given_up: Callable[[], bool]) -> tuple[np.ndarray, np.ndarray]:
    """Drawn by the backend process, waiting for it. Raises UserError when it is not there or cannot, and Cancelled."""
    gaussians, camera, shift = _as_perspective(gaussians, view)
    rgba, depth = _ask_backend(gaussians, camera, given_up)
    if given_up():  # the picture was quicker
        raise Cancelled
    return rgba, np.where(depth > 0, depth - shift, 0)


def _ask_backend(gaussians: Gaussians, camera: Camera, given_up: Callable[[], bool]) -> tuple[np.ndarray, np.ndarray]:
    picture: dict = {}
    problems: list[str] = []
    listener = connection.Listener(
        done=picture.update, failed=problems.append, cancelled=lambda: problems.append("The backend was stopped.")
    )
    params = {
        "viewmat": camera.viewmat.tolist(),
        "K": camera.K.tolist(),
        "width": camera.width,
        "height": camera.height,
    }
    number = connection.request("rasterize", params, listener, vars(gaussians))
    connection.wait(number, step=0.002, given_up=given_up)
    if not picture:
        raise UserError(problems[0] if problems else "The backend gave no picture.")
    return picture["arrays"]["rgba"], picture["arrays"]["depth"]


def _as_perspective(gaussians: Gaussians, view: View) -> tuple[Gaussians, Camera, float]:
    """Gaussians between the clip planes, a pinhole camera, and the metres to take off its depths."""
    depths = view.depths(gaussians.means)
    inside = (depths >= view.near) & (depths <= view.far)
    if not inside.all():
        gaussians = Gaussians(*(array[inside] for array in vars(gaussians).values()))
    if not view.orthographic:
        return gaussians, view.camera, 0.0
    # K of an orthographic view is in pixels per metre: moved d metres away and magnified d times, a pinhole camera
    # draws the same: what depths within a head add to d is too little to be seen.
    viewmat, K = view.camera.viewmat.copy(), view.camera.K.copy()
    viewmat[2, 3] += _FAR_AWAY
    K[0, 0] *= _FAR_AWAY
    K[1, 1] *= _FAR_AWAY
    return gaussians, replace(view.camera, viewmat=viewmat, K=K), _FAR_AWAY
