"""Files in and out: subjects, Gaussians, takes and samples come in, Gaussians and curves go out."""
