"""A text tower of open_clip, real classes, random weights."""

from __future__ import annotations

import torch

from emodifftalk.emotion.text_encoders import OpenClipEncoder


def tiny_tower() -> OpenClipEncoder:
    """Always with the same random weights."""
    import open_clip

    vision = {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16}
    text = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = open_clip.CLIP(embed_dim=24, vision_cfg=vision, text_cfg=text)
    return OpenClipEncoder(model, open_clip.SimpleTokenizer())
