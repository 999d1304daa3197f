"""Projection of 3D Gaussians to the picture plane, and its gradient, compiled for the CPU.

EWA splatting with the rules of gsplat 1.5.3: the affine approximation of the perspective at each centre, with the
centre clamped to 1.3 times the half field of view around the picture so that Gaussians at the rim do not explode;
`eps2d` square pixels of blur on the diagonal; culling outside near and far, outside the picture, and below
`radius_clip` pixels.

Notation of this file, all for one Gaussian and one camera:
    p   centre in camera coordinates (OpenCV: x right, y down, z forward), metres
    M   = Rview @ Rquat @ diag(scales), (3, 3); the covariance in camera space is M @ M.T
    J   (2, 3) Jacobian of the projection at the (clamped) centre, pixels per metre
    H   = J @ M, rows h0 and h1; the covariance in the picture is H @ H.T = [[a, b], [b, c]], square pixels
    conic = inverse of [[a + eps2d, b], [b, c + eps2d]], stored as (A, B, C)
Arithmetic runs in float64 (it is a few per cent of a frame); arrays are float32.
"""

from __future__ import annotations

import math

import numpy as np

from .compiled import helper, kernel

# A contribution below this is dropped (gsplat's ALPHA_THRESHOLD); it also bounds how far a Gaussian reaches.
ALPHA_MIN = 1.0 / 255.0
# Pixels beyond which positions are meaningless in float32; clamping to it keeps conversions to integers defined.
_FAR_AWAY = 1e9


@helper
def _rotation(quat):
    """Entries of the rotation of a wxyz quaternion, normalised first."""
    w, x, y, z = float(quat[0]), float(quat[1]), float(quat[2]), float(quat[3])
    inverse = 1.0 / math.sqrt(w * w + x * x + y * y + z * z)
    w, x, y, z = w * inverse, x * inverse, y * inverse, z * inverse
    return (
        1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y),
        2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x),
        2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y),
    )  # fmt: skip


@helper
def _clamped(value, low, high):
    return min(max(value, low), high)


@helper
def _limits(focal, centre, size):
    """How far x/z (or y/z) may go before the Jacobian is taken at the rim instead: (low, high)."""
    margin = 0.3 * 0.5 * size / focal
    return -(centre / focal + margin), (size - centre) / focal + margin


@helper
def _product(a, b):
    """(3, 3) @ (3, 3) on flat row-major tuples."""
    return (
        a[0] * b[0] + a[1] * b[3] + a[2] * b[6],
        a[0] * b[1] + a[1] * b[4] + a[2] * b[7],
        a[0] * b[2] + a[1] * b[5] + a[2] * b[8],
        a[3] * b[0] + a[4] * b[3] + a[5] * b[6],
        a[3] * b[1] + a[4] * b[4] + a[5] * b[7],
        a[3] * b[2] + a[4] * b[5] + a[5] * b[8],
        a[6] * b[0] + a[7] * b[3] + a[8] * b[6],
        a[6] * b[1] + a[7] * b[4] + a[8] * b[7],
        a[6] * b[2] + a[7] * b[5] + a[8] * b[8],
    )


@helper
def _to_camera(view, mean):
    x, y, z = float(mean[0]), float(mean[1]), float(mean[2])
    return (
        view[0, 0] * x + view[0, 1] * y + view[0, 2] * z + view[0, 3],
        view[1, 0] * x + view[1, 1] * y + view[1, 2] * z + view[1, 3],
        view[2, 0] * x + view[2, 1] * y + view[2, 2] * z + view[2, 3],
    )


@helper
def _view_rotation(view):
    return (
        view[0, 0], view[0, 1], view[0, 2], view[1, 0], view[1, 1], view[1, 2], view[2, 0], view[2, 1], view[2, 2],
    )  # fmt: skip


@helper
def _half_covariance(view_rotation, rotation, scale):
    """M = Rview @ Rquat @ diag(scale), flat row-major."""
    s0, s1, s2 = float(scale[0]), float(scale[1]), float(scale[2])
    m = _product(view_rotation, rotation)
    return (
        m[0] * s0, m[1] * s1, m[2] * s2, m[3] * s0, m[4] * s1, m[5] * s2, m[6] * s0, m[7] * s1, m[8] * s2,
    )  # fmt: skip


@helper
def _jacobian(p, K, width, height):
    """Non-zero entries of J and the clamped centre it was taken at: (j00, j02, j11, j12, tx, ty)."""
    fx, fy = K[0, 0], K[1, 1]
    low_x, high_x = _limits(fx, K[0, 2], width)
    low_y, high_y = _limits(fy, K[1, 2], height)
    inverse = 1.0 / p[2]
    tx = p[2] * _clamped(p[0] * inverse, low_x, high_x)
    ty = p[2] * _clamped(p[1] * inverse, low_y, high_y)
    return fx * inverse, -fx * tx * inverse * inverse, fy * inverse, -fy * ty * inverse * inverse, tx, ty


