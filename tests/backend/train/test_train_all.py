"""`train all`: from a capture to a subject that performs; killed, interrupted, cancelled, and gone on with.

The capture is small and synthetic, the trainings are far too short to look or sound like anything: what is tested is
that they lead to a subject that plays, and that nothing done is done twice.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from emodifftalk.core.errors import Cancelled, UserError
from emodifftalk.core.facs import AU_INDEX, AU_NAMES, FPS
from emodifftalk.core.performance import Performance, VoiceStrip
from emodifftalk.core.subject import load_subject
from emodifftalk.core.take import load_take
from emodifftalk.core.watch import Watch
from emodifftalk.data.captures.capture import load_capture, save_capture
from emodifftalk.data.speech.synthesizers import missing_synthesizers
from emodifftalk.perform.pipeline import perform
from emodifftalk.serve.jobs import train_subject
from emodifftalk.speech.audio import load_audio
from emodifftalk.speech.encoder import load_speech_to_au
from emodifftalk.train.rig.steps import CanonicalSettings
from emodifftalk.train.shared.early_stopping import EarlyStopping
from emodifftalk.train.subject.all_stages import train_all
from emodifftalk.train.subject.stages import AllSettings
from tests.helpers.painted_capture import SIZE, painted_capture
from tests.helpers.places import BACKEND, HELLO, with_paths

pytestmark = pytest.mark.slow

STEPS, FACE, UTTERANCES = 260, 3600, 8
STAGES = ["1-canonical", "2-speech", "3-motion", "4-appearance"]


def short(**more) -> AllSettings:
    """Settings of a training that takes seconds."""
    few = {"speech_minutes": 0.05, "motion_minutes": 0.02, "motion_utterances": UTTERANCES, "appearance_steps": 4}
    canonical = CanonicalSettings(STEPS, SIZE, FACE, backend="cpu")
    return AllSettings(canonical=canonical, **few, **more)


@pytest.fixture(scope="module")
def capture(tmp_path_factory) -> Path:
    """A painted head; the capture's folder."""
    return painted_capture(tmp_path_factory.mktemp("data"))


