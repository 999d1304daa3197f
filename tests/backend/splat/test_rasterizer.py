"""The CPU rasterizer draws what the mathematics says, trains, and survives bad input.

The reference is independent of the code under test: gsplat's own plain-torch projection in float64, and a compositor
written below that blends one Gaussian after another over the whole picture. Both are differentiable, so the gradients
are checked against autograd.
"""

from __future__ import annotations

import threading

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the rasterizers need torch")
pytest.importorskip("numba", reason="the CPU rasterizer is compiled with numba")

from hypothesis import given, settings
from hypothesis import strategies as st

from emodifftalk.core.camera import Camera, look_at
from emodifftalk.core.errors import UserError
from emodifftalk.core.gaussians import Gaussians
from emodifftalk.core.subject import load_subject
from emodifftalk.splat import bench, compiled, metrics
from emodifftalk.splat.rasterize import available, choose_rasterizer, rasterization
from emodifftalk.splat.render import render

FIELDS = ("means", "quats", "scales", "opacities", "colors")


# --- the reference -------------------------------------------------------------------------------------------------


def composite(means2d, depths, conics, opacities, channels, width, height):
    """Plain float64 front-to-back blending by gsplat's rules: picture (H, W, D) and alpha (H, W)."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    light = torch.ones(height, width, dtype=torch.float64)
    done = torch.zeros(height, width, dtype=torch.bool)
    picture = torch.zeros(height, width, channels.shape[1], dtype=torch.float64)
    for i in torch.argsort(depths, stable=True):
        dx, dy = means2d[i, 0] - x, means2d[i, 1] - y
        a, b, c = conics[i]
        alpha = torch.clamp(opacities[i] * torch.exp(-0.5 * (a * dx * dx + c * dy * dy) - b * dx * dy), max=0.999)
        drawn = (alpha >= 1 / 255) & ~done
        after = light * (1 - alpha)
        stop = drawn & (after <= 1e-4)
        done, drawn = done | stop, drawn & ~stop
        picture = picture + torch.where(drawn, alpha * light, 0.0)[..., None] * channels[i]
        light = torch.where(drawn, after, light)
    return picture, 1 - light


def reference(scene, camera, antialiased=False):
    """Colours followed by accumulated depth (H, W, D + 1), and alpha (H, W), float64, differentiable."""
    torch_impl = pytest.importorskip("gsplat.cuda._torch_impl", reason="gsplat's torch projection is the reference")
    means, quats, scales, opacities, colors = scene
    covariances, _ = torch_impl._quat_scale_to_covar_preci(quats, scales, True, False)
    viewmat, K = torch.tensor(camera.viewmat)[None], torch.tensor(camera.K)[None]
    radii, means2d, depths, conics, compensations = torch_impl._fully_fused_projection(
        means, covariances, viewmat, K, camera.width, camera.height, calc_compensations=antialiased
    )
    shown = (radii[0] > 0).all(-1)
    opacities = opacities * compensations[0] if antialiased else opacities
    channels = torch.cat([colors, depths[0][:, None]], dim=1)
    inputs = (means2d[0], depths[0], conics[0], opacities, channels)
    return composite(*(tensor[shown] for tensor in inputs), camera.width, camera.height)


def random_scene(seed, count=250, spread=(1.6, 1.6, 1.0), size=(0.01, 0.09), dtype=torch.float64):
    """`count` Gaussians of any shape and opacity around the origin, metres."""
    rng = np.random.default_rng(seed)
    parts = (
        (rng.random((count, 3)) - 0.5) * spread,
        rng.normal(size=(count, 4)),
        rng.uniform(*size, (count, 3)),
        rng.random(count),
        rng.random((count, 3)),
    )
    return [torch.tensor(part, dtype=dtype) for part in parts]


def draw(scene, camera, mode="RGB+D", **options):
    """The rasterizer under test for one camera: picture (H, W, D'), alpha (H, W), meta."""
    viewmats, Ks = torch.tensor(camera.viewmat)[None], torch.tensor(camera.K)[None]
    picture, alpha, meta = rasterization(
        *scene, viewmats, Ks, camera.width, camera.height, render_mode=mode, backend="cpu", **options
    )
    return picture[0], alpha[0, ..., 0], meta


def front(width=80, height=60, fov=40.0):
    """A camera two metres in front of the origin."""
    return look_at((0.0, -2.0, 0.0), (0.0, 0.0, 0.0), width, height, fov_y_deg=fov)


VIEWS = {
    "portrait": look_at((0.4, -2.0, 0.3), (0.0, 0.0, 0.0), 80, 60, fov_y_deg=45.0),
    "strong perspective": look_at((0.0, -0.75, 0.1), (0.0, 0.0, 0.1), 96, 64, fov_y_deg=95.0),
    "partly out of frame": look_at((0.3, -1.2, 0.2), (0.6, 0.0, 0.5), 50, 70, fov_y_deg=25.0),
    "camera among the splats": look_at((0.1, -0.1, 0.0), (0.3, 0.5, 0.1), 64, 64, fov_y_deg=60.0),
}


# --- pictures ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("antialiased", [False, True], ids=["classic", "antialiased"])
def test_the_picture_is_the_reference_picture(view, antialiased):
    scene, camera = random_scene(len(view)), VIEWS[view]
    wanted, wanted_alpha = reference(scene, camera, antialiased)
    picture, alpha, _ = draw(scene, camera, rasterize_mode="antialiased" if antialiased else "classic")
    assert wanted_alpha.mean() > 0.05, "the scene must show something"
    assert metrics.psnr(picture[..., :3].double(), wanted[..., :3]) >= 45.0
    assert metrics.psnr(alpha.double(), wanted_alpha) >= 45.0
    assert metrics.psnr(picture[..., 3].double(), wanted[..., 3]) >= 45.0
    # A single Gaussian on the edge of 1/255 may fall on either side in float32; nothing else may differ.
    assert (picture.double() - wanted).abs().max() < 2.0 / 255.0
    assert (alpha.double() - wanted_alpha).abs().mean() < 1e-5


@pytest.mark.parametrize("subject", sorted(bench.SUBJECTS.glob("*.safetensors")), ids=lambda path: path.stem)
@pytest.mark.slow
def test_a_real_head_is_drawn_and_differentiated_as_the_reference_does(subject):
    """A cut-out of 28 x 28 pixels of a 512 x 512 portrait: an eye, where hundreds of small Gaussians overlap."""
    g, camera = bench.real_head(subject, 60_000, 512)
    scene = [torch.from_numpy(getattr(g, name)) for name in FIELDS]
    centre = camera.project(load_subject(subject).eye_centers[:1])[0]
    corner = np.array([[0, 0, centre[0] - 14], [0, 0, centre[1] - 14], [0, 0, 0]])
    camera = Camera(camera.viewmat, camera.K - corner, 28, 28)
    near = _within(scene, camera)
    assert len(near) > 300
    results = []
    for dtype, drawn in ((torch.float32, draw), (torch.float64, reference)):
        parts = [part[near].to(dtype).requires_grad_() for part in scene]
        picture, alpha, *_ = drawn(parts, camera)
        (picture[..., :3].square().sum() + alpha.sum()).backward()
        results.append((picture.detach().double()[..., :3], [part.grad.double() for part in parts]))
    (ours, our_grads), (wanted, wanted_grads) = results
    assert wanted.std() > 0.05, "the cut-out must show something"
    assert metrics.psnr(ours, wanted) >= 60.0
    for name, a, b in zip(FIELDS, our_grads, wanted_grads, strict=True):
        assert (a - b).norm() < 1e-3 * b.norm(), name


def _within(scene, camera):
    """Rows of a scene whose Gaussians may touch the picture."""
    _, _, meta = draw(scene, camera)
    return torch.nonzero(meta["radii"][0].reshape(len(scene[0]), -1).amin(dim=-1) > 0)[:, 0]


def test_training_and_preview_draw_the_same_picture():
    g, camera = bench.head_scene(3000), bench.head_camera(128)
    image, alpha, depth = render(g, camera, backend="cpu")
    picture, alpha_torch, _ = draw([torch.from_numpy(getattr(g, name)) for name in FIELDS], camera, "RGB+ED")
    assert np.array_equal(alpha, alpha_torch.numpy())
    np.testing.assert_allclose(image, picture[..., :3].numpy(), atol=1e-6)
    np.testing.assert_allclose(depth, picture[..., 3].numpy(), atol=1e-5)


def test_a_gaussian_projects_to_the_analytic_covariance():
    # On the optical axis: variance in pixels = (focal * scale / depth)^2, plus the blur.
    camera = front(101, 101)
    scale, half_turn = np.array([0.10, 0.02, 0.05]), np.sqrt(0.5)
    for quat, across, up in (((1, 0, 0, 0), 0.10, 0.05), ((half_turn, 0, half_turn, 0), 0.05, 0.10)):
        turn, size = torch.tensor([quat], dtype=torch.float32), torch.tensor(scale[None], dtype=torch.float32)
        scene = [torch.zeros(1, 3), turn, size, torch.tensor([0.9]), torch.ones(1, 3)]
        _, alpha, _ = draw(scene, camera)
        assert alpha[50, 50] == pytest.approx(0.9, abs=1e-6)
        for metres, value in ((across, alpha[50, 54]), (up, alpha[54, 50])):
            variance = (camera.K[0, 0] * metres / 2.0) ** 2 + 0.3
            assert float(value) == pytest.approx(0.9 * np.exp(-0.5 * 4.0**2 / variance), rel=1e-5)


def test_up_is_up_and_right_is_right():
    scene = [
        torch.tensor([[0.0, 0.0, 0.4], [0.4, 0.0, 0.0]]), torch.tensor([[1.0, 0, 0, 0]] * 2), torch.full((2, 3), 0.05),
        torch.tensor([0.9, 0.9]), torch.tensor([[1.0, 0, 0], [0, 1.0, 0]]),
    ]  # fmt: skip
    picture, _, _ = draw(scene, front(81, 61), "RGB")
    red, green = (np.unravel_index(picture[..., k].argmax(), (61, 81)) for k in (0, 1))
    assert red[0] < 25 and red[1] == 40  # world up: upper rows, middle column
    assert green[0] == 30 and green[1] > 50  # world +x seen from -y: right half, middle row


# --- depth ---------------------------------------------------------------------------------------------------------


def plane(points, color, size=0.04):
    count = len(points)
    return [
        torch.tensor(points, dtype=torch.float32), torch.tensor([[1.0, 0, 0, 0]]).repeat(count, 1),
        torch.full((count, 3), size), torch.full((count,), 0.95), torch.tensor([color]).repeat(count, 1),
    ]  # fmt: skip


def test_interleaved_surfaces_are_sorted_where_they_cross():
    # Two walls that cross like an X seen from above: red is nearer on the left, green on the right.
    x, z = (grid.ravel() for grid in np.meshgrid(np.linspace(-0.6, 0.6, 41), np.linspace(-0.6, 0.6, 41)))
    red = plane(np.column_stack([x, 0.5 * x, z]), [1.0, 0.0, 0.0])
    green = plane(np.column_stack([x, -0.5 * x, z]), [0.0, 1.0, 0.0])
    scene = [torch.cat(pair) for pair in zip(green, red, strict=True)]
    picture, _, _ = draw(scene, front(80, 60, fov=20.0), "RGB")
    left, right = picture[10:50, 10:35], picture[10:50, 45:70]
    assert (left[..., 0] > 0.9).all() and (left[..., 1] < 0.1).all()
    assert (right[..., 1] > 0.9).all() and (right[..., 0] < 0.1).all()


def test_order_is_by_view_depth_and_not_by_distance():
    # The red Gaussian is nearer along the view axis but, being off to the side, farther away.
    scene = [
        torch.tensor([[0.9, -1.0, 0.0], [0.0, -0.9, 0.0]]), torch.tensor([[1.0, 0, 0, 0]] * 2),
        torch.tensor([[1.0, 0.001, 1.0]] * 2), torch.tensor([0.999, 0.999]), torch.tensor([[1.0, 0, 0], [0, 1.0, 0]]),
    ]  # fmt: skip
    picture, _, _ = draw(scene, front(64, 64, fov=90.0), "RGB")
    pixel = picture[32, 48]
    assert pixel[0] > 3 * pixel[1]


def test_expected_depth_is_the_distance_along_the_view_axis():
    x, z = (grid.ravel() for grid in np.meshgrid(np.linspace(-0.9, 0.9, 61), np.linspace(-0.9, 0.9, 61)))
    wall = plane(np.column_stack([x, np.full_like(x, 0.5), z]), [0.5, 0.5, 0.5])
    camera = front(64, 48, fov=20.0)
    expected, alpha, _ = draw(wall, camera, "ED")
    accumulated, _, _ = draw(wall, camera, "D")
    np.testing.assert_allclose(expected[..., 0].numpy(), 2.5, atol=1e-4)
    np.testing.assert_allclose(accumulated[..., 0].numpy(), 2.5 * alpha.numpy(), atol=1e-4)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    place=st.tuples(st.floats(-1.0, 1.0), st.floats(0.1, 50.0), st.floats(-1.0, 1.0)),
    size=st.floats(1e-4, 2.0),
    opacity=st.floats(0.0, 1.0),
    color=st.floats(0.0, 1.0),
)
def test_nothing_behind_an_opaque_wall_changes_the_picture(place, size, opacity, color):
    wall = plane(np.array([[0.0, -0.1, 0.0], [0.0, -0.05, 0.0], [0.0, 0.0, 0.0]]), [0.2, 0.4, 0.6])
    wall[2] = torch.tensor([[50.0, 1e-4, 50.0]]).repeat(3, 1)
    wall[3] = torch.full((3,), 1.0)
    behind = [
        torch.tensor([place], dtype=torch.float32), torch.tensor([[1.0, 0, 0, 0]]), torch.full((1, 3), size),
        torch.tensor([opacity]), torch.full((1, 3), color),
    ]  # fmt: skip
    both = [torch.cat(pair) for pair in zip(behind, wall, strict=True)]
    alone, with_it = draw(wall, front(40, 30)), draw(both, front(40, 30))
    assert torch.equal(alone[0], with_it[0]) and torch.equal(alone[1], with_it[1])


