"""Words that the queue, its panel and its report have in common. Nothing is imported here: panels load at start-up."""

from __future__ import annotations

WAITING, RENDERING, DONE, FAILED, CANCELLED = "waiting", "rendering", "done", "failed", "cancelled"
"""States of a shot; all but the first also of a queue."""
PAUSING, PAUSED = "pausing", "paused"
"""States of a queue: the last frames are being finished, and nothing is done."""
PAUSE, RESUME, CANCEL = "pause", "resume", "cancel"
"""What other processes may ask of a queue."""
REFUSE, RENDER, KEEP = "refuse", "render", "keep"
CHANGED = (REFUSE, RENDER, KEEP)
"""What happens to frames that were rendered from another version of a shot: the shot fails with a sentence, they are
rendered again, or they are kept among the new ones."""
