"""What machines are: settings of Docker and runtimes, of one node, of nodes alike, and as the cards of a page tell them."""

from __future__ import annotations

import re

from msgspec.structs import replace

from migrate.report.machine_text import machines_text, runs
from migrate.report.model import DockerSetting, Report, ReportedMachine, ReportedNode, ReportedRuntime
from migrate.report.style import Style
from migrate.report.write import Wish, write_report
from tests.report.make import captured

INIT = DockerSetting(key="init", value="true", place="dockerd --init", verdict="cannot be carried", note="no tini stands before processes")
MIRROR = DockerSetting(
    key="registry-mirrors", value='["https://m"]', place="/etc/docker/daemon.json", verdict="carried", note="becomes hosts.toml"
)
LXC = ReportedRuntime(name="lxc", role="system containers", version="5.0.2", kubernetes="no", live=1, own=("old-app",))


def node(host: str, *settings: DockerSetting, runtimes: tuple[ReportedRuntime, ...] = (), inside: str = "") -> ReportedNode:
    machine = ReportedMachine(
        os="Debian",
        kernel="6.1",
        arch="x86_64",
        cgroup="v2",
        installer="kubeadm",
        runtime="dockershim",
        next_runtime="containerd",
        runtimes=runtimes,
        inside=inside,
    )
    return ReportedNode(host=host, state="ready", machine=machine, settings=settings)


def report(*nodes: ReportedNode) -> Report:
    return replace(captured(files=False), nodes=nodes, stacks=(), findings=(), workloads=())


def test_nodes_alike_are_told_once_and_what_is_lost_comes_first() -> None:
    nodes = (node("a", MIRROR, INIT), node("b", MIRROR), node("c", MIRROR, INIT), node("d", runtimes=(LXC,), inside="a Docker container"))
    assert "\n\n".join(machines_text(nodes, Style(100))) == (
        "DOCKER'S SETTINGS on a, c\n"
        "  cannot be carried (1 setting)\n"
        "    init = true (dockerd --init): no tini stands before processes\n"
        "  carried (1 setting)\n"
        '    registry-mirrors = ["https://m"] (/etc/docker/daemon.json): becomes hosts.toml\n\n'
        "DOCKER'S SETTINGS on b\n"
        "  carried (1 setting)\n"
        '    registry-mirrors = ["https://m"] (/etc/docker/daemon.json): becomes hosts.toml\n\n'
        "RUNTIMES on d\n"
        "The machine itself is a Docker container.\n"
        "RUNTIME  VERSION  ROLE               KUBERNETES  RUNS\n"
        "lxc      5.0.2    system containers  no          of its own: old-app"
    )


def test_what_a_runtime_runs() -> None:
    assert runs(LXC) == "of its own: old-app"
    assert runs(replace(LXC, live=22, own=("a", "b"))) == "of its own: a, b and 20 more"
    assert runs(replace(LXC, live=0, own=())) == "nothing"
    assert runs(replace(LXC, live=None, own=(), unread="it timed out")) == "unknown: it timed out"
    assert runs(replace(LXC, kubernetes="directly", live=0, own=())) == "pods"


def test_the_table_tells_machines_of_a_single_node_and_where_it_is_wide() -> None:
    single, two = report(node("a", INIT)), report(node("a", INIT), node("b"))
    assert "DOCKER'S SETTINGS on a" in write_report(single, "table", Wish(Style(100)))
    assert "DOCKER'S SETTINGS" not in write_report(two, "table", Wish(Style(100)))
    assert "DOCKER'S SETTINGS on a" in write_report(two, "wide", Wish(Style(100)))


def test_a_card_has_the_table_and_the_card_of_a_node_alike_a_link() -> None:
    page = write_report(report(node("a", INIT, runtimes=(LXC,)), node("b", INIT, runtimes=(LXC,)), node("c", INIT)), "html")
    cards = page.split('<tbody id="n')[1:]
    assert ["Docker&#x27;s settings (1, 1 cannot be carried)" in card for card in cards] == [True, False, False]
    links = [re.findall(r'<p>([^<]*): as on <a href="#n0">a</a></p>', card) for card in cards]
    assert links == [[], ["Docker&#x27;s settings, Runtimes"], ["Docker&#x27;s settings"]]
