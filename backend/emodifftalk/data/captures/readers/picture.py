"""One photograph and its matte, wherever they are: a file with alpha, files side by side, or inside an HDF5 file."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import scipy.sparse as sp

from ....core.errors import UserError
from ....core.opening import opened
from .lens import Lens
from .smc_file import open_smc, stored_bytes

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

MOST_PIXELS = 120_000_000
"""Larger pictures than any camera takes are not opened, whatever their header promises."""
MOST_BYTES = 512 << 20
_RATIOS = {"PNG": 2000, "JPEG": 2000, "MPO": 2000, "BMP": 2000, "TIFF": 20_000}
"""How many times larger than its file a picture may be: deflate packs 1032 to 1, an empty JPEG 1500, a fax 5000."""
_SLACK = 1 << 20
KINDS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")
"""What Pillow may take a picture for; it knows some forty more, each with a decoder of its own."""


@dataclass(frozen=True)
class StoredPicture:
    """An encoded picture (PNG, JPEG, …): a file, or with `key` a byte array inside an HDF5 file."""

    path: Path
    key: str = ""

    @property
    def name(self) -> str:
        """What a person calls it."""
        return f"{self.path}, {self.key}" if self.key else str(self.path)

    def size(self) -> tuple[int, int]:
        """Width and height in pixels, without decoding. Raises UserError when there is no such picture."""
        with self._opened() as image:
            return image.size

    def has_alpha(self) -> bool:
        """Whether the picture carries its own matte. Raises UserError when there is no such picture."""
        with self._opened() as image:
            return "A" in image.getbands() or "transparency" in image.info

    def pixels(self) -> np.ndarray:
        """(H, W, 4) float32 0..1, straight alpha (1 where the picture has none). Raises UserError when broken."""
        with self._opened() as image:
            pixels = np.asarray(image.convert("RGBA"), np.float32)
        pixels /= 255  # in place: a picture of 100 megapixels is 1.6 GB of them
        return pixels

    def matte(self) -> np.ndarray:
        """(H, W) float32 0..1: the alpha of the picture when it has one, else its brightest channel."""
        with self._opened() as image:
            bands = np.asarray(image.convert("RGB") if image.mode in ("P", "CMYK") else image, np.float32)
            alpha = "A" in image.getbands()
        gray = bands if bands.ndim == 2 else bands[..., -1] if alpha else bands.max(axis=-1)
        gray = np.nan_to_num(gray, nan=0.0, posinf=65535.0, neginf=0.0)
        # Labels are stored as 0 and 1 by some, as 0 and 255 by others, and rarely with 16 bits.
        most = gray.max(initial=0)
        return gray / (1.0 if most <= 1 else 255.0 if most <= 255 else 65535.0)

    @contextmanager
    def _opened(self) -> Iterator[ImageFile]:
        with self._stream() as stream:
            try:
                with _recognised(stream) as image:
                    width, height = image.size
                    if width * height > MOST_PIXELS:
                        raise UserError(f"{self.name} says it has {width} × {height} pixels: that is too many.")
                    if _pretends(image, _size(stream)):
                        raise UserError(f"{self.name} says it has more pixels than it holds: copy it again, whole.")
                    yield image
            except UserError:
                raise
            except Exception as error:  # Pillow raises whatever the damaged file makes it stumble over
                raise UserError(f"The picture {self.name} is missing or damaged.") from error

    @contextmanager
    def _stream(self) -> Iterator[BinaryIO]:
        if not self.key:
            with opened(self.path, MOST_BYTES, "The picture") as stream:
                yield stream
            return
        with open_smc(self.path) as file:
            data = stored_bytes(file, self.key)
        yield io.BytesIO(data)


def _pretends(image: ImageFile, size: int) -> bool:
    """Whether a picture says it has more pixels than a file of `size` bytes can hold, or than its pieces cover."""
    # A grey or a palette may be of one bit; nothing limits how small an even WebP is.
    bits = 1 if image.mode in ("1", "L", "P") else 8 * len(image.getbands())
    pixels = image.width * image.height
    pieces = [piece[1] for piece in image.tile if piece[1] is not None]
    covered = sum((right - left) * (bottom - top) for left, top, right, bottom in pieces)
    most = _RATIOS.get(image.format or "", 1 << 40) * size + _SLACK
    return pixels * bits // 8 > most or (bool(pieces) and covered < pixels)


def _size(stream: BinaryIO) -> int:
    place = stream.tell()
    size = stream.seek(0, io.SEEK_END)
    stream.seek(place)
    return size


def _recognised(stream: BinaryIO) -> ImageFile:
    import PIL.Image

    # Pillow warns of what we refuse ourselves, or let through because cameras do take it.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return PIL.Image.open(stream, formats=KINDS)


@dataclass(frozen=True)
class Picture:
    """What a camera saw at one moment.

    color: where it is.
    matte: where it is, None for the alpha of the colours.
    lens: what bends the picture, taken out when read.
    box: left, top and side of the square that is read, pixels of the picture without distortion; it may reach outside,
        where nothing is.
    size: width and height the calibration is for.
    """

    color: StoredPicture
    matte: StoredPicture | None = None
    lens: Lens | None = None
    box: tuple[int, int, int] | None = None
    size: tuple[int, int] | None = None

    def read(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Colours premultiplied by the matte (size, size, 3) and the matte (size, size), float32 0..1.

        Every pixel is the mean of the area it covers. Raises UserError when the picture is missing or damaged, has
        another size than its camera, or no matte.
        """
        # The sizes are compared before anything is decoded.
        if self.size is not None:
            for part in (self.color, self.matte):
                if part is not None and part.size() != self.size:
                    raise UserError(
                        f"{part.name} is {part.size()[0]} × {part.size()[1]}, its camera is calibrated for "
                        f"{self.size[0]} × {self.size[1]}: use pictures of the size that was calibrated."
                    )
        if self.matte is None and not self.color.has_alpha():
            raise UserError(f"{self.color.name} has no alpha channel: the capture needs mattes.")
        pixels = self.color.pixels()
        if self.matte is not None:
            matte = self.matte.matte()
            if matte.shape != pixels.shape[:2]:
                raise UserError(f"{self.matte.name} and {self.color.name} have different sizes.")
            pixels[..., 3] = matte
        if not pixels[..., 3].any():
            raise UserError(f"The matte of {self.color.name} is empty: make it again, or leave this picture out.")
        # Premultiplied before anything is resampled: else the background's colour bleeds into the edge.
        pixels[..., :3] *= pixels[..., 3:]
        box = self.box or self._whole(pixels)
        square = self.lens.straighten(pixels, box) if self.lens else _cut(pixels, box)
        small = shrink(square, size)
        return small[..., :3], small[..., 3]

    def _whole(self, pixels: np.ndarray) -> tuple[int, int, int]:
        height, width = pixels.shape[:2]
        if height != width:
            raise UserError(f"{self.color.name} is {width} × {height}: pictures of this layout are square.")
        return 0, 0, width


