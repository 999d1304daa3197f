"""`python -m emodifftalk.evaluate.slim SUBJECT NAME`: keep a subject's appearance for the ablation.

SUBJECT is the file that `emodifftalk train appearance --without-codes` wrote, NAME a subject of the held-out set; it
goes into the set without motion and speech models of its own.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from ..core.errors import UserError
from ..core.subject import load_subject, save_subject
from .held_out_set import SHIPPED
from .variants import opacity_file


def main() -> int:
    """Write the file and return the exit code."""
    if len(sys.argv) != 3:
        print("usage: python -m emodifftalk.evaluate.slim SUBJECT NAME", file=sys.stderr)
        return 2
    try:
        target = opacity_file(SHIPPED, sys.argv[2])
        save_subject(target, replace(load_subject(Path(sys.argv[1])), motion={}, speech={}))
    except UserError as error:
        print(f"slim: {error}", file=sys.stderr)
        return 1
    print(f"Written: {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
