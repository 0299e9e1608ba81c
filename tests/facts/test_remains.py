"""What Docker left on a node: a real answer read whole, made-up answers, and the script that asks."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest

from migrate.facts.capture import Capture, CommandReading, PathReading, load
from migrate.facts.parse.docker_chains import docker_chains
from migrate.facts.parse.remains import remains
from migrate.facts.remains import Chain, ChainRule, LeftContainer, Leftover, LeftPackage, LeftRun, Namespace, Records
from migrate.facts.remains_probe import Whereabouts, render_remains

FIXTURE = Path(__file__).resolve().parents[2] / "fixtures" / "remains" / "lab-w7.json"
PLACE = Whereabouts("/var/lib/docker", "/run/containerd/containerd.sock")
FORWARD = (
    "-j DOCKER-USER",
    "-j DOCKER-ISOLATION-STAGE-1",
    "-o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    "-o docker0 -j DOCKER",
    "-i docker0 ! -o docker0 -j ACCEPT",
    "-i docker0 -o docker0 -j ACCEPT",
)


def real() -> Capture:
    """The answer of a lab worker that moved to containerd: Debian's docker.io, one volume with data."""
    return load(FIXTURE.read_text("utf-8"))


def changed(**commands: str) -> Capture:
    """The real answer with other outputs of commands."""
    found = real()
    told = {key.replace("_", " "): CommandReading(0, text.encode()) for key, text in commands.items()}
    return replace(found, commands={**found.commands, **told})


def test_a_real_node_is_read_whole() -> None:
    found = remains(real(), PLACE)
    assert found.root is not None
    assert (found.root.path, found.root.mounts, found.root.others) == ("/var/lib/docker", ("/var/lib/docker",), ())
    assert found.root.volumes == (Leftover("data1", 8192),)
    assert [(entry.name, entry.size) for entry in found.root.known][:4] == [
        ("buildkit", 90112),
        ("containers", 249856),
        ("image", 315392),
        ("network", 65536),
    ]
    assert found.packages == (LeftPackage("docker.io", "20.10.24+dfsg1-1+deb12u1+b6", 151117824),)
    assert found.paths[-3:] == ("/run/docker", "/run/docker.sock", "/run/dockershim.sock")
    assert "/usr/bin/docker" not in found.paths  # the package's
    assert found.namespace == Namespace(PLACE.socket, 0, 0, 0)
    assert found.records == Records(
        (LeftRun("b66dd8df3805", verified=True, ended="", size=634880),), owner="b66dd8df3805", stopped_by="b66dd8df3805"
    )
    assert (found.link, found.group, found.containers, found.processes, found.firewall, found.unreadable) == (True, True, (), (), (), ())
    rules = [ChainRule("4", "filter", f"FORWARD {rule}") for rule in FORWARD]
    assert found.chains.rules[:6] == tuple(rules)
    assert len(found.chains.rules) == 9
    assert [chain.name for chain in found.chains.chains] == [
        *("DOCKER", "DOCKER-ISOLATION-STAGE-1", "DOCKER-ISOLATION-STAGE-2", "DOCKER-USER"),
        "DOCKER",
    ]
    assert (found.chains.kept, found.chains.policy) == ((), ())


def test_containers_of_no_kubelet_are_told_with_their_projects() -> None:
    ids = [letter * 64 for letter in "abcd"]
    lines = [
        f'{ids[0]}/config.v2.json:"Name":"/ci"',
        f'{ids[1]}/config.v2.json:"Name":"/k8s_web"',
        f'{ids[1]}/config.v2.json:"io.kubernetes.pod.uid":',
        f'{ids[2]}/config.v2.json:"com.docker.compose.project":"shop"',
        f'{ids[2]}/config.v2.json:"Name":"/shop_db"',
        f'{ids[3]}/config.v2.json:"io.kubernetes.pod.uid":',
        f'{ids[3]}/config.v2.json:"Name":"/copy-of-a-pod"',
    ]
    assert remains(changed(containers="\n".join(lines)), PLACE).containers == (
        LeftContainer("ci", ""),
        LeftContainer("copy-of-a-pod", ""),
        LeftContainer("shop_db", "shop"),
    )


