"""The two things that can go wrong in a way a person should hear about."""

_LONGEST = 800
"""Letters of a sentence; what it quotes of a file may be longer than anybody reads."""


class UserError(Exception):
    """One sentence the animator can act on. Shown as it is, without a stack trace."""

    def __init__(self, sentence: str) -> None:
        """What it quotes of a file is cut to a length that can be read, its line breaks and the like become blanks."""
        line = "".join(letter if letter.isprintable() else " " for letter in sentence[: 4 * _LONGEST])
        half = _LONGEST // 2
        super().__init__(line if len(line) <= _LONGEST else f"{line[:half]} … {line[-half:]}")


class Cancelled(Exception):
    """The animator pressed Cancel; nothing is wrong, and nothing was written, or what it says."""
