"""Recognises which layout a data set has and reads it."""

from __future__ import annotations

import os
from pathlib import Path

from ....core.errors import UserError
from . import own
from .record import Capture


def open_dataset(path: str | os.PathLike, **options: object) -> Capture:
    """The capture in a folder or file of any layout that docs/formats/captures.md describes; pictures are only located.

    options: fields of `recording.DatasetSettings`; they overrule `dataset.json` beside the data, which may hold the
    same.
    Raises UserError, one sentence, naming the first broken file and what to do.
    """
    path = Path(path)
    if (path / own.FILE).exists():
        return own.read_own(path)
    # Only here: captures of our own open without what registers a template on somebody else's mesh.
    from . import colmap, emotalk3d, renderme360, transforms_json
    from .assemble import assemble
    from .recording import read_settings

    # In this order, because nerfstudio keeps a COLMAP model beside its transforms.json.
    for layout in (renderme360, transforms_json, emotalk3d, colmap):
        if layout.recognises(path):
            beside = renderme360.home(path) if layout is renderme360 else path if path.is_dir() else path.parent
            settings = read_settings(beside, options)
            try:
                return assemble(layout.read(path, settings), settings)
            except OSError as error:  # of a folder: files say themselves what is wrong with them
                raise UserError(f"{error.filename or path} cannot be read: {error.strerror or error}.") from error
    if not path.exists():
        raise UserError(f"{path} is not a capture: there is no such folder or file ({own.FILE} cannot be read).")
    raise UserError(
        f"{path} is not a capture: it holds no {own.FILE}, no .smc files of RenderMe-360, no transforms.json, no "
        "COLMAP model and no cameras of EmoTalk3D (see docs/formats/captures.md)."
    )
