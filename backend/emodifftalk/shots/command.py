"""`shots run`, `status`, `make`, `pause`, `resume` and `cancel`, for the backend's command line and for Blender's own
Python (`python -m emodifftalk.shots`)."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..core.blender_process import find_blender, find_script
from ..core.errors import Cancelled, UserError
from .journal import Journal
from .names import CANCEL, CANCELLED, CHANGED, FAILED, PAUSE, REFUSE, RENDERING, RESUME, WAITING
from .queue_folder import QueueFolder
from .report import clock, remarks, status_sentence, write_queue_report
from .runner import Runner, RunnerSettings
from .shot_list import LONGEST_PATIENCE, ShotList, list_of_folder, load_list
from .time_left import in_words

SCRIPT = ("shots", "worker", "render_worker.py")
_LOG_EVERY = 10.0
"""Seconds between two lines of progress in a log."""


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the commands to a parser of `shots`."""
    run = commands.add_parser(
        "run",
        help="render the shots of a list, or of every .blend file in a folder",
        description="Renders shots in background Blenders. Interrupted or killed, the same command goes on: a finished "
        "frame is not rendered again. A shot that fails does not stop the others. In the end report.html and "
        "report.json in the output folder say how it went; the exit code is 1 when a shot failed.",
        epilog="example: emodifftalk shots run shots.json --jobs 2",
    )
    _list_argument(run)
    run.add_argument("--jobs", type=int, help="Blenders at a time (default: the list's, 1)")
    run.add_argument("--blender", default="", help="the program (default: $EMODIFFTALK_BLENDER, blender on the PATH)")
    run.add_argument(
        "--changed", choices=CHANGED, default=REFUSE,
        help="frames of another version of the shot: refuse to mix (default), render them again, keep them",
    )  # fmt: skip
    run.add_argument(
        "--patience", type=float,
        help="minutes without a sign of life after which a Blender is ended and its frame given to another (default: "
        "the list's, else three times the slowest frame so far and at least 5; 30 until a frame is done)",
    )  # fmt: skip
    # For the add-on's panel: its own script, and to end when the standard input closes.
    run.add_argument("--worker", default="", help=argparse.SUPPRESS)
    run.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    run.add_argument("--polite", action="store_true", help="leave the computer's strength to others when they want it")
    run.set_defaults(run=_run)

    status = commands.add_parser("status", help="say how far a list is")
    _list_argument(status)
    status.add_argument("--json", action="store_true", help="print what the queue last said of itself")
    status.set_defaults(run=_status)

    make = commands.add_parser(
        "make",
        help="print a list of every .blend file in a folder, to edit and run",
        epilog="example: emodifftalk shots make scenes > scenes/shots.json",
    )
    make.add_argument("folder", help="the folder; paths in the list are relative to it")
    make.set_defaults(run=_make)

    for what, words in (
        (PAUSE, "let the running queue finish its current frames, then wait"),
        (RESUME, "let a paused queue go on"),
        (CANCEL, "stop the running queue at once; finished frames are kept"),
    ):
        ask = commands.add_parser(what, help=words)
        _list_argument(ask)
        ask.set_defaults(run=_ask, what=what)


def _list_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("list", help="the list (.json), or a folder of .blend files")
    parser.add_argument("--out", default="", help="output folder (default: the list's, renders beside it)")


def _run(options: argparse.Namespace) -> int:
    shots = load_list(options.list, options.out)
    jobs = options.jobs if options.jobs is not None else shots.jobs
    if not 1 <= jobs <= 64:
        raise UserError(f"--jobs must be from 1 to 64, {jobs} does not fit.")
    patience = options.patience if options.patience is not None else shots.patience
    if not 0 <= patience <= LONGEST_PATIENCE:
        raise UserError(f"--patience is minutes from 0 to {LONGEST_PATIENCE}, {patience:g} does not fit.")
    script = find_script(*SCRIPT, chosen=options.worker)
    settings = RunnerSettings(find_blender(options.blender), script, jobs, options.changed, patience * 60)
    if options.polite and hasattr(os, "nice"):
        os.nice(10)
    print(f"{len(shots.shots)} shots to {shots.folder}", flush=True)
    with _stop_signals(options.child) as cancelled:
        status = Runner(shots, settings, ProgressOfShots(), cancelled).run()
    print(f"\n{status_sentence(status)}")
    for shot in status["shots"]:
        for sentence in remarks(shot):
            print(f"  {shot['name']}: {sentence}")
    print(f"  report: {write_queue_report(QueueFolder(shots.folder), status)}", flush=True)
    if status["state"] == CANCELLED:
        raise Cancelled("finished frames are kept; the same command goes on")
    if status["state"] == FAILED:
        failed = sum(shot["state"] == FAILED for shot in status["shots"])
        raise UserError(f"{failed} of {len(shots.shots)} shots failed; the report says why.")
    return 0


