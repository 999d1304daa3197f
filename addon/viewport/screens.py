"""What every 3D viewport keeps of the heads it shows, so that a redraw without a change costs nothing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from bpy.types import Context, Object, Scene

from emodifftalk.core.colour_space import display_colour
from emodifftalk.core.errors import UserError
from emodifftalk.core.gaussians import Gaussians

from ..blender.camera import View, region_view
from ..draw.cloud import SplatCloud, read_scene_depth
from ..draw.colours import shows_true_colours
from ..draw.gpu_parts import gpu_state
from ..draw.settings import drawing_settings
from ..draw.target import Contour, Film, SplatTarget
from ..draw.world_colour import world_colour
from ..playback import gaussians as playback
from ..playback import origin, sources
from ..scene.heads import drawn
from ..scene.properties import window_settings
from . import budget as viewport_budget
from . import memory, neighbours

_LEAD, _EXACT_LEAD = 0.03, 0.006
"""Metres, on a head of natural size, by which it wins against meshes. Its own sketch lies in the skin and must not show
through, not even at the lips, where the expected depth is partly the mouth's inside; Gaussian by Gaussian it takes
less."""
_MOST = 12
_screens: OrderedDict[int, Screen] = memory.keep(OrderedDict())
"""What lies in the card's memory, by region."""


@dataclass(frozen=True, eq=False)
class ShownHead:
    """A head in a viewport.

    canonical, gaussians: as they were trained, and now, in own space.
    matrix: (4, 4) own space to world.
    mark: 1 when it is selected, 2 when it is the active one too, 0 otherwise.
    """

    head: Object
    canonical: Gaussians
    gaussians: Gaussians
    matrix: np.ndarray
    mark: int

    @property
    def size(self) -> float:
        """How much larger than natural it is."""
        return float(np.cbrt(abs(np.linalg.det(self.matrix[:3, :3]))))


def shown_heads(context: Context, marked: bool = False) -> Iterator[ShownHead]:
    """The heads the context's viewport shows. Why one cannot be read goes to `gaussians.problems`."""
    active, space = context.view_layer.objects.active, _space(context)
    for head in drawn(context.scene):
        if not head.visible_get(viewport=space):  # the eye, collections, local view, type filter
            continue
        try:
            gaussians, canonical = playback.current_gaussians(head, context.scene), sources.canonical_of(head)
        except UserError as error:
            playback.problems[head.session_uid] = str(error)
            continue
        mark = int(marked and head.select_get()) * (2 if head == active else 1)
        if len(gaussians):
            yield ShownHead(head, canonical, gaussians, origin.to_world(head), mark)


def contour_of(context: Context) -> Contour | None:
    """The theme's line around selected objects; None where the viewport shows none."""
    overlay = _space(context).overlay
    if not overlay.show_overlays or not overlay.show_outline_selected or context.mode != "OBJECT":
        return None
    preferences = context.preferences
    theme = preferences.themes[0].view_3d
    width = max(1.0, theme.outline_width * preferences.system.pixel_size) + 0.5
    return Contour(_rgb(theme.object_selected), _rgb(theme.object_active), width)


def screen_of(context: Context) -> Screen:
    """The screen of the region that is being drawn. Regions come and go: the ones not seen for long are forgotten."""
    key = context.region.as_pointer()
    _screens[key] = _screens.pop(key, None) or Screen()
    while len(_screens) > _MOST:
        _screens.popitem(last=False)
    return _screens[key]


def ground_of(context: Context) -> tuple[float, float, float]:
    """The colour, as displayed, of the context's viewport where it is empty."""
    shading = _space(context).shading
    scene_world = shading.use_scene_world_render if shading.type == "RENDERED" else False
    if scene_world or (shading.type == "SOLID" and shading.background_type == "WORLD"):
        return _displayed(world_colour(context.scene))
    if shading.type == "SOLID" and shading.background_type == "VIEWPORT":
        return _displayed(np.array(shading.background_color))
    return _rgb(context.preferences.themes[0].view_3d.space.gradients.high_gradient)


def wants_gaussians(context: Context) -> bool:
    """Whether viewports of this window are to show Gaussians at all."""
    return window_settings(context).show_gaussians


def _space(context: Context) -> Any:
    """The 3D viewport that is being drawn: in the stubs it could be any editor."""
    return context.space_data


def _rgb(colour: Any) -> tuple[float, float, float]:
    """A theme's colour or an array, with or without alpha, as plain numbers."""
    red, green, blue = (float(value) for value in colour[:3])
    return red, green, blue


def _displayed(light: np.ndarray) -> tuple[float, float, float]:
    return _rgb(display_colour(light))


def draw_rendered(context: Context, scene: Scene) -> None:
    """Clear a viewport that shows our engine's picture to the world's colour, scene-linear, and draw the heads there
    where the view transform would change them otherwise."""
    background = None if scene.render.film_transparent else world_colour(scene)
    clear = (0.0, 0.0, 0.0, 0.0) if background is None else (*background, 1.0)
    gpu_state.active_framebuffer_get().clear(color=clear)
    if wants_gaussians(context) and not shows_true_colours(scene):
        _draw_light(context, background)


def _draw_light(context: Context, background: np.ndarray | None) -> None:
    """Draw the heads as a render engine's light before its background, scene-linear RGB (3,), or a transparent film."""
    screen = screen_of(context)
    if screen.draw(context, contour_of(context), among_meshes=False):
        ground = _displayed(np.zeros(3) if background is None else background)
        screen.lay_over(context, False, None, ground, film=Film(background is None))


