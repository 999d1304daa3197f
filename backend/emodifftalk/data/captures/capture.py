"""A capture: pictures with cameras, the tracked template points of every frame, and seeds for the OTF points.

Our own layout is a folder with

    capture.json            cameras, frames and which camera saw which frame
    pictures/*.png          RGBA, straight alpha, sRGB
    points.safetensors      points (frames, V, 3), seed_points (M, 3), seed_colors (M, 3), seed_group (M,) u8

Other data sets (EmoTalk3D, RenderMe-360, transforms.json, COLMAP) are read through `readers`
(docs/formats/captures.md).
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from .readers import open_dataset
from .readers.own import save_capture
from .readers.picture import Picture, StoredPicture
from .readers.record import Capture, CaptureCamera, CaptureFrame

__all__ = ["Capture", "CaptureCamera", "CaptureFrame", "load_capture", "read_picture", "save_capture"]


def load_capture(path: str | os.PathLike) -> Capture:
    """Read and check a capture of any layout; pictures are only located. Raises UserError naming the first broken file.

    What a person may choose about a data set is said in its `dataset.json`.
    """
    return open_dataset(path)


def read_picture(picture: Path | Picture, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Colours premultiplied by the matte (size, size, 3) and the matte (size, size), float32 0..1.

    A path is an RGBA file. Raises UserError when the picture is missing, damaged or has no matte.
    """
    return (picture if isinstance(picture, Picture) else Picture(StoredPicture(picture))).read(size)
