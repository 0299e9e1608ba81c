"""What a node says is about that node only: whatever root there wrote, another machine's operator does what an honest node asks for."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from migrate.errors import NodeUnreachable, StalePlan
from migrate.facts.cluster import ClusterIdentity, NodeAddress
from migrate.facts.pod import PodContainer, PodSpec
from migrate.plan.model import NodePlan, Plan, PlannedStep, alone, dump_plan, sealed
from migrate.plan.state import NodeState
from migrate.plan.steps import Annotate, ApiStep, Cordon, Drain, DrainPolicy, VerifyNode
from migrate.run import operate
from migrate.run.apply import apply
from migrate.run.identify import ANOTHER_CA
from migrate.run.interrupt import Interrupt
from migrate.run.operate import Operator
from migrate.run.owned import Job, jobs_of
from migrate.run.ports import HostTarget
from migrate.run.runs import RunFolder
from migrate.run.session import Access
from migrate.verify.judge import Before
from tests.fakes import IDENTITY
from tests.node.conftest import copied
from tests.node.scratch import RUN
from tests.run.engine import ADDRESS, NODE, Boundaries, Killed, ScratchHost, ScratchWork, World

KEPT = f"/var/lib/docker2cri/{RUN}"
FORCED = DrainPolicy(force=True, delete_emptydir_data=True, leave_returning=True)


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A node that is migrated; each test has a copy of it."""
    base = tmp_path_factory.mktemp("migrated")
    world = World(base / "root", base / "state")
    assert apply(world.work()).state == "migrated"
    world.clock.sleep(60.0)  # nothing is under way in its cluster
    return world


def copy_of(world: World, base: Path) -> World:
    """The same node and cluster again, in another folder."""
    new = World(base / "root", base / "state", made=lambda root: copied(world.scratch.root, root, world.scratch.shell, "containerd"))
    new.clock.passed, new.tree, new.machine = world.clock.passed, world.tree, world.machine
    for name in ("nodes", "alive", "pdbs", "uids", "behaviour"):
        setattr(new.cluster, name, dict(getattr(world.cluster, name)))
    new.cluster.owners, new.cluster._ids = list(world.cluster.owners), itertools.count(1000)
    return new


class Elsewhere:
    """Another machine than that which applied: it has no record of the run."""

    def __init__(self, migrated: World, base: Path, monkeypatch: pytest.MonkeyPatch, name: str = NODE, address: str = ADDRESS) -> None:
        self.world = copy_of(migrated, base)
        self.home = base / "home"
        self.plan = alone(replace(self.world.scratch.plan, node=NODE, host=NODE), "containerd")
        self.world.scratch.write(f"{KEPT}/plan.json", dump_plan(self.plan).encode())
        self.name, self.address = name, address
        self.use(monkeypatch)

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        target = HostTarget(name=self.name, address=self.address, user="root")
        self.operator = Operator(Access(), self.world.told.append, Interrupt())
        self.operator._clock = self.world.clock  # type: ignore[assignment]
        monkeypatch.setenv("XDG_STATE_HOME", str(self.home))
        monkeypatch.setattr(operate, "Work", ScratchWork)
        monkeypatch.setattr(operate, "connect_cluster", lambda **given: None)
        monkeypatch.setattr(operate, "acting", lambda cluster, tell, patience=0.0: self.world.cluster)
        monkeypatch.setattr(operate, "targets_named", lambda access, names: {self.name: target})
        monkeypatch.setattr(Operator, "_opener", lambda operator, target: lambda: ScratchHost(self.world.scratch, Boundaries(), [0]))

    def rollback(self) -> NodeState:
        jobs, others = self.operator.jobs_on([self.name])
        (state,) = (*self.operator.rollback(jobs), *others)
        return state

    def ends(self) -> dict[str, Any]:
        """The whole state of the API, and what lies in the operator's home."""
        cluster = self.world.cluster
        files = {str(path.relative_to(self.home)): path.is_file() for path in sorted(self.home.rglob("*"))}
        return {
            "nodes": cluster.nodes,
            "pods": cluster.alive,
            "budgets": cluster.pdbs,
            "home": files,
            "machine": self.world.scratch.state(),
        }

    def says(self, name: str, text: str | bytes) -> None:
        self.world.scratch.write(f"{KEPT}/{name}", text if isinstance(text, bytes) else text.encode())


