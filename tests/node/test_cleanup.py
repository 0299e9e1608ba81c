"""Removing Docker in a scratch root: done, killed and continued, restored where pods do not answer, and what is never touched."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from migrate.facts.remains import Chain, ChainRule, Chains, Namespace
from migrate.plan.cleanup import Also, cleanup_plan
from migrate.rules import check
from migrate.rules.cleanup import CLEANUP_RULES
from tests.node.scratch import RUN, SHELLS, Scratch
from tests.rules.test_cleanup import RUN as OLD
from tests.rules.test_cleanup import WELL, node

CHAINS = Chains(
    rules=(
        ChainRule("4", "filter", "FORWARD -j DOCKER-USER"),
        ChainRule("4", "nat", "POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE"),
    ),
    chains=(Chain("4", "filter", "DOCKER-USER"),),
    policy=("4",),
)
LEFT = replace(
    WELL,
    chains=CHAINS,
    paths=("/etc/systemd/system/docker.service.d", "/run/docker.sock"),
    link=True,
    namespace=Namespace("/run/containerd/containerd.sock", 0, 0, 0),
    group=True,
)
VIEW = node(LEFT)
PLAN = cleanup_plan(VIEW, check(VIEW, CLEANUP_RULES), Also(group=True, records=False))
FILTER = """:FORWARD DROP [0:0]
:DOCKER-USER - [0:0]
:KUBE-FORWARD - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j KUBE-FORWARD
-A DOCKER-USER -j RETURN
"""
NAT = """:POSTROUTING ACCEPT [0:0]
:KUBE-SERVICES - [0:0]
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A POSTROUTING -s 10.9.0.0/16 -j MASQUERADE
-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m comment --comment "default/kubernetes:https cluster IP" -m tcp --dport 443 -j KUBE-SVC-X
"""
# Tables as files, one for each: what is saved, changed line by line (-n), and replaced whole (-T)
SAVE = """#!/bin/sh
for table in filter nat; do
  [ "${1:-}" != -t ] || [ "$2" = $table ] || continue
  echo "*$table"; cat "$D2C_ROOT/.state/$table"; echo COMMIT
done
"""
RESTORE = """#!/bin/sh
table='' whole=''
while [ $# -gt 0 ]; do case $1 in -T) whole=$2 && shift ;; esac; shift; done
[ -z "$whole" ] || : >"$D2C_ROOT/.state/$whole"
while IFS= read -r line; do
  file=$D2C_ROOT/.state/$table
  case $line in
    \\**) table=${line#?} && continue ;;
    '#'* | COMMIT) continue ;;
  esac
  if [ -n "$whole" ]; then
    [ "$table" != "$whole" ] || printf '%s\\n' "$line" >>"$file"
    continue
  fi
  case $line in
    '-D '*) grep -vxF -e "-A ${line#-D }" "$file" >"$file.new" ;;
    '-F '*) grep -v "^-A ${line#-F } " "$file" >"$file.new" ;;
    '-X '*) grep -v "^:${line#-X } " "$file" >"$file.new" ;;
    '-P FORWARD ACCEPT') sed 's/^:FORWARD DROP/:FORWARD ACCEPT/' "$file" >"$file.new" ;;
  esac
  mv "$file.new" "$file"
