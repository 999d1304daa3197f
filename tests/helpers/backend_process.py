"""Talking to a backend process over its pipes."""

from __future__ import annotations

import subprocess

from emodifftalk.core.protocol import read_message, write_message


def ask(process: subprocess.Popen, number: int, op: str, params: dict) -> dict:
    """The final reply to one request."""
    write_message(process.stdin, {"id": number, "op": op, "params": params})
    while True:
        reply, _ = read_message(process.stdout)
        if reply["id"] == number and reply["event"] != "progress":
            return reply
