"""The command line: everything the backend can do, without Blender.

Exit codes: 0 done, 1 something a person can mend (one sentence on stderr), 2 wrong usage, 130 cancelled, 143 ended from
outside (SIGTERM).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys

from .. import __version__
from ..core.errors import Cancelled, UserError
from ..core.told_to_end import ToldToEnd, ends_when_told
from ..serve.server import main as serve
from . import capturing, checking, exporting, inspecting, making, rendering, training

# Read by OpenMP when torch loads: its idle threads would otherwise spin on the cores our own rasterizer works on.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line `arguments` (default: the process's own) and return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    options = _parser().parse_args(arguments)
    try:
        with ends_when_told():
            return options.run(options) or 0
    except UserError as error:
        print(f"emodifftalk: {error}", file=sys.stderr)
        return 1
    except (Cancelled, KeyboardInterrupt) as stop:
        print(f"emodifftalk: cancelled, {str(stop) or 'nothing was written'}.", file=sys.stderr)
        return 130
    except ToldToEnd:
        print("emodifftalk: ended from outside; nothing half-written stays.", file=sys.stderr)
        return 143
    except BrokenPipeError:
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="emodifftalk",
        description="A voice and feelings in plain words drive a head made of 3D Gaussians.",
        epilog="Each command has its own --help with examples.",
    )
    parser.add_argument("--version", action="version", version=f"emodifftalk {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    making.add_commands(commands)
    exporting.add_commands(commands)
    inspecting.add_commands(commands)
    capturing.add_commands(commands)
    checking.add_commands(commands)
    training.add_commands(commands)
    rendering.add_commands(commands)
    server = commands.add_parser(
        "serve",
        help="be the backend process of the Blender add-on",
        description="Speaks framed messages over stdin and stdout; no port is opened. The add-on starts it by itself "
        "and ends it with Blender; it also ends when its stdin closes. Messages and operations are described in "
        "emodifftalk/core/protocol.py and emodifftalk/serve/jobs.py.",
    )
    server.set_defaults(run=_serve)
    return parser


def _serve(options: argparse.Namespace) -> int:
    return serve()
