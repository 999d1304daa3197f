"""Readers of real captures: one file per layout, and what they share."""

from .open_dataset import open_dataset

__all__ = ["open_dataset"]
