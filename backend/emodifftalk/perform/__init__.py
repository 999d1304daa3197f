"""A performance with a subject becomes a take, or a preview of one frame."""
