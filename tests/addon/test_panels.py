"""The tab: in the order of the work, and with everything in its place, whatever happens."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

bpy = pytest.importorskip("bpy")

from addon import panels, top_line
from addon.backend import connection, long_work, trust
from addon.backend.client import DEAD
from addon.files.add_head import samples
from addon.scene.heads import settings
from addon.scene.panel_parts import unit_name
from addon.scene.strips import prompt_strips
from addon.shots import panel as shots_panel
from addon.takes import generate, live, staleness
from addon.takes.generate import Job, add_take
from addon.takes.performance import build_performance
from addon.takes.settings import live_settings
from addon.timeline.prompts import add_prompt, add_voice
from emodifftalk.core.facs import AU_LABELS
from tests.helpers.drawn_panels import Seen, draw, height, places
from tests.helpers.sounds import save_ramp
from tests.helpers.tiny_subject import save_tiny_take, tiny_subject

ORDER = ["Head", "Voice", "Emotion", "Acting", "Takes", "Render", "Shots", "Other Tools"]


@pytest.fixture(autouse=True)
def nothing_was_done(monkeypatch):
    """No export or capture that another test has left."""
    monkeypatch.setattr(long_work._state, "job", None)


@pytest.fixture
def acted(head, scene, tmp_path, monkeypatch):
    """A head with a voice, two feelings and a take of it; a Python that could run a backend."""
    python = tmp_path / "python"
    python.write_text("")
    monkeypatch.setenv("EMODIFFTALK_PYTHON", str(python))
    add_voice(head, scene, save_ramp(tmp_path / "v.wav", 4.0), 1)
    add_prompt(head, scene, "happy", 1)
    add_prompt(head, scene, "sad", 50)
    request = build_performance(head, scene)
    save_tiny_take(tmp_path / "take.safetensors", tiny_subject(), seconds=request.performance.duration)
    add_take(head, tmp_path / "take.safetensors", request)
    scene.frame_set(60)
    yield head
    generate.jobs.clear()
    live.state.problem = ""
    live_settings().on = True
    connection.client.forgive()


def shown() -> list[type]:
    """The panels of the tab that are to be seen, in their order, from above."""
    tab = [cls for cls in panels.ADDS.classes if getattr(cls, "bl_category", "") == "EmoDiffTalk"]
    tab = [cls for cls in tab if cls.bl_space_type == "VIEW_3D"]
    return [cls for cls in tab if not hasattr(cls, "poll") or cls.poll(bpy.context)]


def titles(classes: list[type]) -> list[str]:
    """Of the panels at the top level, without the line above them."""
    return [c.bl_label for c in classes if not getattr(c, "bl_parent_id", "") and "HIDE_HEADER" not in options(c)]


def options(cls: type) -> set[str]:
    return getattr(cls, "bl_options", set())


NOTHING_BELOW = "EMODIFFTALK_PT_backend"
"""The last one: what it says moves nothing."""
IN_BARS_ROOM = ("AuIntensities.", "emodifftalk.read_prompt")
"""What comes and goes in the room that the bars of a prompt have."""
BEGINS = ("generate", "capture_subject", "export", "render_shots")
SAME = {
    **{f"emodifftalk.{name}": "progress" for name in BEGINS},
    **{"TextStrip.blend_alpha": "intensity", "StripSettings.strength": "intensity", "decorator": ""},
}
"""A bar stands in the place of the button that began the work, greyed fields in that of a prompt's."""


def tab(width: int = 280) -> dict[str, set]:
    """What every panel draws: (what, rows above it), and its height."""
    drawn = {}
    for cls in shown():
        layout = draw(cls, Seen(width))
        found = {
            (SAME.get(leaf.name, leaf.name), top)
            for leaf, top in places(layout)
            if not leaf.name.startswith(IN_BARS_ROOM)
        }
        if cls is top_line.EMODIFFTALK_PT_top_line:  # its parts change their kind, and stay one row
            found = {("part", top) for _, top in found}
        found = {(name, top) for name, top in found if name}
        if cls.__name__ != NOTHING_BELOW:
            drawn[cls.__name__] = found | {("height", round(height(layout), 3))}
    return drawn


def words(cls: type, width: int = 280) -> str:
    """All that a panel says."""
    return " ".join(leaf.text for leaf, _ in places(draw(cls, Seen(width))) if leaf.text)


def generating(head, scene, monkeypatch) -> None:
    generate.jobs[head.session_uid] = job = Job(head.session_uid, build_performance(head, scene), Path("x"))
    job.fraction, job.text = 0.4, "Motion, window 2 of 5"


