"""The backend is killed while it makes a take, exports one, trains a head, or works for the add-on."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from addon.backend.client import DEAD, READY, BackendClient
from emodifftalk.core.errors import UserError
from emodifftalk.core.performance import Performance, VoiceStrip, to_json
from emodifftalk.core.take import load_take
from tests.helpers.painted_capture import painted_capture
from tests.helpers.places import BACKEND, HELLO
from tests.helpers.tiny_subject import save_tiny_subject, save_tiny_take
from tests.kill.campaign import (
    KILLS,
    MARK,
    Round,
    RunRound,
    contents,
    marked_environment,
    same_files,
    start,
    undisturbed,
)

_STEPS = 260
"""A checkpoint is written every 250."""


def drive(folder: Path) -> RunRound:
    """`emodifftalk drive`, killed; the next one makes the take that an undisturbed one makes."""
    subject = folder / "head.safetensors"
    save_tiny_subject(subject, appearance=True, shipped_template=True)
    words = ("drive", "--subject", subject, "--audio", HELLO, "--front-end", "embedded", "--steps", 2)
    wanted = folder / "wanted.safetensors"
    seconds = undisturbed("emodifftalk", *words, "--out", wanted)

    def one(round_: Round) -> None:
        out = round_.folder / "take.safetensors"
        before = round_.rng.random() < 0.5 and bool(out.write_bytes(wanted.read_bytes()))
        how = round_.kill_somewhere(start("emodifftalk", *words, "--out", out), seconds)
        if how == signal.SIGTERM:
            round_.expect_nothing_left(round_.folder, "after SIGTERM")
        if before or out.exists():
            round_.expect(out.read_bytes() == wanted.read_bytes(), "the take that was there, or is, is not whole")
        undisturbed("emodifftalk", *words, "--out", out)
        round_.expect(out.read_bytes() == wanted.read_bytes(), "the take is another than undisturbed")
        round_.expect_nothing_left(round_.folder, "after the next run")

    return one


def export(folder: Path, styles: tuple[str, ...] = ("ply", "spz", "npz")) -> RunRound:
    """`emodifftalk export`, killed; the next one goes on and ends with the files of an undisturbed one."""
    subject = save_tiny_subject(folder / "head.safetensors")
    save_tiny_take(folder / "take.safetensors", subject, seconds=40.0)
    words = ("export", folder / "take.safetensors", "--subject", folder / "head.safetensors")
    wanted, seconds = {}, {}
    for style in styles:
        out = folder / style
        seconds[style] = undisturbed("emodifftalk", *words, "--format", style, "--out", out)
        wanted[style] = contents(out)

    def one(round_: Round) -> None:
        style = round_.rng.choice(sorted(wanted))
        run = ("emodifftalk", *words, "--format", style, "--out", round_.folder)
        how = round_.kill_somewhere(start(*run), seconds[style])
        if how == signal.SIGTERM:
            round_.expect_nothing_left(round_.folder, "after SIGTERM")
        frames = {n: d for n, d in contents(round_.folder).items() if not n.endswith(".json") and not n.startswith(".")}
        half = [name for name, data in frames.items() if wanted[style].get(name) != data]
        round_.expect(not half, f"half or wrong: {half[:3]}")
        stamps = {name: (round_.folder / name).stat().st_mtime_ns for name in frames}
        undisturbed(*run)
        differing = same_files(wanted[style], round_.folder)
        round_.expect(not differing, f"other files than undisturbed: {differing[:3]}")
        again = [n for n, stamp in stamps.items() if (round_.folder / n).stat().st_mtime_ns != stamp]
        round_.expect(not again, f"written twice: {again[:3]}")

    return one


def train(folder: Path) -> RunRound:
    """`emodifftalk train canonical`, killed up to twice; the next one goes on from its checkpoint to a whole head."""
    (folder / "data").mkdir()
    capture = painted_capture(folder / "data")
    words = ("train", "canonical", capture, "--steps", _STEPS, "--size", 24, "--face", 3600)
    words = (*words, "--rasterizer", "cpu")
    seconds = undisturbed("emodifftalk", *words, "--out", folder / "wanted.safetensors")

    def one(round_: Round) -> None:
        out = round_.folder / "head.safetensors"
        for _ in range(round_.rng.randint(1, 2)):
            how = round_.kill_somewhere(start("emodifftalk", *words, "--out", out), seconds)
            if how == signal.SIGTERM:
                round_.expect_nothing_left(round_.folder, "after SIGTERM")
        undisturbed("emodifftalk", *words, "--out", out)
        wanted = (folder / "wanted.safetensors").read_bytes()
        round_.expect(out.read_bytes() == wanted, "the head is another than undisturbed")
        round_.expect_nothing_left(round_.folder, "after the next run")
        round_.expect(not list(round_.folder.glob("*.checkpoint.pt")), "the checkpoint stays")

    return one


class _Client:
    """The add-on's own client of the backend, started again after every death."""

    def __init__(self, subject: Path) -> None:
        self.client, self._subject = BackendClient(), subject

    def ready(self) -> None:
        self.client.forgive()
        self.client.start(sys.executable, BACKEND)
        self._until(lambda: self.client.state == READY, [])

    def drive(self, out: Path) -> int:
        voice = (VoiceStrip(HELLO, duration=4.0),)
        shot = to_json(Performance(voice))
        settings = {"steps": 2, "front_end": "embedded", "text_encoder": "embedded"}
        params = {"subject": str(self._subject), "performance": shot, "out": str(out), "settings": settings}
        params["compact"] = True  # as Generate asks
        return self.client.request("drive", params)

    def answer(self, number: int) -> list[dict]:
        """Its ends: one, if all is well."""
        replies: list[dict] = []
        self._until(lambda: any(r["id"] == number and r["event"] != "progress" for r in replies), replies)
        time.sleep(0.05)
        replies += self.client.poll()
        return [reply for reply in replies if reply["id"] == number and reply["event"] != "progress"]

    def _until(self, true, replies: list[dict]) -> None:
        end = time.monotonic() + 120
        while not true():
            if time.monotonic() > end:
                raise UserError("nothing was heard for two minutes")
            replies += self.client.poll()
            time.sleep(0.01)