def test_near_far_and_radius_clip_hide_gaussians():
    scene = plane(np.array([[0.0, 0.0, 0.0]]), [1.0, 1.0, 1.0])
    camera = front()
    assert draw(scene, camera)[1].max() > 0.5
    for rule in ({"near_plane": 2.1}, {"far_plane": 1.9}, {"radius_clip": 100.0}):
        assert draw(scene, camera, **rule)[1].max() == 0.0
    scene[0][0, 1] = -2.5  # behind the camera
    assert draw(scene, camera)[1].max() == 0.0


# --- gradients -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("antialiased", [False, True], ids=["classic", "antialiased"])
def test_gradients_are_those_of_the_reference(view, antialiased):
    camera, rng = VIEWS[view], torch.Generator().manual_seed(5)
    exact = [part.requires_grad_() for part in random_scene(len(view) + 100, count=120)]
    tested = [part.detach().float().requires_grad_() for part in exact]
    picture_weight = torch.rand(camera.height, camera.width, 4, generator=rng, dtype=torch.float64) - 0.4
    alpha_weight = torch.rand(camera.height, camera.width, generator=rng, dtype=torch.float64) - 0.4

    picture, alpha = reference(exact, camera, antialiased)
    ((picture * picture_weight).sum() + (alpha * alpha_weight).sum()).backward()
    picture, alpha, _ = draw(tested, camera, rasterize_mode="antialiased" if antialiased else "classic")
    ((picture * picture_weight).sum() + (alpha * alpha_weight).sum()).backward()
    for name, a, b in zip(FIELDS, exact, tested, strict=True):
        assert (a.grad - b.grad).norm() < 2e-3 * a.grad.norm(), name


