"""run.py, the way in: what is missing is said in one sentence, and every Blender has its line in the table."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import run
from tests.helpers.places import ROOT
from tools import blenders, checks, environments, outcomes
from tools.environments import Environment, Missing
from tools.outcomes import Outcome


@pytest.fixture
def empty(tmp_path) -> Environment:
    """An environment in a fresh folder, for this Python, with nothing to install."""
    return Environment(tmp_path / "venv", sys.version_info[:2], (), (), needed_gib=0, quiet=True)


def test_it_uses_only_the_standard_library():
    code = "import sys; before = set(sys.modules); import run; print(*{m.split('.')[0] for m in sys.modules})"
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}"]
    loaded = set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    assert loaded <= set(sys.stdlib_module_names) | {"run", "tools", "__main__"}


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("NewConnectionError: Failed to establish a new connection: [Errno 101]", "package index cannot be reached"),
        ("ERROR: No matching distribution found for torch==2.11.0", "not available for this computer"),
        ("ERROR: something else", "something else"),
    ],
)
def test_why_pip_failed_is_one_sentence(output, sentence):
    found = environments.explain_pip(output, needed_gib=8)
    assert sentence in found and "\n" not in found


def test_a_missing_system_library_names_its_package():
    error = "ImportError: libXrender.so.1: cannot open shared object file: No such file or directory"
    assert environments.explain_bpy(error).endswith("apt install libxrender1")


def test_a_full_disk_is_noticed_before_anything_is_downloaded(empty):
    with pytest.raises(Missing, match="make room first"):
        replace(empty, needed_gib=10**9).set_up()


def test_a_finished_environment_is_not_made_again_until_its_pins_change(empty, tmp_path, monkeypatch):
    pins = tmp_path / "requirements.txt"
    pins.write_text("nothing==1\n")
    venv = replace(empty, pinned=(pins,))
    made: list[str] = []
    monkeypatch.setattr(Environment, "make", lambda self, interpreter: made.append(interpreter))
    monkeypatch.setattr(Environment, "check_blender", lambda self: None)
    venv.python.parent.mkdir(parents=True)
    venv.python.touch()
    venv.set_up()
    venv.set_up()
    assert made == [sys.executable]
    pins.write_text("nothing==2\n")
    venv.set_up()
    assert len(made) == 2


def test_a_python_that_is_nowhere_is_named():
    with pytest.raises(Missing, match=r"Python 3\.99 is needed"):
        environments.find_python((3, 99))


REPORT = """<testsuites><testsuite name="pytest">
<testcase classname="tests.test_a" name="one"/>
<testcase classname="tests.test_a" name="two"><skipped message="no torch"/></testcase>
<testcase classname="tests.test_a" name="three">{third}</testcase>
{window}</testsuite></testsuites>"""


def report(path: Path, third: str = "", window: str = "") -> Path:
    """A report like pytest's."""
    path.write_text(REPORT.format(third=third, window=window))
    return path


def test_the_table_counts_what_passed_failed_and_was_skipped(tmp_path):
    path = tmp_path / "report.xml"
    assert outcomes.counted(report(path), 0) == "2 passed, 1 skipped"
    assert outcomes.counted(report(path, "<failure/>"), 1) == "1 passed, 1 failed, 1 skipped"
    assert outcomes.counted(report(path), "killed after 600 s").endswith("ended with killed after 600 s")
    assert "no report" in outcomes.counted(tmp_path / "none.xml", 3)


def test_a_window_test_that_was_left_out_says_why(tmp_path):
    path, case = tmp_path / "report.xml", '<testcase classname="tests.window.test_w" name="w" time="80">{}</testcase>'
    skipped = case.format('<skipped message="no complete Blender"/>')
    assert blenders.window_outcome(report(path, window=skipped)).result == "left out: no complete Blender"
    passed = case.format('<properties><property name="blender" value="5.2.2"/></properties>')
    assert blenders.window_outcome(report(path, window=passed)).what == "Blender 5.2.2 with its window"
    assert blenders.window_outcome(report(path, window=case.format("<error/>"))).failed


