"""The report as it is published: one value that every format is written from. `docs/schema/report-v1.json` is its JSON schema.

Format `docker2cri/v1`: fields are only added, never renamed or given another meaning; a reader ignores fields that it does not know.
Texts are for people, and hold no terminal escapes and no secrets.
"""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec

from migrate.facts.api import decode
from migrate.facts.resolve import resolve
from migrate.report.docker_model import ReportedDockerHost
from migrate.rules import Confidence, Severity

T = TypeVar("T")

FORMAT = "docker2cri/v1"

State = Literal["ready", "needs work", "blocked", "not read", "nothing to do"]
Mark = Literal["kept", "removed", "new", "changed"]
Use = Literal["directly", "below another", "could", "no"]
SettingVerdict = Literal["carried", "changed", "cannot be carried", "not needed"]
PodSecurity = Literal["privileged", "baseline", "restricted", ""]


class _Model(msgspec.Struct, frozen=True, kw_only=True):
    """A frozen value of the report."""


class Location(_Model, frozen=True, kw_only=True):
    """A place in a file: line and column are 1-based, None when unknown."""

    path: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.path, self.line, self.column) if part is not None)


class ReportedFinding(_Model, frozen=True, kw_only=True):
    """What one rule saw, once for all nodes on which it saw the same.

    `nodes` are hosts, empty for a workload by itself; `docker_hosts` are Docker hosts that are no nodes; `workload` is a title
    (`DaemonSet ops/log-agent`), empty for what is no workload.
    In `remedy` the word NODE stands for the node's name where there are several. `accepted` is the admin's reason (plan and apply go on),
    `waived` that of a waiver (`--fail-on` passes; plan and apply do not), `waived_until` its last day (`2027-01-31`), empty for no end,
    `waived_inside` that it is a comment in the file.
    `confidence` tells whether the use of Docker was seen itself; where it was not, `severity` is a warning in place of a blocker.
    """

    code: str
    slug: str
    severity: Severity
    subject: str
    evidence: str
    what: str = ""
    remedy: str = ""
    nodes: tuple[str, ...] = ()
    docker_hosts: tuple[str, ...] = ()
    workload: str = ""
    acceptable: bool = False
    accepted: str | None = None
    waived: str | None = None
    waived_until: str = ""
    waived_inside: bool = False
    location: Location | None = None
    confidence: Confidence = Confidence.SEEN

    @property
    def answered(self) -> bool:
        """Whether it is accepted or waived."""
        return self.accepted is not None or self.waived is not None


class ReportedRuntime(_Model, frozen=True, kw_only=True):
    """A container or VM runtime on a machine: its role (`engine`, `virtual machines` ...), and whether pods run through it.

    `live` counts what has processes now that neither Kubernetes nor another runtime asked for, None where it could not be read (`unread`
    says why); `own` are the names of the first 20.
    """

    name: str
    role: str
    version: str = ""
    kubernetes: Use
    live: int | None = 0
    own: tuple[str, ...] = ()
    unread: str = ""


class DockerSetting(_Model, frozen=True, kw_only=True):
    """One setting of a machine's Docker and what becomes of it.

    `key` is a key of daemon.json, a variable of dockerd's environment or a kind of certificate; `value` is short JSON without secrets;
    `place` is the file, or the flag of dockerd; `note` is a sentence.
    """

    key: str
    value: str
    place: str
    verdict: SettingVerdict
    note: str


class ReportedMachine(_Model, frozen=True, kw_only=True):
    """One machine as it was read. `images` are those in Docker's store, `image_bytes` their sizes added up (layers shared by images count
    again); `standalone` counts containers that the kubelet did not make; None where Docker was not asked. `pods` have not run to their end.
    `inside` is what the machine itself is (`a virtual machine of KVM`); `runtimes` are all that were found.
    """

    os: str
    kernel: str
    arch: str
    cgroup: str
    kubelet: str = ""
    cgroup_driver: str = ""
    installer: str = ""
    runtime: str
    runtime_version: str = ""
    next_runtime: str
    next_version: str = ""
    images: int | None = None
    image_bytes: int | None = None
    standalone: int | None = None
    pods: int = 0
    inside: str = ""
    runtimes: tuple[ReportedRuntime, ...] = ()


class ReportedNode(_Model, frozen=True, kw_only=True):
    """One machine of the fleet: `host` is the inventory's name, `node` the cluster's (empty when unknown).

    `error` is the whole message of why it was not read, then `machine` is None. `pool` and `zone` come from its labels. The counts are of
    all findings on it, accepted ones too. `stack` names one of the report's stacks. `settings` are those of its Docker, empty without one.
    """

    host: str
    node: str = ""
    state: State
    error: str = ""
    blockers: int = 0
    warnings: int = 0
    infos: int = 0
    roles: tuple[str, ...] = ()
    pool: str = ""
    zone: str = ""
    machine: ReportedMachine | None = None
    stack: str = ""
    settings: tuple[DockerSetting, ...] = ()


