"""The emotion labels of EmoTalk3D and their two intensities: what menus offer and prompts can be called by."""

LABELS: dict[str, str] = {
    "neutral": "neutral",
    "angry": "angry",
    "contempt": "contemptuous",
    "disgusted": "disgusted",
    "fear": "afraid",
    "happy": "happy",
    "sad": "sad",
    "surprised": "surprised",
}
"""Label and prototype."""
INTENSITIES: dict[str, float] = {"mild": 0.5, "strong": 1.25}
