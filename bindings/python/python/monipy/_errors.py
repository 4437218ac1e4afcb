"""The exceptions. Each carries ``code``, a code of the contract or a SIP status code, and ``status``, a sentence."""

from __future__ import annotations

from ._generated import Code

__all__ = [
    "AlreadyLoggedIn",
    "CallFailed",
    "InternalError",
    "InvalidArgument",
    "InvalidDtmf",
    "InvalidState",
    "LoginFailed",
    "MediaFailed",
    "MonipyError",
    "NotConnected",
    "TimedOut",
]


class MonipyError(Exception):
    """Whatever monipy raises."""

    code: int
    """A ``Code``, or a SIP status code."""
    status: str
    """What is wrong and what to do about it."""

    def __init__(self, code: int, status: str) -> None:
        super().__init__(code, status)
        self.code = code
        self.status = status

    def __str__(self) -> str:
        return f"{self.status} (code {self.code})"


class LoginFailed(MonipyError):
    """The login was refused: 401 wrong id or password, 405 too many connections, 408 no answer, else the SIP code."""


class InvalidState(MonipyError):
    """The method does not fit the state (1002); the status says which state it needs."""


class AlreadyLoggedIn(InvalidState):
    """Log out before you log in again (1001)."""


class InvalidArgument(MonipyError, ValueError):
    """An argument or a setting is not acceptable (1003); the status names it and what it accepts."""


class InvalidDtmf(InvalidArgument):
    """Not a DTMF digit (1005)."""


class NotConnected(MonipyError):
    """The link to the server is down (1000)."""


class TimedOut(MonipyError, TimeoutError):
    """Time ran out (408)."""


class MediaFailed(MonipyError):
    """Media or a device failed (415)."""


class InternalError(MonipyError):
    """A defect of the library (1099)."""


class CallFailed(MonipyError):
    """The far side refused, by a SIP status code."""


_BY_CODE: dict[int, type[MonipyError]] = {
    Code.UNAUTHORIZED: LoginFailed,
    Code.TOO_MANY_CONNECTIONS: LoginFailed,
    Code.TIMEOUT: TimedOut,
    Code.MEDIA: MediaFailed,
    Code.NOT_CONNECTED: NotConnected,
    Code.ALREADY_LOGGED_IN: AlreadyLoggedIn,
    Code.INVALID_STATE: InvalidState,
    Code.INVALID_ARGUMENT: InvalidArgument,
    Code.INVALID_DTMF: InvalidDtmf,
    Code.INTERNAL: InternalError,
}


def error_for(code: int, status: str) -> MonipyError:
    """The exception for a code."""
    return _BY_CODE.get(code, CallFailed)(code, status)


def login_error(error: MonipyError) -> MonipyError:
    """What ``login`` raises: every refusal of the server or of the network is a ``LoginFailed``."""
    if isinstance(error, (InvalidState, InvalidArgument, InternalError, LoginFailed)):
        return error
    return LoginFailed(error.code, error.status)
