"""The two things that can go wrong in a way a person should hear about."""


class UserError(Exception):
    """One sentence the animator can act on. Shown as it is, without a stack trace."""


class Cancelled(Exception):
    """The animator pressed Cancel; nothing is wrong, and nothing was written, or what it says."""
