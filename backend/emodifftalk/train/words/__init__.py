"""From words to action units."""
