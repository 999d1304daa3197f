"""The preferences lead to the manual and, once there is one, to the place where faults are reported."""

from __future__ import annotations

import pytest

pytest.importorskip("bpy")

from addon.backend import preferences


def test_the_manual_is_there():
    assert preferences.MANUAL.read_text(encoding="utf-8").startswith("# The animator's manual")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('website = "https://example.org/emodifftalk"', "https://example.org/emodifftalk"),
        ('website = "file:///etc/passwd"', ""),
        ("", ""),
    ],
)
def test_the_website_is_the_manifests(monkeypatch, tmp_path, line, expected):
    (tmp_path / "blender_manifest.toml").write_text(f'id = "emodifftalk"\n{line}\n', encoding="utf-8")
    monkeypatch.setattr(preferences, "_MANIFEST", tmp_path / "blender_manifest.toml")
    assert preferences.website() == expected


def test_without_a_manifest_there_is_no_website(monkeypatch, tmp_path):
    monkeypatch.setattr(preferences, "_MANIFEST", tmp_path / "none.toml")
    assert preferences.website() == ""