done
"""
TOOLS = {
    "iptables-save": SAVE,
    "iptables-restore": RESTORE,
}
# In the place of what would reach this machine: functions, for a busybox has applets of its own before any PATH
SIMULATED = """
delete_link() { rmdir "$root/sys/class/net/$1"; }
group_there() { [ -e "$root/.state/group" ]; }
delete_group() { rm "$root/.state/group"; }
packages_there() { [ -e "$root/.state/package" ] || because "docker-ce is not installed as planned"; }
package_listed() { [ -e "$root/.state/package" ] || [ -e "$root/.state/half" ]; }
dpkg_whole() { :; }
removing() {
  [ "$1" = simulated ] || rm "$root/.state/package"
  also=
  [ ! -e "$root/.state/more" ] || also="Remv kubelet [1.23]$newline"
  printf 'Remv docker-ce [5:20.10.24]\\n%s0 upgraded, 0 newly installed, 1 to remove and 0 not upgraded.\\n' "$also" >"$run/install.out"
}
in_store() {
  case "$*" in
    'namespaces ls -q') cat "$root/.state/namespaces" ;;
    'namespaces rm moby') echo k8s.io >"$root/.state/namespaces" ;;
  esac
}
in_space() { case "$*" in 'tasks ls -q') cat "$root/.state/tasks" 2>/dev/null ;; esac; }
opens() { [ ! -e "$root/.state/leans" ] || grep -q '^-A FORWARD -j DOCKER-USER' "$root/.state/filter"; }
reach_seconds=1
"""
JOURNAL = "1 1 1.0 finished - prepare\n2 1 1.1 finished - switch\n3 1 1.2 disarmed - -\n4 1 1.3 note - - verified\n"


@pytest.fixture
def given(tmp_path: Path) -> Callable[..., Scratch]:
    """Give a node that has left Docker."""

    def give(shell: str = "dash", root: str = "root") -> Scratch:
        return left_docker(Scratch(tmp_path / root, SHELLS[shell], plan=PLAN, simulated=SIMULATED))

    return give


def left_docker(one: Scratch) -> Scratch:
    """The node with what Docker left, and the finished run that moved it."""
    for name, text in TOOLS.items():
        (one.root / ".tools" / name).unlink(missing_ok=True)
        one.write(f"/.tools/{name}", text.encode(), 0o755)
    for unit in ("docker.service", "docker.socket"):
        one.tool("systemctl", "stop", unit)
    for name, text in (("filter", FILTER), ("nat", NAT), ("package", ""), ("group", ""), ("namespaces", "k8s.io\nmoby\n")):
        one.write(f"/.state/{name}", text.encode())
    for path in ("overlay2/x/diff/file", "image/x", "volumes/x", "mine/file"):
        one.write(f"/var/lib/docker/{path}", b"data")
    one.write("/etc/systemd/system/docker.service.d/00-docker2cri-stopped.conf", b"[Unit]\n")
    one.write("/run/docker.sock", b"")
    one.write("/var/lib/docker2cri/docker-stopped", f"{OLD.name}\n".encode())
    for folder in ("sys/class/net/docker0", "run/systemd/system", "usr/sbin"):
        (one.root / folder).mkdir(parents=True, exist_ok=True)
    old = f"/var/lib/docker2cri/{OLD.name}"
    for file in ("steps", "steps.sha256", "program.sh"):
        one.write(f"{old}/{file}", (one.run / file).read_bytes())
    one.write(f"{old}/journal", JOURNAL.encode())
    one.write("/var/lib/docker2cri/current", f"{OLD.name}\n".encode())
    return one


def gone(one: Scratch) -> dict[str, object]:
    """What is left of it."""
    state = one.root / ".state"
    return {
        "filter": (state / "filter").read_text(),
        "nat": (state / "nat").read_text(),
        "package": (state / "package").exists(),
        "group": (state / "group").exists(),
        "namespaces": (state / "namespaces").read_text(),
        "data": sorted(path.relative_to(one.root).as_posix() for path in (one.root / "var/lib/docker").rglob("*") if path.is_file()),
        "files": [name for name in one.tree() if "docker.service.d" in name or name.endswith("policy-rc.d")],
        "socket": (one.root / "run/docker.sock").exists(),
        "link": (one.root / "sys/class/net/docker0").exists(),
        "marker": (one.root / "var/lib/docker2cri/docker-stopped").exists(),
        "active": sorted(path.name for path in (state / "active").iterdir()),
    }


CLEAN = {
    "filter": ":FORWARD ACCEPT [0:0]\n:KUBE-FORWARD - [0:0]\n-A FORWARD -j KUBE-FORWARD\n",
    "nat": NAT.replace("-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\n", ""),
    "package": False,
    "group": False,
    "namespaces": "k8s.io\n",
    "data": ["var/lib/docker/mine/file"],
    "files": [],
    "socket": False,
    "link": False,
    "marker": False,
    "active": ["containerd.service", "kubelet.service"],
}


def journal_of_old(one: Scratch) -> list[str]:
    lines = one.read(f"/var/lib/docker2cri/{OLD.name}/journal").decode().splitlines()
    return [" ".join(line.split()[3:]) for line in lines[4:]]


@pytest.mark.parametrize("shell", SHELLS)
def test_it_removes_what_was_planned_and_nothing_else(shell: str, given: Callable[..., Scratch]) -> None:
    one = given(shell)
    done = one.verb("forward", "prepare")
    assert (done.code, done.err) == (0, ""), done.out
    assert done.out.splitlines()[-1] == f"{RUN}: prepare is finished"
    assert gone(one) == CLEAN
    assert journal_of_old(one) == ["note - - cleaned", f"released - - run {RUN} removed Docker: there is none to roll back to"]
    assert not (one.root / "var/lib/docker2cri/current").exists()
    again = one.verb("forward", "prepare")
    assert (again.code, again.out) == (0, f"{RUN}: nothing to do, prepare is finished\n")


@pytest.mark.parametrize("at", range(2, 46, 3) if os.environ.get("FULL") == "1" else (5, 13, 21, 30, 39))
def test_killed_anywhere_it_continues_to_the_same_end(at: int, given: Callable[..., Scratch]) -> None:
    one = given()
    killed = one.verb("forward", "prepare", kill_at=at)
    assert killed.code in (-9, 137, 0)
    done = one.verb("forward", "prepare")
    assert done.code == 0, done.out
    assert gone(one) == CLEAN


def test_where_a_pod_does_not_answer_any_more_iptables_is_as_it_was(given: Callable[..., Scratch]) -> None:
    one = given()
    one.write("/.state/leans", b"")
    before = gone(one)
    failed = one.verb("forward", "prepare")
    assert failed.code == 1
    assert "without Docker's rules 1 of what answered before did not within 1 s: 10.96.0.1:443 from the node," in failed.out
    assert gone(one) == before
    assert journal_of_old(one) == []
    assert "-A FORWARD -j DOCKER-USER" in (one.run / "iptables.saved").read_text()
    assert ":FORWARD ACCEPT" in (one.run / "iptables.now").read_text()
    (one.root / ".state/leans").unlink()
    assert one.verb("forward", "prepare").code == 0
    assert gone(one) == CLEAN


def test_before_anything_is_removed_it_is_given_up_and_the_earlier_run_holds_the_node(given: Callable[..., Scratch]) -> None:
    one = given()
    one.write("/.state/leans", b"")
    one.verb("forward", "prepare")
    back = one.verb("rollback")
    assert (back.code, back.out) == (0, f"{RUN}: the node is rolled back\n")
    assert one.read("/var/lib/docker2cri/current").decode() == f"{OLD.name}\n"


@pytest.mark.parametrize(
    ("journal", "why"),
    [
        (JOURNAL.replace("3 1 1.2 disarmed - -\n", "3 1 1.2 note - - x\n"), "it is not finished and verified (note - -)"),
        (JOURNAL + "5 1 2.0 undo-begin - rollback asked\n", "it is not finished and verified (undo-begin - rollback)"),
    ],
)
def test_a_run_that_is_not_finished_is_not_closed(journal: str, why: str, given: Callable[..., Scratch]) -> None:
    one = given()
    one.write(f"/var/lib/docker2cri/{OLD.name}/journal", journal.encode())
    failed = one.verb("forward", "prepare")
    assert failed.code == 1
    assert f"run {OLD.name} cannot be closed: {why}" in failed.out
    assert gone(one)["package"] is True
    assert gone(one)["data"] != CLEAN["data"]


def test_a_closed_run_is_not_rolled_back_by_its_own_program(given: Callable[..., Scratch]) -> None:
    one = given()
    one.verb("forward", "prepare")
    closed = Scratch.__new__(Scratch)
    closed.__dict__.update({**one.__dict__, "run": one.root / "var/lib/docker2cri" / OLD.name})
    back = closed.verb("rollback")
    assert back.code == 7
    assert f"it was released (run {RUN} removed Docker: there is none to roll back to), so it is not rolled back" in back.out


def test_another_run_keeps_the_node(given: Callable[..., Scratch]) -> None:
    one = given()
    one.write("/var/lib/docker2cri/other/program.sh", b"")
    one.write("/var/lib/docker2cri/current", b"other\n")
    held = one.verb("forward", "prepare")
    assert (held.code, "run other owns this node" in held.out) == (7, True)
    assert gone(one)["filter"] == FILTER


@pytest.mark.parametrize(
    ("state", "text", "why"),
    [
        ("more", "", "apt would remove kubelet too, which the plan does not have; make a new plan"),
        ("half", "", "docker-ce is still installed"),
        ("tasks", "abc\n", "containers of Docker run in /run/containerd/containerd.sock: abc"),
    ],
)
def test_what_is_otherwise_than_planned_stops_it_before_the_data(state: str, text: str, why: str, given: Callable[..., Scratch]) -> None:
    one = given()
    one.write(f"/.state/{state}", text.encode())
    failed = one.verb("forward", "prepare")
    assert failed.code == 1
    assert why in failed.out
    assert len(gone(one)["data"]) == 4  # type: ignore[arg-type]
    assert gone(one)["files"] in ([], ["etc/systemd/system/docker.service.d", *gone(one)["files"][1:]])  # type: ignore[index]
    assert not list((one.root / "run/systemd/system").rglob("docker2cri-install.conf"))


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("/run/docker.sock", "/etc/passwd", "/etc/passwd is no path that is removed"),
        ("/run/docker.sock", "/run/docker/../../etc", "/run/docker/../../etc is no path that is removed"),
        ("\toverlay2", "\tetc", "etc in /var/lib/docker is nothing that Docker makes"),
        ("data-remove\t/var/lib/docker\t", "data-remove\t/\t", "/ is no data root of Docker alone"),
    ],
)
def test_a_path_that_no_plan_has_is_not_removed(before: str, after: str, why: str, given: Callable[..., Scratch]) -> None:
    one = given()
    one.write("/etc/passwd", b"root\n")
    one.steps(before, after)
    failed = one.verb("forward", "prepare")
    assert failed.code == 1
    assert why in failed.out
    assert one.read("/etc/passwd") == b"root\n"