def test_gradients_survive_saturated_and_tiny_opacities():
    exact = random_scene(9, count=60)
    exact[3] = torch.cat([torch.full((20,), 1.0), torch.full((20,), 0.999), torch.full((20,), 0.002)]).double()
    exact = [part.requires_grad_() for part in exact]
    tested = [part.detach().float().requires_grad_() for part in exact]
    reference(exact, VIEWS["portrait"])[0].sum().backward()
    draw(tested, VIEWS["portrait"])[0].sum().backward()
    for name, a, b in zip(FIELDS, exact, tested, strict=True):
        assert torch.isfinite(b.grad).all(), name
        assert (a.grad - b.grad).norm() < 2e-3 * a.grad.norm(), name


def test_screen_positions_carry_their_gradient_for_densification():
    scene = [part.requires_grad_() for part in random_scene(3, count=50, dtype=torch.float32)]
    picture, _, meta = draw(scene, front())
    meta["means2d"].retain_grad()
    picture.sum().backward()
    seen = meta["radii"][0, :, 0] > 0
    assert meta["means2d"].grad.shape == (1, 50, 2)
    assert meta["means2d"].grad[0, seen].abs().sum() > 0 and not meta["means2d"].grad[0, ~seen].any()


def test_training_on_a_picture_brings_it_closer():
    camera = front(48, 48)
    target = draw(random_scene(21, count=80, dtype=torch.float32), camera, "RGB")[0]
    start = random_scene(22, count=80, dtype=torch.float32)
    start[2], start[3] = start[2].log(), torch.zeros(80)
    parts = [part.requires_grad_() for part in start]
    optimizer = torch.optim.Adam(parts, lr=0.02)
    scores = []
    for _ in range(120):
        means, quats, scales, opacities, colors = parts
        picture, _, _ = draw([means, quats, scales.exp(), opacities.sigmoid(), colors], camera, "RGB")
        loss = (picture - target).abs().mean() + 0.1 * (1 - metrics.ssim(picture, target))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scores.append(float(metrics.psnr(picture.detach(), target)))
    assert scores[-1] > scores[0] + 8.0


