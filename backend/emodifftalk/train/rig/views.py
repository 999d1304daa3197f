"""The pictures of a capture as tensors to learn from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from ...data.captures.capture import Capture, read_picture


@dataclass(frozen=True)
class CapturedView:
    """One square picture of S pixels.

    frame, name: which moment, and by which camera.
    rgba: (S, S, 4) uint8, premultiplied.
    viewmat: (4, 4) float32, world to camera in OpenCV's axes.
    K: (3, 3) float32, pixels.
    """

    frame: int
    name: str
    rgba: torch.Tensor
    viewmat: torch.Tensor
    K: torch.Tensor

    @property
    def size(self) -> int:
        """Pixels along a side."""
        return len(self.rgba)

    @property
    def shape(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return self.size, self.size

    @property
    def image(self) -> torch.Tensor:
        """Premultiplied colours (S, S, 3), 0..1: the picture on black."""
        return self.rgba[..., :3].float() / 255

    @property
    def matte(self) -> torch.Tensor:
        """(S, S), 0..1."""
        return self.rgba[..., 3].float() / 255

    def on(self, background: torch.Tensor) -> torch.Tensor:
        """The picture (S, S, 3) before a colour (3,)."""
        return self.image + (1 - self.matte[..., None]) * background

    def to(self, device: str) -> CapturedView:
        """The same on another device."""
        return replace(self, **{key: getattr(self, key).to(device) for key in ("rgba", "viewmat", "K")})


def load_views(capture: Capture, split: str, size: int, device: str = "cpu") -> list[CapturedView]:
    """All pictures by the cameras of one split, at `size` pixels. Raises UserError for a broken picture."""
    views = []
    for index, frame in enumerate(capture.frames):
        for name, path in frame.pictures.items():
            if capture.cameras[name].split == split:
                image, matte = (torch.from_numpy(x) for x in read_picture(path, size))
                # Bytes are a quarter of the memory: a whole capture stays on the card, one picture at a time is floats.
                rgba = (torch.cat([image, matte[..., None]], dim=-1) * 255).round().to(torch.uint8)
                camera = capture.camera_at(index, name).resized(size, size)
                viewmat, K = (torch.from_numpy(m).float() for m in (camera.viewmat, camera.K))
                views.append(CapturedView(index, name, rgba, viewmat, K).to(device))
    return views
