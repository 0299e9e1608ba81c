"""Every failure a user can meet: what was seen, what was expected, the next command, and the exit code of the process."""

from collections.abc import Callable, Iterable
from typing import ClassVar, TypeVar

_T = TypeVar("_T")
_WORST_FIRST = (6, 5, 8, 7, 3, 4, 1, 2, 130, 0)


class MigrateError(Exception):
    """A failure told to the user; `str()` is the whole text, `exit_code` what the process ends with (1: unexpected).

    `node` is None when no single node is concerned; `next` is the next command to type, or the next thing to do.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, *, seen: str, expected: str, next: str, node: str | None = None) -> None:
        self.node = node
        self.seen = seen
        self.expected = expected
        self.next = next
        super().__init__(seen)

    def __str__(self) -> str:
        head = self.seen if self.node is None else f"{self.node}: {self.seen}"
        return f"{head}\n  expected: {self.expected}\n  next: {self.next}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}(node={self.node!r}, seen={self.seen!r}, expected={self.expected!r}, next={self.next!r})"


class UnexpectedError(MigrateError):
    """A defect of the program itself, met while it worked on a node; the cause is kept in `__cause__`."""


class UsageError(MigrateError):
    """What was typed, or an input file, cannot be used."""

    exit_code = 2


class Blocked(MigrateError):
    """Blockers were found, or findings at or above the asked severity."""

    exit_code = 3


class NodeUnreachable(MigrateError):
    """No connection to the node could be made, or it was lost."""

    exit_code = 4


class NodeTimeout(NodeUnreachable):
    """One of the time limits ran out; the text names which."""


class HostKeyRefused(NodeUnreachable):
    """The node's host key is unknown, changed, revoked, or cannot be judged."""


class AuthenticationRefused(NodeUnreachable):
    """The node was reached and lets this user in with none of the keys at hand."""


class NoSudo(NodeUnreachable):
    """The login works and does not lead to root."""


class NodeUnreadable(MigrateError):
    """The node answered, and the answer cannot be used."""

    exit_code = 4


class TransferFailed(NodeUnreadable):
    """A file could not be laid onto the node; what was there before is still there."""


class ClusterUnreachable(MigrateError):
    """The Kubernetes API could not be reached or read."""

    exit_code = 4


class Restored(MigrateError):
    """The migration of a node failed and the node is verified to be as before."""

    exit_code = 5


class Parked(MigrateError):
    """A node is cordoned and left for a person."""

    exit_code = 6


class Refused(MigrateError):
    """Nothing was done on purpose: a lock, a gate, a window, no confirmation."""

    exit_code = 7


class StalePlan(Refused):
    """The node is no longer what the plan was made from."""


class Paused(Refused):
    """A person has paused all operators of the cluster."""


class LeaseHeld(Refused):
    """Another operator runs a rollout of the cluster."""


class LeaseLost(Refused):
    """Another operator took over the rollout while this one did not renew its Lease."""


class VerificationFailed(MigrateError):
    """The change was made and what should hold afterwards does not."""

    exit_code = 8


class Interrupted(MigrateError):
    """The user stopped the run, in a safe state."""

    exit_code = 130


def contained(node: str, work: Callable[[], _T]) -> _T | MigrateError:
    """What `work` on one node gives, or the MigrateError that it raised: one node's failure is that node's result.

    Any other exception becomes an UnexpectedError of the node.
    """
    try:
        return work()
    except MigrateError as error:
        return error
    except Exception as error:
        unexpected = UnexpectedError(
            node=node,
            seen=f"unexpected {type(error).__name__}: {str(error)[:200]}",
            expected="no defect of this program",
            next="repeat with --debug and report the text",
        )
        unexpected.__cause__ = error
        return unexpected


def understood(node: str, work: Callable[[], _T]) -> _T:
    """What `work` makes of a node's own words. Raises NodeUnreadable, with the node's name, for whatever it raises but a MigrateError."""
    try:
        return work()
    except MigrateError:
        raise
    except Exception as error:
        raise NodeUnreadable(
            node=node,
            seen=f"what it answered cannot be understood: {type(error).__name__}: {str(error)[:200]}",
            expected="answers in the form that its programs have",
            next=f"docker2cri capture {node} --out DIR, and report the file that it writes",
        ) from error


def worst(codes: Iterable[int]) -> int:
    """Give the exit code of several nodes together: 6, 5, 8, 7, 3, 4, then 1, 2, 130, 0; no code at all is 0.

    Raises ValueError for a number that is no exit code of ours.
    """
    found = set(codes)
    if unknown := found - set(_WORST_FIRST):
        raise ValueError(f"no exit codes of ours: {sorted(unknown)}")
    return next((code for code in _WORST_FIRST if code in found), 0)
