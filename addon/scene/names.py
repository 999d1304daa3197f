"""Names that several modules must agree on."""

from __future__ import annotations


def au_property(au: str) -> str:
    """Name of the property that holds an action unit: AU12 → au12."""
    return au.lower()
