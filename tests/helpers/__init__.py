"""What tests of several rooms need: tiny heads, voices and data sets made in a blink, and the places of the clone."""
