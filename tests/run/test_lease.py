"""Two operators and a pause: who may begin a node, who finishes one, and what each is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from migrate.errors import ClusterUnreachable, LeaseHeld, LeaseLost, Paused
from migrate.plan.events import Event
from migrate.plan.lease import LEASE_SECONDS, ClusterLease, stamp
from migrate.plan.mark import Mark
from migrate.plan.state import MIGRATED, NodeState
from migrate.run import lease as leases
from migrate.run.apply import apply
from migrate.run.identity import Identity
from migrate.run.interrupt import Interrupt
from migrate.run.kube.refused import NotAllowed
from migrate.run.lease import HOLD, RunLease
from migrate.run.owned import jobs_of
from migrate.run.pause import pause, resume
from migrate.run.standing import standing
from tests.fakes import FakeClock, FakeCluster
from tests.run.engine import NODE, Killed, ended
from tests.run.engine import World as Engine
from tests.run.test_operate import World, plan, rows
from tests.run.test_operate import world as world

ME = "here 1 1 1"
OTHER = "build-7 4711 99 4026531836"
PAUSED = "all operators are paused by ops@build-7 since 2024-05-01T12:00:00Z: the network is changed"
RELEASE = "docker2cri resume releases them"


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test says itself when the Lease is looked at."""
    monkeypatch.setattr(leases, "LOOK", 3600.0)


class Side:
    """One operator of a cluster."""

    def __init__(self, cluster: FakeCluster, me: str, run: str = "run-1", **how: Any) -> None:
        self.interrupt = Interrupt()
        self.told: list[Event] = []
        how = {"takes": True, **how}
        self.lease = RunLease(lambda: cluster, cluster.clock, self.interrupt, self.told.append, run=run, me=me, **how)

    @property
    def texts(self) -> list[str]:
        return [event.text for event in self.told]


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster(FakeClock())


def pauses(cluster: FakeCluster) -> None:
    pause(cluster, cluster.clock, "ops@build-7", "the network is changed")


def test_a_rollout_takes_the_lease_and_gives_it_back(cluster: FakeCluster) -> None:
    with Side(cluster, ME).lease as lease:
        assert (cluster.lease.holder, cluster.lease.run, cluster.lease.since) == (ME, "run-1", "2024-05-01T12:00:00.000000Z")
        assert lease.closed() is None
    assert (cluster.lease.holder, cluster.lease.run) == ("", "")
    with Side(cluster, OTHER, "run-2").lease:
        assert (cluster.lease.holder, cluster.lease.transitions) == (OTHER, 1)


def test_another_operators_rollout_is_named_with_what_to_type(cluster: FakeCluster) -> None:
    for takes in (True, False):
        with Side(cluster, OTHER, "run-2").lease:
            cluster.clock.sleep(30)
            with pytest.raises(LeaseHeld) as refused, Side(cluster, ME, takes=takes).lease:
                pytest.fail("two rollouts at once")
            since = cluster.lease.since[:19]
            until = cluster.lease.expires.strftime("%H:%M:%S")
            assert str(refused.value) == (
                f"another operator runs a rollout: process 4711 of build-7, run run-2, since {since}Z, renewed 30 s ago\n"
                f"  expected: one rollout of a cluster at a time; this one holds the Lease until {until}Z and renews it while it lives\n"
                f"  next: docker2cri status -w, which follows its nodes to their end; the same command after {until}Z, "
                "or with --take-over when that process is known to be gone"
            )
            assert cluster.lease.holder == OTHER


def test_a_lease_is_renewed_every_minute_and_taken_over_after_fifteen(cluster: FakeCluster) -> None:
    with Side(cluster, OTHER, "run-2").lease as first:
        for _ in range(20):
            cluster.clock.sleep(60)
            first.look()
        assert cluster.lease.renewed == stamp(cluster.clock.now())
        cluster.clock.sleep(LEASE_SECONDS - 1)
        with pytest.raises(LeaseHeld), Side(cluster, ME).lease:
            pytest.fail("it holds still")
        cluster.clock.sleep(1)
        second = Side(cluster, ME)
        with second.lease:
            assert (cluster.lease.holder, cluster.lease.run, second.texts) == (ME, "run-1", [])
            lost = first.closed()
            assert isinstance(lost, LeaseLost)
            assert lost.seen == "the Lease of this rollout was lost: process 1 of here took over with run run-1"
            assert second.lease.closed() is None


