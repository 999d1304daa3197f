"""Training data of feelings in plain words."""
