"""Front-to-back blending of sorted tiles, and its gradient, compiled for the CPU.

The rules of gsplat 1.5.3: alpha = min(0.999, opacity exp(-sigma)); contributions under 1/255 are skipped; a pixel
is finished by the first contribution that would take its transmittance to 1e-4 or less, and that contribution is
not drawn.

A tile is 16 pixels wide because 16 float32 are one AVX-512 (two AVX, four NEON) registers: the inner loops always
run over a full row of 16 pixels with selects instead of branches, which the compiler turns into vector code. All
per-pixel values of a tile sit in one small array, plane after plane per row, so that the compiler can see that the
loops do not overlap.

Up to four channels (red, green, blue, depth) are blended at once; `cpu.py` calls again for more.
"""

from __future__ import annotations

import math

import numpy as np

from .compiled import helper, kernel, summing_helper

_F = np.float32
_ALPHA_MIN = _F(1.0 / 255.0)
_ALPHA_MAX = _F(0.999)
_T_MIN = _F(1e-4)
_ZERO, _ONE, _HALF = _F(0.0), _F(1.0), _F(0.5)
_EIGHT, _EIGHTH = _F(8.0), _F(0.125)
# exp(-t) on [0, 1] to 4e-8: the polynomial through the seven Chebyshev nodes
_E0, _E1, _E2, _E3 = _F(1.0), _F(-0.9999984502792358), _F(0.4999750852584839), _F(-0.16651517152786255)
_E4, _E5, _E6 = _F(0.04122331738471985), _F(-0.007654325105249882), _F(0.0008490078616887331)
# Table columns (same as cpu_bins, repeated because numba's cache does not look into other files)
_X, _Y, _A, _B, _C, _OPACITY, _REACH_X, _REACH_Y, _COLOR = 0, 1, 2, 3, 4, 5, 6, 7, 8


@helper
def _exp_minus(sigma):
    """exp(-sigma) for sigma >= 0; beyond 8 it stays at exp(-8), far below the 1/255 that anything visible needs.

    exp(-sigma) = exp(-sigma/8)^8 keeps the polynomial short and needs no integer tricks.
    """
    t = (sigma if sigma < _EIGHT else _EIGHT) * _EIGHTH
    value = _E0 + t * (_E1 + t * (_E2 + t * (_E3 + t * (_E4 + t * (_E5 + t * _E6)))))
    value = value * value
    value = value * value
    return value * value


@helper
def _row_range(y, reach, top, rows):
    """Rows of the tile that starts at picture row `top` with centres within `reach` of y: first, one past last."""
    first = math.ceil(y - reach - _HALF) - top
    last = math.floor(y + reach - _HALF) - top
    return int(max(first, 0)), int(min(last, rows - 1)) + 1


@helper
def _any_light_left(state, rows):
    for r in range(rows):
        best = _ZERO
        for x in range(16):
            t = state[r, x]
            best = t if t > best else best
        if best > _ZERO:
            return True
    return False


_FORWARD_PLANES = 5  # transmittance (negative: finished), four channels
_FORWARD_STRIDE = 16 * _FORWARD_PLANES


