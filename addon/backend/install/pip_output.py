"""What pip says while it works: how far it is, and why it failed, in one sentence."""

from __future__ import annotations

import os
import re
import time

_UNITS = {"bytes": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}
_FETCHED = re.compile(r"\s*(Downloading|Using cached) (\S+?)(?:#\S*)? \(([\d.]+) (bytes|kB|MB|GB)\)")
_PROGRESS = re.compile(r"\s*Progress (\d+) of (\d+)")
_LOCAL = re.compile(r"\s*Processing (\S+\.whl)")
_COLLECTING = re.compile(r"\s*Collecting ([\w.-]+)")
_INSTALLING = re.compile(r"\s*Installing collected packages: (.+)")
_DOWNLOAD_SHARE = 0.75
"""Of the time that pip takes, about so much goes into downloading."""


class PipProgress:
    """How far pip is. fraction: 0..1, never falls. text: what it does. Fed with its lines as they come."""

    def __init__(self, expected: float) -> None:
        """expected: bytes of all downloads together, about."""
        self.fraction = 0.0
        self.text = ""
        self._expected = max(expected, 1.0)
        self._sizes: dict[str, float] = {}
        self._current = ""
        self._done = 0.0
        self._partial = 0.0
        self._fetched = 0.0
        self._began: float | None = None
        self._installing: list[str] = []

    def feed(self, line: str) -> bool:
        """Take a line; whether it is one that no log needs."""
        if match := _PROGRESS.match(line):
            self._progressed(float(match[1]), float(match[2]))
            return True
        if line.startswith("WARNING: Location") and "is ignored" in line:
            return True  # an index that lacks a package, which most do
        if match := _FETCHED.match(line):
            self._file(match[1], match[2].rpartition("/")[2], float(match[3]) * _UNITS[match[4]])
        elif match := _INSTALLING.match(line):
            self._finish_file()
            self._installing = [_plain(name) for name in match[1].split(",")]
            self.text = f"Unpacking {len(self._installing)} packages"
            self._advance(_DOWNLOAD_SHARE)
        elif match := _COLLECTING.match(line):
            self.text = f"Looking up {match[1]}"
        elif match := _LOCAL.match(line):
            self._file("Using", os.path.basename(match[1]), _bytes_of(match[1]))
        return False

    def installed(self, names: set[str]) -> None:
        """Hear which packages are there by now; pip itself is silent while it unpacks."""
        if not self._installing:
            return
        weights = {name: self._sizes.get(name, 1e5) + 1e5 for name in self._installing}
        there = [name for name in self._installing if name in names]
        missing = next((name for name in self._installing if name not in names), "")
        self.text = f"Unpacking {missing} ({len(there)} of {len(self._installing)})" if missing else "Finishing"
        share = sum(weights[name] for name in there) / sum(weights.values())
        self._advance(_DOWNLOAD_SHARE + (1 - _DOWNLOAD_SHARE) * share)

    def _file(self, verb: str, filename: str, size: float) -> None:
        self._finish_file()
        if filename.endswith(".metadata"):
            return
        name = _plain(filename.partition("-")[0])
        self._sizes[name] = size
        if verb == "Downloading":
            self._current = name
            self._show(0.0)
        else:
            self._done += size
            self.text = f"{filename.partition('-')[0]} is there already"
            self._advance(self._bytes_share())

    def _progressed(self, done: float, total: float) -> None:
        if self._current:
            self._sizes[self._current] = max(total, 1.0)
            self._show(done)

    def _show(self, done: float) -> None:
        now = time.monotonic()
        if self._began is None:
            self._began = now
        self._fetched += done - self._partial
        self._partial = done
        total, rate = self._sizes[self._current], self._fetched / max(now - self._began, 0.1)
        self.text = f"Downloading {self._current}"
        if total > 1e6:
            self.text += f", {done / 1e6:.0f} of {total / 1e6:.0f} MB"
        left = self._expected - self._done - done
        if now - self._began > 5 and rate > 1 and left > 0:
            self.text += f", {rate / 1e6:.1f} MB/s, {_duration(left / rate)} left"
        self._advance(self._bytes_share())

    def _finish_file(self) -> None:
        if self._current:
            self._fetched += self._sizes[self._current] - self._partial
            self._done += self._sizes[self._current]
        self._current, self._partial = "", 0.0

    def _bytes_share(self) -> float:
        return _DOWNLOAD_SHARE * min((self._done + self._partial) / self._expected, 1.0)

    def _advance(self, fraction: float) -> None:
        self.fraction = max(self.fraction, min(fraction, 1.0))