def test_an_operator_that_is_known_to_be_gone_is_taken_over_from_at_once(cluster: FakeCluster) -> None:
    gone = Identity.mine().split()
    gone[2] = "1"  # a process of this number that began at another time
    cluster.lease = ClusterLease().taken(" ".join(gone), "run-2", cluster.clock.now())
    side = Side(cluster, ME)
    with side.lease:
        assert (cluster.lease.holder, side.texts) == (ME, [f"takes the rollout over from process {gone[1]} of {gone[0]}, run run-2"])
    cluster.lease = ClusterLease().taken(OTHER, "run-2", cluster.clock.now())
    side = Side(cluster, ME, take_over=True)
    with side.lease:
        assert (cluster.lease.holder, side.texts) == (ME, ["takes the rollout over from process 4711 of build-7, run run-2"])


def test_an_operator_that_is_killed_loses_nothing(cluster: FakeCluster) -> None:
    """Between writing the Lease and acting: the Lease stays until it expires, and so does a pause."""
    dying = Side(cluster, OTHER, "run-2").lease
    dying.__enter__()
    pauses(cluster)
    dying.__exit__(Killed, Killed(), None)
    assert cluster.lease.holder == OTHER
    cluster.clock.sleep(LEASE_SECONDS)
    with pytest.raises(Paused), Side(cluster, ME).lease:
        pytest.fail("it is paused")
    resume(cluster)
    with Side(cluster, ME).lease:
        assert cluster.lease.holder == ME


