"""`python -m emodifftalk`: the command line (and, as `serve`, the backend process of the add-on)."""

import sys

from emodifftalk.cli import main

if __name__ == "__main__":
    sys.exit(main())