def test_a_blender_without_its_python_is_a_line_and_no_failure(monkeypatch):
    monkeypatch.setattr(blenders, "OTHERS", (blenders.Blender("5.2", (3, 99)),))
    meanwhile = blenders.Meanwhile(blenders.other_blenders())
    meanwhile.run()
    (outcome,) = meanwhile.outcomes
    assert outcome.what == "Blender 5.2.3, Python 3.99"
    assert outcome.result.startswith("left out: Python 3.99 is needed") and not outcome.failed


@pytest.fixture
def reading(tmp_path) -> Callable[..., checks.Check]:
    """Makes a check that runs a line of Python."""
    (tmp_path / "pyproject.toml").write_text("[tool.reader]\n")

    def make(code: str, **more) -> checks.Check:
        (tmp_path / "reader.py").write_text(code)
        return checks.Check("reader", ("reader",), **more)

    return make


def test_a_check_says_what_it_found_only_when_it_fails(reading, tmp_path, capsys):
    (passed,) = checks.run_checks(Path(sys.executable), (reading("print('all is well')"),), tmp_path)
    assert not passed.failed and "all is well" not in capsys.readouterr().out
    (failed,) = checks.run_checks(Path(sys.executable), (reading("print('line 3'); raise SystemExit(2)"),), tmp_path)
    assert failed.failed and failed.result.startswith("failed") and "line 3" in capsys.readouterr().out


def test_a_check_runs_as_soon_as_the_settings_have_its_section(reading, tmp_path):
    there, missing = reading("", section="[tool.reader]"), reading("", section="[tool.writer]")
    assert len(checks.run_checks(Path(sys.executable), (there, missing), tmp_path)) == 1


def test_a_failed_check_fails_the_command_though_every_test_passes(monkeypatch):
    monkeypatch.setattr(run, "run_checks", lambda *asked: [Outcome("reader", "failed", failed=True)])
    monkeypatch.setattr(run, "test_here", lambda *words: Outcome("here", "1 passed"))
    assert run.test_quickly() == 1
    monkeypatch.setattr(run, "run_checks", lambda *asked: [Outcome("reader", "passed")])
    assert run.test_quickly() == 0


def test_the_quick_command_leaves_out_the_slow_and_says_so(monkeypatch, capsys):
    asked: list[str] = []
    monkeypatch.setattr(run, "run_checks", lambda *asked: [])
    monkeypatch.setattr(run, "run_module", lambda *words, **more: asked.extend(words) or 0)
    run.test_quickly("tests/addon")
    assert asked[asked.index("-m") + 1] == "not slow" and asked[-1] == "tests/addon"
    said = capsys.readouterr().out
    assert "mypy" in said and "slow" in said and "Blender 4.5" in said and "Blender 5.2" in said and "left out" in said


@pytest.fixture
def suite(tmp_path, monkeypatch) -> Callable[[str], Outcome]:
    """Runs a file with one test, of this code, as a suite beside others."""
    monkeypatch.setattr(blenders, "LOGS", tmp_path / "logs")
    here = SimpleNamespace(python=sys.executable, set_up=lambda: None)

    def result(code: str) -> Outcome:
        (tmp_path / "test_it.py").write_text(f"def test_it():\n    {code}\n")
        meanwhile = blenders.Meanwhile([blenders.Suite("Here", "here", here, (str(tmp_path / "test_it.py"),))])
        meanwhile.run()
        return meanwhile.outcomes[0]

    return result


def test_a_suite_beside_others_is_silent_until_it_fails(suite, capsys):
    passed = suite("pass")
    assert passed.result.startswith("1 passed in") and not passed.failed and capsys.readouterr().out == ""
    failed = suite("assert 'this' == 'that'")
    assert failed.result.startswith("0 passed, 1 failed") and failed.failed
    assert "assert 'this' == 'that'" in capsys.readouterr().out