@kernel
def blend_tiles(tiles, tiles_x, width, height, offsets, ids, table, image, alphas):
    """Blend the listed `tiles` (K,) i32 into image (H, W, 4) and alphas (H, W), float32; no background is added."""
    # A row of pixels holds its 16 transmittances, then 16 of each channel: planes of one register's width.
    state = np.empty((16, _FORWARD_STRIDE), np.float32)
    for tile in tiles:
        left, top = (tile % tiles_x) * 16, (tile // tiles_x) * 16
        rows, columns = min(16, height - top), min(16, width - left)
        for r in range(rows):
            for x in range(16):
                state[r, x] = _ONE
            for x in range(64):
                state[r, 16 + x] = _ZERO
        for position in range(offsets[tile], offsets[tile + 1]):
            if (position - offsets[tile]) % 16 == 15 and not _any_light_left(state, rows):
                break
            # sigma = A dx^2 / 2 + B dx dy + C dy^2 / 2, from the pixel's centre to the Gaussian's; what does not depend
            # on x is taken out of the row.
            g = ids[position]
            x0 = table[g, _X] - _F(left) - _HALF
            half_a, b, half_c = _HALF * table[g, _A], table[g, _B], _HALF * table[g, _C]
            opacity = table[g, _OPACITY]
            c0, c1, c2, c3 = table[g, _COLOR], table[g, _COLOR + 1], table[g, _COLOR + 2], table[g, _COLOR + 3]
            first, last = _row_range(table[g, _Y], table[g, _REACH_Y], top, rows)
            for r in range(first, last):
                dy = table[g, _Y] - _F(top + r) - _HALF
                b_dy, c_dy = b * dy, half_c * dy * dy
                for x in range(16):
                    dx = x0 - _F(x)
                    sigma = (half_a * dx + b_dy) * dx + c_dy
                    alpha = opacity * _exp_minus(sigma)
                    alpha = alpha if alpha < _ALPHA_MAX else _ALPHA_MAX
                    t = state[r, x]
                    alpha = alpha if (alpha >= _ALPHA_MIN) & (sigma >= _ZERO) & (t > _ZERO) else _ZERO
                    # A finished pixel's transmittance is its last one, negative: the sign is the flag.
                    after = t * (_ONE - alpha)
                    stop = (after <= _T_MIN) & (t > _ZERO)
                    weight = _ZERO if stop else alpha * t
                    state[r, x] = -t if stop else after
                    state[r, 16 + x] += weight * c0
                    state[r, 32 + x] += weight * c1
                    state[r, 48 + x] += weight * c2
                    state[r, 64 + x] += weight * c3
        for r in range(rows):
            for x in range(columns):
                alphas[top + r, left + x] = _ONE - abs(state[r, x])
                for k in range(4):
                    image[top + r, left + x, k] = state[r, 16 * (k + 1) + x]


# transmittance, what is still to come (see below), gradient of the four channels
_BACKWARD_PLANES = 6
_BACKWARD_STRIDE = 16 * _BACKWARD_PLANES
_SUMS = 10  # per Gaussian and tile: six moments of the gradient of sigma, four colour gradients
# moments: 1, dx, dy, dx^2, dx dy, dy^2


@summing_helper
def _sum_lanes(lanes, first):
    total = _ZERO
    for x in range(16):
        total += lanes[np.uintp(first + x)]
    return total


@helper
def _load_gradients(state, rows, columns, top, left, image, alphas, v_image, v_alphas):
    """Start values of the tile's planes. Lanes beyond the picture's rim are finished from the start."""
    for r in range(rows):
        for x in range(_BACKWARD_STRIDE):
            state[r, x] = _ZERO
        for x in range(columns):
            state[r, x] = _ONE
            to_come = -v_alphas[top + r, left + x] * (_ONE - alphas[top + r, left + x])
            for k in range(4):
                gradient = v_image[top + r, left + x, k]
                state[r, 32 + 16 * k + x] = gradient
                to_come += gradient * image[top + r, left + x, k]
            state[r, 16 + x] = to_come


@kernel
def blend_tiles_backward(tiles, tiles_x, width, height, offsets, ids, table, image, alphas, v_image, v_alphas, sums):
    """Gradient sums per (tile, Gaussian) pair for the listed `tiles` into sums (P, 10) f32, one row per entry of `ids`.

    Walks front to back like the forward pass, with the same stops. With g the gradient of a pixel's colour, the
    gradient of the i-th alpha is T_i (c_i . g) - R_i / (1 - alpha_i), where R_i is the part of (colour . g) that
    lies behind i, minus the gradient of the pixel's alpha times its final transmittance; R starts as the whole and
    shrinks as we go. A pair is written by one tile only, so threads never meet; `reduce_pairs` adds the rows up.
    """
    state = np.empty((16, _BACKWARD_STRIDE), np.float32)
    lanes = np.empty(16 * _SUMS, np.float32)
    for tile in tiles:
        left, top = (tile % tiles_x) * 16, (tile // tiles_x) * 16
        rows, columns = min(16, height - top), min(16, width - left)
        start, stop_at = offsets[tile], offsets[tile + 1]
        _load_gradients(state, rows, columns, top, left, image, alphas, v_image, v_alphas)
        for position in range(start, stop_at):
            if (position - start) % 16 == 15 and not _any_light_left(state, rows):
                sums[position:stop_at] = _ZERO
                break
            g = ids[position]
            x0 = table[g, _X] - _F(left) - _HALF
            half_a, b, half_c = _HALF * table[g, _A], table[g, _B], _HALF * table[g, _C]
            opacity = table[g, _OPACITY]
            c0, c1, c2, c3 = table[g, _COLOR], table[g, _COLOR + 1], table[g, _COLOR + 2], table[g, _COLOR + 3]
            first, last = _row_range(table[g, _Y], table[g, _REACH_Y], top, rows)
            for x in range(16 * _SUMS):
                lanes[x] = _ZERO
            for r in range(first, last):
                dy = table[g, _Y] - _F(top + r) - _HALF
                b_dy, c_dy, dy_dy = b * dy, half_c * dy * dy, dy * dy
                for x in range(16):
                    dx = x0 - _F(x)
                    sigma = (half_a * dx + b_dy) * dx + c_dy
                    raw = opacity * _exp_minus(sigma)
                    alpha = raw if raw < _ALPHA_MAX else _ALPHA_MAX
                    t = state[r, x]
                    alpha = alpha if (alpha >= _ALPHA_MIN) & (sigma >= _ZERO) & (t > _ZERO) else _ZERO
                    after = t * (_ONE - alpha)
                    stop = (after <= _T_MIN) & (t > _ZERO)
                    alpha = _ZERO if stop else alpha
                    weight = alpha * t
                    g0, g1, g2, g3 = state[r, 32 + x], state[r, 48 + x], state[r, 64 + x], state[r, 80 + x]
                    # As in the docstring: cg is c_i . g, behind is R_i, less what this one gives. Where alpha was cut
                    # to 0.999 or skipped it does not depend on sigma.
                    cg = c0 * g0 + c1 * g1 + c2 * g2 + c3 * g3
                    behind = state[r, 16 + x] - weight * cg
                    v_alpha = t * cg - behind / (_ONE - alpha)
                    v_sigma = -raw * v_alpha if (alpha > _ZERO) & (raw <= _ALPHA_MAX) else _ZERO
                    state[r, x] = -t if stop else after
                    state[r, 16 + x] = behind
                    # Moments of v_sigma over the pixels: all that `reduce_pairs` needs for centre and conic.
                    lanes[x] += v_sigma
                    lanes[16 + x] += v_sigma * dx
                    lanes[32 + x] += v_sigma * dy
                    lanes[48 + x] += v_sigma * dx * dx
                    lanes[64 + x] += v_sigma * dx * dy
                    lanes[80 + x] += v_sigma * dy_dy
                    lanes[96 + x] += weight * g0
                    lanes[112 + x] += weight * g1
                    lanes[128 + x] += weight * g2
                    lanes[144 + x] += weight * g3
            for k in range(_SUMS):
                sums[position, k] = _sum_lanes(lanes, 16 * k)


@kernel
def reduce_pairs(start, stop, order, ids, table, sums, v_means2d, v_conics, v_opacities, v_colors):
    """Add the pair sums of the sorted Gaussians start..stop-1 to the gradients of their rows order[start..stop-1].

    v_means2d (N,2), v_conics (N,3), v_opacities (N,), v_colors (N,4), float32. The order of additions is that of
    `ids`, so the result does not depend on the number of threads.
    """
    totals = np.zeros((stop - start, _SUMS), np.float32)
    for position in range(ids.shape[0]):
        g = ids[position]
        if start <= g < stop:
            for k in range(_SUMS):
                totals[g - start, k] += sums[position, k]
    for g in range(start, stop):
        # d sigma by the centre is (A dx + B dy, B dx + C dy), by the conic (dx^2 / 2, dx dy, dy^2 / 2); alpha is
        # opacity exp(-sigma), so its derivative by opacity is that by sigma over -opacity.
        one, dx, dy = totals[g - start, 0], totals[g - start, 1], totals[g - start, 2]
        i = order[g]
        a, b, c = table[g, _A], table[g, _B], table[g, _C]
        v_means2d[i, 0] += a * dx + b * dy
        v_means2d[i, 1] += b * dx + c * dy
        v_conics[i, 0] += _HALF * totals[g - start, 3]
        v_conics[i, 1] += totals[g - start, 4]
        v_conics[i, 2] += _HALF * totals[g - start, 5]
        v_opacities[i] -= one / table[g, _OPACITY]
        for k in range(4):
            v_colors[i, k] += totals[g - start, 6 + k]