@pytest.mark.parametrize(
    ("journal", "run"),
    [
        ("", LeftRun("b66dd8df3805", verified=False, ended="", size=634880)),
        ("b66dd8df3805/journal:9 1 1.5 needs-attention - - x y\n", LeftRun("b66dd8df3805", False, "needs-attention", 634880)),
        (
            "b66dd8df3805/journal:9 1 1.5 note - - verified\nb66dd8df3805/journal:10 1 1.5 note - - cleaned\n"
            "b66dd8df3805/journal:11 1 1.5 released - - run 5 removed Docker\n",
            LeftRun("b66dd8df3805", True, "released", 634880, cleaned=True),
        ),
    ],
)
def test_how_a_run_ended_is_read_from_its_journal(journal: str, run: LeftRun) -> None:
    assert remains(changed(journals=journal), PLACE).records.runs == (run,)


def test_rpms_are_told_with_their_epoch() -> None:
    rpm = "docker-ce 3:24.0.7-1.el9 rpm 1000\ncri-dockerd 0:0.3.4-3.el7 rpm 2000\npackage docker.io is not installed\n"
    assert remains(changed(**{"packages dpkg": "", "packages rpm": rpm}), PLACE).packages == (
        LeftPackage("cri-dockerd", "0.3.4-3.el7", 2000),
        LeftPackage("docker-ce", "3:24.0.7-1.el9", 1000),
    )


def test_what_cannot_be_read_is_told_and_no_data_root_is_none() -> None:
    found = real()
    commands = {**found.commands, "iptables 4": CommandReading(4, b"", b"Another app is currently holding the xtables lock.\n")}
    paths = {**found.paths, PLACE.root: PathReading("absent")}
    read = remains(replace(found, commands=commands, paths=paths), PLACE)
    assert read.root is None
    assert read.chains.unread == ("iptables 4",)
    assert [(value.what, value.reason) for value in read.unreadable] == [
        ("iptables 4", "exit code 4: Another app is currently holding the xtables lock.")
    ]


def test_a_link_is_followed_to_where_its_mounts_are() -> None:
    found = real()
    paths = {**found.paths, PLACE.root: PathReading("directory", target="/srv/docker")}
    mounts = CommandReading(0, b"/srv/docker\n/srv/docker/x\n/srv/docker-other\n")
    read = remains(replace(found, paths=paths, commands={**found.commands, "mounts": mounts}), PLACE)
    assert read.root is not None
    assert (read.root.path, read.root.mounts) == ("/srv/docker", ("/srv/docker", "/srv/docker/x"))


SAVED = """*filter
:INPUT ACCEPT [0:0]
:FORWARD {policy} [0:0]
:DOCKER - [0:0]
:DOCKER-USER - [0:0]
:KUBE-FORWARD - [0:0]
{rules}
COMMIT
"""
OURS = "-A FORWARD -j DOCKER-USER\n-A FORWARD -o docker0 -j DOCKER\n-A FORWARD -j KUBE-FORWARD"
JUMPS = (ChainRule("4", "filter", "FORWARD -j DOCKER-USER"), ChainRule("4", "filter", "FORWARD -o docker0 -j DOCKER"))


def saved(rules: str, policy: str = "ACCEPT") -> dict[str, str]:
    return {"4": SAVED.format(rules=rules, policy=policy)}


def test_an_admins_rules_keep_their_chain_and_the_rule_that_leads_there() -> None:
    found = docker_chains(saved(f"{OURS}\n-A DOCKER-USER -s 10.0.0.0/8 -j DROP\n-A DOCKER-USER -j RETURN"))
    assert found.rules == JUMPS[1:]
    assert found.chains == (Chain("4", "filter", "DOCKER"),)
    assert found.kept == (
        ("chain DOCKER-USER in table filter (IPv4)", "it has 1 of the admin's own rules: DOCKER-USER -s 10.0.0.0/8 -j DROP"),
    )


def test_a_foreign_rule_that_leads_into_a_chain_keeps_it_with_all_that_it_leads_to() -> None:
    found = docker_chains(saved(f'{OURS}\n-A FORWARD -s 10.9.0.0/16 -m comment --comment "x" -j DOCKER-USER\n-A DOCKER-USER -j DOCKER'))
    assert (found.rules, found.chains) == ((), ())
    assert [what for what, _ in found.kept][-1] == "chain DOCKER-USER in table filter (IPv4)"


