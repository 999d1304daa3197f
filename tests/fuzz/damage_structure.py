"""Files damaged by somebody who knows their format: JSON trees, tables, headers, with their lengths set right again."""

from __future__ import annotations

import base64
import copy
import gzip
import io
import json
import random
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

from .damage import MOST_BYTES, Damage, damaged_bytes

_DEEP = json.loads("[" * 200 + "]" * 200)
ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 3, 2**31, -(2**31), 2**63, 2**64, 10**30, 10**400, -(10**400), 1e308, -1e308, 1e-320,
    float("nan"), float("inf"), -float("inf"), "", "x", "NaN", "1e999", "../../etc/passwd", "/dev/zero", "\0", "\ud800",
    "a" * 5000, [], {}, [[]], [1, [2, [3]]], {"": 0}, _DEEP, [0] * 2000, list(range(4)), [None], ["x"], [1e400],
)  # fmt: skip


# ---- JSON --------------------------------------------------------------------------------------------------------


def damaged_json(rng: random.Random, data: bytes) -> bytes:
    """JSON of which one to three values, names or lists are others; now and then its text is damaged."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return damaged_bytes(rng, data)
    if rng.random() < 0.03:
        return _deep_text(rng, data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        tree = _changed(rng, tree)
    return json.dumps(tree, ensure_ascii=rng.random() < 0.7).encode("utf-8", "surrogatepass")


def damaged_json_lines(rng: random.Random, data: bytes) -> bytes:
    """JSON line by line: one of them is damaged, the order is another, some are missing."""
    lines = data.split(b"\n")
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(lines))
        lines[at] = damaged_json(rng, lines[at])
        if rng.random() < 0.2:
            rng.shuffle(lines)
    return b"\n".join(lines)


def _deep_text(rng: random.Random, data: bytes) -> bytes:
    depth = rng.choice((40, 1000, 50_000))
    opening, closing = rng.choice(((b"[", b"]"), (b'{"a":', b"}")))
    deep = opening * depth + b"0" + closing * depth
    at = data.find(b":", rng.randrange(len(data)))
    return deep if at < 0 or rng.random() < 0.3 else data[: at + 1] + deep + b"," + data[at + 1 :]


def _changed(rng: random.Random, tree: Any) -> Any:
    places = list(_places(tree))
    if not places or rng.random() < 0.03:
        return _odd(rng)
    holder, key = rng.choice(places)
    value, way = holder[key], rng.random()
    if way < 0.45:
        holder[key] = _odd(rng)
    elif way < 0.6 and isinstance(value, int | float) and not isinstance(value, bool):
        holder[key] = rng.choice((-value, value * 1e12, value * 1e-12, value + 1, str(value), [value], value / 3))
    elif way < 0.7:
        del holder[key]
    elif way < 0.8 and isinstance(holder, dict):
        holder[rng.choice((key + "s", key[:-1], key.upper(), "", "a" * 300, "../x"))] = holder.pop(key)
    elif way < 0.9:
        other, there = rng.choice(places)
        holder[key] = copy.deepcopy(other[there])  # a copy: what lies in itself has no end
    elif isinstance(holder, list):
        # Three times the same place: what it holds must not become too much for the test itself.
        times = rng.choice((1, 2, 300)) if len(places) < 1000 else 1
        holder[key:key] = [copy.deepcopy(value) for _ in range(times)]
    else:
        holder["unheard_of"] = _odd(rng)
    return tree


def _odd(rng: random.Random) -> Any:
    return copy.deepcopy(rng.choice(ODD_VALUES))


def _places(tree: Any):
    """(list or object, index or name) of everything inside."""
    stack = [tree]
    while stack:
        here = stack.pop()
        pairs = here.items() if isinstance(here, dict) else enumerate(here) if isinstance(here, list) else ()
        for key, value in pairs:
            yield here, key
            stack.append(value)


# ---- tables and lines --------------------------------------------------------------------------------------------

CELLS = ("", "nan", "inf", "-inf", "1e400", "-1", "99999999999999999999", "x", '"', "0x10", "1_0", "AU12", "\0", "é",
         "2147483648", "4294967297", "-9", "1e-400", "٣")  # fmt: skip


def damaged_table(separator: bytes) -> Damage:
    """Damages a table of lines whose cells are separated by `separator`."""

    def damaged(rng: random.Random, data: bytes) -> bytes:
        rows = [row.split(separator) for row in data.split(b"\n")]
        for _ in range(rng.choice((1, 1, 2, 5))):
            _spoil_table(rng, rows)
        return b"\n".join(separator.join(row) for row in rows)

    return damaged


def _spoil_table(rng: random.Random, rows: list[list[bytes]]) -> None:
    row, way = rng.randrange(min(len(rows), rng.choice((1, 3, len(rows))))), rng.random()
    cells = rows[row]
    column = rng.randrange(max(len(cells), 1))
    if way < 0.5 and cells:
        cells[column] = rng.choice(CELLS).encode()
    elif way < 0.6 and cells:
        del cells[column]
    elif way < 0.7:
        cells[column:column] = [rng.choice(CELLS).encode()] * rng.choice((1, 5, 500))
    elif way < 0.8 and len(rows) > 1:
        del rows[row]
    elif way < 0.9:
        rows[row:row] = [list(cells)] * rng.choice((1, 2, 100))
    else:
        other = rng.randrange(len(rows))
        rows[row], rows[other] = rows[other], rows[row]


# ---- headers before bytes ------------------------------------------------------------------------------------------


def damaged_tensors(rng: random.Random, data: bytes) -> bytes:
    """safetensors whose table of contents says something else, its length set right; or whose numbers are others."""
    length = int.from_bytes(data[:8], "little")
    if length > len(data):
        return damaged_bytes(rng, data)
    header, body = data[8 : 8 + length], data[8 + length :]
    way = rng.random()
    if way < 0.35:
        body = damaged_bytes(rng, body)[: len(body)].ljust(len(body), b"\0")
    elif way < 0.7:
        header = damaged_json(rng, header)
    else:
        header = _other_entries(rng, header)
    return len(header).to_bytes(8, "little") + header + body


def _other_entries(rng: random.Random, header: bytes) -> bytes:
    """Tensors that overlap, share their bytes, have another kind of number or another shape of the same size."""
    try:
        tree = json.loads(header)
        entries = {name: value for name, value in tree.items() if name != "__metadata__"}
        name, other = rng.choice(list(entries)), rng.choice(list(entries))
        entry, way = entries[name], rng.randrange(6)
        if way == 0:
            tree |= {f"{name}.{i}": entry for i in range(rng.choice((1, 50)))}
        elif way == 1:
            entry["data_offsets"] = entries[other]["data_offsets"]
        elif way == 2:
            entry["dtype"] = rng.choice(("F64", "F32", "F16", "I64", "U8", "BOOL", "BF16", "U16"))
        elif way == 3:
            entry["shape"] = rng.choice(([1] * 40 + entry["shape"], entry["shape"][::-1], [], [0, *entry["shape"]]))
        elif way == 4:
            tree[name], tree[other] = tree[other], tree[name]
        else:
            _empty_rows(rng, entries)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return damaged_bytes(rng, header)
    return json.dumps(tree).encode()


def _empty_rows(rng: random.Random, entries: dict) -> None:
    """Every tensor whose first axis is as long as one tensor's has no or one row."""
    count, rows = rng.choice(list(entries.values()))["shape"][0], rng.choice((0, 1))
    for entry in entries.values():
        if entry["shape"][:1] == [count]:
            begin, end = entry["data_offsets"]
            entry["shape"] = [rows, *entry["shape"][1:]]
            entry["data_offsets"] = [begin, begin + (end - begin) // max(count, 1) * rows]


def damaged_ply(rng: random.Random, data: bytes) -> bytes:
    """A .ply whose header is damaged word by word, or whose numbers are others."""
    head, mark, body = data.partition(b"end_header\n")
    if rng.random() < 0.5 and mark:
        return damaged_table(b" ")(rng, head) + mark + body
    return head + mark + damaged_bytes(rng, body)


def damaged_frames(rng: random.Random, data: bytes) -> bytes:
    """Messages of the pipe whose headers are damaged, their lengths set right."""
    frames, place = [], 0
    while place + 4 <= len(data):
        size = int.from_bytes(data[place : place + 4], "little")
        frames.append(data[place + 4 : place + 4 + size])
        place += 4 + size
    at = rng.randrange(max(len(frames), 1))
    frames[at : at + 1] = [rng.choice((damaged_json, damaged_bytes))(rng, frames[at] if frames else b"")]
    return b"".join(len(frame).to_bytes(4, "little") + frame for frame in frames)


def damaged_png(rng: random.Random, data: bytes) -> bytes:
    """A .png of which one part is damaged, missing or twice there, its checksums set right."""
    parts, place = [], 8
    while place + 12 <= len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        parts.append([data[place + 4 : place + 8], data[place + 8 : place + 8 + size]])
        place += 12 + size
    at, way = rng.randrange(len(parts)), rng.random()
    if way < 0.7:
        parts[at][1] = damaged_bytes(rng, parts[at][1])
    elif way < 0.8:
        del parts[at]
    elif way < 0.9:
        parts[at:at] = [parts[at]] * rng.choice((1, 300))
    else:
        parts[at][0] = rng.choice((b"IDAT", b"PLTE", b"tRNS", b"iCCP", b"zTXt", b"acTL", b"fdAT"))
    return data[:8] + b"".join(
        len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big") for kind, body in parts
    )


# ---- packed ----------------------------------------------------------------------------------------------------------


def packed(unpack: Callable[[bytes], bytes], pack: Callable[[bytes], bytes], inner: Damage) -> Damage:
    """Damages what is packed, and packs it again."""

    def damaged(rng: random.Random, data: bytes) -> bytes:
        try:
            return pack(inner(rng, unpack(data)))
        except (ValueError, OSError, EOFError, zlib.error):
            return damaged_bytes(rng, data)

    return damaged


def damaged_zip(rng: random.Random, data: bytes) -> bytes:
    """A .npz of which one array is damaged or missing."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as source:
            members = {name: source.read(name) for name in source.namelist()}
        name = rng.choice(list(members))
    except (
        ValueError,
        OSError,
        EOFError,
        IndexError,
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,
        RuntimeError,
    ):
        return damaged_bytes(rng, data)
    members[name] = rng.choice((damaged_bytes, damaged_table(b",")))(rng, members[name])
    if rng.random() < 0.1:
        del members[name]
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target.getvalue()


_packed_text = packed(
    lambda data: zlib.decompress(base64.b64decode(data)),
    lambda data: base64.b64encode(zlib.compress(data)),
    damaged_json,
)
BY_ENDING: dict[str, Damage] = {
    ".json": damaged_json,
    ".jsonl": damaged_json_lines,
    ".csv": damaged_table(b","),
    ".txt": damaged_table(b" "),
    ".obj": damaged_table(b" "),
    ".usda": damaged_table(b" "),
    ".safetensors": damaged_tensors,
    ".ply": damaged_ply,
    ".npz": damaged_zip,
    ".png": damaged_png,
    ".spz": packed(gzip.decompress, lambda data: gzip.compress(data, 1, mtime=0), damaged_bytes),
    ".frames": damaged_frames,
    ".packed": _packed_text,
}


def damaged(rng: random.Random, data: bytes, ending: str) -> bytes:
    """The bytes of a file with this ending, damaged: two times in three with knowledge of its format."""
    with_knowledge = BY_ENDING.get(ending)
    if with_knowledge is None or rng.random() < 0.33:
        return damaged_bytes(rng, data)
    try:
        return with_knowledge(rng, data)[:MOST_BYTES]
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError):
        return damaged_bytes(rng, data)  # it was damaged so much already that its format is gone
