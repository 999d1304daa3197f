"""The pages hold together: links and pictures are there, every page can be reached, files that are named exist."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(page for place in (".", "docs", "docs/*", "sample_scenes") for page in ROOT.glob(f"{place}/*.md"))
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
NAMED_FILE = re.compile(r"`([\w./-]+\.(?:py|toml|yml|sh|md))`")
MENTIONED_PAGE = re.compile(r"\bdocs/[\w./-]+\.(?:md|jpg|png|mp4)")


def links(page: Path) -> list[tuple[Path, str]]:
    """File and anchor of every link of a page to something of ours."""
    parts = [link.partition("#") for link in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8")))]
    return [((page.parent / path).resolve() if path else page, anchor) for path, _, anchor in parts if ":" not in path]


def anchors(page: Path) -> set[str]:
    """What can follow the # of a link to a page: its headings as GitHub turns them into anchors."""
    headings = re.findall(r"^#+ (.+)$", CODE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@cache
def our_files() -> frozenset[str]:
    """Every file of the checkout, as a path from its root that begins with a slash."""
    places = [ROOT / name for name in ("addon", "backend", "docs", "sample_scenes", "tests", "tools", ".github")]
    files = [path for place in places for path in place.rglob("*")] + list(ROOT.iterdir())
    return frozenset(f"/{path.relative_to(ROOT).as_posix()}" for path in files if path.is_file())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_links_to_what_is_there_and_names_files_that_exist(page):
    for target, anchor in links(page):
        assert target.exists(), f"links to {target}"
        assert not anchor or anchor in anchors(target), f"{target.name} has no heading #{anchor}"
    if page.name == "CHANGELOG.md":
        return  # it tells of files as they were called then
    for name in NAMED_FILE.findall(page.read_text(encoding="utf-8")):
        assert any(file.endswith(f"/{name}") for file in our_files()), f"names {name}"


def test_every_page_and_every_picture_is_reached_from_the_readme():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            waiting += [target for target, _ in links(page) if target.is_file()] if page.suffix == ".md" else []
    there = [path for path in (ROOT / "docs").rglob("*") if path.suffix in (".md", ".jpg", ".png", ".mp4")]
    assert len(there) > 40
    assert [path for path in [*PAGES, *there] if path not in reached] == []


def test_pages_that_code_and_texts_mention_exist():
    texts = [
        path for name in ("addon", "backend", "sample_scenes", "tests", "tools") for path in (ROOT / name).rglob("*.py")
    ]
    mentioned = {
        (path.name, name)
        for path in [*texts, ROOT / "LICENSES.md"]
        for name in MENTIONED_PAGE.findall(path.read_text("utf-8"))
    }
    assert len(mentioned) > 8
    assert [(file, name) for file, name in sorted(mentioned) if not (ROOT / name).exists()] == []


ARCHITECTURE = ROOT / "docs" / "develop" / "ARCHITECTURE.md"
ROW = re.compile(r"^\| `([\w./]+\.py)` \| ([^|]+) \|", re.MULTILINE)


def test_the_walks_through_the_house_lead_through_functions_that_exist():
    steps = [(file, name) for file, names in ROW.findall(ARCHITECTURE.read_text("utf-8")) for name in names.split(", ")]
    assert len(steps) > 40
    for file, name in steps:
        defined = rf"^\s*(?:def|class) {name.strip('` ')}\b"
        assert re.search(defined, (ROOT / file).read_text("utf-8"), re.MULTILINE), f"{file} has no {name}"


@pytest.mark.parametrize(
    ("part", "table", "name"),
    [(0, "addon/blender/registering.py", "ROOMS"), (1, "tests/whole/test_rooms.py", "BACKEND_ROOMS")],
    ids=["add-on", "backend"],
)
def test_the_picture_of_the_house_shows_every_room_in_the_order_of_the_imports(part, table, name):
    picture = ARCHITECTURE.read_text("utf-8").partition("```\n")[2].partition("```")[0]
    drawn = re.findall(r"^  (\w+)(?:/|\.py) ", picture.split("\nbackend/emodifftalk/")[part], re.MULTILINE)
    rooms = (ROOT / table).read_text("utf-8").partition(f"\n{name} = (")[2].partition(")")[0]
    assert [room for room in drawn if room != "models"] == re.findall(r'"(\w+)"', rooms)[::-1]


def test_the_function_that_is_shown_as_an_example_is_the_one_in_the_code():
    text = (ROOT / "docs" / "develop" / "CONTRIBUTING.md").read_text("utf-8")
    file, _, after = text.partition("One of ours, from `")[2].partition("`:")
    example = after.partition("```python\n")[2].partition("```")[0]
    assert len(example) > 400 and example in (ROOT / file).read_text("utf-8")
