"""Pictures that each come with a camera of their own, sorted into cameras and moments; and the mattes beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from ....core.errors import UserError
from ....core.opening import is_plain_file
from .picture import StoredPicture
from .recording import Device, Sight

MATTES = ("masks", "mattes", "mask", "matting", "matte", "fg_masks", "alpha_maps")
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class Photograph:
    """One picture of a camera at a moment."""

    moment: str
    camera: str
    device: Device
    sight: Sight


def sort_photographs(
    photographs: list[Photograph], where: str
) -> tuple[dict[str, Device], dict[str, dict[str, Sight]]]:
    """Cameras by name, and moments by name in rising order, each with its pictures.

    A camera that moves becomes one camera per place. Raises UserError for two pictures of one camera at one moment.
    """
    cameras: dict[str, Device] = {}
    moments: dict[str, dict[str, Sight]] = {}
    for one in sorted(photographs, key=lambda p: (p.moment, p.camera)):
        name = one.camera
        if name in cameras and not same_device(cameras[name], one.device):
            name = f"{one.camera}@{one.moment}"
        views = moments.setdefault(one.moment, {})
        if name in views:
            raise UserError(f"{where} has two pictures of camera {name} at {one.moment}: {one.sight.color.name}.")
        cameras.setdefault(name, one.device)
        views[name] = one.sight
    return cameras, moments


def same_device(a: Device, b: Device) -> bool:
    """Whether two calibrations are one camera that has not moved."""
    scale = 1 + np.abs(a.camera.viewmat[:3, 3]).max()
    still = np.allclose(a.camera.viewmat, b.camera.viewmat, atol=1e-5 * scale)
    size = (a.camera.width, a.camera.height) == (b.camera.width, b.camera.height)
    return still and size and np.allclose(a.camera.K, b.camera.K, rtol=1e-5) and a.lens == b.lens


def find_matte(folder: Path, picture: Path) -> StoredPicture | None:
    """The matte of a picture: beside `images/a/b.jpg` that is `masks/a/b.png` or COLMAP's `masks/a/b.jpg.png`, in any
    folder of MATTES; None when the picture has alpha and no such file. Raises UserError when it has neither.
    """
    relative = PurePosixPath(picture.relative_to(folder).as_posix())
    below = relative.relative_to(relative.parts[0]) if len(relative.parts) > 1 else relative
    for name in MATTES:
        if (folder / name).is_dir():
            for candidate in (below.with_suffix(".png"), PurePosixPath(f"{below}.png"), below):
                if is_plain_file(folder / name / candidate):
                    return StoredPicture(folder / name / candidate)
    if StoredPicture(picture).has_alpha():
        return None
    raise UserError(
        f"{picture} has no matte: add {folder / MATTES[0] / below.with_suffix('.png')}, white where the person is, or "
        "use pictures with alpha."
    )
