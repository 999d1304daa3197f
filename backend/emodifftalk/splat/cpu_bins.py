"""Which Gaussians touch which 16x16 tile of the picture, nearest first, compiled for the CPU.

Order is by view depth (z), never by distance: distance order differs across the picture and lets far splats fog
near ones. One radix sort over the bits of the float32 depths (they are positive, so their bits sort like the
numbers) orders all visible Gaussians exactly and keeps the given order among equals; appending them to their tiles
in that order keeps every tile's list sorted.

A Gaussian touches a tile when the ellipse inside which its alpha reaches 1/255 meets the rectangle of the tile's
pixel centres. The test is made per row of tiles on the exact ellipse, not on its bounding box.
"""

from __future__ import annotations

import math

import numpy as np

from .compiled import helper, kernel, run_chunks, slices, thread_count

TILE = 16
# Columns of the table of sorted Gaussians: centre x, y; conic A, B, C; opacity; reach along x, y; four colour channels.
X, Y, A, B, C, OPACITY, REACH_X, REACH_Y, COLOR = 0, 1, 2, 3, 4, 5, 6, 7, 8
COLUMNS = 12
_DIGIT = 11
_BUCKETS = 1 << _DIGIT
_F = np.float32
_HALF = _F(0.5)


@kernel
def sort_by_depth(depths, radii):
    """Indices (M,) i32 of the rows with a radius, by ascending depth, stable. depths (N,) f32 > 0, radii (N, 2)."""
    # Three passes of 11 bits, least first. All three histograms are counted in one reading of the depths: a pass moves
    # keys about, and does not change how many there are of each digit.
    bits = depths.view(np.int32)
    count = 0
    for i in range(radii.shape[0]):
        if radii[i, 0] > 0.0:
            count += 1
    order = np.empty(count, np.int32)
    keys = np.empty(count, np.int32)
    histogram = np.zeros((3, _BUCKETS), np.int32)
    m = 0
    for i in range(radii.shape[0]):
        if radii[i, 0] > 0.0:
            key = bits[i]
            order[m], keys[m] = i, key
            histogram[0, key & (_BUCKETS - 1)] += 1
            histogram[1, (key >> _DIGIT) & (_BUCKETS - 1)] += 1
            histogram[2, key >> (2 * _DIGIT)] += 1
            m += 1
    other_order = np.empty(count, np.int32)
    other_keys = np.empty(count, np.int32)
    for digit in range(3):
        shift = digit * _DIGIT
        if count == 0 or histogram[digit, (keys[0] >> shift) & (_BUCKETS - 1)] == count:
            continue  # all depths share this digit
        # From counts to first places: in rising order of digits, the given order among equals.
        total = 0
        for bucket in range(_BUCKETS):
            size = histogram[digit, bucket]
            histogram[digit, bucket] = total
            total += size
        for i in range(count):
            bucket = (keys[i] >> shift) & (_BUCKETS - 1)
            place = histogram[digit, bucket]
            histogram[digit, bucket] = place + 1
            other_order[place], other_keys[place] = order[i], keys[i]
        order, other_order = other_order, order
        keys, other_keys = other_keys, keys
    return order


@kernel
def gather_table(start, stop, order, means2d, conics, opacities, radii, colors, table):
    """Fill rows start..stop-1 of `table` (M, COLUMNS) f32 in depth order, so that blending reads memory forwards.

    colors is (N, 4) f32: one group of up to four channels.
    """
    for m in range(start, stop):
        i = order[m]
        table[m, X], table[m, Y] = means2d[i, 0], means2d[i, 1]
        table[m, A], table[m, B], table[m, C] = conics[i, 0], conics[i, 1], conics[i, 2]
        table[m, OPACITY] = opacities[i]
        table[m, REACH_X], table[m, REACH_Y] = radii[i, 0], radii[i, 1]
        for k in range(4):
            table[m, COLOR + k] = colors[i, k]


@helper
def _tile_rows(y, reach, tiles_y):
    """Rows of tiles whose pixel centres the bounding box of a Gaussian meets: first, one past the last."""
    top, bottom = math.ceil(y - reach - _HALF), math.floor(y + reach - _HALF)
    top, bottom = max(top, 0), min(bottom, 16 * tiles_y - 1)
    return (top >> 4, (bottom >> 4) + 1) if top <= bottom else (0, 0)