@pytest.fixture
def elsewhere(migrated: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Elsewhere:
    return Elsewhere(migrated, tmp_path, monkeypatch)


def steps(plan: NodePlan, *more: ApiStep) -> NodePlan:
    """A plan whose steps through the API are others."""
    turned = [
        replace(one, step=replace(one.step, policy=FORCED))
        if isinstance(one.step, Drain)
        else replace(one, step=replace(one.step, image="evil.example/pause"))
        if isinstance(one.step, VerifyNode)
        else one
        for one in plan.steps
    ]
    return replace(plan, steps=(*turned, *(PlannedStep(segment="drain", step=step) for step in more)))


def planted(made: Callable[[NodePlan], NodePlan], target: str = "containerd") -> Callable[[Elsewhere], None]:
    return lambda there: there.says("plan.json", dump_plan(alone(made(there.plan.nodes[0]), target)))


HOSTILE: dict[str, Callable[[Elsewhere], None]] = {
    "another node": planted(lambda plan: replace(plan, node="other")),
    "another host": planted(lambda plan: replace(plan, host="other")),
    "another namespace": planted(lambda plan: replace(plan, node="../namespaces/ops/serviceaccounts/deployer")),
    "a name that leads elsewhere": planted(lambda plan: replace(plan, node="../..", host="../../.ssh/authorized_keys")),
    "other steps": planted(lambda plan: steps(plan, Annotate(key="evil", value="yes", on="rollback", why=""), Cordon(found=True, why=""))),
    "another source": planted(lambda plan: replace(plan, source="cri-dockerd")),
    "another target": planted(lambda plan: plan, "crio"),
    "another Node UID": planted(lambda plan: replace(plan, uid="1", machine_id="2")),
    "two nodes": lambda there: there.says("plan.json", dump_plan(both(there.plan))),
    "no plan": lambda there: (there.world.scratch.root / KEPT[1:] / "plan.json").unlink(),
    "a plan that is none": lambda there: there.says("plan.json", b"\xff{"),
    "a record of another node": lambda there: there.says("before.json", b'{"node":"other","kubelet":""}'),
    "a record that leads elsewhere": lambda there: there.says("before.json", b'{"node":"../../x","kubelet":""}'),
}


def both(plan: Plan) -> Plan:
    return sealed(replace(plan, nodes=(replace(plan.nodes[0], node="other", host="other"), *plan.nodes)))


@pytest.fixture(scope="module")
def honest(migrated: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The control: how a rollback of an honest node ends."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        there = Elsewhere(migrated, tmp_path_factory.mktemp("honest"), monkeypatch)
        state = there.rollback()
        assert (state.state, state.exit_code, state.reason.seen) == ("rolled back", 0, "it runs on Docker as before and is verified")
        there.world.is_rolled_back()
        return there.ends()


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_node_ends_as_an_honest_one(elsewhere: Elsewhere, honest: dict[str, Any], kind: str) -> None:
    HOSTILE[kind](elsewhere)
    state = elsewhere.rollback()
    assert (state.state, state.exit_code) == ("rolled back", 0), state.reason
    assert elsewhere.ends() == honest


def test_how_pods_leave_is_what_the_mark_says(elsewhere: Elsewhere) -> None:
    """A bare pod would be gone for good: the node's own plan allows that, the mark does not."""
    HOSTILE["other steps"](elsewhere)
    bare = elsewhere.world.cluster.add_pod("ops/bare", NODE, spec=PodSpec(containers=(PodContainer(name="c"),)))
    state = elsewhere.rollback()
    assert (state.state, state.exit_code, state.reason.code) == ("migrated", 5, "not-drained")
    assert bare.metadata.uid in elsewhere.world.cluster.alive
    assert "ops/bare" in state.reason.seen


@pytest.mark.parametrize("name", ["../../../../home/op/.ssh", "/etc", "run-1/../../x", "-rf", ".."])
def test_a_run_that_is_a_path_is_no_run(elsewhere: Elsewhere, name: str) -> None:
    elsewhere.world.scratch.write("/var/lib/docker2cri/current", name.encode())
    before = elsewhere.ends()
    state = elsewhere.rollback()
    assert (state.state, state.exit_code, state.reason.code) == ("failed", 4, "error")
    assert state.reason.seen == f"/var/lib/docker2cri/current names {name!r}, which is no run"
    assert elsewhere.ends() == before


def test_a_namespace_in_the_nodes_record_that_is_none_is_told(elsewhere: Elsewhere) -> None:
    elsewhere.says("before.json", b'{"node":"lab-w1","kubelet":"","workloads":[{"owner":"Deployment a/b","namespace":"../..","ready":1}]}')
    jobs, _ = elsewhere.operator.jobs_on([NODE])
    (state,) = elsewhere.operator.verify(jobs)
    assert (state.state, state.exit_code) == ("failed", 8)
    assert f"{KEPT}/before.json cannot be used: '../..' is no namespace" in state.reason.seen


def test_a_record_that_is_none_is_replaced_by_this_machines(elsewhere: Elsewhere) -> None:
    elsewhere.says("before.json", b"{")
    RunFolder(RUN).keep_before(NODE, Before(node="other", kubelet="v1.23.17"))
    jobs, _ = elsewhere.operator.jobs_on([NODE])
    (state,) = elsewhere.operator.verify(jobs)
    assert (state.state, state.exit_code) == ("migrated", 0)


def without_mark(there: Elsewhere) -> None:
    there.world.cluster.annotate(NODE, "docker2cri.io/migrated", None)


def test_with_neither_mark_nor_plan_a_node_with_pods_is_refused(elsewhere: Elsewhere) -> None:
    without_mark(elsewhere)
    before = elsewhere.ends()
    state = elsewhere.rollback()
    assert (state.state, state.exit_code) == ("refused", 7)
    assert state.reason.seen.startswith(f"neither a record on this machine nor a mark of run {RUN} on the Node says how its pods may leave")
    assert state.reason.next == f"kubectl drain {NODE} --ignore-daemonsets, then the same command; or docker2cri rollback PLAN {NODE}"
    assert elsewhere.ends() == before


def test_with_neither_mark_nor_plan_a_drained_node_goes_back_by_itself(elsewhere: Elsewhere) -> None:
    without_mark(elsewhere)
    planted(lambda plan: steps(replace(plan, node="other"), Annotate(key="evil", value="yes", on="rollback", why="")))(elsewhere)
    cluster = elsewhere.world.cluster
    cluster.schedulable(NODE, False)
    others = {name: node for name, node in cluster.nodes.items() if name != NODE}
    state = elsewhere.rollback()
    assert (state.state, state.exit_code, state.reason.code) == ("rolled back", 8, "not-recorded")
    assert state.reason.next == f"kubectl get pods -A -o wide --field-selector spec.nodeName={NODE}; then kubectl uncordon {NODE}"
    assert {name: node for name, node in cluster.nodes.items() if name != NODE} == others
    node = cluster.read_node(NODE)
    assert node.spec.unschedulable
    assert node.metadata.annotations == {"kubeadm.alpha.kubernetes.io/cri-socket": "unix:///run/containerd/containerd.sock"}
    assert elsewhere.world.scratch.tree() == elsewhere.world.tree


def test_the_mark_of_another_run_is_none_of_this_one(elsewhere: Elsewhere) -> None:
    cluster = elsewhere.world.cluster
    mark = cluster.nodes[NODE].metadata.annotation("docker2cri.io/migrated") or ""
    cluster.annotate(NODE, "docker2cri.io/migrated", mark.replace(RUN, "run-2"))
    assert elsewhere.rollback().state == "refused"


def kept_here(node: NodePlan, *, drained: bool = True) -> None:
    """This machine's record of the run."""
    folder = RunFolder(RUN)
    folder.keep_plan(sealed(replace(alone(node, "containerd"), cluster=IDENTITY)))
    if drained:
        folder.keep_before(NODE, Before(node=NODE, kubelet="v1.23.17"))


def test_a_run_that_was_never_begun_here_says_nothing(elsewhere: Elsewhere, honest: dict[str, Any]) -> None:
    """A plan that was refused may lie here, and the node may name its run."""
    kept_here(
        steps(replace(elsewhere.plan.nodes[0], node="other"), Annotate(key="evil", value="yes", on="rollback", why="")), drained=False
    )
    state = elsewhere.rollback()
    assert (state.state, state.exit_code) == ("rolled back", 0)
    assert {**elsewhere.ends(), "home": {}} == {**honest, "home": {}}


def test_a_plan_that_is_refused_is_not_kept(elsewhere: Elsewhere) -> None:
    given(elsewhere, ClusterIdentity(uid="kube-system-2"))
    made = sealed(replace(elsewhere.plan, cluster=IDENTITY))
    assert elsewhere.operator.apply(made, jobs_of(made, ()))[0].state == "refused"
    assert not any(elsewhere.home.rglob("plan.json"))


def test_this_machines_plan_is_used_and_a_difference_is_told(elsewhere: Elsewhere) -> None:
    HOSTILE["another node"](elsewhere)
    kept_here(elsewhere.plan.nodes[0])
    state = elsewhere.rollback()
    assert (state.state, state.exit_code) == ("rolled back", 0)
    told = "the plan that lies on the node is another than this machine's, which is used"
    assert [event.text for event in elsewhere.world.told if event.text == told] == [told]
    elsewhere.world.is_rolled_back()


def test_status_tells_a_difference(elsewhere: Elsewhere) -> None:
    HOSTILE["another node"](elsewhere)
    kept_here(elsewhere.plan.nodes[0])
    jobs, _ = elsewhere.operator.jobs_on([NODE])
    (state,) = elsewhere.operator.status(jobs)
    assert state.details["plan"] == "the plan that lies on the node is another than this machine's, which is used"


# which node it is


def claims(there: Elsewhere, name: str, address: str = "", machine: str = "") -> None:
    """Another kubelet writes its own Node's status."""
    cluster = there.world.cluster
    node = cluster.nodes[name]
    status = replace(node.status, node_info=replace(node.status.node_info, machine_id=machine or node.status.node_info.machine_id))
    if address:
        status = replace(status, addresses=(NodeAddress(type="InternalIP", address=address),))
    cluster.nodes[name] = replace(node, status=status)


@pytest.mark.parametrize(
    ("prepare", "seen"),
    [
        (lambda there: claims(there, "other", address=ADDRESS), f"{ADDRESS} is an address of lab-w1, other"),
        (lambda there: claims(there, "other", machine=there.plan.nodes[0].machine_id), "lab-w1, other claim to be one machine"),
        (lambda there: claims(there, NODE, machine="f" * 32), "machine-id ffff"),
        (lambda there: there.world.scratch.write("/etc/machine-id", b"e" * 32), f"{NODE} has machine-id eeee"),
    ],
)
def test_a_machine_or_an_address_that_two_claim_is_nobodys(elsewhere: Elsewhere, prepare: Callable[[Elsewhere], None], seen: str) -> None:
    prepare(elsewhere)
    before = elsewhere.ends()
    state = elsewhere.rollback()
    assert (state.state, state.exit_code) == ("refused", 7)
    assert seen in state.reason.seen + state.reason.expected
    assert elsewhere.ends() == before


def test_an_inventorys_alias_is_told_by_its_address(migrated: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = Elsewhere(migrated, tmp_path, monkeypatch, name="rack-7")
    assert there.rollback().state == "rolled back"
    there.world.is_rolled_back()


def test_an_alias_without_a_nodes_address_is_refused(migrated: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = Elsewhere(migrated, tmp_path, monkeypatch, name="rack-7", address="192.0.2.7")
    state = there.rollback()
    assert (state.state, state.reason.code) == ("refused", "refused")
    assert state.reason.seen == (
        "which Node it is cannot be told: no Node has its name or address, and what the machine says of itself is no proof"
    )


def test_a_node_in_no_run_and_one_that_is_away(elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    (elsewhere.world.scratch.root / "var/lib/docker2cri/current").unlink(missing_ok=True)
    (elsewhere.world.scratch.root / f"{KEPT}/journal"[1:]).unlink()
    assert (elsewhere.rollback().state, elsewhere.rollback().reason.code) == ("untouched", "no-run")

    def away(*given: object) -> object:
        raise NodeUnreachable(node=NODE, seen="no route", expected="an answer", next="ping")

    monkeypatch.setattr(Operator, "_opener", lambda operator, target: away)
    assert (elsewhere.rollback().state, elsewhere.rollback().exit_code) == ("unreachable", 4)


# with a plan


MANY = {
    "another cluster": (
        lambda there: given(there, ClusterIdentity(uid="kube-system-2")),
        "kube-system of this cluster has UID kube-system-2",
    ),
    "another Node": (lambda there: renewed(there), "the Node lab-w1 has UID 2"),
    "another machine": (lambda there: there.world.scratch.write("/etc/machine-id", b"e" * 32), f"{NODE} has machine-id eeee"),
    "a machine without ID": (lambda there: there.world.scratch.write("/etc/machine-id", b""), f"{NODE} has machine-id none"),
}


def given(there: Elsewhere, identity: ClusterIdentity) -> None:
    there.world.cluster.is_ = identity


def renewed(there: Elsewhere) -> None:
    cluster = there.world.cluster
    node = cluster.nodes[NODE]
    cluster.nodes[NODE] = replace(node, metadata=replace(node.metadata, uid="2"))


@pytest.mark.parametrize("command", ["apply", "rollback", "verify", "status"])
@pytest.mark.parametrize("kind", MANY)
def test_a_plan_is_for_one_cluster_one_node_and_one_machine(elsewhere: Elsewhere, command: str, kind: str) -> None:
    prepare, seen = MANY[kind]
    prepare(elsewhere)
    made = sealed(replace(elsewhere.plan, cluster=IDENTITY))
    jobs = [replace_job(job) for job in jobs_of(made, ())]
    before = elsewhere.ends()
    (state,) = elsewhere.operator.apply(made, jobs) if command == "apply" else getattr(elsewhere.operator, command)(jobs)
    assert (state.state, state.exit_code) == ("refused", 7)
    assert state.reason.seen.startswith(f"it is not what was planned for: {seen}")
    assert {**elsewhere.ends(), "home": {}} == {**before, "home": {}}


def replace_job(job: Job) -> Job:
    """In the run that lies on the scratch node."""
    return dataclasses.replace(job, run=RUN)


def test_a_plan_that_names_no_cluster_is_refused(elsewhere: Elsewhere) -> None:
    (state,) = elsewhere.operator.rollback([replace_job(job) for job in jobs_of(elsewhere.plan, ())])
    assert state.reason.seen == "it is not what was planned for: the plan does not say which cluster it was made for"


def test_a_ca_that_was_renewed_is_told_and_keeps_nobody_from_a_rollback(elsewhere: Elsewhere) -> None:
    given(elsewhere, replace(IDENTITY, ca="d" * 64))
    made = sealed(replace(elsewhere.plan, cluster=IDENTITY))
    (state,) = elsewhere.operator.rollback([replace_job(job) for job in jobs_of(made, ())])
    assert (state.state, state.exit_code) == ("rolled back", 0)
    assert [event.text for event in elsewhere.world.told if event.text == ANOTHER_CA] == [ANOTHER_CA]


def test_a_plan_that_was_not_begun_is_stale_under_another_ca(tmp_path: Path) -> None:
    world = World(tmp_path / "root", tmp_path / "state")
    world.cluster.is_ = replace(IDENTITY, ca="d" * 64)
    with pytest.raises(StalePlan) as stale:
        apply(world.work())
    assert stale.value.seen == ANOTHER_CA
    assert not world.cordoned()


def test_a_plan_that_was_edited_and_sealed_again_is_refused_before_anything_is_laid(tmp_path: Path) -> None:
    world = World(tmp_path / "root", tmp_path / "state")
    work = world.work()
    assert isinstance(work, ScratchWork)
    work.honest = work.plan
    work.plan = replace(work.plan, steps=tuple(one for one in work.plan.steps if not isinstance(one.step, Drain)))
    before = world.scratch.tree()
    with pytest.raises(StalePlan) as stale:
        apply(work)
    assert stale.value.seen == (
        "the plan is not what would be planned now:\ndrain: `drain` would be planned too\nrejoin: `drain` would be planned too"
    )
    assert world.scratch.tree() == before
    assert not world.cordoned()
    assert apply(world.work()).state == "migrated"  # the control


def test_a_run_that_was_begun_goes_on_by_its_journal(tmp_path: Path) -> None:
    world = World(tmp_path / "root", tmp_path / "state")
    with pytest.raises(Killed):
        apply(world.work(12))  # cordoned
    work = world.work()
    assert isinstance(work, ScratchWork)
    work.honest = replace(work.plan, steps=())
    assert apply(work).state == "migrated"


def test_a_plan_file_alone_drains_no_node(elsewhere: Elsewhere) -> None:
    """Neither this machine's record nor the mark says that it was applied: only the node does, and the file."""
    without_mark(elsewhere)
    made = sealed(replace(elsewhere.plan, cluster=IDENTITY))
    jobs = [replace_job(job) for job in jobs_of(made, ())]
    before = elsewhere.ends()
    (state,) = elsewhere.operator.rollback(jobs)
    assert (state.state, state.reason.next) == ("refused", f"kubectl drain {NODE} --ignore-daemonsets, then the same command")
    assert elsewhere.ends() == before
    for pod in elsewhere.world.cluster.pods_on(NODE):
        if pod.key.startswith("shop/"):
            elsewhere.world.cluster.end(pod)
    elsewhere.world.cluster.schedulable(NODE, False)
    (state,) = elsewhere.operator.rollback(jobs)
    assert (state.state, state.exit_code) == ("rolled back", 0)