def test_an_admins_rule_about_docker0_is_named_and_kept() -> None:
    found = docker_chains(saved(f"{OURS}\n-A INPUT -i docker0 -p tcp --dport 53 -j ACCEPT"))
    assert found.rules == JUMPS
    assert found.kept == (("rule INPUT -i docker0 -p tcp --dport 53 -j ACCEPT in table filter (IPv4)", "Docker did not make it"),)


@pytest.mark.parametrize(
    ("rules", "policy", "drop"), [(OURS, "DROP", ("4",)), (OURS, "ACCEPT", ()), ("-A FORWARD -j KUBE-FORWARD", "DROP", ())]
)
def test_a_drop_counts_beside_dockers_own_rules_alone(rules: str, policy: str, drop: tuple[str, ...]) -> None:
    assert docker_chains(saved(rules, policy)).policy == drop


def test_networks_of_its_own_and_ipv6_are_dockers_too() -> None:
    nat = "*nat\n:POSTROUTING ACCEPT [0:0]\n:DOCKER - [0:0]\n-A POSTROUTING -s fd00::/80 ! -o br-0123456789ab -j MASQUERADE\n"
    nat += (
        "-A OUTPUT ! -d ::1/128 -m addrtype --dst-type LOCAL -j DOCKER\n-A POSTROUTING -s 10.8.0.0/16 ! -o br-lan -j MASQUERADE\nCOMMIT\n"
    )
    found = docker_chains({"6": nat})
    assert [rule.rule for rule in found.rules] == [
        "POSTROUTING -s fd00::/80 ! -o br-0123456789ab -j MASQUERADE",
        "OUTPUT ! -d ::1/128 -m addrtype --dst-type LOCAL -j DOCKER",
    ]
    assert (found.chains, found.kept) == ((Chain("6", "nat", "DOCKER"),), ())


def script() -> str:
    return render_remains(
        resources.files("migrate.node").joinpath("probe.sh").read_text(), "d2c-marker", Whereabouts("/srv/a b", "/run/c.sock")
    )


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
def test_shellcheck_finds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "remains.sh"
    path.write_text(script())
    done = subprocess.run(
        ["shellcheck", "-s", "dash", "-e", "SC2016,SC2034,SC2154", str(path)], capture_output=True, text=True, check=False
    )
    assert done.stdout == ""


READS = {
    *("sh", "cd", "exec", "if", "then", "fi", "nice", "du", "find", "cut", "uniq", "sort", "grep", "for", "do", "done", "echo", "command"),
    *("iptables-save", "ip6tables-save", "systemctl", "ls", "pgrep", "getent", "dpkg-query", "rpm", "ctr"),
}
ASKED = re.compile(r"^run '[a-z0-9 -]+' [0-9]+ (.*)$", re.M)


def test_it_only_reads() -> None:
    lines = [line for line in ASKED.findall(script().partition("marker=d2c-marker")[2]) if not line.startswith(("[", '"'))]
    assert len(lines) == 25
    for line in lines:
        words = shlex.split(line)
        inner = shlex.split(words[2].replace("&&", "|").replace(";", " | ")) if words[:2] == ["sh", "-c"] else []
        for stage in (words, *(" ".join(inner).split("|") if inner else ())):
            first = (stage.split() if isinstance(stage, str) else stage)[0]
            assert first in READS, line
        assert not re.search(r" (rm|-delete|-exec|set|del|restart|stop|-D|-F|-X|-i)( |$)", line), line
        assert set(re.findall(r"[0-9]?>+ ?&?[^\s;]+", line)) <= {">/dev/null", "2>&1", "2>/dev/null"}
    verbs = {" ".join(words[words.index("moby") + 1 :]) for line in lines if (words := line.split())[0] == "ctr" and "moby" in words}
    assert verbs == {"containers ls -q", "tasks ls -q", "images ls -q"}


def test_a_path_is_no_part_of_a_script() -> None:
    text = render_remains("", "m", Whereabouts("/srv/a b'; reboot; '", "/run/c.sock"))
    for line in text.splitlines():
        words = shlex.split(line)
        assert not any(
            "reboot" in word for word in words if word != "/srv/a b'; reboot; '" and not word.startswith("/srv/a b'; reboot; '/")
        )