@helper
def _tile_columns(row, level, tile_y, tiles_x):
    """Columns of tiles whose pixel centres the ellipse meets within one row of tiles: first, one past the last.

    level = 2 log(255 opacity): the ellipse is A dx^2 + 2 B dx dy + C dy^2 <= level. Its rightmost point lies at
    dy = -B/C reach_x, its leftmost at the opposite; where that is outside the row of tiles, the extreme is on the
    row's nearer edge.
    """
    y0 = _F(16 * tile_y) + _HALF - row[Y]
    y1 = y0 + _F(15.0)
    a, b, c = row[A], row[B], row[C]
    extreme = -b / c * row[REACH_X]
    y_right = min(max(extreme, y0), y1)
    y_left = min(max(-extreme, y0), y1)
    # A dx^2 + 2 B dx dy + (C dy^2 - level) = 0 solved for dx: (-B dy +- sqrt(A level - (AC - B^2) dy^2)) / A.
    inverse = _F(1.0) / a
    right = (math.sqrt(max(_F(0.0), a * level - (a * c - b * b) * y_right * y_right)) - b * y_right) * inverse
    left = (-math.sqrt(max(_F(0.0), a * level - (a * c - b * b) * y_left * y_left)) - b * y_left) * inverse
    # A fiftieth of a pixel of slack for float32; blending tests every pixel again anyway.
    low, high = math.ceil(row[X] + left - _F(0.52)), math.floor(row[X] + right - _F(0.48))
    low, high = max(low, 0), min(high, 16 * tiles_x - 1)
    return (low >> 4, (high >> 4) + 1) if low <= high else (0, 0)


@kernel
def find_spans(band_start, band_stop, table, tiles_x, tiles_y, counts):
    """Runs of tiles that each Gaussian touches, for the rows of tiles band_start..band_stop-1, nearest Gaussian first.

    Returns spans (S, 3) i32: row of `table`, first tile, one past the last tile. Sets counts (tiles_y * tiles_x,)
    i32 to the number of Gaussians per tile of the band.
    """
    counts[band_start * tiles_x : band_stop * tiles_x] = 0
    # Room for as many runs as there are rows of tiles in the bounding boxes: at most one run each.
    room = 0
    for m in range(table.shape[0]):
        first, last = _tile_rows(table[m, Y], table[m, REACH_Y], tiles_y)
        room += max(0, min(last, band_stop) - max(first, band_start))
    spans = np.empty((room, 3), np.int32)
    written = 0
    for m in range(table.shape[0]):
        first, last = _tile_rows(table[m, Y], table[m, REACH_Y], tiles_y)
        first, last = max(first, band_start), min(last, band_stop)
        if first >= last:
            continue
        # opacity exp(-q / 2) = 1/255 is q = 2 log(255 opacity); a thousandth more, for float32.
        level = _F(2.0) * math.log(_F(255.0) * max(table[m, OPACITY], _F(1.0 / 255.0))) + _F(1e-3)
        for tile_y in range(first, last):
            left, right = _tile_columns(table[m], level, tile_y, tiles_x)
            if left < right:
                start = tile_y * tiles_x + left
                stop = tile_y * tiles_x + right
                spans[written, 0], spans[written, 1], spans[written, 2] = m, start, stop
                written += 1
                for tile in range(start, stop):
                    counts[tile] += 1
    return spans[:written]


@kernel
def fill_tiles(spans, cursors, ids):
    """Write each Gaussian into the lists of its tiles; `cursors` starts as each tile's first place in `ids`."""
    for s in range(spans.shape[0]):
        for tile in range(spans[s, 1], spans[s, 2]):
            place = cursors[tile]
            ids[place] = spans[s, 0]
            cursors[tile] = place + 1


def build_table(order, means2d, conics, opacities, radii, colors) -> np.ndarray:
    """Sorted table (M, COLUMNS) f32 of the visible Gaussians; arguments as in `gather_table`."""
    table = np.empty((len(order), COLUMNS), np.float32)
    parts = slices(len(order), thread_count() if len(order) > 4096 else 1)
    run_chunks(
        lambda part: gather_table(*parts[part], order, means2d, conics, opacities, radii, colors, table), len(parts)
    )
    return table


def tile_grid(width: int, height: int) -> tuple[int, int]:
    """Columns and rows of tiles that cover the picture."""
    return -(-width // TILE), -(-height // TILE)


def bin_to_tiles(table: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Gaussians per tile: offsets (tiles + 1,) i32 into ids (P,) i32, which are rows of `table`, nearest first."""
    tiles_x, tiles_y = tile_grid(width, height)
    bands = slices(tiles_y, thread_count() if len(table) > 2048 else 1)
    counts = np.empty(tiles_x * tiles_y, np.int32)
    spans: list = [None] * len(bands)

    def find(band: int) -> None:
        spans[band] = find_spans(*bands[band], table, tiles_x, tiles_y, counts)

    run_chunks(find, len(bands))
    # The running sum of the counts is where each tile's list begins. Bands of rows share no tile, so every thread fills
    # its own lists in order of depth.
    offsets = np.zeros(tiles_x * tiles_y + 1, np.int32)
    np.cumsum(counts, out=offsets[1:])
    ids = np.empty(int(offsets[-1]), np.int32)
    cursors = offsets[:-1].copy()
    run_chunks(lambda band: fill_tiles(spans[band], cursors, ids), len(bands))
    return offsets, ids