def failed(head, scene, monkeypatch) -> None:
    generating(head, scene, monkeypatch)
    job = generate.jobs[head.session_uid]
    job.running, job.problem = False, "The recording has ended before its time, and this sentence is a long one too."


def stale(head, scene, monkeypatch) -> None:
    settings(head).seed = 7


def live_waits(head, scene, monkeypatch) -> None:
    stale(head, scene, monkeypatch)
    monkeypatch.setattr(trust, "is_given", lambda: False)
    monkeypatch.setattr(live, "status", lambda head: (trust.WAITS, "INFO"))


def live_paused(head, scene, monkeypatch) -> None:
    live.state.problem = "The backend ended unexpectedly and said a lot about why it did, too much for a line."


def live_off(head, scene, monkeypatch) -> None:
    live_settings().on = False


def voice_missing(head, scene, monkeypatch) -> None:
    bpy.data.sounds[0].filepath = "//gone/voice.wav"


def take_missing(head, scene, monkeypatch) -> None:
    settings(head).takes[0].path = "//gone/take.safetensors"


def dead(head, scene, monkeypatch) -> None:
    monkeypatch.setattr(connection.client, "state", DEAD)
    monkeypatch.setattr(connection.client, "problem", "The backend ended unexpectedly (out of memory).")


def no_backend(head, scene, monkeypatch) -> None:
    stale(head, scene, monkeypatch)
    monkeypatch.setenv("EMODIFFTALK_PYTHON", "/no/python")


def other_work(head, scene, monkeypatch) -> None:
    job = long_work.LongJob("capture", "Capture Suzanne", fraction=0.3, text="Picture 3 of 10")
    monkeypatch.setattr(long_work._state, "job", job)


def unread(head, scene, monkeypatch) -> None:
    for strip in prompt_strips(head, scene):
        strip.emodifftalk.read_text = ""


def nothing_chosen(head, scene, monkeypatch) -> None:
    scene.sequence_editor.active_strip = None
    scene.frame_set(5000)


def not_understood(head, scene, monkeypatch) -> None:
    for strip in prompt_strips(head, scene):
        strip.emodifftalk.read_text = strip.emodifftalk.text
        strip.emodifftalk.answer = "I do not know this one. The nearest feelings I know: calm, content, at ease."


def audible(head, scene, monkeypatch) -> None:
    for strip in prompt_strips(head, scene):
        strip.mute = False


def shots_are_rendered(head, scene, monkeypatch) -> None:
    shots = [{"name": "sh010", "state": "rendering", "done": 3, "total": 10}]
    running = SimpleNamespace(running=True, cancelling=False, problem="", blend="/another.blend")
    running.status = {"state": "rendering", "shots": shots}
    monkeypatch.setattr(shots_panel, "queue", running)


def shots_failed(head, scene, monkeypatch) -> None:
    problem = "The queue ended unexpectedly, and why it did is said in so many words that they never fit in here."
    monkeypatch.setattr(shots_panel.queue, "problem", problem)


STATES = [
    shots_are_rendered,
    shots_failed,
    generating,
    failed,
    stale,
    live_waits,
    live_paused,
    live_off,
    voice_missing,
    take_missing,
    dead,
    no_backend,
    other_work,
    unread,
    nothing_chosen,
    not_understood,
    audible,
]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_every_button_stays_in_its_place_whatever_happens(acted, scene, monkeypatch, state):
    calm = {width: tab(width) for width in (220, 280, 420)}
    state(acted, scene, monkeypatch)
    for width, before in calm.items():
        now = tab(width)
        assert now.keys() == before.keys()
        assert {name: moved for name in before if (moved := sorted(set(before[name]) ^ set(now[name])))} == {}


def test_the_tab_has_eight_panels_in_the_order_of_the_work_and_a_line_above(acted):
    assert titles(shown()) == ORDER
    line = shown()[0]
    assert line is top_line.EMODIFFTALK_PT_top_line and "HIDE_HEADER" in line.bl_options
    assert not any(getattr(cls, "bl_order", 0) for cls in shown())
    parents = {cls.bl_label: cls.bl_parent_id for cls in shown() if getattr(cls, "bl_parent_id", "")}
    assert parents["Backend"] == parents["Capture as Subject"] == "EMODIFFTALK_PT_tools"
    assert parents["Viewport"] == "EMODIFFTALK_PT_render"