def _plain(name: str) -> str:
    """A package's name the way folders of installed packages spell it."""
    return re.sub(r"[-_.]+", "_", name.strip()).lower()


def _bytes_of(path: str) -> float:
    try:
        return float(os.path.getsize(path))
    except OSError:
        return 0.0


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


# In this order: a package that is “not found” because nothing could be reached is a matter of the network.
_REASONS: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("no space left", "errno 28", "not enough space", "winerror 112", "disk quota exceeded", "errno 122"),
        "The disk is full: free some space, or choose a Backend Folder on another disk in the add-on's preferences.",
    ),
    (
        ("long path support",),
        "A path got longer than Windows allows: choose a Backend Folder with a short path, such as C:\\EmoDiffTalk, "
        "in the add-on's preferences.",
    ),
    (
        ("407 proxy", "proxyerror", "cannot connect to proxy", "tunnel connection failed"),
        "The network's proxy refused the connection: set HTTPS_PROXY with your user name before Blender starts, or "
        "install from a folder of wheels (see the add-on's preferences).",
    ),
    (
        ("certificate_verify_failed", "certificate verify failed", "sslerror", "ssl: "),
        "The connection's certificate was not accepted, often the work of a company's firewall or a virus scanner: "
        "let PIP_CERT name its certificate, or install from a folder of wheels (see the add-on's preferences).",
    ),
    (
        ("not match the hashes",),
        "A download is not the file that this version was made with, it was damaged on its way or exchanged: press the "
        "button again; if that does not help, report it.",
    ),
    (
        ("bad crc", "badzipfile", "is not a zip file", "invalid wheel", "is invalid"),
        "A download arrived damaged: press the button again.",
    ),
    (
        (
            "failed to establish a new connection", "name resolution", "getaddrinfo failed", "nodename nor servname",
            "network is unreachable", "connection refused", "connection reset", "connection aborted", "timed out",
            "max retries exceeded", "incompleteread", "connection broken", "remotedisconnected",
            "name or service not known", "temporary failure in name",
        ),
        "The package index cannot be reached: check the network connection and press the button again; what is "
        "downloaded is kept.",
    ),
    (
        ("http error 5", "503 server error", "502 server error", "500 server error", "429 client error"),
        "The package index has a problem of its own: try again in a while; what is downloaded is kept.",
    ),
    (
        ("winerror 32", "being used by another process"),
        "A file is in use, by another Blender or by a virus scanner: close it, or allow Blender's folder in the "
        "scanner, and press the button again.",
    ),
    (
        ("permission denied", "access is denied", "winerror 5]", "errno 13]", "not permitted", "winerror 225"),
        "A file could not be written: a virus scanner or the folder's permissions forbid it; allow it there, or choose "
        "another Backend Folder in the add-on's preferences.",
    ),
    (
        ("memoryerror", "cannot allocate memory", "errno 12]"),
        "The computer ran out of memory: close other programs and press the button again.",
    ),
    (
        ("dll load failed", "winerror 126", "winerror 1114"),
        "A system library is missing: install Microsoft's Visual C++ Redistributable (x64) and press Repair.",
    ),
)  # fmt: skip


def explain(output: str, code: int = 1) -> str:
    """Why pip, or the Python it ran in, failed: one sentence with what to do. code: its exit code."""
    low = output.lower()
    for signs, sentence in _REASONS:
        if any(sign in low for sign in signs):
            if "download.pytorch.org" in low and sentence.startswith("The package index cannot"):
                return (
                    "download.pytorch.org, which has this build of PyTorch, cannot be reached: check the network, or "
                    "choose the other build, which comes from PyPI."
                )
            return sentence
    if code in (-9, 137):
        return "It was killed, most often for lack of memory: close other programs and press the button again."
    if "no matching distribution" in low or "could not find a version" in low:
        wanted = re.search(r"no matching distribution found for ([^\s(]+)", output, re.IGNORECASE)
        package = f" ({wanted[1]})" if wanted else ""
        return f"A package{package} does not come for this system and Python, or not from this index: see the log."
    if "requires a different python" in low or "not a supported wheel" in low:
        return "A package does not come for this Python: see the log."
    errors = [line.strip() for line in output.splitlines() if re.match(r"\s*(error|\w*error:)", line, re.IGNORECASE)]
    last = errors[-1] if errors else next((x.strip() for x in reversed(output.splitlines()) if x.strip()), "no reason")
    return f"The installation stopped: “{last[:200]}”. See the log."
