"""How large a build is: asked of the package index where that answers, else as measured when this was released."""

from __future__ import annotations

import importlib.util
import re
import urllib.parse
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emodifftalk.core.opening import parse_json

from .builds import Build, Source, table
from .machine import Machine

if TYPE_CHECKING:
    import ssl

PYPI = "https://pypi.org/simple"
_JSON = "application/vnd.pypi.simple.v1+json"
_HREF = re.compile(r'href="([^"]+)"')
_TAGS = {
    ("linux", "x86_64"): r"manylinux\w*_x86_64|linux_x86_64",
    ("linux", "aarch64"): r"manylinux\w*_aarch64|linux_aarch64",
    ("windows", "x86_64"): "win_amd64",
    ("macos", "aarch64"): r"macosx\w*_(arm64|universal2)",
}


@dataclass(frozen=True)
class Size:
    """How large a build is.

    download, disk: bytes to fetch, and on the disk afterwards.
    origin: where the numbers come from, a few words.
    """

    download: int
    disk: int
    origin: str


def shipped(build: Build) -> Size:
    """What `builds.toml` says."""
    how = f"measured in {table()['measured_in']}" if build.measured else "estimated, the index was not asked"
    return Size(build.download, build.disk, how)


def asked(build: Build, source: Source, machine: Machine, python: tuple[int, int], seconds: float = 4.0) -> Size:
    """The same with torch's wheel as its index says now; the shipped numbers when that does not answer in time."""
    known = shipped(build)
    version = f"{source.pinned('torch')}{build.local}"
    try:
        now = wheel_bytes(build.index or PYPI, "torch", version, machine, python, seconds)
    except (OSError, ValueError):
        return known
    if now is None:
        return known
    more = now - build.torch
    return Size(build.download + more, build.disk + 2 * more, "as the package index says now")


def wheel_bytes(
    index: str, name: str, version: str, machine: Machine, python: tuple[int, int], seconds: float
) -> int | None:
    """Size of the wheel an index has for a machine, None when it has none.

    Raises OSError or ValueError when the index does not answer sensibly.
    """
    page, kind = fetch(f"{index}/{name}/", seconds, accept=f"{_JSON}, text/html;q=0.5")
    if "json" in kind:
        files = [(file["filename"], file.get("size"), file["url"]) for file in parse_json(page)["files"]]
    else:
        links = [urllib.parse.urljoin(f"{index}/{name}/", link) for link in _HREF.findall(page.decode())]
        files = [(urllib.parse.unquote(link.partition("#")[0].rpartition("/")[2]), None, link) for link in links]
    match = choose([file[0] for file in files], name, version, machine, python)
    for filename, size, url in files:
        if filename == match:
            return size if size is not None else _length(url.partition("#")[0], seconds)
    return None


def choose(filenames: Iterable[str], name: str, version: str, machine: Machine, python: tuple[int, int]) -> str | None:
    """The wheel among these files that pip would take for a machine, roughly: the last one that fits."""
    tag = rf"(cp{python[0]}{python[1]}-cp{python[0]}{python[1]}|(py3|cp3\d+)-(none|abi3))"
    platform = rf"(any|([\w.]*({_TAGS[machine.system, machine.processor]})))"
    pattern = re.compile(rf"{name.replace('-', '_')}-{re.escape(version)}-{tag}-{platform}\.whl", re.IGNORECASE)
    return next((file for file in reversed(list(filenames)) if pattern.fullmatch(file)), None)


def fetch(url: str, seconds: float, accept: str = "*/*", method: str = "GET") -> tuple[bytes, str]:
    """Body and content type of an address. Raises OSError when it cannot be had within `seconds`."""
    from urllib.request import Request, urlopen  # long to load, and Blender waits for us when it starts

    request = Request(url, method=method, headers={"Accept": accept, "User-Agent": "EmoDiffTalk"})
    with urlopen(request, timeout=seconds, context=_trust()) as answer:
        return answer.read(), answer.headers.get("Content-Type", "")


def _length(url: str, seconds: float) -> int | None:
    from urllib.request import Request, urlopen

    request = Request(url, method="HEAD", headers={"User-Agent": "EmoDiffTalk"})
    with urlopen(request, timeout=seconds, context=_trust()) as answer:
        length = answer.headers.get("Content-Length")
    return int(length) if length else None


def _trust() -> ssl.SSLContext:
    """The system's certificates, and certifi's where Blender's Python brings no others."""
    import ssl

    context = ssl.create_default_context()
    if not context.cert_store_stats()["x509_ca"] and importlib.util.find_spec("certifi") is not None:
        import certifi

        context.load_verify_locations(certifi.where())
    return context


def readable(count: float) -> str:
    """Bytes the way file managers say them."""
    if count < 0.95e9:
        return f"{count / 1e6:.0f} MB"
    return f"{count / 1e9:.1f} GB"


def minutes(size: Size, megabits: float = 100.0) -> float:
    """Minutes to download at so many megabits a second and to unpack at 40 MB a second, a guess for planning."""
    return (size.download * 8e-6 / megabits + size.disk / 40e6) / 60