# --- shapes and options --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3, 4, 7])
def test_any_number_of_channels_and_cameras(channels):
    scene = random_scene(4, count=60)
    scene[4] = torch.rand(60, channels, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    cameras = [VIEWS["portrait"], look_at((1.5, -1.5, 0.4), (0, 0, 0), 80, 60, fov_y_deg=45.0)]
    tested = [part.float().requires_grad_() for part in scene]
    viewmats, Ks = (torch.tensor(np.stack([getattr(c, name) for c in cameras])) for name in ("viewmat", "K"))
    pictures, alphas, _ = rasterization(*tested, viewmats, Ks, 80, 60, render_mode="RGB+D", backend="cpu")
    assert pictures.shape == (2, 60, 80, channels + 1) and alphas.shape == (2, 60, 80, 1)
    (pictures.square().sum() + alphas.sum()).backward()

    exact = [part.clone().requires_grad_() for part in scene]
    total = 0.0
    for index, camera in enumerate(cameras):
        wanted, wanted_alpha = reference(exact, camera)
        assert (pictures[index] - wanted).abs().max() < 2.0 / 255.0 * 3.0
        total = total + wanted.square().sum() + wanted_alpha.sum()
    total.backward()
    for name, a, b in zip(FIELDS, exact, tested, strict=True):
        assert (a.grad - b.grad).norm() < 2e-3 * a.grad.norm(), name


def test_the_background_shows_where_the_picture_is_transparent():
    scene, camera = random_scene(6, dtype=torch.float32), front()
    blue = torch.tensor([[0.1, 0.2, 0.9]])
    plain, alpha, _ = draw(scene, camera, "RGB+D")
    backed, _, _ = draw(scene, camera, "RGB+D", backgrounds=blue)
    torch.testing.assert_close(backed[..., :3], plain[..., :3] + (1 - alpha)[..., None] * blue)
    torch.testing.assert_close(backed[..., 3], plain[..., 3])


def test_no_gaussians_give_the_background():
    nothing = [torch.zeros(0, n) for n in (3, 4, 3)] + [torch.zeros(0), torch.zeros(0, 3)]
    picture, alpha, _ = draw(nothing, front(), "RGB+ED", backgrounds=torch.tensor([[0.3, 0.2, 0.1]]))
    assert torch.allclose(picture[..., :3], torch.tensor([0.3, 0.2, 0.1])) and not alpha.any()
    assert not picture[..., 3].any()
    empty = Gaussians(*(part.numpy() for part in nothing))
    image, alpha, depth = render(empty, front(), (0.3, 0.2, 0.1), backend="cpu")
    assert np.allclose(image, (0.3, 0.2, 0.1)) and not alpha.any() and not depth.any()


@pytest.mark.parametrize("size", [(1, 1), (17, 5), (16, 16), (33, 31)])
def test_any_picture_size(size):
    camera = front(*size)
    scene = random_scene(8, count=40)
    wanted, _ = reference(scene, camera)
    assert (draw(scene, camera)[0] - wanted).abs().max() < 1e-4


# --- robustness ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", range(5), ids=FIELDS)
@pytest.mark.parametrize("poison", [float("nan"), float("inf"), float("-inf")])
def test_a_broken_gaussian_is_left_out_and_harms_no_other(field, poison):
    scene = random_scene(12, count=40, dtype=torch.float32)
    without = [torch.cat([part[:7], part[8:]]) for part in scene]
    scene[field][7] = poison
    tested = [part.requires_grad_() for part in scene]
    picture, _, _ = draw(tested, front())
    assert torch.equal(picture, draw(without, front())[0])
    picture.sum().backward()
    assert all(torch.isfinite(part.grad).all() for part in tested)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    values=st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=14, max_size=14),
)
def test_wild_numbers_never_crash_and_never_give_nan(values):
    v = torch.tensor(values, dtype=torch.float32)
    wild = [v[None, 0:3], v[None, 3:7], v[None, 7:10], v[10:11].abs().clamp(max=1.0), v[None, 11:14].clamp(0, 1)]
    scene = [torch.cat(pair) for pair in zip(wild, random_scene(2, count=5, dtype=torch.float32), strict=True)]
    picture, alpha, _ = draw(scene, front(20, 20))
    assert torch.isfinite(picture[..., :3]).all() and alpha.min() >= 0.0 and alpha.max() <= 1.0