@helper
def _rows(j00, j02, j11, j12, m):
    """h0 and h1, the rows of H = J @ M."""
    h0 = (j00 * m[0] + j02 * m[6], j00 * m[1] + j02 * m[7], j00 * m[2] + j02 * m[8])
    h1 = (j11 * m[3] + j12 * m[6], j11 * m[4] + j12 * m[7], j11 * m[5] + j12 * m[8])
    return h0, h1


@helper
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@helper
def _determinants(h0, h1, eps2d):
    """det(H H^T) and det(H H^T + eps2d I); as a squared cross product, thin Gaussians lose no digits."""
    x = h0[1] * h1[2] - h0[2] * h1[1]
    y = h0[2] * h1[0] - h0[0] * h1[2]
    z = h0[0] * h1[1] - h0[1] * h1[0]
    sharp = x * x + y * y + z * z
    return sharp, sharp + eps2d * (_dot(h0, h0) + _dot(h1, h1)) + eps2d * eps2d


@helper
def _finite_gaussian(mean, quat, scale, opacity):
    # A sum is finite when all of its terms are (opposite infinities give NaN): one test for many numbers.
    place = float(mean[0]) + mean[1] + mean[2]
    shape = float(scale[0]) + scale[1] + scale[2] + quat[0] + quat[1] + quat[2] + quat[3]
    length = float(quat[0]) * quat[0] + float(quat[1]) * quat[1] + float(quat[2]) * quat[2] + float(quat[3]) * quat[3]
    return math.isfinite(place + shape + opacity) and length > 0.0


@kernel
def project_kernel(
    start, stop, means, quats, scales, opacities, view, K, width, height, near, far, radius_clip, eps2d, antialiased,
    means2d, depths, conics, compensations, radii,
):  # fmt: skip
    """Project Gaussians start..stop-1 of one camera.

    Reads means (N,3), quats (N,4), scales (N,3), opacities (N,), view (4,4) f64, K (3,3) f64. Writes means2d (N,2)
    pixels, depths (N,) metres, conics (N,3), compensations (N,) and radii (N,2): how far the Gaussian reaches along
    x and y in pixels, (0, 0) where it is not drawn (culled, or any value not finite). Culled rows are zero
    everywhere.
    """
    view_rotation = _view_rotation(view)
    for i in range(start, stop):
        for k in range(2):
            means2d[i, k] = 0.0
            radii[i, k] = 0.0
        for k in range(3):
            conics[i, k] = 0.0
        depths[i] = 0.0
        compensations[i] = 0.0
        if not _finite_gaussian(means[i], quats[i], scales[i], opacities[i]):
            continue
        p = _to_camera(view, means[i])
        if p[2] < near or p[2] > far or p[2] <= 0.0:
            continue
        m = _half_covariance(view_rotation, _rotation(quats[i]), scales[i])
        j00, j02, j11, j12, _, _ = _jacobian(p, K, width, height)
        h0, h1 = _rows(j00, j02, j11, j12, m)
        # Blur spreads a Gaussian over sqrt(blurred / sharp) times its area: dimmed by the inverse it keeps its light.
        sharp, blurred = _determinants(h0, h1, eps2d)
        if not blurred > 0.0:
            continue
        compensation = math.sqrt(sharp / blurred)
        opacity = opacities[i] * compensation if antialiased else float(opacities[i])
        if not opacity >= ALPHA_MIN:
            continue
        a, b, c = _dot(h0, h0) + eps2d, _dot(h0, h1), _dot(h1, h1) + eps2d
        # opacity exp(-r^2 / 2) falls to 1/255 at r = reach standard deviations, which are sqrt(a), sqrt(c) along x, y.
        reach = math.sqrt(2.0 * math.log(opacity / ALPHA_MIN))
        radius_x, radius_y = reach * math.sqrt(a), reach * math.sqrt(c)
        if math.ceil(radius_x) <= radius_clip and math.ceil(radius_y) <= radius_clip:
            continue
        u = K[0, 0] * p[0] / p[2] + K[0, 2]
        v = K[1, 1] * p[1] / p[2] + K[1, 2]
        if u + radius_x <= 0.0 or u - radius_x >= width or v + radius_y <= 0.0 or v - radius_y >= height:
            continue
        if not math.isfinite(a + c + 1.0 / blurred) or abs(u) > _FAR_AWAY or abs(v) > _FAR_AWAY:
            continue
        means2d[i, 0], means2d[i, 1] = u, v
        depths[i] = p[2]
        conics[i, 0], conics[i, 1], conics[i, 2] = c / blurred, -b / blurred, a / blurred
        compensations[i] = compensation
        # A splat of opacity 1/255 reaches 0 pixels; keep it distinguishable from culled ones.
        radii[i, 0], radii[i, 1] = _clamped(radius_x, 1e-6, _FAR_AWAY), _clamped(radius_y, 1e-6, _FAR_AWAY)