class Command:
    """`emodifftalk train all` in a process of its own, with the settings of `short`."""

    def __init__(self, capture: Path, out: Path) -> None:
        words = f"--steps {STEPS} --size {SIZE} --face {FACE} --rasterizer cpu --motion-minutes 0.02 "
        words += f"--motion-utterances {UTTERANCES} --appearance-steps 4 --name Ada"
        command = [sys.executable, "-m", "emodifftalk", "train", "all", str(capture), "--out", str(out), *words.split()]
        self.environment = with_paths(BACKEND)
        self._command = command

    def until(self, reached: Callable[[str], bool], then: int) -> tuple[int, list[str]]:
        """Run, send the signal `then` once a line of progress says it is time; returns exit code and lines."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "encoding": "utf-8"}
        process = subprocess.Popen(self._command, env=self.environment, **pipes)
        lines, sent = [], False
        for line in process.stdout:
            lines.append(line.strip())
            if not sent and reached(line):
                process.send_signal(then)
                sent = True
        return process.wait(), lines


@pytest.fixture(scope="module")
def trained(capture, tmp_path_factory) -> dict:
    """A subject trained by the command, killed twice and interrupted once on its way."""
    out = tmp_path_factory.mktemp("trained") / "ada.safetensors"
    work, command = Path(f"{out}.training"), Command(capture, out)
    kill = getattr(signal, "SIGKILL", signal.SIGTERM)
    runs = [command.until(lambda line: any(work.glob("scratch-*/*.checkpoint.pt")), kill)]
    after_first = sorted(path.name for path in work.glob("[0-9]*"))
    runs.append(command.until(lambda line: "Motion (stage 2)" in line, kill))
    if os.name != "nt":  # elsewhere an interrupt reaches the tests, too
        runs.append(command.until(lambda line: "Appearance (stage 3)" in line, signal.SIGINT))
    before_last = out.exists()
    runs.append(command.until(lambda line: False, kill))
    return {"out": out, "runs": runs, "after_first": after_first, "before_last": before_last}


def test_killed_and_interrupted_training_goes_on_where_it_was_and_nothing_is_done_twice(trained):
    (killed, _), (killed_again, resumed), *interrupted, (ended, last) = trained["runs"]
    assert killed != 0 and killed_again != 0 and not trained["after_first"] and not trained["before_last"]
    steps = [int(found) for line in resumed for found in re.findall(rf"step (\d+)/{STEPS}", line)]
    assert steps and steps[0] > 250, "inside the canonical stage it goes on from the checkpoint"
    for code, lines in interrupted:
        assert code == 130 and "what is done is kept: the same command goes on" in lines[-1]
        assert any("Canonical rig · done before, kept" in line for line in lines)
    assert ended == 0, last
    kept = [line for line in last if "done before, kept" in line]
    assert len(kept) == (3 if interrupted else 2)
    fractions = [int(found) for line in last for found in re.findall(r"^(\d+)%", line)]
    assert fractions == sorted(fractions) and fractions[-1] == 100
    assert not Path(f"{trained['out']}.training").exists()
    assert sorted(path.name for path in trained["out"].parent.iterdir()) == [
        "ada.safetensors", "ada.safetensors.report.html", "ada.safetensors.report.json",
    ]  # fmt: skip


def test_the_trained_subject_performs_the_sample_voice(trained, tmp_path):
    subject = load_subject(trained["out"])
    assert subject.name == "Ada" and subject.synthetic and subject.appearance
    report = perform(trained["out"], Performance(voice=(VoiceStrip(HELLO),)), tmp_path / "take.safetensors")
    take = load_take(report.take)
    assert take.frames == report.frames > 100
    mouth = 1e3 * subject.template.lip_opening(np.stack([take.at(i / FPS).offsets for i in range(0, 100, 5)]))
    assert mouth.max() > mouth.min() + 1


def test_the_report_page_shows_curves_and_pictures_and_names_no_folder(trained, capture):
    page = Path(f"{trained['out']}.report.html").read_text(encoding="utf-8")
    report = json.loads(Path(f"{trained['out']}.report.json").read_text(encoding="utf-8"))
    assert [stage["stage"] for stage in report["stages"]] == STAGES
    assert all(stage["said"] in page.replace("&quot;", '"').replace("&#x27;", "'") for stage in report["stages"])
    assert report["held_out"]["neutral"]["pictures"] == 2 and report["held_out"]["neutral"]["psnr"] > 20
    assert f"{report['held_out']['expressive']['psnr']} dB in expressions" in page
    assert "synthetic pictures: no person was captured" in page
    spoken = not missing_synthesizers()
    assert page.count("data:image/jpeg;base64,") == (9 if spoken else 1)
    assert page.count("<polyline") >= (4 if spoken else 2)
    assert "http" not in page and 'src="data:' in page
    for folder in (capture, trained["out"].parent, Path.home(), Path(sys.prefix)):
        assert str(folder) not in page and str(folder) not in json.dumps(report)


def test_every_stage_says_what_it_did_and_what_it_did_not(trained):
    said = {s["stage"]: s["said"] for s in json.loads(Path(f"{trained['out']}.report.json").read_text())["stages"]}
    assert f"after {STEPS} steps" in said["1-canonical"]
    assert "the shipped speech model listens, as it is" in said["2-speech"]
    if missing_synthesizers():
        assert "not installed" in said["2-speech"] and "not installed" in said["3-motion"]
    else:
        assert "lips" in said["3-motion"]
    assert "dB" in said["4-appearance"]


def test_the_add_on_trains_the_same_and_without_synthesizers_motion_is_fitted_in_closed_form(
    trained, capture, tmp_path, monkeypatch
):
    monkeypatch.setenv("PATH", "")
    said: list[str] = []
    params = {"capture": str(capture), "out": str(tmp_path / "s.safetensors")}
    done = train_subject({**params, "settings": asdict(short(canonical_from=str(trained["out"])))},
                         Watch(lambda fraction, stage, text: said.append(stage)))  # fmt: skip
    assert done["subject"] == params["out"] and Path(done["page"]).is_file()
    stages = {stage["stage"]: stage for stage in json.loads(json.dumps(done["report"]))["stages"]}
    assert "Taken as it is from ada.safetensors" in stages["1-canonical"]["said"]
    assert "closed form" in stages["3-motion"]["said"] and "flite" in stages["3-motion"]["said"]
    assert "flite" in stages["2-speech"]["said"] and "not heard speaking" in done["report"]["spoken"]
    assert not load_subject(tmp_path / "s.safetensors").motion
    assert list(dict.fromkeys(said)) == [
        "Capture", "Canonical rig", "Speech (stage 1)", "Motion (stage 2)", "Appearance (stage 3)", "Report",
    ]  # fmt: skip
    with pytest.raises(UserError, match="exists already"):
        train_subject(params, Watch())
    with pytest.raises(UserError, match="makes no sense"):
        train_subject({**params, "settings": {"speed": 3}}, Watch())


def test_recordings_of_the_person_tune_a_speech_model_inside_the_subject(trained, capture, tmp_path, monkeypatch):
    """This person moves the mouth half as far as others: the tuned model has learned some of it."""
    monkeypatch.setenv("PATH", "")
    data = shutil.copytree(capture, tmp_path / "data")
    (data / "speech").mkdir()
    wave = load_audio(HELLO)
    aus = 0.5 * load_speech_to_au("embedded").predict(wave).aus
    half = len(aus) // 2
    for name, piece in (("a", slice(0, half)), ("b", slice(half, None))):
        at = slice(piece.start * 640, None if piece.stop is None else piece.stop * 640)
        soundfile.write(data / "speech" / f"{name}.wav", wave[at], 16000)
        columns = [AU_INDEX["AU25"], AU_INDEX["AU26"]]
        table = {"delimiter": ",", "header": "AU25,AU26", "comments": ""}
        np.savetxt(data / "speech" / f"{name}.csv", aus[piece][:, columns], **table)
    out, told = tmp_path / "s.safetensors", []
    settings = replace(short(canonical_from=trained["out"]), speech_minutes=0.15)

    def cancelled() -> bool:
        return any(stage.startswith("Motion") for stage in told)

    with pytest.raises(Cancelled):
        train_all(data, out, settings, Watch(lambda fraction, stage, text: told.append(stage), cancelled))
    assert not out.exists()
    kept = json.loads((Path(f"{out}.training") / "2-speech.json").read_text())["report"]
    assert kept["tuned"] and kept["error"] < kept["error_of_shipped"] and kept["held_back"] == "b"
    assert len(kept["curve"]) >= 2 and "2 recordings" in kept["said"]
    tuned = load_subject(Path(f"{out}.training") / "2-speech.safetensors")
    assert tuned.speech and not load_subject(trained["out"]).speech
    from emodifftalk.speech.own_voice import listener

    own, shared = (listener(tuned, name) for name in ("auto", "embedded"))
    mouth = own.predict(wave).aus[:, columns].mean()
    assert mouth < load_speech_to_au("embedded").predict(wave).aus[:, columns].mean()
    assert mouth == pytest.approx(shared.predict(wave).aus[:, columns].mean())
    (data / "speech" / "b.csv").write_text("AU25,Mouth\n0,0\n")
    with pytest.raises(UserError, match=r"b\.csv has a column “Mouth”"):
        train_all(data, out, settings)


def test_what_cannot_become_a_subject_is_said_before_anything_is_learned(capture, tmp_path):
    out, finished = tmp_path / "s.safetensors", tmp_path / "ada.safetensors"
    finished.touch()
    with pytest.raises(UserError, match="is not a capture"):
        train_all(tmp_path / "nothing", out)
    with pytest.raises(UserError, match=r"ada\.safetensors exists already"):
        train_all(capture, finished)
    with pytest.raises(UserError, match=r"call it s\.safetensors"):
        train_all(capture, tmp_path / "s.blend")
    data = shutil.copytree(capture, tmp_path / "data")
    (data / "speech").mkdir()
    shutil.copy(HELLO, data / "speech" / "hello.wav")
    with pytest.raises(UserError, match=r"hello\.wav has no action units: add hello\.csv"):
        train_all(data, out)
    np.savetxt(data / "speech" / "hello.csv", np.zeros((5, 1)), header="AU25", comments="")
    with pytest.raises(UserError, match=r"hello\.wav lasts .* s, its action units 0\.2 s"):
        train_all(data, out)
    shutil.rmtree(data / "speech")
    (data / "pictures" / "blink_test15.png").write_bytes(b"no picture")  # held out: else looked at when all is learned
    with pytest.raises(UserError, match=r"blink_test15\.png is missing or damaged"):
        train_all(data, out)
    seen = load_capture(data)
    gazes = [type(f)(f.name, np.zeros(len(AU_NAMES), np.float32), f.pictures, gaze=(0.2, 0)) for f in seen.frames]
    save_capture(data, type(seen)(**{**vars(seen), "frames": gazes}))
    with pytest.raises(UserError, match="no pictures of an expressive face"):
        train_all(data, out)
    assert not out.exists() and not list(tmp_path.glob("*.training"))


@given(figures=st.lists(st.floats(-10, 10), min_size=1, max_size=40), patience=st.integers(1, 5), higher=st.booleans())
@settings(max_examples=60, deadline=None)
def test_early_stopping_keeps_the_best_and_waits_as_long_as_it_says(figures, patience, higher):
    stopping, kept = EarlyStopping(patience, higher), None
    for i, figure in enumerate(figures):
        if stopping.better(figure):
            kept = figure
        assert kept == (max if higher else min)(figures[: i + 1]) == stopping.best
        assert stopping.stop == (stopping.since >= patience)
    assert not EarlyStopping(1, True).better(float("nan"))
