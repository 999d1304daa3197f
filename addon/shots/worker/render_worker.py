"""Renders frames of one shot as the shot queue says: `blender -b --python render_worker.py -- --core DIR --lock FILE`.

It is told what to do in lines of JSON on its standard input and answers in lines on its standard output, as described
in `emodifftalk/shots/render_blender.py`. The .blend file is never saved.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[3]
_LOCK_SECONDS = 60.0


def main() -> int:
    """Open the shot, render frames until told to end; returns the exit code."""
    # Ctrl-C in a shell reaches the whole group: the queue decides what becomes of us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    words = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    parser = argparse.ArgumentParser(prog="render_worker", description=__doc__)
    parser.add_argument("--core", required=True, help="folder of the package emodifftalk, for a Blender that has none")
    parser.add_argument("--lock", required=True, help="file to hold locked while this lives")
    options = parser.parse_args(words)
    messages: queue.Queue[dict] = queue.Queue()
    threading.Thread(target=_listen, args=(messages,), daemon=True).start()
    package = _add_on(options.core)
    from emodifftalk.shots.file_lock import FileLock
    from emodifftalk.shots.render_blender import SAY

    lock, end = FileLock(Path(options.lock)), time.monotonic() + _LOCK_SECONDS
    while not lock.acquire():
        if time.monotonic() > end:
            return 1
        time.sleep(0.1)

    def say(event: str, **more: object) -> None:
        print(f"\n{SAY}{json.dumps({'event': event, **more})}", flush=True)

    duty = importlib.import_module(f"{package}.shots.worker.duty")
    duty.serve(messages.get, say)
    return 0


def _listen(messages: queue.Queue) -> None:
    """Whoever started this holds the other end of stdin: with them goes the work."""
    buffer = b""
    try:
        while data := os.read(0, 65536):
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                messages.put(json.loads(line))
    except (OSError, ValueError):
        pass
    os._exit(130)


def _add_on(core: str) -> str:
    """Have the add-on registered, the installed extension or else the one around this file; returns its package."""
    import bpy

    if not hasattr(bpy.types.Object, "emodifftalk"):
        ours, here = [str(_ROOT), core], str(Path(__file__).resolve().parent)
        sys.path[:] = [*ours, *(path for path in sys.path if path not in (*ours, here))]
        importlib.import_module("addon").register()
    settings = bpy.types.PropertyGroup.bl_rna_get_subclass_py("HeadSettings")
    return settings.__module__.removesuffix(".scene.properties")


if __name__ == "__main__":
    try:
        code = main()
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    # Blender's own way out can take long, or crash, when a file has been opened by a script.
    os._exit(code)