@helper
def _covariance_gradient(conic, v_conic):
    """Gradient of the blurred covariance (a, b, c) from that of its inverse; b is one number used twice."""
    A, B, C = float(conic[0]), float(conic[1]), float(conic[2])
    vA, vB, vC = float(v_conic[0]), float(v_conic[1]), float(v_conic[2])
    # d(inverse) = -inverse d(covariance) inverse, so dL/d(covariance) = -conic V conic, V the symmetric matrix of v.
    va = -(A * A * vA + A * B * vB + B * B * vC)
    vb = -(2.0 * A * B * vA + (A * C + B * B) * vB + 2.0 * B * C * vC)
    vc = -(B * B * vA + B * C * vB + C * C * vC)
    return va, vb, vc


@helper
def _compensation_gradient(a, b, c, eps2d, sharp, blurred, v_compensation):
    """Gradient of (a, b, c) without blur from that of sqrt(sharp / blurred)."""
    compensation = math.sqrt(sharp / blurred)
    v_ratio = 0.5 * v_compensation / (compensation + 1e-6)  # 1e-6: an edge-on Gaussian has no finite gradient
    # sharp = ac - b^2, blurred = (a + e)(c + e) - b^2.
    v_sharp = v_ratio / blurred
    v_blurred = -v_ratio * sharp / (blurred * blurred)
    va = v_sharp * c + v_blurred * (c + eps2d)
    vb = -2.0 * b * (v_sharp + v_blurred)
    vc = v_sharp * a + v_blurred * (a + eps2d)
    return va, vb, vc


@helper
def _quat_gradient(quat, r):
    """Gradient of an unnormalised wxyz quaternion from that of its rotation's nine entries `r`."""
    w, x, y, z = float(quat[0]), float(quat[1]), float(quat[2]), float(quat[3])
    inverse = 1.0 / math.sqrt(w * w + x * x + y * y + z * z)
    w, x, y, z = w * inverse, x * inverse, y * inverse, z * inverse
    vw = 2.0 * (x * (r[7] - r[5]) + y * (r[2] - r[6]) + z * (r[3] - r[1]))
    vx = 2.0 * (y * (r[1] + r[3]) + z * (r[2] + r[6]) + w * (r[7] - r[5]) - 2.0 * x * (r[4] + r[8]))
    vy = 2.0 * (x * (r[1] + r[3]) + z * (r[5] + r[7]) + w * (r[2] - r[6]) - 2.0 * y * (r[0] + r[8]))
    vz = 2.0 * (x * (r[2] + r[6]) + y * (r[5] + r[7]) + w * (r[3] - r[1]) - 2.0 * z * (r[0] + r[4]))
    # Lengthening a quaternion does not turn anything: what of the gradient lies along it is taken off.
    along = vw * w + vx * x + vy * y + vz * z
    vw, vx, vy, vz = vw - along * w, vx - along * x, vy - along * y, vz - along * z
    return vw * inverse, vx * inverse, vy * inverse, vz * inverse


@helper
def _centre_gradient(p, K, tx, ty, width, height, v00, v02, v11, v12, v_mean2d, v_depth):
    """Gradient of the centre in camera space, through the Jacobian, the picture position and the depth."""
    fx, fy = K[0, 0], K[1, 1]
    z1 = 1.0 / p[2]
    z2 = z1 * z1
    low_x, high_x = _limits(fx, K[0, 2], width)
    low_y, high_y = _limits(fy, K[1, 2], height)
    vu, vv = float(v_mean2d[0]), float(v_mean2d[1])
    # u = fx x / z + cx: through x it is fx / z, through z -fx x / z^2; J's j00 = fx / z and j11 fall with z^2 too.
    vx, vy = vu * fx * z1, vv * fy * z1
    vz = float(v_depth) - (vu * fx * p[0] + vv * fy * p[1]) * z2 - (v00 * fx + v11 * fy) * z2
    # j02 = -fx tx / z^2: inside the limits tx is x itself, beyond them it is z times the limit
    if low_x <= p[0] * z1 <= high_x:
        vx -= v02 * fx * z2
        vz += 2.0 * v02 * fx * tx * z2 * z1
    else:
        vz += v02 * fx * tx * z2 * z1
    if low_y <= p[1] * z1 <= high_y:
        vy -= v12 * fy * z2
        vz += 2.0 * v12 * fy * ty * z2 * z1
    else:
        vz += v12 * fy * ty * z2 * z1
    return vx, vy, vz