def test_degenerate_gaussians_are_drawn_or_left_out_without_harm():
    scene = random_scene(13, count=6, dtype=torch.float32)
    scene[1][0] = 0.0  # no rotation at all
    scene[2][1] = 0.0  # a point
    scene[2][2] = torch.tensor([1e6, 1e6, 1e6])  # larger than the world
    scene[3][3] = 0.0  # invisible
    scene[0][4] = torch.tensor([0.0, -2.0, 0.0])  # at the camera
    tested = [part.requires_grad_() for part in scene]
    picture, alpha, _ = draw(tested, front())
    (picture.sum() + alpha.sum()).backward()
    assert torch.isfinite(picture).all() and all(torch.isfinite(part.grad).all() for part in tested)


def test_the_number_of_threads_changes_nothing(monkeypatch):
    results = []
    for threads in ("1", "3"):
        monkeypatch.setenv("EMODIFFTALK_THREADS", threads)
        scene = [torch.from_numpy(getattr(bench.head_scene(6000), name)).requires_grad_() for name in FIELDS]
        picture, alpha, _ = draw(scene, bench.head_camera(96))
        picture.square().sum().backward()
        results.append([picture, alpha, *(part.grad for part in scene)])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_two_threads_may_render_at_once():
    g, camera = bench.head_scene(5000), bench.head_camera(128)
    alone = render(g, camera, backend="cpu")[0]
    wrong = []

    def work():
        for _ in range(10):
            if not np.array_equal(render(g, camera, backend="cpu")[0], alone):
                wrong.append(True)

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_an_error_in_a_chunk_reaches_the_caller():
    def work(index):
        if index == 5:
            raise ValueError("chunk 5")

    with pytest.raises(ValueError, match="chunk 5"):
        compiled.run_chunks(work, 8)


