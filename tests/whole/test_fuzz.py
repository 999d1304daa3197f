"""The fuzz command works, and what once was too much for a reader is read or refused."""

from __future__ import annotations

import time

import pytest

from tests.fuzz.campaign import Campaign
from tests.fuzz.case import CORPUS, Bench
from tests.fuzz.readers import READERS
from tests.fuzz.readers_captures import CAPTURES
from tests.fuzz.readers_core import CORE
from tests.fuzz.readers_shots import SHOTS
from tests.fuzz.table import lines

SLOW = {"usd", "emotalk3d", "nersemble", "transforms", "colmap_text", "colmap_binary", "renderme360", "own_capture",
        "calibration", "sound", "recordings_csv", "recordings_openface", "recordings_tensors"}  # fmt: skip
"""Their good files take long to make, or every case starts a process: only the command tries them."""
QUICK = [reader for reader in (*CORE, *SHOTS, *CAPTURES) if reader.name not in SLOW]


def test_good_files_are_read_and_damaged_ones_read_or_refused(tmp_path):
    good, bad, cases = [], [], 0
    for reader in QUICK:
        bench = Bench(reader, tmp_path, seed=0, places=False)
        good += [f"{reader.name} {outcome}" for outcome in bench.good() if outcome.how not in _fitting(reader.name)]
        outcomes = [*(outcome for _, outcome in bench.once_failing()), *(bench.case(number) for number in range(8))]
        bad += [f"{reader.name} {outcome}" for outcome in outcomes if outcome.how not in ("read", "refused")]
        cases += len(outcomes)
    assert not good and not bad and cases > 200


def test_every_folder_of_the_corpus_is_of_a_reader_and_small():
    files = [path for path in CORPUS.rglob("*") if path.is_file()]
    assert {path.parent.name for path in files} <= set(READERS)
    assert all(path.stat().st_size <= 4096 for path in files) and sum(p.stat().st_size for p in files) <= 150_000


@pytest.mark.parametrize("name", ["server", "held_out", "landmarks"])
def test_what_once_was_too_much_for_the_backend_is_read_or_refused(tmp_path, name):
    pytest.importorskip("torch")
    bench = Bench(READERS[name], tmp_path, seed=0, places=False)
    assert [found for found in bench.once_failing() if found[1].how not in ("read", "refused")] == []


@pytest.mark.once
def test_a_campaign_tries_the_cases_it_was_asked_for_in_a_process_of_its_own(tmp_path):
    campaign = Campaign(seed=1, until=time.time() + 60, cases=20, save=tmp_path, places=False)
    tallies = campaign.run([READERS["json"]])
    assert tallies["json"].cases == 20 and tallies["json"].refused and not tallies["json"].failing
    assert "| json | 20 | 0 | 0 | 0 |" in "\n".join(lines(tallies, 1, 1.0))


def _fitting(name: str) -> tuple[str, ...]:
    return ("refused",) if name == "pipe" else ("read",)  # a pipe ends with its end
