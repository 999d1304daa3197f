"""Whether a picture file is all there, as far as its end tells."""

from __future__ import annotations

import os
from pathlib import Path

_ENDS = {".png": b"IEND\xaeB`\x82", ".jpg": b"\xff\xd9"}


def is_complete(path: Path) -> bool:
    """Whether the file is there, is not empty and, where its format marks the end, has its end."""
    try:
        if os.path.getsize(path) < 64:
            return False
        end = _ENDS.get(path.suffix.lower())
        if end is None:
            return True
        with open(path, "rb") as stream:
            stream.seek(-len(end), os.SEEK_END)
            return stream.read() == end
    except OSError:
        return False