class Layer(_Model, frozen=True, kw_only=True):
    """One program between the kubelet and the containers. `link` says how the layer above speaks to it, with the socket."""

    name: str
    version: str = ""
    link: str = ""
    mark: Mark = "kept"
    note: str = ""


class Stack(_Model, frozen=True, kw_only=True):
    """Who talks to whom on some nodes, from the kubelet down, now and after the migration; `name` is what nodes refer to."""

    name: str
    before: tuple[Layer, ...]
    after: tuple[Layer, ...]


class FileDiff(_Model, frozen=True, kw_only=True):
    """A file that a migration would write, with its unified, masked diff; `nodes` are the hosts where it is the same."""

    path: str
    new: bool = False
    why: str = ""
    diff: str = ""
    nodes: tuple[str, ...] = ()


class ReportedWorkload(_Model, frozen=True, kw_only=True):
    """One workload: `pod_security` is the Pod Security Standard level that its pods meet, empty when it makes none; `replicas` are wanted
    (None: no such number). `pods` counts those that live, `nodes` are the cluster's names of where. The counts are of its findings.
    """

    namespace: str = ""
    kind: str
    name: str
    pod_security: PodSecurity
    replicas: int | None = None
    pods: int = 0
    nodes: tuple[str, ...] = ()
    blockers: int = 0
    warnings: int = 0
    infos: int = 0
    location: Location | None = None

    @property
    def title(self) -> str:
        """`Kind namespace/name`, as findings name it."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class NotChecked(_Model, frozen=True, kw_only=True):
    """Something that was not looked at, or could not be read, and why: neither a pass nor a finding."""

    what: str
    reason: str


class RuleText(_Model, frozen=True, kw_only=True):
    """The text of a rule that has findings here. In `remedy` the word NODE stands for a node's name."""

    code: str
    slug: str
    severity: Severity
    acceptable: bool = False
    what: str
    why: str
    remedy: str
    sources: str


class Summary(_Model, frozen=True, kw_only=True):
    """Counts: nodes and Docker hosts by state, workloads, then findings by severity; of these `accepted` and `waived` are answered."""

    ready: int = 0
    needs_work: int = 0
    blocked: int = 0
    not_read: int = 0
    nothing_to_do: int = 0
    workloads: int = 0
    blockers: int = 0
    warnings: int = 0
    infos: int = 0
    accepted: int = 0
    waived: int = 0


class Report(_Model, frozen=True, kw_only=True):
    """A whole compatibility report. `taken` is when the reading was made (RFC 3339, UTC), `server` the API server's version.

    `files_read` and `documents_read` (YAML and JSON) are of a scan, `pod_security_version` is of the workloads' levels.
    `next_kubernetes` is the minor that an upgrade would lead to (`1.25`), empty when none was asked for. `rules` are those with findings,
    `asked` the names of all that were (`D2C301 docker-socket-mounted`). `notes` are for the reader: an expired waiver, for example.
    """

    format: str
    kind: Literal["inspect", "scan", "plan", "docker-host"]
    tool: str
    taken: str = ""
    cluster: str = ""
    server: str = ""
    target: str
    next_kubernetes: str = ""
    pod_security_version: str = ""
    files_read: int | None = None
    documents_read: int | None = None
    summary: Summary = Summary()
    nodes: tuple[ReportedNode, ...] = ()
    docker_hosts: tuple[ReportedDockerHost, ...] = ()
    workloads: tuple[ReportedWorkload, ...] = ()
    findings: tuple[ReportedFinding, ...] = ()
    not_checked: tuple[NotChecked, ...] = ()
    notes: tuple[str, ...] = ()
    stacks: tuple[Stack, ...] = ()
    files: tuple[FileDiff, ...] = ()
    rules: tuple[RuleText, ...] = ()
    asked: tuple[str, ...] = ()


def dump_report(report: Report) -> str:
    """The report as JSON text."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n"


def load_report(text: str) -> Report:
    """The report that `dump_report` wrote, fields of a later version left out; raises ValueError for another format, or for none at all."""
    head = _decoded(text, _Head)
    if head.format != FORMAT:
        raise ValueError(f"it has format {head.format}, this version reads {FORMAT}")
    return _decoded(text, Report)


class _Head(msgspec.Struct):
    format: str


def _decoded(text: str, kind: type[T]) -> T:
    try:
        return decode(text, kind)
    except msgspec.DecodeError as wrong:
        raise ValueError(f"it is no docker2cri report: {wrong}") from wrong


resolve(Report)