def _cut(pixels: np.ndarray, box: tuple[int, int, int]) -> np.ndarray:
    left, top, side = box
    height, width = pixels.shape[:2]
    if left >= 0 and top >= 0 and left + side <= width and top + side <= height:
        return pixels[top : top + side, left : left + side]
    square = np.zeros((side, side, pixels.shape[2]), np.float32)
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + side, width), min(top + side, height)
    if x1 > x0 and y1 > y0:
        square[y0 - top : y1 - top, x0 - left : x1 - left] = pixels[y0:y1, x0:x1]
    return square


def shrink(square: np.ndarray, size: int) -> np.ndarray:
    """(size, size, C) float32 of (S, S, C): each new pixel is the mean of the area it covers, whatever S is."""
    side, channels = len(square), square.shape[2]
    if side % size == 0:
        factor = side // size
        return square.reshape(size, factor, size, factor, channels).mean(axis=(1, 3))
    # W S Wᵀ, one axis after the other: a mean over areas is a mean over rows of means over columns.
    weights = _coverage(side, size)
    rows = (weights @ square.reshape(side, -1)).reshape(size, side, channels)
    columns = weights @ rows.transpose(1, 0, 2).reshape(side, -1)
    return np.ascontiguousarray(columns.reshape(size, size, channels).transpose(1, 0, 2), np.float32)


@lru_cache(maxsize=64)
def _coverage(side: int, size: int) -> sp.csr_matrix:
    """(size, side): how much of each new pixel every old one covers; rows add up to 1."""
    # Every new pixel reaches over `most` old ones from `first` on; the overlap of two intervals is least end - greatest
    # start, (size, most).
    edges = np.arange(size + 1) * side / size
    first = np.floor(edges[:-1]).astype(int)
    most = int(np.ceil(side / size)) + 1
    column = first[:, None] + np.arange(most)
    overlap = np.minimum(column + 1, edges[1:, None]) - np.maximum(column, edges[:-1, None])
    row = np.broadcast_to(np.arange(size)[:, None], column.shape)
    good = (overlap > 1e-9) & (column < side)
    values = (overlap[good] * size / side).astype(np.float32)
    return sp.csr_matrix((values, (row[good], column[good])), shape=(size, side))
