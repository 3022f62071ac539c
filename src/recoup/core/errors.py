"""Failures with a name: each carries one sentence for a person, and doors translate it once."""

from __future__ import annotations


class RecoupError(Exception):
    """A failure that a person can read: what is wrong, where, and (``fix``) what to do about it.

    ``status`` is the HTTP status that the API answers with; ``exit_code`` is what a command ends with
    (BSD ``sysexits.h`` numbers, so that a crontab can tell a bad input from a busy moment).
    """

    status = 500
    exit_code = 70

    def __init__(self, detail: str, *, fix: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fix = fix

    def sentence(self) -> str:
        """Return the detail and, where known, what to do about it, as one line."""
        return f"{self.detail} {self.fix}" if self.fix else self.detail


class Invalid(RecoupError):
    """The input breaks a rule; sending it again unchanged fails again."""

    status = 422
    exit_code = 65


class BadRequest(Invalid):
    """As Invalid, where a contract that others wrote down says 400."""

    status = 400


class Unsupported(RecoupError):
    """The content is of a kind that is not taken, or is not what it says it is."""

    status = 415
    exit_code = 65


class TooLarge(RecoupError):
    """There is more of it than is taken."""

    status = 413
    exit_code = 65


class NotFound(RecoupError):
    """There is nothing under that name, or the caller may not know of it."""

    status = 404
    exit_code = 66


class Conflict(RecoupError):
    """The thing is in a state in which this cannot be done."""

    status = 409
    exit_code = 75


class Forbidden(RecoupError):
    """The caller is known, and may not do this."""

    status = 403
    exit_code = 77


class Unauthorised(RecoupError):
    """The caller did not show who they are."""

    status = 401
    exit_code = 77


class TooMany(RecoupError):
    """The caller asks too often; ``retry_after`` says in how many seconds it may be asked again."""

    status = 429
    exit_code = 75

    def __init__(self, detail: str, *, fix: str | None = None, retry_after: int) -> None:
        super().__init__(detail, fix=fix)
        self.retry_after = retry_after


class Misconfigured(RecoupError):
    """A setting or a credential is missing or wrong; only a person can mend it."""

    status = 503
    exit_code = 78


class NeedsReauthorisation(Misconfigured):
    """What we were allowed to do elsewhere is over or was taken back: a person has to sign in there again."""


class Unavailable(RecoupError):
    """Something outside did not answer, or is busy; trying again later may work.

    ``retry_after`` is in seconds, where the other side named a time.
    """

    status = 503
    exit_code = 69

    def __init__(self, detail: str, *, fix: str | None = None, retry_after: int | None = None) -> None:
        super().__init__(detail, fix=fix)
        self.retry_after = retry_after


class Changed(RecoupError):
    """A stored object is no longer the version that was asked for."""

    status = 412
    exit_code = 75


class Lost(RecoupError):
    """This worker's lease is over: another has taken the work, and nothing more may be done here."""

    status = 409
    exit_code = 75