def test_kernels_compile_where_nothing_can_be_cached():
    names: dict = {}
    exec("def double(x):\n    return x + x", names)  # code without a file: numba has no place for its cache
    assert compiled.kernel(names["double"])(21) == 42


# --- choosing ------------------------------------------------------------------------------------------------------


def test_auto_names_the_rasterizer_it_takes():
    assert choose_rasterizer("auto") == available()[0]
    assert "cpu" in available() and choose_rasterizer("cpu") == "cpu"
    assert draw(random_scene(1, count=3), front())[2]["backend"] == "cpu"


def test_asking_for_a_rasterizer_that_is_not_there_says_so():
    with pytest.raises(UserError, match="no rasterizer called 'metal'"):
        choose_rasterizer("metal")
    if "gsplat" not in available():
        with pytest.raises(UserError, match="gsplat"):
            choose_rasterizer("gsplat")


@pytest.mark.parametrize("wrong", [0, 1, 2, 3])
def test_shapes_that_do_not_fit_are_named(wrong):
    scene = random_scene(1, count=4)
    scene[wrong] = scene[wrong][:3]
    with pytest.raises(ValueError, match="expected"):
        draw(scene, front())


@pytest.mark.skipif("gsplat" not in available(), reason="no CUDA card: gsplat's own kernels cannot run here")
@pytest.mark.parametrize("mode", ["classic", "antialiased"])
def test_gsplat_on_cuda_draws_and_differentiates_the_same(mode):
    camera = VIEWS["portrait"]
    viewmats, Ks = torch.tensor(camera.viewmat)[None], torch.tensor(camera.K)[None]
    results = []
    for backend in ("cpu", "gsplat"):
        scene = [part.requires_grad_() for part in random_scene(31, dtype=torch.float32)]
        picture, alpha, meta = rasterization(
            *scene, viewmats, Ks, 80, 60, render_mode="RGB+ED", rasterize_mode=mode, backend=backend
        )
        assert meta["backend"] == backend
        (picture[..., :3].square().sum() + alpha.sum()).backward()
        results.append((picture.detach(), [part.grad for part in scene]))
    (ours, our_grads), (theirs, their_grads) = results
    assert metrics.psnr(ours[..., :3], theirs[..., :3]) >= 45.0
    for name, a, b in zip(FIELDS, our_grads, their_grads, strict=True):
        assert (a - b).norm() < 1e-2 * b.norm(), name


