"""A take becomes files of other tools: Gaussians frame by frame or as a shot, face curves, pictures, video."""