class ProgressOfShots:
    """Called with every status: a line redrawn in place on a terminal, a line now and then in a log."""

    def __init__(self) -> None:
        self._terminal, self._at, self._before = sys.stdout.isatty(), 0.0, ""

    def __call__(self, status: dict) -> None:
        """Say how far it is."""
        line, now = progress_line(status), time.monotonic()
        if self._terminal:
            print(f"\r{line:<100.100}", end="", flush=True)
        elif line != self._before and now - self._at >= _LOG_EVERY:
            self._at = now
            print(line, flush=True)
        self._before = line


def progress_line(status: dict) -> str:
    """A status in one line."""
    shots = status["shots"]
    over = sum(shot["state"] not in (WAITING, RENDERING) for shot in shots)
    done, total = sum(shot["done"] for shot in shots), sum(shot["total"] or 0 for shot in shots)
    unknown = "+" if any(shot["total"] is None and shot["state"] != FAILED for shot in shots) else ""
    current = ", ".join(shot["name"] for shot in shots if shot["state"] == RENDERING)
    parts = [f"{over} of {len(shots)} shots", f"frame {done} of {total}{unknown}", in_words(status["left"]), current]
    return f"{status['state']}: " + " · ".join(part for part in parts if part)


def _status(options: argparse.Namespace) -> int:
    shots = load_list(options.list, options.out)
    folder = QueueFolder(shots.folder)
    status = folder.status()
    if options.json:
        print(json.dumps({**status, "running": folder.running}))
        return 0
    if not status:
        print(f"Nothing of this list has been rendered to {shots.folder} yet.")
        return 0
    if folder.running:
        print(progress_line(status))
    else:
        _count_frames(status, shots)
        print(f"Nothing is running. Last time: {status_sentence(status)}")
    for shot in status["shots"]:
        total = "?" if shot["total"] is None else shot["total"]
        took = f", {clock(shot['seconds'])}" if shot["rendered"] else ""
        print(f"  {shot['name']:<24} {shot['state']:<10} {shot['done']:>5} of {total}{took}")
        for sentence in remarks(shot):
            print(f"    {sentence}")
    return 0


def _count_frames(status: dict, shots: ShotList) -> None:
    """A killed queue has not said its last words: the frames on the disk count."""
    listed = {shot.name: shot for shot in shots.shots}
    for said in status["shots"]:
        shot = listed.get(said["name"])
        if shot is not None and said["total"] is not None:
            journal = Journal(shot)
            first_last = shot.frames or journal.begun().get("frames")
            if first_last:
                frames = range(first_last[0], first_last[1] + 1, shot.step)
                said["done"], said["total"] = len(journal.finished(frames)), len(frames)


def _make(options: argparse.Namespace) -> int:
    folder = Path(options.folder)
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}.")
    print(json.dumps(list_of_folder(folder), indent=1, ensure_ascii=False))
    return 0


def _ask(options: argparse.Namespace) -> int:
    folder = QueueFolder(load_list(options.list, options.out).folder)
    if not folder.running:
        raise UserError(f"Nothing renders to {folder.output} now.")
    folder.ask(options.what)
    return 0


@contextmanager
def _stop_signals(child: bool) -> Iterator[Callable[[], bool]]:
    """Yields what tells whether to stop: after Ctrl-C, a polite kill or, for a child, the end of its parent."""
    stop = threading.Event()

    def heard(number: int, frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt  # pressed twice
        stop.set()

    if child:
        threading.Thread(target=_wait_for_end, args=(stop,), daemon=True).start()
    before = {number: signal.signal(number, heard) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait_for_end(stop: threading.Event) -> None:
    try:
        while os.read(0, 4096):
            pass
    except OSError:
        pass
    stop.set()
