"""From files and the frame to the Gaussians of a head. No backend needed."""
