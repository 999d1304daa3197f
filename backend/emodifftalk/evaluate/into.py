"""Tables put into a Markdown file between two marks, the prose around them left alone."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import UserError
from ..core.opening import read_text
from ..core.whole_file import whole_file

BEGIN, END = "<!-- begin: run.py evaluate -->", "<!-- end: run.py evaluate -->"


def write_between(path: Path, text: str) -> None:
    """Replace what lies between the marks of the file by `text`. Raises UserError when file or marks are missing."""
    before, begin, behind = read_text(path).partition(BEGIN)
    _, ended, after = behind.partition(END)
    if not begin or not ended:
        raise UserError(f"{path} has no lines “{BEGIN}” and “{END}” to put the tables between.")
    try:
        with whole_file(path) as stream:
            stream.write(f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{after}".encode())
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from error
