"""One capture goes through the canonical rig and stages 1 to 3, is measured and reported on."""
