"""A plan: a value that is read, reviewed, stored, and later applied as it is. It holds hashes and masked text, never secrets."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from migrate.facts.api import decode
from migrate.facts.cluster import CRI_SOCKET, ClusterIdentity
from migrate.facts.names import is_file_name, is_object_name
from migrate.facts.resolve import resolve
from migrate.plan.drain import PodDecision
from migrate.plan.fleet import FleetPlan
from migrate.plan.gates import gate_problem
from migrate.plan.steps import API, HOST, Annotate, ArmGuard, InstallRuntime, Step, VerifyControlPlane, WriteFile, acts, kind_of, one_way
from migrate.rules import Finding, NodeView

FORMAT = 3
CLEANUP = "cleanup"
PURPOSES = {True: "it removes Docker, and does nothing else", False: "what cannot be rolled back is in the plan of a cleanup alone"}
RECORD = "/var/lib/docker2cri keeps the record of the run"


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a plan: where its steps act on apply, what it is for, and whether a run may be stopped inside it."""

    name: str
    where: str
    title: str
    stoppable: bool = False


SEGMENTS = (
    Segment("prepare", HOST, "on the node, nothing is disturbed", stoppable=True),
    Segment("drain", API, "through the API", stoppable=True),
    Segment("switch", HOST, "on the node, as one program"),
    Segment("rejoin", API, "through the API"),
)


class PlannedStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step in its segment, which is the name of one of SEGMENTS."""

    segment: str
    step: Step


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the steps depend on: a file's hash, a unit's state, a version. Changed, the plan no longer holds.

    `text` is a file's content without secrets, to show later what moved.
    """

    what: str
    value: str
    text: str | None = None


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why a node has no steps: a finding's code and text, or an edit that is not certain."""

    code: str
    reason: str
    next: str

    @staticmethod
    def by(finding: Finding) -> Refusal:
        """What a finding refuses."""
        return Refusal(code=finding.code, reason=f"{finding.subject}: {finding.evidence}", next=finding.remedy)


class NodePlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What would be done to one node. Without steps there is nothing to do (`nothing` says why), or it is refused (`refusals` say why).

    `applicable` is False when it was made from a redacted capture; `inputs` are what is compared before anything is done; `pods` tell
    what the drain does with each pod, `may_differ` what a rollback does not put back byte for byte. `uid` is that of the Node object,
    `machine_id` that of the machine: both must be so again before anything is done.
    """

    node: str
    host: str
    source: str
    applicable: bool
    findings: tuple[Finding, ...]
    refusals: tuple[Refusal, ...]
    steps: tuple[PlannedStep, ...]
    inputs: tuple[Input, ...]
    pods: tuple[PodDecision, ...]
    may_differ: tuple[str, ...]
    nothing: str = ""
    uid: str = ""
    machine_id: str = ""

    @property
    def moves(self) -> bool:
        """Whether it takes the node off Docker; a plan that only installs what is missing does not."""
        return any(planned.segment == "switch" for planned in self.steps)

    @property
    def cleans(self) -> bool:
        """Whether it removes Docker for good: nothing of it can be rolled back."""
        return any(one_way(planned.step) for planned in self.steps)

    @property
    def installs(self) -> tuple[InstallRuntime, ...]:
        """The steps that install what is missing."""
        return tuple(planned.step for planned in self.steps if isinstance(planned.step, InstallRuntime))

    @property
    def guard(self) -> int:
        """The seconds after which the node rolls back without the operator's heartbeat, 0 for a plan without a guard."""
        return next((planned.step.seconds for planned in self.steps if isinstance(planned.step, ArmGuard)), 0)

    @property
    def plane(self) -> VerifyControlPlane | None:
        """How the control plane that it is has to be again, None for a worker."""
        return next((planned.step for planned in self.steps if isinstance(planned.step, VerifyControlPlane)), None)

    @property
    def alone(self) -> bool:
        """Whether the node is the only control plane: there is no API while it is switched."""
        return self.plane is not None and self.plane.alone

    @property
    def files(self) -> tuple[WriteFile, ...]:
        """The steps that write files."""
        return tuple(planned.step for planned in self.steps if isinstance(planned.step, WriteFile))

    def of(self, segment: str) -> tuple[Step, ...]:
        """The steps that are performed in one segment on apply, in order."""
        return tuple(planned.step for planned in self.steps if planned.segment == segment and acts(planned.step, "apply"))


