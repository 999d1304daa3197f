"""Stage 2 of the paper (3.1): the canonical Gaussians on their template."""
