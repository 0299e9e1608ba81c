"""What the answers to an eviction mean."""

from __future__ import annotations

import msgspec

from migrate.facts.api import decode
from migrate.facts.resolve import resolve
from migrate.run.kube.answer import ListAnswer
from migrate.run.kube.port import Accepted, Eviction, Gone, NamespaceEnds, Never, NotNow

OTHER_UID = ("UID in the precondition", "UID in precondition")  # registry/rest/delete.go, storage/interfaces.go
TWO_BUDGETS = "more than one PodDisruptionBudget"


class _Cause(msgspec.Struct, frozen=True):
    reason: str = ""
    message: str = ""


class _Details(msgspec.Struct, frozen=True):
    kind: str = ""
    causes: tuple[_Cause, ...] | None = None
    retry_after: float | None = msgspec.field(name="retryAfterSeconds", default=None)


class _EvictionStatus(msgspec.Struct, frozen=True):
    status: str | dict[str, object] = ""
    code: int = 0
    message: str = ""
    details: _Details | None = None


class _Resource(msgspec.Struct, frozen=True):
    name: str = ""
    group: str = ""
    version: str = ""


class _Resources(msgspec.Struct, frozen=True):
    resources: tuple[_Resource, ...] = ()


def group_version(discovery: bytes) -> str:
    """`policy/v1` where the server takes it (1.22), else `policy/v1beta1`; from the answer to GET /api/v1, as kubectl decides it.

    Source: kubernetes/kubectl pkg/drain/drain.go CheckEvictionSupport.
    """
    resources = decode(discovery, _Resources).resources
    served = any(resource.name == "pods/eviction" and (resource.group, resource.version) == ("policy", "v1") for resource in resources)
    return "policy/v1" if served else "policy/v1beta1"


def eviction_of(answer: ListAnswer) -> Eviction:
    """The meaning of an answer other than 401.

    A Status in the body outranks the HTTP status: for two budgets over one pod the server says 500 in the body of a 201.
    Source: kubernetes pkg/registry/core/pod/storage/eviction.go.
    """
    try:
        body = decode(answer.body, _EvictionStatus)
    except msgspec.DecodeError:
        body = _EvictionStatus()
    code = body.code if body.status == "Failure" and body.code else answer.status
    details = body.details or _Details()
    causes = details.causes or ()
    says = ListAnswer(code, answer.body).message
    match code:
        case 200 | 201 | 202:
            return Accepted()
        case 404:
            return Gone()
        case 409 if any(words in body.message for words in OTHER_UID):
            return Gone()
        case 429:
            budgets = [cause.message for cause in causes if cause.reason == "DisruptionBudget"]
            after = float(answer.retry_after) if answer.retry_after.isascii() and answer.retry_after.isdecimal() else details.retry_after
            forbids = bool(budgets) or "disruption budget" in body.message
            return NotNow("; ".join(budgets) or says, forbids, None if forbids else after)
        case 403 if any(cause.reason == "NamespaceTerminating" for cause in causes):
            return NamespaceEnds(says)
        case 403 if details.kind == "poddisruptionbudgets":
            return NotNow(says, True)  # its status is not yet in order
        case 500 if TWO_BUDGETS in body.message:
            return Never(body.message)
        case 409 | 500 | 502 | 503 | 504:
            return NotNow(says, False)
        case _:
            return Never(says)


resolve(_Resources, _EvictionStatus)
