"""The FACS numbers that our action units and articulations are made of, on characters whose shapes are named so."""

from __future__ import annotations

FACS_WEIGHTS: dict[str, tuple[tuple[int, float], ...]] = {
    **{f"AU{n:02d}": ((n, 1.0),) for n in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 23, 24, 25)},
    "AU26": ((26, 1.0), (27, 0.6)),
    "AU45": ((45, 1.0), (43, 1.0)),
    "pucker": ((18, 1.0),),
    "funnel": ((22, 1.0),),
    "lip_bite": ((32, 1.0), (28, 1.0)),
    "lip_press": ((24, 0.6),),
    "stretch": ((20, 1.0),),
}
"""FACS numbers a unit can be made of, with weights; the first one that a character has is taken."""