def without_steps(view: NodeView, findings: tuple[Finding, ...], *, refusals: tuple[Refusal, ...] = (), nothing: str = "") -> NodePlan:
    """The plan of a node that has no steps (yet): what is known of the node, and why."""
    facts = view.facts
    return NodePlan(
        node=view.node.name if view.node else "",
        host=facts.host,
        source=facts.endpoint.kind,
        applicable=not facts.redacted,
        findings=findings,
        refusals=refusals,
        steps=(),
        inputs=(),
        pods=(),
        may_differ=(),
        nothing=nothing,
        uid=view.node.metadata.uid if view.node else "",
        machine_id=facts.os.machine_id,
    )


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Plans of several nodes to one target, made by one version of the tool at a time (seconds since the epoch).

    `cluster` is that whose nodes they are; `purpose` is `cleanup` where it removes Docker. `digest` is over everything else; the time makes
    each plan one of its own, for a plan that was rolled back is not applied again. `fleet` says in which order, and how many at once.
    """

    format: int
    made: int
    tool: str
    target: str
    server: str
    nodes: tuple[NodePlan, ...]
    cluster: ClusterIdentity = ClusterIdentity()
    digest: str = ""
    purpose: str | msgspec.UnsetType = msgspec.UNSET
    fleet: FleetPlan | msgspec.UnsetType = msgspec.UNSET

    @property
    def cleans(self) -> bool:
        """Whether it removes Docker: such a plan holds no other change."""
        return self.purpose == CLEANUP

    @property
    def stages(self) -> FleetPlan | None:
        """The order of its nodes, None for a plan of one node and of an earlier version."""
        return self.fleet if isinstance(self.fleet, FleetPlan) else None


def alone(node: NodePlan, target: str) -> Plan:
    """A plan of one node, as it is kept on that node."""
    purpose = CLEANUP if node.cleans else msgspec.UNSET
    return sealed(Plan(format=FORMAT, made=0, tool="", target=target, server="", nodes=(node,), purpose=purpose))


def sealed(plan: Plan) -> Plan:
    """The plan with its digest."""
    return replace(plan, digest=_digest(plan))


def dump_plan(plan: Plan) -> str:
    """The plan as JSON text."""
    return msgspec.json.format(msgspec.json.encode(plan), indent=1).decode() + "\n"


def load_plan(text: str) -> Plan:
    """The plan that `dump_plan` wrote; raises ValueError for another format, a changed text, or none at all."""
    try:
        plan = decode(text, Plan)
    except msgspec.DecodeError as wrong:
        raise ValueError(f"it is no docker2cri plan: {wrong}") from wrong
    if plan.format != FORMAT:
        raise ValueError(f"it has plan format {plan.format}, this version reads {FORMAT}")
    if plan.digest != _digest(plan):
        raise ValueError("its content does not match its digest: it was changed after it was made, or made by another build of docker2cri")
    _check_fleet(plan)
    places = {segment.name: segment.where for segment in SEGMENTS}
    for node in plan.nodes:
        if not is_file_name(node.host) or not (node.node == "" or is_object_name(node.node)):
            raise ValueError(f"{node.host!r}, {node.node!r}: these are no names of a host and a node")
        for planned in node.steps:
            if planned.segment not in places or (planned.step.on == "apply" and kind_of(planned.step).where != places[planned.segment]):
                raise ValueError(f"{node.host}: its step `{kind_of(planned.step).text}` cannot be in segment {planned.segment}")
            one_way_here = (planned.segment, planned.step.on) == ("prepare", "apply") and plan.cleans
            if one_way(planned.step) is not plan.cleans or (plan.cleans and not one_way_here):
                raise ValueError(f"{node.host}: its step `{kind_of(planned.step).text}` cannot be in this plan: {PURPOSES[plan.cleans]}")
            if isinstance(planned.step, Annotate) and planned.step.key != CRI_SOCKET:
                raise ValueError(f"{node.host}: its step `{kind_of(planned.step).text}` is none that docker2cri plans")
    return plan


def _check_fleet(plan: Plan) -> None:
    if plan.stages is None:
        return
    known = {node.host for node in plan.nodes if node.steps}
    named = [*plan.stages.before, *(name for stage in plan.stages.stages for name in stage.nodes)]
    if len(named) != len(set(named)) or not set(named) <= known or any(stage.at_once < 1 for stage in plan.stages.stages):
        raise ValueError("its stages do not name each node that it changes once")
    if not 0 <= plan.stages.max_fail <= 100:
        raise ValueError(f"{plan.stages.max_fail} % of its failed nodes are none")
    if wrong := gate_problem(plan.stages.gates):
        raise ValueError(wrong)


def _digest(plan: Plan) -> str:
    return "sha256:" + hashlib.sha256(msgspec.json.encode(replace(plan, digest=""))).hexdigest()


resolve(Plan)