@kernel
def project_backward_kernel(
    start, stop, means, quats, scales, view, K, width, height, eps2d,
    conics, radii, v_means2d, v_depths, v_conics, v_compensations,
    v_means, v_quats, v_scales,
):  # fmt: skip
    """Add to v_means (N,3), v_quats (N,4), v_scales (N,3) the gradients of rows start..stop-1 seen by one camera.

    The forward pass's conics and radii and the gradients `v_*` of its outputs have the shapes of `project_kernel`.
    Rows that were not drawn receive nothing.
    """
    R = _view_rotation(view)
    for i in range(start, stop):
        if radii[i, 0] <= 0.0:
            continue
        p = _to_camera(view, means[i])
        Q = _rotation(quats[i])
        m = _half_covariance(R, Q, scales[i])
        j00, j02, j11, j12, tx, ty = _jacobian(p, K, width, height)
        h0, h1 = _rows(j00, j02, j11, j12, m)
        va, vb, vc = _covariance_gradient(conics[i], v_conics[i])
        if v_compensations[i] != 0.0:
            sharp, blurred = _determinants(h0, h1, eps2d)
            wa, wb, wc = _compensation_gradient(
                _dot(h0, h0), _dot(h0, h1), _dot(h1, h1), eps2d, sharp, blurred, float(v_compensations[i])
            )
            va, vb, vc = va + wa, vb + wb, vc + wc
        # (a, b, c) = (h0 . h0, h0 . h1, h1 . h1): dL/dh0 = 2 va h0 + vb h1, dL/dh1 = 2 vc h1 + vb h0. Then H = J M
        # gives dL/dJ = dL/dH M^T, of which J's four entries that are not 0 are wanted.
        g0 = (2.0 * va * h0[0] + vb * h1[0], 2.0 * va * h0[1] + vb * h1[1], 2.0 * va * h0[2] + vb * h1[2])
        g1 = (2.0 * vc * h1[0] + vb * h0[0], 2.0 * vc * h1[1] + vb * h0[1], 2.0 * vc * h1[2] + vb * h0[2])
        v00, v02 = _dot(g0, m[0:3]), _dot(g0, m[6:9])
        v11, v12 = _dot(g1, m[3:6]), _dot(g1, m[6:9])
        vx, vy, vz = _centre_gradient(p, K, tx, ty, width, height, v00, v02, v11, v12, v_means2d[i], v_depths[i])
        for k in range(3):
            v_means[i, k] += view[0, k] * vx + view[1, k] * vy + view[2, k] * vz
        # dL/dM = J^T dL/dH, then through Rview: n = Rview^T dL/dM is the gradient of Rquat @ diag(scales)
        vm = (
            j00 * g0[0], j00 * g0[1], j00 * g0[2], j11 * g1[0], j11 * g1[1], j11 * g1[2],
            j02 * g0[0] + j12 * g1[0], j02 * g0[1] + j12 * g1[1], j02 * g0[2] + j12 * g1[2],
        )  # fmt: skip
        n = _product((R[0], R[3], R[6], R[1], R[4], R[7], R[2], R[5], R[8]), vm)
        s0, s1, s2 = float(scales[i, 0]), float(scales[i, 1]), float(scales[i, 2])
        # N = Q diag(s): the gradient of s is the column of Q times that of n, of Q it is n with columns times s.
        v_scales[i, 0] += n[0] * Q[0] + n[3] * Q[3] + n[6] * Q[6]
        v_scales[i, 1] += n[1] * Q[1] + n[4] * Q[4] + n[7] * Q[7]
        v_scales[i, 2] += n[2] * Q[2] + n[5] * Q[5] + n[8] * Q[8]
        vr = (n[0] * s0, n[1] * s1, n[2] * s2, n[3] * s0, n[4] * s1, n[5] * s2, n[6] * s0, n[7] * s1, n[8] * s2)
        vq = _quat_gradient(quats[i], vr)
        for k in range(4):
            v_quats[i, k] += vq[k]


def empty_projection(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Output arrays of `project_kernel`: means2d, depths, conics, compensations, radii."""
    return (
        np.empty((count, 2), np.float32),
        np.empty(count, np.float32),
        np.empty((count, 3), np.float32),
        np.empty(count, np.float32),
        np.empty((count, 2), np.float32),
    )
