"""What a .blend says of its takes is read once, with a limit, and never believed."""

from __future__ import annotations

import base64
import json
import time
import zlib

import pytest

from addon.curves import au_curves
from addon.scene.heads import settings
from addon.takes import staleness
from emodifftalk.core import voice_time
from emodifftalk.core.performance import Performance, Prompt, to_json


def packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, 9)).decode()


def test_what_a_take_was_made_from_never_unpacks_to_more_than_a_shot_can_be():
    bomb = packed(b" " * (300 << 20))
    began = time.monotonic()
    assert staleness._unpacked(bomb) is None and time.monotonic() - began < 2


def test_it_is_unpacked_once_however_often_the_panel_looks(monkeypatch):
    text = packed(json.dumps(to_json(Performance(prompts=(Prompt("calm", 0.0, 2.0),)))).encode())
    assert staleness._unpacked(text)["prompts"][0]["text"] == "calm"
    monkeypatch.setattr(staleness, "_read", None)
    assert staleness._unpacked(text)["prompts"][0]["text"] == "calm"


EMPTY = b'{"format": "emodifftalk.performance", "schema": 1'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "§",
        "AAAA",
        packed(b"[" * 99_999),
        packed(b"[]"),
        packed(EMPTY + b"}")[:-9],
        packed(EMPTY + b', "prompts": 7}'),
    ],
)
def test_nonsense_is_a_take_that_does_not_say(text):
    assert staleness._unpacked(text) is None


@pytest.mark.parametrize("text", ["[[", "[1]", '[["a",0,0,1e999]]', '[["a",0,0,1,0]]', f'[["a",{"9" * 400},0,1]]'])
def test_a_voice_said_to_play_at_no_speed_or_for_ever_is_not_believed(text):
    assert voice_time.from_text(text) == ()


@pytest.mark.parametrize("text", ["[", "7", "[1]", "[" * 9999])
def test_damaged_digests_of_curves_are_none(head, text):
    settings(head).au_shown = text
    assert au_curves.shown(head) == {}
