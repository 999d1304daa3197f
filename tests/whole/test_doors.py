"""Files come in and go out, and processes start, through the doors made for it: nothing else in the program does it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

DOORS = {
    "reading": {
        "open": "core/opening.py",
        "read_bytes": "core/opening.py",
        "read_text": "core/opening.py",
        "json.load": "core/opening.py",
        "json.loads": "core/opening.py",
        "np.load": "core/opening.py",
        "np.fromfile": "core/opening.py",
        "np.memmap": "core/opening.py",
        "h5py.File": "data/captures/readers/smc_process.py",
        "Usd.Stage.Open": "core/formats/usd_curves.py",
        "soundfile.read": "speech/audio.py",
        "PIL.Image.open": "data/captures/readers/picture.py",
        "Image.open": "data/captures/readers/picture.py",
        "zlib.decompress": "",
        "gzip.decompress": "",
        "gzip.open": "",
        "pickle.load": "",
        "pickle.loads": "",
        "torch.load": "",
    },
    "writing": {
        "os.replace": "core/whole_file.py",
        "os.rename": "core/whole_file.py",
        "write_text": "core/whole_file.py",
        "write_bytes": "core/whole_file.py",
        "tempfile.mkstemp": "core/whole_file.py",
    },
    "starting": {
        "subprocess.Popen": "core/child_process.py",
        "subprocess.run": "core/child_process.py",
        "subprocess.check_output": "core/child_process.py",
        "os.system": "",
        "shutil.which": "core/child_process.py",
        "eval": "",
        "exec": "",
    },
}
"""What must not be called, and the file through which it goes instead: by the last names of the call."""


def calls(path: Path) -> Iterator[tuple[str, int]]:
    """Calls of a file, as they are written, and their lines."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


def sources() -> Iterator[Path]:
    for top in ("addon", "backend/emodifftalk"):
        yield from sorted((ROOT / top).rglob("*.py"))
