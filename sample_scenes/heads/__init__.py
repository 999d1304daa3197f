"""The sample heads: CC0 actors dressed, haired, lit and photographed. Not part of the extension."""
