"""How much an export will write: its frames, its files and, roughly, their bytes."""

from __future__ import annotations

from bpy.types import Scene

BYTES_OF_GAUSSIAN = {
    "ply": 68.0,
    "compressed-ply": 16.3,
    "splat": 32.0,
    "spz": 15.1,
    "sog": 12.4,
    "glb": 56.0,
    "npz": 56.0,
    "glb-animated": 32.0,
    "usd": 32.0,
    "usd-half": 22.0,
    "usd-points": 32.0,
}
"""Of one Gaussian in one frame, as measured on the sample heads."""
ONE_FILE = {"glb-animated": 24.0, "usd": 24.0, "usd-half": 12.0, "usd-points": 24.0}
"""Formats that take the whole shot in one file, as all face curves do, and the bytes of a Gaussian that it holds once:
what does not change in the shot."""
_BYTES_OF_CURVES = {"au-csv": 145, "au-json": 135, "arkit-csv": 457, "arkit-json": 445, "usd-blendshapes": 540}
"""Of one row: a frame, but Live Link's are 60 a second."""


def scene_frames(scene: Scene) -> range:
    """The frames that are written: Blender keeps a scene's end behind its start."""
    return range(scene.frame_start, scene.frame_end + 1, scene.frame_step)


def frames_per_second(scene: Scene) -> float:
    """Of what is written: of a range with steps, fewer than the scene's."""
    return float(scene.render.fps / scene.render.fps_base / scene.frame_step)


def files_and_bytes(kind: str, gaussians: int, frames: int, fps: float) -> tuple[int, int]:
    """How many files an export makes, its manifest aside, and about how many bytes they are together.

    kind: one of `export.FORMATS`. gaussians: in each frame, those that are left out not counted.
    """
    if kind in _BYTES_OF_CURVES:
        rows = frames * 60.0 / fps if kind == "arkit-csv" else frames
        return 1, round(_BYTES_OF_CURVES[kind] * rows)
    size = BYTES_OF_GAUSSIAN[kind] * gaussians * frames
    if kind in ONE_FILE:
        return 1, round(size + ONE_FILE[kind] * gaussians)
    return frames, round(size)


def size_text(size: int) -> str:
    """Bytes as a person reads them, two digits."""
    for unit, one in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= one:
            return f"{size / one:.{1 if size < 10 * one else 0}f} {unit}"
    return f"{size} bytes"


def export_lines(scene: Scene, kind: str, gaussians: int) -> list[str]:
    """What the export dialogue says before anything is written."""
    frames, fps = scene_frames(scene), frames_per_second(scene)
    step = f", every {scene.frame_step}." if scene.frame_step > 1 else ""
    files, size = files_and_bytes(kind, gaussians, len(frames), fps)
    count = "1 file" if files == 1 else f"{files:,} files"
    return [
        f"Frames {frames[0]} to {frames[-1]}{step}",
        f"{fps:.4g} fps, {len(frames) / fps:.1f} s",
        f"{count}, about {size_text(size)}",
    ]
