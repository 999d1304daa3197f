"""3D Gaussians are drawn, on CUDA or on the CPU, with gradients for training, and pictures are compared."""

import os

# torch's OpenMP threads keep spinning for milliseconds after each parallel operation, on the cores our kernels want
# next; on two busy cores that made a training step 3 to 6 times as long. Asleep they cost nothing. The variable is
# heeded only if torch has not been imported yet.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