# --- metrics -------------------------------------------------------------------------------------------------------


def pictures(seed=0):
    rng = np.random.default_rng(seed)
    smooth = np.sin(np.arange(48)[:, None] / 5.0) * np.cos(np.arange(64)[None] / 7.0)
    image = np.clip(0.5 + 0.4 * smooth[..., None] + 0.1 * rng.random((48, 64, 3)), 0, 1)
    return image, np.clip(image + 0.05 * rng.normal(size=image.shape), 0, 1)


def test_psnr_and_ssim_are_those_of_scikit_image():
    skimage = pytest.importorskip("skimage.metrics", reason="scikit-image is the yardstick here")
    a, b = pictures()
    assert float(metrics.psnr(a, b)) == pytest.approx(skimage.peak_signal_noise_ratio(a, b, data_range=1.0), abs=1e-6)
    # scikit-image averages over the picture without a rim of 5 pixels, as we do
    wanted = skimage.structural_similarity(
        a, b, data_range=1.0, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert float(metrics.ssim(a, b)) == pytest.approx(wanted, abs=1e-6)
    assert float(metrics.ssim(a, a)) == pytest.approx(1.0)


def test_masked_metrics_ignore_what_is_outside_the_mask():
    a, b = pictures()
    mask = np.zeros((48, 64), bool)
    mask[10:40, 10:30] = True
    spoiled = np.where(mask[..., None], b, 1 - b)
    crop = a[10:40, 10:30], b[10:40, 10:30]
    assert float(metrics.psnr(a, spoiled, mask)) == pytest.approx(float(metrics.psnr(*crop)))
    inner = np.zeros_like(mask)
    inner[15:35, 15:25] = True  # windows of 11 pixels stay inside the mask
    assert float(metrics.ssim(a, spoiled, inner)) == pytest.approx(float(metrics.ssim(*crop)))


def test_ssim_can_be_trained_on():
    a, b = (torch.tensor(part[:16, :16]) for part in pictures())
    assert torch.autograd.gradcheck(lambda x: metrics.ssim(x, b), (a.clone().requires_grad_(),), fast_mode=True)
