"""The noise schedule and the sampler, apart from any network: cosine DDPM, clean-sample prediction, DDIM with eta 0."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

STEPS = 500
"""N, the length of the forward process."""


def alpha_bar(steps: int = STEPS) -> torch.Tensor:
    """Share of signal variance (steps,) left after n + 1 noising steps: Nichol and Dhariwal's cosine, from near 1 to
    near 0."""
    # ᾱ_n = cos²((n/N + s) / (1 + s) · π/2) over its value at n = 0, n = 1..N, s = 0.008: without s the first steps
    # would add next to no noise.
    at = torch.arange(1, steps + 1, dtype=torch.float64) / steps
    offset = 0.008
    start = math.cos(offset / (1 + offset) * math.pi / 2) ** 2
    return (torch.cos((at + offset) / (1 + offset) * math.pi / 2) ** 2 / start).clamp(1e-5, 1.0).float()


def add_noise(clean: torch.Tensor, noise: torch.Tensor, n: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
    """Forward process q(x^n | x^0) in one jump, (B, T, K).

    clean: (B, T, K), x^0.
    noise: (B, T, K), standard normal.
    n: (B,) steps.
    levels: (steps,) from `alpha_bar`.
    """
    # x^n = √ᾱ_n x^0 + √(1 - ᾱ_n) ε: variances add up to 1 at every step.
    left = levels[n][:, None, None]
    return left.sqrt() * clean + (1 - left).sqrt() * noise


def sampling_steps(count: int, steps: int = STEPS) -> list[int]:
    """`count` steps from the noisiest down, evenly spread. At least one, at most all."""
    count = max(1, min(int(count), steps))
    return [round(steps - 1 - i * steps / count) for i in range(count)]


def ddim(
    predict: Callable[[torch.Tensor, int], torch.Tensor],
    noise: torch.Tensor,
    count: int,
    before_step: Callable[[int], None] | None = None,
) -> torch.Tensor:
    """The clean sample, deterministic (eta 0): the noise still in it is what the last prediction leaves over.

    predict: (noisy, n) -> clean, all of the shape of `noise`.
    noise: what sampling starts from, any shape.
    count: of evaluations of `predict`.
    before_step: called with 0, 1, … before each evaluation; may raise.
    """
    levels = alpha_bar()
    order = sampling_steps(count)
    noisy = noise
    for i, n in enumerate(order):
        if before_step:
            before_step(i)
        clean = predict(noisy, n)
        if i + 1 < len(order):
            # ε̂ = (x^n - √ᾱ_n x̂^0) / √(1 - ᾱ_n), then x^m = √ᾱ_m x̂^0 + √(1 - ᾱ_m) ε̂ for the next step m: no noise
            # is drawn anew, so a seed is one reading of the line.
            now, after = levels[n], levels[order[i + 1]]
            left_over = (noisy - now.sqrt() * clean) / (1 - now).sqrt()
            noisy = after.sqrt() * clean + (1 - after).sqrt() * left_over
    return clean
