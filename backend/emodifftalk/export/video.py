"""A video with its voice, encoded by the ffmpeg that imageio-ffmpeg brings."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

import numpy as np

from ..core.child_process import PACKAGE, environment, window_flags
from ..core.errors import UserError
from ..core.whole_file import begin_part, drop_part, finish_part


class VideoWriter:
    """H.264 video, frame by frame, from pictures (H, W, 3) uint8.

    width, height: pixels, even numbers.
    fps: frames per second.
    audio: the voice laid under it, None for none.
    audio_start: seconds of it at the first frame.
    The file appears when the writer is closed without an error. Raises UserError when ffmpeg refuses.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        width: int,
        height: int,
        fps: float,
        audio: str | os.PathLike | None = None,
        audio_start: float = 0.0,
    ) -> None:
        import imageio_ffmpeg

        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{self.path.parent} cannot be written: {error.strerror}.") from error
        try:
            self._part = begin_part(self.path, self.path.suffix)
        except OSError as error:
            raise UserError(f"{self.path} cannot be written: {error.strerror}.") from error
        video = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{fps:g}", "-i", "-"]
        # Nothing but a file: ffmpeg would take a name like “http://…” or “concat:…” for what it says.
        voice = (
            ["-ss", f"{audio_start:g}", "-i", f"file:{os.path.abspath(audio)}", "-c:a", "aac", "-b:a", "160k"]
            if audio
            else []
        )
        self._log = tempfile.TemporaryFile()
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", *video, *voice]
        command += ["-c:v", "libx264", "-crf", "16", "-preset", "medium", "-pix_fmt", "yuv420p"]
        command += ["-movflags", "+faststart", f"file:{os.path.abspath(self._part)}"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stderr=self._log,
            cwd=PACKAGE,
            env=environment(),
            creationflags=window_flags(),
        )
        assert self._process.stdin is not None  # it was asked for
        self._pipe = self._process.stdin

    def add(self, picture: np.ndarray) -> None:
        """Append one picture."""
        try:
            self._pipe.write(np.ascontiguousarray(picture, np.uint8).tobytes())
        except OSError:
            self._fail()

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self._pipe.close()
        except OSError:
            pass
        if error is not None:
            self._process.kill()  # it must not go on to make a movie of half of it
        code = self._process.wait()
        if error is not None or code:
            drop_part(self._part)
            if error is None:
                self._fail()
            return
        try:
            finish_part(self._part, self.path)
        except OSError as refused:
            drop_part(self._part)
            raise UserError(f"{self.path} cannot be written: {refused.strerror}.") from refused

    def _fail(self) -> None:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        raise UserError(f"{self.path.name} could not be encoded: {lines[-1] if lines else 'ffmpeg gave no reason'}.")
