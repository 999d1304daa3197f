"""Action units from OpenFace's CSV: by name, with what is missing, lost or late said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy")
from hypothesis import given
from hypothesis import strategies as st

from emodifftalk.core.errors import UserError
from emodifftalk.core.facs import AU_INDEX
from emodifftalk.core.formats.openface import read_openface
from tests.helpers import tiny_datasets
from tests.helpers import tiny_head as head

HEADER = "frame, face_id, timestamp, confidence, success, AU12_r, AU24_r"


def _file(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "openface.csv"
    path.write_text("\n".join([header, *rows]), encoding="utf-8")
    return path


def test_intensities_are_mapped_by_name_from_0_to_5_onto_0_to_1(tmp_path):
    tiny_datasets.openface_csv(tmp_path / "openface.csv")
    track = read_openface(tmp_path / "openface.csv")
    wanted = np.stack([tiny_datasets.units(moment) for moment in head.MOMENTS])
    assert track.aus == pytest.approx(wanted, abs=1e-6)
    assert track.at(track.times) == pytest.approx(wanted, abs=1e-6)
    assert track.times == pytest.approx([0, 1 / 30, 2 / 30], abs=1e-3)


def test_au20_and_au24_are_never_taken_for_each_other(tmp_path):
    """OpenFace has AU20 where our list has none; AU24 stays 0 and both are said."""
    head_without = tuple(n for n in tiny_datasets.OPENFACE if n != 20)
    tiny_datasets.openface_csv(tmp_path / "with.csv")
    tiny_datasets.openface_csv(tmp_path / "without.csv", head_without)
    text = (tmp_path / "with.csv").read_text(encoding="utf-8")
    column = next(line for line in text.splitlines()).split(",").index(" AU20_r")
    rows = [row.split(",") for row in text.splitlines()]
    for row in rows[1:]:
        row[column] = "5"
    (tmp_path / "with.csv").write_text("\n".join(",".join(row) for row in rows), encoding="utf-8")
    track, plain = read_openface(tmp_path / "with.csv"), read_openface(tmp_path / "without.csv")
    assert track.aus == pytest.approx(plain.aus) and not track.aus[:, AU_INDEX["AU24"]].any()
    assert "with.csv has no AU24: taken as 0 throughout." in track.notes
    assert "with.csv has AU20, which is not among our units: left out." in track.notes
    assert not any("AU20" in note for note in plain.notes)


def test_frames_that_were_not_tracked_are_bridged_and_counted(tmp_path):
    path = _file(tmp_path, "1,0,0.00,0.98,1,0,0", "2,0,0.04,0.10,1,5,0", "3,0,0.08,0.98,0,5,0", "4,0,0.12,0.9,1,3,2.5")
    track = read_openface(path)
    assert track.aus[:, AU_INDEX["AU12"]] == pytest.approx([0, 0.2, 0.4, 0.6])
    assert track.aus[3, AU_INDEX["AU24"]] == pytest.approx(0.5)
    assert any("2 of 4 frames were not tracked" in note for note in track.notes)


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=12))
def test_intensities_stay_within_0_and_1_whatever_the_file_says(tmp_path_factory, values):
    rows = [f"{i},0,{i / 30:.4f},0.98,1,{value},0" for i, value in enumerate(values)]
    track = read_openface(_file(tmp_path_factory.mktemp("csv"), *rows))
    assert track.aus.min() >= 0 and track.aus.max() <= 1
    assert track.aus[:, AU_INDEX["AU12"]] == pytest.approx(np.clip(np.array(values) / 5, 0, 1), abs=1e-6)


@pytest.mark.parametrize(
    ("rows", "header", "said"),
    [
        ([], HEADER, "has no rows"),
        (["1,0,0.0,0.98,1,0"], HEADER, "row 2 has 6 of 7 columns"),
        (["1,0,0.0,0.98,1,0,zero"], HEADER, "row 2 holds something that is no number"),
        (["1,0,0.0,0.1,0,0,0"], HEADER, "tracked the face in no frame"),
        (["1,0,0.0,0.98,1,0,0", "1,1,0.0,0.98,1,0,0"], HEADER, "follows several faces"),
        (["1,0,0.1,0.98,1,0,0", "2,0,0.1,0.98,1,0,0"], HEADER, "timestamps do not rise at row 3"),
        (["1,2"], "x, y", "it needs the columns timestamp"),
    ],
)
def test_what_is_wrong_with_a_csv_is_one_sentence(tmp_path, rows, header, said):
    with pytest.raises(UserError, match=said) as caught:
        read_openface(_file(tmp_path, *rows, header=header))
    assert "openface.csv" in str(caught.value) and "\n" not in str(caught.value)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_csv_or_one_sentence(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("csv") / "openface.csv"
    path.write_bytes(HEADER.encode() + b"\n" + data)
    try:
        assert np.isfinite(read_openface(path).aus).all()
    except UserError as error:
        assert "\n" not in str(error)