def test_an_empty_tab_offers_the_sample_heads_a_file_and_the_sample_scenes(scene):
    assert titles(shown()) == ["Head", "Shots", "Other Tools"]
    said = words(panels.EMODIFFTALK_PT_head)
    assert ("Add Nora" in said and "Add Kofi" in said and "Import Subject…" in said) or not samples()
    assert any(leaf.name == "emodifftalk.open_sample" for leaf, _ in places(draw(panels.EMODIFFTALK_PT_head, Seen())))
    assert top_line.top_line(bpy.context).text == "No head yet"


LINES = {
    generating: ("40% Motion, window 2 of 5", "emodifftalk.cancel"),
    failed: ("Not made: see details", "emodifftalk.generate"),
    stale: ("Stale 4.0 s", "emodifftalk.generate"),
    live_waits: ("From elsewhere", "emodifftalk.resume_live"),
    live_paused: ("Live has paused", "emodifftalk.resume_live"),
    voice_missing: ("Voice missing", "emodifftalk.find_missing"),
    take_missing: ("Take missing", "emodifftalk.find_missing"),
    dead: ("Backend stopped", "emodifftalk.restart_backend"),
    no_backend: ("No backend", "preferences.addon_show"),
    other_work: ("30% Capture Suzanne", "emodifftalk.cancel_work"),
    unread: ("Up to date", "emodifftalk.generate"),
}


@pytest.mark.parametrize("state", LINES, ids=lambda state: state.__name__)
def test_the_line_says_what_is_most_urgent_and_has_the_button_for_it(acted, scene, monkeypatch, state):
    state(acted, scene, monkeypatch)
    line = top_line.top_line(bpy.context)
    assert (line.text, line.operator) == LINES[state]
    details = words(top_line.EMODIFFTALK_PT_details)
    assert "Files" in details and f"Take of {acted.name}" in details and "Backend" in details


def test_details_say_in_full_what_the_line_has_no_room_for(acted, scene, monkeypatch):
    failed(acted, scene, monkeypatch)
    voice_missing(acted, scene, monkeypatch)
    dead(acted, scene, monkeypatch)
    live_paused(acted, scene, monkeypatch)
    said = words(top_line.EMODIFFTALK_PT_details)
    for sentence in ("The voice voice.wav is missing.", generate.jobs[acted.session_uid].problem, "(out of memory).",
                     "too much for a line."):  # fmt: skip
        assert sentence in said
    said = " ".join(words(cls) for cls in shown() if cls.bl_label in ORDER)
    assert "out of memory" not in said


def test_how_a_take_was_made_is_said_in_its_details_alone(acted):
    settings(acted).takes[0].note = "made in 4.2 s, diffusion, 10 steps, embedded, embedded"
    where = [cls.bl_label for cls in shown() if "diffusion" in words(cls)]
    assert where == ["Details"]


def test_seconds_come_with_frames(acted, scene):
    scene.render.fps = 24
    assert "4.00 s · 1 to 96" in words(panels.EMODIFFTALK_PT_voice)
    assert "In 7 f" in words(panels.EMODIFFTALK_PT_emotion)
    settings(acted).seed = 7
    found = staleness.check(acted, scene)
    assert found.line.startswith("Stale: 4.0 s of 4.0 s, 96 f")


def test_names_of_action_units_are_whole_at_every_width_and_all_of_one_kind():
    for width in (8, 13, 14, 18, 24, 25, 40):
        names = [unit_name(au, width) for au in AU_LABELS]
        assert max(map(len, names)) <= max(width, 4) and len(set(names)) == len(names)
        assert len({name.startswith("AU") for name in names}) == 1
    assert unit_name("AU12", 25) == "AU12 Lip corner puller" and unit_name("AU12", 18) == "AU12 Corners Up"


def test_the_list_of_prompts_shows_the_active_heads_own_in_the_order_of_the_timeline(acted, scene):
    from addon.timeline.prompt_list import EMODIFFTALK_UL_prompts, list_settings

    add_prompt(acted, scene, "calm", 30)
    listed = SimpleNamespace(bitflag_filter_item=1 << 30)
    flags, order = EMODIFFTALK_UL_prompts.filter_items(listed, bpy.context, scene.sequence_editor, "strips_all")
    strips = list(scene.sequence_editor.strips_all)
    mine = sorted((place, strip.name) for flag, place, strip in zip(flags, order, strips, strict=True) if flag)
    assert [name for _, name in mine] == ["happy", "calm", "sad"]
    row = strips.index(next(strip for strip in strips if strip.name == "sad"))
    list_settings(bpy.context).row = row
    assert scene.frame_current == 50 and list_settings(bpy.context).row == row
