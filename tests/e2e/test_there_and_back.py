"""Both workers to containerd and back again, as a user types it, while other users keep asking a Service: nobody may notice.

One story (some four minutes, story.py) is lived through once and then looked at from many sides. The Service is the lab's own careful web
application in a namespace of its own, kept on the two workers, so that nothing else that happens in the lab is counted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from tests.e2e.looks import on
from tests.e2e.prober import EVERY
from tests.e2e.story import EDITED, TOLD, WORKERS, Story, images, live, runtime, shop, tidy
from tests.e2e.tool import table
from tests.lab.fixtures import Lab

pytestmark = pytest.mark.lab

MAY_DIFFER: tuple[str, ...] = ()  # paths of the listing that need not be as before after a rollback


@pytest.fixture(scope="module")
def story(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Plan, edit and be refused, apply, apply again, verify, edit and be refused, roll back, verify; then the lab is tidied up."""
    folder = tmp_path_factory.mktemp("there-and-back")
    tale = Story(lab, folder / "plan.json")
    for node in WORKERS:
        if not runtime(lab, node).startswith("docker://"):
            pytest.fail(f"{node} runs on {runtime(lab, node)}: python3 -m tests.lab reset {node}", pytrace=False)
    known = {node: images(lab, node) for node in WORKERS}
    tale.original = on(lab, "lab-w1", f"cat {EDITED}").encode()
    try:
        shop(lab, folder)
        lab.kubectl("-n", "shop", "exec", "db-0", "--", "sh", "-c", f"echo '{TOLD}' > /data/proof")
        live(tale, folder)
        yield tale
    finally:
        tidy(lab, known)


@pytest.mark.parametrize("chapter", ["plan", "apply", "there", "rollback", "back"])
def test_no_user_noticed(story: Story, chapter: str) -> None:
    control, seen = story.seen("control"), story.seen(chapter)
    for name in ("control", chapter):
        for target in sorted({one.target for one in story.seen().requests}):
            print(f"{name}, {target}: {story.seen(name).of(target)}")
    if control.failed:
        pytest.fail(f"the run is void: requests failed before anything was done: {control}")
    assert (story.ran["apply"].code, story.ran["rollback"].code) == (0, 0), "nothing was moved, so nobody could notice"
    assert seen.failed == (), str(seen)
    spans = {one.target for one in seen.requests}
    assert spans == {"lab-cp1", "lab-w1", "lab-w2", "on lab-w1", "on lab-w2"}
    due = [one.at for one in seen.of("lab-cp1").requests]
    assert len(due) >= 0.99 * (max(due) - min(due)) / EVERY  # the schedule was kept: no gap in it


def test_the_plan_is_made(story: Story) -> None:
    assert (story.ran["plan"].code, story.message("plan")) == (
        0,
        f"{story.plan} holds the plan. To see whether it still holds for the nodes: docker2cri plan --check {story.plan}",
    )


def test_a_file_edited_after_planning_is_refused_with_its_diff(story: Story) -> None:
    planned = hashlib.sha256(story.original).hexdigest()
    now = hashlib.sha256(story.original + b"# by hand\n").hexdigest()
    assert story.ran["apply, edited"].code == 7
    assert table(story.ran["apply, edited"]) == [
        ["NODE", "STATE", "CODE", "REASON"],
        ["lab-w1", "refused", "7", "plan is stale: 1 input changed since it was made"],
        ["lab-w2", "skipped", "0", "skipped: an earlier node failed"],
    ]
    retry = story.plan.with_suffix(".retry")
    assert story.message("apply, edited") == (
        "lab-w1: plan is stale: 1 input changed since it was made\n"
        f"{EDITED}: planned sha256:{planned} 644 root:root, now sha256:{now} 644 root:root\n"
        f"--- {EDITED} (planned)\n"
        f"+++ {EDITED} (now)\n"
        "@@ -10,3 +10,4 @@\n"
        '       conf_dir = "/etc/cni/net.d"\n'
        '   [plugins."io.containerd.internal.v1.opt"]\n'
        '     path = "/var/lib/containerd/opt"\n'
        "+# by hand\n"
        "\n"
        "  expected: the node as it was planned\n"
        "  next: docker2cri plan --to containerd lab-w1 --out plan.json\n"
        f"{retry} holds the nodes that are left, for --limit @{retry}"
    )


