"""`shots`: many shots rendered by background Blenders."""

from __future__ import annotations

import argparse

from ..shots.command import add_commands as add_shots_commands


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    shots = commands.add_parser(
        "shots",
        help="render lists of shots in background Blenders",
        description="Renders the shots of a JSON list, or every .blend file of a folder, and goes on after any "
        "interruption. docs/manual/shots.md describes the list.",
    )
    add_shots_commands(shots.add_subparsers(dest="shots", required=True, metavar="COMMAND"))