class Screen:
    """The heads of one region: in the card's memory, and drawn."""

    def __init__(self) -> None:
        self._cloud = SplatCloud()
        self._watch = viewport_budget.ChangeWatch()
        self._target: SplatTarget | None = None
        self._uploaded: tuple = ()
        self._drawn: tuple = ()
        self._box = np.zeros((2, 3))
        self._lead = 0.0
        self._exact = False

    def draw(self, context: Context, contour: Contour | None, among_meshes: bool) -> bool:
        """Draw the heads of the context's region, unless that has just been done; False when there are none.

        among_meshes: whether the viewport's depths are those of meshes the heads may stand among.
        """
        shown = list(shown_heads(context, marked=contour is not None))
        if not shown:
            return False
        view = region_view(context.region, context.region_data)
        share, scale = self._quality(context, shown, view)
        self._upload(shown, share)
        self._exact = among_meshes and neighbours.any_near(context, *self._box)
        size = max(1, round(scale * view.width)), max(1, round(scale * view.height))
        marked = any(one.mark for one in shown)
        key = (self._uploaded, _of_view(view), size)
        if self._target is None or self._target_kind() != (*size, marked):
            self._target, self._drawn = SplatTarget(*size, color_format="RGBA16F", marked=marked), ()
        if self._exact or key != self._drawn:
            depth = read_scene_depth(view.width, view.height, _EXACT_LEAD * self._lead) if self._exact else None
            smaller = View(view.camera.resized(*size), view.orthographic, view.near, view.far)
            self._target.draw(self._cloud, smaller, hidden_by=depth)
            self._drawn = key
        return True

    def lay_over(
        self,
        context: Context,
        among_meshes: bool,
        contour: Contour | None,
        ground: tuple[float, float, float],
        shown: bool = True,
        film: Film | None = None,
    ) -> None:
        """Show what was drawn; see `SplatTarget.lay_over`."""
        view = region_view(context.region, context.region_data)
        lead = (_EXACT_LEAD if self._exact else _LEAD) * self._lead
        rect = _rectangle_of(view, self._box, contour.width if contour else 0.0)
        self._target.lay_over(view, among_meshes, lead, contour, shown, film, self._exact, ground, rect)

    def uncover(self, context: Context) -> None:
        """Take away what Blender drew over the heads of a render engine's picture; see `SplatTarget.uncover`."""
        view = region_view(context.region, context.region_data)
        self._target.uncover(view, _rectangle_of(view, self._box, 0.0))

    def _target_kind(self) -> tuple:
        return self._target.width, self._target.height, self._target.marked

    def _quality(self, context: Context, shown: list[ShownHead], view: View) -> tuple[float, float]:
        """Share of the Gaussians and of the region's pixels across to draw now, both 0..1."""
        budget = drawing_settings(context.scene)
        moving = self._watch.moving(context, (_of_heads(shown), _of_view(view)))
        if (budget.share, budget.resolution) == (100, 100):
            return 1.0, 1.0
        if budget.full_when_still:
            if not moving:
                return 1.0, 1.0
            self._watch.look_again()
        return budget.share / 100, budget.resolution / 100

    def _upload(self, shown: list[ShownHead], share: float) -> None:
        wanted = (_of_heads(shown), share)
        if wanted == self._uploaded:
            return
        parts = [viewport_budget.reduced(one.gaussians, one.canonical, share) for one in shown]
        placed = [part.transformed(one.matrix) for part, one in zip(parts, shown, strict=True)]
        whole = placed[0] if len(placed) == 1 else Gaussians.concatenate(placed)
        marks = np.repeat([one.mark for one in shown], [len(part) for part in placed]).astype(np.float32)
        self._cloud.upload(whole, marks if marks.any() else None)
        # Three standard deviations of the largest: what lies farther from a centre can hardly be seen.
        reach = 3 * float(whole.scales.max())
        self._box = np.stack([whole.means.min(axis=0) - reach, whole.means.max(axis=0) + reach])
        self._lead = max(one.size for one in shown)
        self._uploaded = wanted


class _Same:
    """Compares by identity and keeps what it compares alive."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other._value is self._value


def _of_heads(shown: list[ShownHead]) -> tuple:
    return tuple((_Same(one.gaussians), one.matrix.tobytes(), one.mark) for one in shown)


def _of_view(view: View) -> tuple:
    return view.camera.viewmat.tobytes(), view.camera.K.tobytes(), view.orthographic, view.near, view.far


def _rectangle_of(view: View, box: np.ndarray, margin: float) -> tuple[float, float, float, float]:
    """The part of a view, left, bottom, right, top in 0..1, that a world box (2, 3) and a margin of pixels can fill."""
    # The box's eight corners (8, 3), seen by the camera; a box that reaches behind it could fill the whole view.
    corners = np.stack(np.meshgrid(*box.T, indexing="ij"), axis=-1).reshape(-1, 3)
    local = corners @ view.camera.viewmat[:3, :3].T + view.camera.viewmat[:3, 3]
    if not view.orthographic:
        if local[:, 2].min() < max(view.near, 1e-3):
            return 0.0, 0.0, 1.0, 1.0
        local = local / local[:, 2:]
    pixels = local[:, :2] * np.diag(view.camera.K)[:2] + view.camera.K[:2, 2]
    low, high = pixels.min(axis=0) - margin - 2, pixels.max(axis=0) + margin + 2
    (left, top), (right, bottom) = low / (view.width, view.height), high / (view.width, view.height)
    left, lower, right, upper = (float(np.clip(side, 0, 1)) for side in (left, 1 - bottom, right, 1 - top))
    return left, lower, right, upper
