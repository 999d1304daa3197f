"""Bytes damaged the way files are damaged: flipped, cut, doubled, swapped, with numbers nobody expects in them."""

from __future__ import annotations

import os
import random
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

Damage = Callable[[random.Random, bytes], bytes]
MOST_BYTES = 4 << 20
"""No damaged file is larger, so that cases stay fast."""
NUMBERS = (
    b"\0", b"\1", b"\x7f", b"\x80", b"\xff",
    *(struct.pack("<h", n) for n in (-1, 0, 255, 32767, -32768)),
    *(struct.pack("<i", n) for n in (-1, 0, 1, 65536, 2**31 - 1, -(2**31))),
    *(struct.pack(">i", n) for n in (1, 65536, 2**31 - 1, -(2**31))),
    *(struct.pack("<q", n) for n in (-1, 0, 2**31, 2**32, 2**40, 2**63 - 1, -(2**63))),
    *(struct.pack("<f", n) for n in (0.0, -1.0, 1e10, 1e30, 3e38, float("nan"), float("inf"), float("-inf"))),
    *(struct.pack("<d", n) for n in (1e308, -1e308, 5e-324, float("nan"), float("inf"))),
)  # fmt: skip


def damaged_bytes(rng: random.Random, data: bytes) -> bytes:
    """The bytes with one to four faults that know nothing of the format."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data = rng.choice(_FAULTS)(rng, data)[:MOST_BYTES]
    return data


def _flip(rng: random.Random, data: bytes) -> bytes:
    whole = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 40))):
        if whole:
            whole[_place(rng, len(whole))] ^= 1 << rng.randrange(8)
    return bytes(whole)


def _overwrite(rng: random.Random, data: bytes) -> bytes:
    number = rng.choice(NUMBERS)
    at = _place(rng, len(data) + 1)
    at -= at % rng.choice((1, len(number), 4))
    return data[:at] + number + data[at + len(number) :]


def _cut(rng: random.Random, data: bytes) -> bytes:
    return data[: _place(rng, len(data) + 1)]


def _take_out(rng: random.Random, data: bytes) -> bytes:
    at = _place(rng, len(data) + 1)
    return data[:at] + data[at + rng.choice((1, 2, 4, 16, 300)) :]


def _double(rng: random.Random, data: bytes) -> bytes:
    begin, size = _place(rng, len(data) + 1), rng.choice((1, 4, 16, 300, len(data)))
    return data[: begin + size] + data[begin : begin + size] * rng.choice((1, 1, 3)) + data[begin + size :]


def _swap(rng: random.Random, data: bytes) -> bytes:
    a, b, c = sorted(_place(rng, len(data) + 1) for _ in range(3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def _insert(rng: random.Random, data: bytes) -> bytes:
    at = _place(rng, len(data) + 1)
    return data[:at] + rng.randbytes(rng.choice((1, 3, 8, 200))) + data[at:]


def _place(rng: random.Random, size: int) -> int:
    """Anywhere, half of the time in the first 200 bytes: there headers are."""
    return rng.randrange(max(1, min(size, 200) if rng.random() < 0.5 else size))


_FAULTS: tuple[Damage, ...] = (_flip, _flip, _overwrite, _overwrite, _cut, _take_out, _double, _swap, _insert)


# ---- what lies in a file's place ---------------------------------------------------------------------------------


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _folder(path: Path) -> None:
    path.mkdir()
    (path / "inside").write_bytes(b"x")


def _nothing(path: Path) -> None:
    """A file that is gone."""


def _empty(path: Path) -> None:
    path.touch()


def _dangling(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


def _circle(path: Path) -> None:
    path.symlink_to(path.name)


def _endless(path: Path) -> None:
    """A file of a tebibyte that takes no room."""
    path.touch()
    os.truncate(path, 1 << 40)


def _forbidden(path: Path) -> None:
    path.write_bytes(b"{}")
    path.chmod(0)


IN_ITS_PLACE: dict[str, Callable[[Path], None]] = {
    "pipe": _pipe, "device": _device, "folder": _folder, "missing": _nothing, "empty": _empty, "dangling": _dangling,
    "circle": _circle, "endless": _endless, "forbidden": _forbidden,
}  # fmt: skip
"""What may lie where a file should be, and how to put it there. POSIX only."""


def clear(path: Path) -> None:
    """Take away whatever lies there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
