"""The two things that can go wrong in a way a person should hear about."""

_LONGEST = 1000


class UserError(Exception):
    """One sentence the animator can act on. Shown as it is, without a stack trace.

    It is one line of at most `_LONGEST` letters, however much of a damaged file whoever raises it has quoted.
    """

    def __init__(self, sentence: str) -> None:
        line = str(sentence)
        if len(line) > _LONGEST:
            line = f"{line[: _LONGEST * 2 // 3]} … {line[-_LONGEST // 4 :]}"
        super().__init__("".join(letter if letter.isprintable() else " " for letter in line))


class Cancelled(Exception):
    """The animator pressed Cancel; nothing is wrong, and nothing was written, or what it says."""