def client(folder: Path) -> RunRound:
    """The backend of the add-on, killed or its pipe closed while it makes a take: the add-on hears of it in one
    sentence, once, and the next take is the one it would have been."""
    import os

    subject = folder / "head.safetensors"
    save_tiny_subject(subject, appearance=True, shipped_template=True)
    os.environ[MARK] = marked_environment()[MARK]  # the client gives its own environment
    here, wanted = _Client(subject), folder / "wanted.safetensors"
    here.ready()
    began = time.monotonic()
    here.answer(here.drive(wanted))
    seconds = time.monotonic() - began

    def one(round_: Round) -> None:
        here.ready()
        out = round_.folder / "take.safetensors"
        number, pid = here.drive(out), here.client.pid
        time.sleep(round_.rng.uniform(0, seconds))
        os.kill(pid, round_.rng.choice(KILLS))
        ends = here.answer(number)
        round_.killed = ends[0]["event"] == "error"
        round_.expect(len(ends) == 1, f"{len(ends)} answers to one request")
        if round_.killed:
            text = ends[0]["text"]
            round_.expect("ended" in text and "Traceback" not in text, f"it says “{text[:80]}”")
        end = time.monotonic() + 20
        while here.client.state != DEAD and time.monotonic() < end:  # a job that was quicker than the signal
            here.client.poll()
            time.sleep(0.01)
        here.ready()
        ends = here.answer(here.drive(out))
        round_.expect(ends[0]["event"] == "result", "the next take is not made")
        round_.expect(out.exists() and load_take(out).frames == 100, "the take is not whole")
        round_.expect(out.read_bytes() == wanted.read_bytes(), "the take is another than undisturbed")
        round_.expect_nothing_left(round_.folder, "after the next take")
        here.client.stop()

    return one


def orphan(folder: Path) -> RunRound:
    """Blender is killed, so that the backend's pipe closes in the midst of a take: it ends too, and leaves nothing."""
    subject = folder / "head.safetensors"
    save_tiny_subject(subject, appearance=True, shipped_template=True)
    from emodifftalk.core.protocol import read_message, write_message

    voice = (VoiceStrip(HELLO, duration=4.0),)
    params = {"subject": str(subject), "performance": to_json(Performance(voice)), "settings": {"steps": 2}}

    def one(round_: Round) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        process = start("emodifftalk", "serve", **pipes)
        read_message(process.stdout)
        write_message(process.stdin, {"id": 1, "op": "drive", "params": params | {"out": str(round_.folder / "a")}})
        time.sleep(round_.rng.uniform(0, 1.5))
        round_.killed = process.poll() is None
        process.stdin.close()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            round_.expect(False, "it outlives its pipe")
            process.kill()
        process.stdout.close()
        round_.expect_nothing_left(round_.folder, "after its pipe was closed")

    return one


def dice(seed: int, name: str, number: int) -> random.Random:
    """The dice of one round: the same for the same seed."""
    return random.Random(f"{seed} {name} {number}")
