"""Tables of numbers as text, comma separated: read row by row, so that they take no more memory than their numbers."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..arrays import Floats
from ..errors import UserError
from ..opening import MOST_TEXT, read_text

MOST_ROWS = 2_000_000
_MOST_COLUMNS = 4096
_LONGEST_ROW = 256 << 10
"""Letters of a row; OpenFace's, the longest we know, have six thousand."""


@dataclass(frozen=True)
class Table:
    """A table and its head.

    names: of the columns, blanks around them taken off.
    numbers: (T, C) float64, NaN where a cell holds no number or is missing.
    texts: of the columns that were asked for as text, the cells (T,).
    ragged: row (from 0) of another width than the head, and its width; None when there is none.
    worded: row (from 0) and content of a cell that is no number, None when there is none.
    """

    names: list[str]
    numbers: Floats
    texts: dict[str, list[str]]
    ragged: tuple[int, int] | None
    worded: tuple[int, str] | None

    def column(self, name: str) -> Floats:
        """Numbers (T,) of a column."""
        column: Floats = self.numbers[:, self.names.index(name)]
        return column


def read_table(path: Path, what: str, as_text: Sequence[str] = (), text: str | None = None) -> Table:
    """Read a table. Raises UserError when it cannot be read, has no head, or is larger than any face's.

    what: begins the sentence when it cannot be opened.
    as_text: names, in small letters, of columns whose cells are wanted as they are written.
    text: the file's, where it has been read already.
    """
    lines = iter((read_text(path, MOST_TEXT, what) if text is None else text).splitlines(keepends=True))
    try:
        rows = (row for row in _rows(path, lines) if any(cell.strip() for cell in row))
        names = [name.strip() for name in next(rows, [])]
        if not names:
            raise UserError(f"{path.name} has no table in it.")
        if len(names) > _MOST_COLUMNS:
            raise UserError(f"{path.name} has {len(names)} columns: that is no table of a face.")
        return _table(path, names, rows, {i: name for i, name in enumerate(names) if name.lower() in as_text})
    except csv.Error as error:
        raise UserError(f"{path.name} is damaged: {error}.") from error


def _rows(path: Path, lines: Iterable[str]) -> Iterator[list[str]]:
    """Rows, each of a length that a row can have: a quotation mark makes one of many lines."""
    taken = 0

    def counted() -> Iterator[str]:
        nonlocal taken
        for line in lines:
            taken += len(line)
            if taken > _LONGEST_ROW:
                raise UserError(
                    f"{path.name} has a row of more than {_LONGEST_ROW >> 10} kB: that is no table of a face."
                )
            yield line

    for row in csv.reader(counted()):
        taken = 0
        yield row


def _table(path: Path, names: list[str], rows: Iterator[list[str]], text_columns: dict[int, str]) -> Table:
    numbers: list[Floats] = []
    texts: dict[str, list[str]] = {name.lower(): [] for name in text_columns.values()}
    ragged, worded = None, None
    for i, row in enumerate(rows):
        if i >= MOST_ROWS:
            raise UserError(f"{path.name} has more than {MOST_ROWS} rows.")
        if len(row) != len(names) and ragged is None:
            ragged = i, len(row)
        line = np.full(len(names), np.nan)
        for k, cell in enumerate(row[: len(names)]):
            try:
                line[k] = float(cell)
            except ValueError:
                if worded is None and k not in text_columns:
                    worded = i, cell[:40]
        for k, name in text_columns.items():
            texts[name.lower()].append(row[k] if k < len(row) else "")
        numbers.append(line)
    table = np.stack(numbers) if numbers else np.zeros((0, len(names)))
    return Table(names, table, texts, ragged, worded)
