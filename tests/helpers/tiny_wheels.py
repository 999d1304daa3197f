"""Tiny wheels, an index on this machine that hands them out, and an extension whose backend is made of them."""

from __future__ import annotations

import base64
import hashlib
import http.server
import threading
import time
import zipfile
from pathlib import Path

from addon.backend.install.builds import Build, Source

VERSION = "0.1.0"


def make_wheel(folder: Path, name: str, version: str, code: str = "", needs: tuple[str, ...] = ()) -> Path:
    """A pure wheel with one module. code: of the module. needs: requirements."""
    info = f"{name}-{version}.dist-info"
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    about += "".join(f"Requires-Dist: {need}\n" for need in needs)
    files = {
        f"{name}/__init__.py": code or f"__version__ = {version!r}\n",
        f"{info}/METADATA": about,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    listed = "".join(f"{path},{_digest(text)},{len(text)}\n" for path, text in files.items())
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr(f"{info}/RECORD", f"{listed}{info}/RECORD,,\n")
    return path


def _digest(text: str) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def tiny_extension(root: Path, code: str = "", version: str = VERSION) -> tuple[Source, Path]:
    """The `backend` folder of an extension, and a folder of the wheels it needs. code: of the backend's module."""
    house, backend = root / "wheels", root / "extension" / "backend"
    make_wheel(house, "tinytorch", "2.0", needs=("tinymath",))
    make_wheel(house, "tinymath", "1.5")
    make_wheel(house, "tinywords", "0.3", needs=("nowhere-to-be-had",))
    make_wheel(backend, "emodifftalk", version, code)
    (backend / "requirements.txt").write_text("# pins\ntinytorch==2.0\n")
    (backend / "requirements-nodeps.txt").write_text("tinywords==0.3\n")
    write_lock(backend, "pypi", house, "tinytorch==2.0", "tinymath==1.5")
    write_lock(backend, "without-torch", house, "tinymath==1.5")
    write_lock(backend, "weights", house, "tinywords==0.3")
    write_lock(backend, "pip", house)
    return Source(backend, version, ("tinytorch", "tinymath", "emodifftalk")), house


def write_lock(backend: Path, name: str, house: Path, *pins: str) -> None:
    """A lock of these packages, by the hashes of their wheels in a folder."""
    lines = []
    for pin in pins:
        wheel = house / f"{pin.replace('==', '-')}-py3-none-any.whl"
        lines.append(f"{pin} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")
    path = backend / "locks" / f"{name}.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(lines))


def tiny_build(choice: str = "cpu") -> Build:
    """A build of those."""
    return Build("linux", "x86_64", choice, download=100_000, disk=1_000_000, torch=10_000)


class Index:
    """A package index on this machine. asked: the files it was asked for. stall: names it never finishes sending."""

    def __init__(self, house: Path) -> None:
        self.asked: list[str] = []
        self.house = house
        self.stall: set[str] = set()
        self.stalled = threading.Event()
        self._closing = threading.Event()
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index._answer(self, house)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Its address, for pip."""
        return f"http://127.0.0.1:{self._server.server_port}/simple"

    def close(self) -> None:
        """Stop it."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: http.server.BaseHTTPRequestHandler, house: Path) -> None:
        parts = request.path.strip("/").split("/")
        if parts[0] == "simple":
            names = [path.name for path in house.glob(f"{parts[-1]}-*.whl")]
            body, kind = "".join(f'<a href="/files/{name}">{name}</a>' for name in names).encode(), "text/html"
            found = bool(names)
        else:
            path = house / parts[-1]
            found, kind = path.is_file(), "application/octet-stream"
            body = path.read_bytes() if found else b""
            self.asked.append(parts[-1])
        request.send_response(200 if found else 404)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        request.send_header("Cache-Control", "no-store")
        request.end_headers()
        if parts[-1] in self.stall:
            request.wfile.write(body[: len(body) // 2])
            request.wfile.flush()
            self.stalled.set()
            while not self._closing.is_set() and parts[-1] in self.stall:
                time.sleep(0.05)
            return
        request.wfile.write(body)
