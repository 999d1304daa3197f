"""Action units as F-curves: shown from takes, drawn over, imported; how sure a take is."""
