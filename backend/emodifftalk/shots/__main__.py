"""`python -m emodifftalk.shots`: the shot queue by itself, with nothing but Python."""

from __future__ import annotations

import argparse
import contextlib
import io
import sys

from ..core.errors import Cancelled, UserError
from .command import add_commands


def main() -> int:
    """Run the command line and return the exit code: 0, 1 (something to mend), 2 (usage), 130 (cancelled)."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(ValueError):
            if isinstance(stream, io.TextIOWrapper):  # Blender may have put another stream in its place
                stream.reconfigure(encoding="utf-8", errors="replace")
    parser = argparse.ArgumentParser(prog="emodifftalk.shots", description="Renders lists of shots.")
    add_commands(parser.add_subparsers(required=True, metavar="COMMAND"))
    options = parser.parse_args()
    try:
        return options.run(options)
    except UserError as error:
        print(f"emodifftalk: {error}", file=sys.stderr)
        return 1
    except (Cancelled, KeyboardInterrupt) as stop:
        print(f"emodifftalk: cancelled, {str(stop) or 'finished frames are kept'}.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
