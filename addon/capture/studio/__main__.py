"""Photographs a character of a .blend file as the plan in a folder says: the child process of the backend's capture.

`blender -b scene.blend --python …/studio/__main__.py -- --blend scene.blend --folder OUT`, or the same words after
`python -m addon.capture.studio` where Blender is a Python module. The .blend file is never saved.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import threading
from pathlib import Path


def main() -> int:
    """Parse the command line, photograph, return the exit code."""
    words = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    parser = argparse.ArgumentParser(prog="addon.capture.studio", description=__doc__)
    parser.add_argument("--blend", required=True, help="the file with the character")
    parser.add_argument("--folder", required=True, help="the capture's folder, with its plan.json")
    parser.add_argument("--core", help="folder that has the package emodifftalk, where Blender does not know it")
    parser.add_argument("--child", action="store_true", help="end when the standard input closes")
    options = parser.parse_args(words)
    if options.child:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    _find_packages(options.core)
    from addon.capture.studio.session import photograph_character
    from emodifftalk.core.errors import UserError
    from emodifftalk.core.plan import SAY

    def say(event: dict) -> None:
        print(f"{SAY}{json.dumps(event)}", flush=True)

    try:
        photograph_character(Path(options.blend), Path(options.folder), say)
    except UserError as error:
        say({"event": "error", "text": str(error)})
        return 1
    say({"event": "done"})
    return 0


def _end_with_parent() -> None:
    """Whoever started this holds the other end of stdin: with them goes the work."""
    try:
        while os.read(0, 4096):
            pass
    except OSError:
        pass
    os._exit(130)


def _find_packages(core: str | None) -> None:
    """Make this add-on and `emodifftalk.core` importable when Blender runs this file as a script."""
    root = str(Path(__file__).resolve().parents[3])
    sys.path[:] = [root, *(path for path in sys.path if path not in (root, str(Path(__file__).resolve().parent)))]
    if core and importlib.util.find_spec("emodifftalk") is None:
        sys.path.append(core)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # Blender's own way out can take long, or crash, when a file has been opened by a script.
    os._exit(code)