@pytest.mark.parametrize(("command", "state", "why"), [
    ("apply", "migrated", "it runs on containerd and is verified"),
    ("apply again", "migrated", "nothing to do: it runs on containerd and is verified"),
    ("verify there", "migrated", "verified on containerd"),
    ("rollback", "rolled back", "it runs on Docker as before and is verified"),
    ("rollback again", "rolled back", "nothing to do: it is rolled back"),
    ("verify back", "rolled back", "verified on Docker"),
])  # fmt: skip
def test_each_command_tells_how_both_nodes_ended(story: Story, command: str, state: str, why: str) -> None:
    ran = story.ran[command]
    assert (ran.code, table(ran), story.message(command)) == (
        0,
        [["NODE", "STATE", "CODE", "REASON"], ["lab-w1", state, "0", why], ["lab-w2", state, "0", why]],
        "",
    )


def test_a_file_edited_after_the_move_makes_rollback_refuse_with_the_diff(story: Story) -> None:
    assert story.ran["rollback, edited"].code == 7
    assert table(story.ran["rollback, edited"])[1:] == [["lab-w1", "refused", "7", f"edited since it was planned: {EDITED}"]]
    assert story.message("rollback, edited") == (
        f"lab-w1: edited since it was planned: {EDITED}\n"
        f"--- {EDITED} (planned)\n"
        f"+++ {EDITED} (now)\n"
        "@@ -20,3 +20,4 @@\n"
        '       config_path = "/etc/containerd/certs.d"\n'
        '   [plugins."io.containerd.internal.v1.opt"]\n'
        '     path = "/var/lib/containerd/opt"\n'
        "+# by hand, later\n"
        "\n"
        "  expected: files as the plan left them, or as they were before\n"
        f"  next: keep what was edited elsewhere, then: docker2cri rollback lab-w1 --overwrite {EDITED}"
    )


@pytest.mark.parametrize("node", WORKERS)
@pytest.mark.parametrize(("chapter", "runtime"), [("there", "containerd"), ("back", "docker")])
class TestAWorkerThatWasMoved:
    """After `apply`, and after `rollback`."""

    def test_it_runs_every_container_that_the_api_tells_of(self, story: Story, node: str, chapter: str, runtime: str) -> None:
        seen = story.looks[chapter][node]
        assert seen.runtime == runtime
        assert len(seen.reported) >= 3
        assert seen.reported <= seen.running
        assert not seen.reported & story.looks["before"][node].reported  # Docker's pods of before are not what is shown

    def test_no_address_and_no_rule_is_left_behind(self, story: Story, node: str, chapter: str, runtime: str) -> None:
        assert (story.looks["before"][node].leaked, story.looks[chapter][node].leaked) == ((), ())

    def test_its_own_pod_answers_on_the_host_port(self, story: Story, node: str, chapter: str, runtime: str) -> None:
        answered, expected = story.looks[chapter][node].portal
        assert answered == expected


@pytest.mark.parametrize("node", WORKERS)
class TestAWorkerThatWasPutBack:
    """After `rollback`."""

    def test_every_file_is_as_before(self, story: Story, node: str) -> None:
        before, back = (set(story.looks[chapter][node].files) for chapter in ("before", "back"))
        assert len(before) > 500
        assert [line for line in sorted(before ^ back) if line.split()[0] not in MAY_DIFFER] == []

    def test_files_were_changed_by_the_move(self, story: Story, node: str) -> None:
        before, there = (set(story.looks[chapter][node].files) for chapter in ("before", "there"))
        assert {"/etc/containerd/config.toml", "/var/lib/kubelet/kubeadm-flags.env"} <= {line.split()[0] for line in before - there}

    def test_every_unit_is_as_before(self, story: Story, node: str) -> None:
        assert story.looks["back"][node].units.splitlines() == story.looks["before"][node].units.splitlines()

    def test_annotations_labels_taints_and_cordon_are_as_before(self, story: Story, node: str) -> None:
        assert story.looks["back"][node].node == story.looks["before"][node].node

    def test_containers_of_no_kubelet_run_again(self, story: Story, node: str) -> None:
        before, back = (story.looks[chapter][node].standalone for chapter in ("before", "back"))
        assert back == before
        assert sorted(line.split()[1] for line in back) == (["debug-shell", "legacy-forwarder"] if node == "lab-w2" else [])


def test_the_stateful_set_keeps_its_data(story: Story) -> None:
    starts = [story.data[chapter][1:] for chapter in ("before", "there", "back")]
    assert [story.data[chapter][0] for chapter in ("before", "there", "back")] == [TOLD] * 3
    assert (starts[1], starts[2]) == ([*starts[0], "started in db-0"], [*starts[1], "started in db-0"])


def test_the_job_finished_once(story: Story) -> None:
    assert story.job["before"].endswith(" 1 ")
    assert (story.job["there"], story.job["back"]) == (story.job["before"], story.job["before"])