def test_a_pause_between_reading_and_taking_is_seen(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    write = cluster.write_lease

    def late(wanted: ClusterLease) -> bool:
        monkeypatch.undo()
        pauses(cluster)
        return write(wanted)

    monkeypatch.setattr(cluster, "write_lease", late)
    with pytest.raises(Paused), Side(cluster, ME).lease:
        pytest.fail("it is paused")
    assert cluster.lease.holder == ""


def test_a_run_that_is_under_way_waits_for_resume_and_keeps_its_lease(cluster: FakeCluster) -> None:
    side = Side(cluster, ME)
    with side.lease as lease:
        pauses(cluster)
        cluster.clock.after(2 * LEASE_SECONDS, lambda: resume(cluster))
        assert lease.closed() is None
        assert cluster.clock.passed >= 2 * LEASE_SECONDS
        assert cluster.lease.live(cluster.clock.now())
    assert side.texts[0] == f"{PAUSED}; {RELEASE}"
    assert side.told[0].data["bound"] == HOLD


def test_a_pause_that_lasts_too_long_ends_the_run(cluster: FakeCluster) -> None:
    with Side(cluster, ME).lease as lease:
        pauses(cluster)
        held = lease.closed()
    assert isinstance(held, Paused)
    assert str(held) == f"{PAUSED}\n  expected: operators that may act\n  next: {RELEASE}"
    assert HOLD <= cluster.clock.passed < HOLD + 60


def test_a_pause_is_not_overwritten_and_resume_says_what_was(cluster: FakeCluster) -> None:
    pauses(cluster)
    cluster.clock.sleep(60)
    kept = pause(cluster, cluster.clock, "else@where", "another reason").paused
    assert kept is not None
    assert (kept.by, kept.why) == ("ops@build-7", "the network is changed")
    assert resume(cluster).paused == kept
    assert resume(cluster).paused is None


def test_an_api_that_is_away_begins_nothing_and_keeps_nobody_from_finishing(cluster: FakeCluster) -> None:
    cluster.down_until = 100.0
    side = Side(cluster, ME)
    with side.lease as lease:
        assert side.texts == ["whether operators are paused is not known: https://api: no connection"]
        assert lease.closed() is None
        cluster.clock.sleep(100)
        assert lease.closed() is None
        assert cluster.lease.holder == ME
        cluster.down_until = cluster.clock.passed + 2 * LEASE_SECONDS
        cluster.clock.sleep(LEASE_SECONDS)
        lost = lease.closed()
        assert isinstance(lost, LeaseLost)
        assert lost.seen == ("the Lease of this rollout was lost: it could not be renewed for 15 minutes: https://api: no connection")
    assert side.texts[1:] == ["the Lease could not be given back; it expires after 15 minutes"]


def test_who_may_not_read_the_lease_begins_nothing(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden() -> ClusterLease:
        raise NotAllowed(seen="HTTP 403", expected="a role", next="docker2cri rbac apply")

    monkeypatch.setattr(cluster, "read_lease", forbidden)
    with pytest.raises(ClusterUnreachable), Side(cluster, ME).lease:
        pytest.fail("it may not")


# a run over nodes


def test_apply_of_a_paused_cluster_begins_no_node(world: World) -> None:
    made = plan("w1", "w2")
    pauses(world.cluster)
    for names in ((), ("w1",)):
        for ended_state in world.operator.apply(made, jobs_of(made, names)):
            assert (ended_state.state, ended_state.exit_code, ended_state.reason.code) == ("refused", 7, "paused")
            assert (ended_state.reason.seen, ended_state.reason.next) == (PAUSED, RELEASE)
    assert world.began == []


def test_a_run_of_one_node_takes_no_lease_and_heeds_that_of_a_rollout(world: World) -> None:
    """Ansible's `serial: 3` is three processes with one node each."""
    made = plan("w1", "w2")
    seen: list[str] = []
    world.ends["w1"] = MIGRATED
    world.work = lambda job: (seen.append(world.cluster.lease.holder), World.work(world, job))[1]  # type: ignore[method-assign]
    assert rows(world.operator.apply(made, jobs_of(made, ("w1",)))) == [("w1", MIGRATED, "said")]
    assert seen == [""]
    world.operator.apply(made, jobs_of(made, ()))
    assert seen[1:] == [Identity.mine()] * 2
    world.cluster.lease = replace(ClusterLease().taken(OTHER, "run-2", world.clock.now()), version=world.cluster.lease.version)
    assert rows(world.operator.apply(made, jobs_of(made, ("w1",)))) == [("w1", "refused", "lease-held")]
    assert rows(world.operator.apply(made, jobs_of(made, ("w1",)), take_over=True)) == [("w1", MIGRATED, "said")]


def test_a_node_that_a_pause_stopped_is_the_next_one_after_resume(world: World) -> None:
    made = plan("w1", "w2", "w3")
    stops = [Paused(node="w2", seen="stopped before the switch", expected="e", next="n")]

    def work(job: Any) -> Any:
        found = World.work(world, job)
        if job.node.host == "w2" and stops:
            pauses(world.cluster)
            world.ends["w2"] = stops.pop()
            world.clock.after(60, lambda: (world.ends.pop("w2"), resume(world.cluster)))
        return found

    world.work = work  # type: ignore[method-assign]
    assert rows(world.operator.apply(made, jobs_of(made, ()))) == [(name, MIGRATED, "said") for name in ("w1", "w2", "w3")]
    assert world.began == ["w1", "w2", "w2", "w3"]
    assert world.clock.passed >= 60


def test_a_pause_that_lasts_tells_of_each_node_how_it_was_left(world: World) -> None:
    made = plan("w1", "w2")
    stop = Paused(node="w1", seen="stopped before the switch, paused; it runs on Docker as before", expected="e", next=RELEASE)
    world.ends["w1"] = stop
    world.work = lambda job: (pauses(world.cluster), World.work(world, job))[1]  # type: ignore[method-assign]
    first, second = world.operator.apply(made, jobs_of(made, ()))
    assert (first.reason.seen, second.reason.seen) == (stop.seen, PAUSED)
    assert (first.exit_code, second.exit_code, first.reason.code, second.reason.code) == (7, 7, "paused", "paused")


def test_a_lease_lost_meanwhile_lets_the_node_end_and_no_other_begin(world: World) -> None:
    made = plan("w1", "w2")

    def work(job: Any) -> Any:
        world.cluster.lease = replace(world.cluster.lease, holder=OTHER, run="run-2")
        return World.work(world, job)

    world.work = work  # type: ignore[method-assign]
    ended_states = world.operator.apply(made, jobs_of(made, ()))
    assert rows(ended_states) == [("w1", MIGRATED, "said"), ("w2", "refused", "lease-lost")]
    assert ended_states[1].reason.seen == "the Lease of this rollout was lost: process 4711 of build-7 took over with run run-2"
    assert world.cluster.lease.holder == OTHER, "it is the other's, and not given back"


def test_a_rollback_of_a_paused_cluster_ends_what_a_run_holds_and_begins_nothing(world: World) -> None:
    jobs = jobs_of(plan("w1"), ())
    pauses(world.cluster)
    assert rows(world.operator.rollback(jobs)) == [("w1", "refused", "paused")]
    world.marked = Mark(run="r", cordoned_before=False)
    assert rows(world.operator.rollback(jobs)) == [("w1", "rolled back", "said")]


# one node, with the real node program


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(tmp_path / "root", tmp_path / "state")


def acts(engine: Engine, when: str, action: Any) -> NodeState:
    """Apply with an operator that looks at the Lease when an event of this text or segment was told, after `action`."""
    side = Side(engine.cluster, ME, takes=True)
    work = engine.work()
    work.interrupt = side.interrupt

    def tell(event: Event) -> None:
        engine.told.append(event)
        if when in (event.text, event.segment) and side.interrupt.held is None:
            action()
            side.lease.look()

    work.tell = tell
    with side.lease:
        return apply(work)


def test_a_pause_in_the_drain_uncordons_the_node_and_apply_goes_on_later(engine: Engine) -> None:
    with pytest.raises(Paused) as stopped:
        acts(engine, "drain", lambda: pauses(engine.cluster))
    assert str(stopped.value) == (
        f"{NODE}: stopped before the switch, {PAUSED}; it runs on Docker as before, images that were copied stay\n"
        f"  expected: operators that may act\n  next: {RELEASE}"
    )
    assert not engine.cordoned()
    assert ended(standing(engine.work()))[:2] == ("prepared", 0)
    resume(engine.cluster)
    assert apply(engine.work()).state == "migrated"
    engine.is_migrated()


def test_a_pause_inside_the_switch_lets_the_node_be_finished(engine: Engine) -> None:
    assert acts(engine, "switch", lambda: pauses(engine.cluster)).state == "migrated"
    engine.is_migrated()
    assert engine.cluster.lease.paused is not None


def test_a_lease_lost_inside_the_switch_lets_the_node_be_finished(engine: Engine) -> None:
    def taken() -> None:
        engine.cluster.lease = replace(engine.cluster.lease, holder=OTHER, run="run-2")

    assert acts(engine, "switch", taken).state == "migrated"
    engine.is_migrated()
    assert engine.cluster.lease.holder == OTHER


def test_a_lease_lost_in_the_drain_uncordons_the_node(engine: Engine) -> None:
    def taken() -> None:
        engine.cluster.lease = replace(engine.cluster.lease, holder=OTHER, run="run-2")

    with pytest.raises(LeaseLost, match="stopped before the switch, the Lease of this rollout was lost: process 4711 of build-7"):
        acts(engine, "drain", taken)
    assert not engine.cordoned()


def test_a_node_whose_operator_failed_it_is_rolled_back_although_paused(engine: Engine) -> None:
    engine.cluster.troubled = dict.fromkeys(engine.cluster.uids, "CrashLoopBackOff")
    assert acts(engine, "switch", lambda: pauses(engine.cluster)).state == "rolled back"
    engine.is_rolled_back()
