"""Docker, its configuration and its host: D2C110 to D2C136."""

from __future__ import annotations

import pytest

from migrate.facts.model import HostUse, Listener, Package, Unreadable
from migrate.rules import NodeView, check
from migrate.rules.daemon_keys import shown
from migrate.rules.docker import SNAP, standalone_container
from tests.rules import make
from tests.rules.case import Case

POD = ("shop", "web-1", "uid")
DIND = "/usr/bin/dockerd"


def docker(**given_: object) -> NodeView:
    return make.view(of=make.facts(docker=make.docker(**given_)))


def told(**keys: object) -> NodeView:
    return docker(daemon_json={key.replace("_", "-"): value for key, value in keys.items()})


def units(*more: object, **changed: object) -> NodeView:
    found = {**make.facts().units, **{one.name: one for one in more}}  # type: ignore[attr-defined]
    return make.view(of=make.facts(units={**found, **changed}))


CASES = (
    Case(
        "D2C110",
        "stopped",
        make.view(
            of=make.facts(
                docker=make.docker(info=None, containers=(), images=()),
                units={"docker.service": make.unit("docker.service", active="inactive")},
            )
        ),
        (("docker.service", "ActiveState inactive; `docker info` failed"),),
    ),
    Case(
        "D2C110",
        "not there",
        make.view(of=make.facts(docker=None)),
        (
            (
                "docker.service",
                "systemd has no such unit, and no program dockerd is in the folders of programs, but kubelet v1.23.17: no "
                "--container-runtime is given and its default is docker",
            ),
        ),
    ),
    Case("D2C110", "a snap is D2C125", make.view(of=make.facts(docker=None, units={SNAP: make.unit(SNAP)}))),
    Case(
        "D2C125",
        "the snap alone",
        make.view(of=make.facts(docker=None, units={SNAP: make.unit(SNAP)})),
        ((SNAP, "ActiveState active; it is Docker's snap, and systemd has no docker.service"),),
    ),
    Case("D2C125", "a snap beside Docker of a package", units(**{SNAP: make.unit(SNAP)})),
    Case("D2C110", "unreadable is D2C101", make.view(of=make.facts(docker=Unreadable("docker", "x")))),
    Case(
        "D2C111",
        "a member",
        docker(swarm="active", containers=(make.container("api.1", swarm_task="t1"),)),
        (("Docker Swarm", "docker info: Swarm active; tasks here: api.1"),),
    ),
    Case("D2C111", "locked", docker(swarm="locked"), (("Docker Swarm", "docker info: Swarm locked; tasks here: none"),)),
    Case("D2C111", "inactive", docker(swarm="inactive")),
    Case(
        "D2C112",
        "by image and by name",
        docker(
            containers=(
                make.container("e", image="quay.io/coreos/etcd:v3.4.3", restart="always"),
                make.container("etcd2", image="registry/mirror@sha256:" + "a" * 64),
                make.container("kubelet", image="rancher/hyperkube:v1.20.15"),
            )
        ),
        (
            ("container e", "image quay.io/coreos/etcd:v3.4.3, running, restart policy always, not created by the kubelet"),
            ("container etcd2", f"image registry/mirror@sha256:{'a' * 64}, running, restart policy no, not created by the kubelet"),
            ("container kubelet", "image rancher/hyperkube:v1.20.15, running, restart policy no, not created by the kubelet"),
        ),
    ),
    Case(
        "D2C112",
        "of the kubelet, or dead",
        docker(containers=(make.container("k8s_etcd", image="k8s.gcr.io/etcd:3.5", pod=POD), make.container("etcd1", state="exited"))),
    ),
    Case(
        "D2C113",
        "running, or with a policy, or of a compose project",
        docker(
            containers=(
                make.container("forwarder", restart="always"),
                make.container("dead", state="exited", restart="unless-stopped"),
                make.container("b", compose_project="shop"),
                make.container("a", compose_project="shop", state="paused"),
            )
        ),
        (
            ("Compose project shop", "a: image busybox:1.36, paused, restart policy no; b: image busybox:1.36, running, restart policy no"),
            ("container dead", "dead: image busybox:1.36, exited, restart policy unless-stopped"),
            ("container forwarder", "forwarder: image busybox:1.36, running, restart policy always"),
        ),
    ),
    Case(
        "D2C113",
        "the kubelet's, dead, or a node component",
        docker(containers=(make.container("k8s_a", pod=POD), make.container("d", state="exited"), make.container("etcd"))),
    ),
    Case(
        "D2C124",
        "privileged, or near it",
        docker(
            containers=(
                make.container("debug", privileged=True, cap_add=("CAP_SYS_ADMIN", "NET_ADMIN")),
                make.container("ci", binds=("/var/run/docker.sock:/var/run/docker.sock",), state="exited"),
            )
        ),
        (
            ("container ci", "image busybox:1.36, exited, restart policy no: --volume /var/run/docker.sock:/var/run/docker.sock"),
            ("container debug", "image busybox:1.36, running, restart policy no: --privileged, --cap-add SYS_ADMIN"),
        ),
    ),
    Case(
        "D2C124",
        "ordinary, or the kubelet's",
        docker(containers=(make.container("web"), make.container("k8s_a", pod=POD, privileged=True))),
    ),
    Case(
        "D2C114",
        "dead, without a policy",
        docker(containers=(make.container("old", state="exited"), make.container("run"))),
        (("container old", "image busybox:1.36, exited, restart policy no"),),
    ),
    Case("D2C114", "a policy", docker(containers=(make.container("old", state="exited", restart="always"),))),
    Case("D2C115", "on", docker(live_restore=True), (("live-restore", "docker info: LiveRestoreEnabled"),)),
    Case("D2C115", "off", docker()),
    Case(
        "D2C116",
        "both ports",
        make.view(
            of=make.facts(listeners=(Listener("0.0.0.0", 2375, "dockerd"), Listener("127.0.0.1", 2376, ""), Listener("*", 8080, "dockerd")))
        ),
        (
            ("TCP 0.0.0.0:2375", "dockerd listens, usually without TLS"),
            ("TCP 127.0.0.1:2376", "an unknown process listens"),
        ),
    ),
    Case("D2C116", "something else there", make.view(of=make.facts(listeners=(Listener("0.0.0.0", 2375, "nginx"),)))),
    Case(
        "D2C117",
        "driver and root changed",
        docker(daemon_json={"data-root": "/data/docker/", "exec-opts": ["native.cgroupdriver=cgroupfs"]}),
        (
            ("data-root", 'daemon.json sets "/data/docker/", docker info reports /var/lib/docker'),
            ("native.cgroupdriver", "daemon.json sets cgroupfs, docker info reports systemd"),
        ),
    ),
    Case("D2C117", "in force", told(data_root="/var/lib/docker/", storage_driver="overlay2")),
    Case("D2C117", "odd values", told(data_root=7, exec_opts={"native.cgroupdriver": "x"}, storage_driver=None)),
    Case(
        "D2C118",
        "lost, ranges, unknown, and by flag what is carried",
        docker(
            daemon_json={
                "userns-remap": "default",
                "log-driver": "journald",
                "insecure-registries": ["10.0.0.0/8", "reg:5000"],
                "runtimes": {"kata": {"path": "/opt/kata", "runtimeArgs": ["--x"]}},
                "brand-new": {"password": "hunter2"},
            },
            argv=(DIND, "--registry-mirror=https://m", "--host", "tcp://0.0.0.0:2376", "--host", "fd://"),
        ),
        (
            (
                "userns-remap",
                'daemon.json: userns-remap = "default": pods get user namespaces by hostUsers: false (containerd 2.0, Kubernetes 1.33)',
            ),
            (
                "log-driver",
                'daemon.json: log-driver = "journald": the runtime writes files below /var/log/pods only: a log agent must read them',
            ),
            (
                "insecure-registries",
                'daemon.json: insecure-registries = ["10.0.0.0/8", "reg:5000"]: containerd knows hosts, not ranges (10.0.0.0/8): '
                "the plan adds those that this node's images come from, no others",
            ),
            (
                "runtimes",
                'daemon.json: runtimes = {"kata": {"path": "/opt/kata", "runtimeArgs": ["--x"]}}: '
                "runtimeArgs of kata are not supported: use a wrapper script as its path",
            ),
            (
                "brand-new",
                "daemon.json: brand-new = (not shown): this key is unknown and nothing of it is carried over: look up what it does",
            ),
            (
                "hosts",
                'dockerd --host: hosts = ["tcp://0.0.0.0:2376", "fd://"]: the target has no API on TCP, '
                "and remote clients of Docker's fail",
            ),
        ),
    ),
    Case(
        "D2C118",
        "harmless values",
        told(userns_remap="", log_driver="json-file", init=False, hosts=["fd://"], group="docker", bip="10.1.0.1/24"),
    ),
    Case(
        "D2C119",
        "changed",
        told(data_root="/data", log_opts={"max-size": "1m", "compress": "true"}, debug=True),
        (
            (
                "data-root",
                'daemon.json: data-root = "/data": containerd keeps its images in its own root (/var/lib/containerd by default), '
                "perhaps on another disk",
            ),
            (
                "log-opts",
                'daemon.json: log-opts = {"max-size": "1m", "compress": "true"}: containerLogMaxSize = 10M (/var/lib/kubelet/config.yaml) '
                "of the kubelet stays; compress, labels, env and tag have no effect (the kubelet compresses by itself)",
            ),
            ("debug", "daemon.json: debug = true: containerd's own log level is set in its [debug] table"),
        ),
    ),
    Case("D2C119", "rotation and defaults", told(log_opts={"max-size": "10m"}, storage_driver="overlay2", debug=False)),
    Case(
        "D2C120",
        "unlimited",
        make.view(of=make.facts(docker=make.docker(daemon_json=None), kubelet=make.kubelet(config={}))),
        (
            (
                "container logs",
                "Docker: max-size unlimited, max-file 1; kubelet: containerLogMaxSize 10Mi (default), containerLogMaxFiles 5 (default)",
            ),
        ),
    ),
    Case(
        "D2C120",
        "a size that Docker refuses",
        told(log_opts={"max-size": "ten"}),
        (
            (
                "container logs",
                "Docker: max-size ten (no size that Docker reads), max-file 1 (daemon.json); "
                "kubelet: containerLogMaxSize 10M (/var/lib/kubelet/config.yaml), containerLogMaxFiles 3 (/var/lib/kubelet/config.yaml)",
            ),
        ),
    ),
    Case("D2C120", "no kubelet", make.view(of=make.facts(kubelet=None))),
    Case(
        "D2C121",
        "JSON",
        docker(),
        (("container logs", "log driver of Docker: json-file; of containerd: files in CRI format (`TIME stdout F message`)"),),
    ),
    Case("D2C121", "no Docker", make.view(of=make.facts(docker=None))),
    Case(
        "D2C122",
        "a child",
        docker(child_containerd=True),
        (("dockerd", "its child process containerd uses /run/docker/containerd/containerd.toml"),),
    ),
    Case("D2C122", "the system's", docker(child_containerd=False)),
    Case(
        "D2C130",
        "two lines of one file",
        make.view(
            of=make.facts(
                docker_uses=(
                    HostUse("/etc/cron.d/prune", 9, "docker image"),
                    HostUse("/etc/cron.d/prune", 3, "docker system"),
                    HostUse("/etc/rc.local", 2, "docker run"),
                )
            )
        ),
        (
            ("/etc/cron.d/prune", "/etc/cron.d/prune:3: docker system; /etc/cron.d/prune:9: docker image"),
            ("/etc/rc.local", "/etc/rc.local:2: docker run"),
        ),
    ),
    Case("D2C130", "none", make.view()),
    Case("D2C131", "two", make.view(of=make.facts(docker_group=("ana", "bo"))), (("group docker", "members: ana, bo"),)),
    Case("D2C131", "empty", make.view()),
    Case(
        "D2C132",
        "seen from both sides",
        units(
            make.unit("docker.service", required_by=("ci-agent.service", "kubelet.service")),
            make.unit("docker.socket", required_by=("docker.service",)),
            make.unit("reg.service", binds_to=("docker.service",)),
        ),
        (("ci-agent.service", "requires docker.service"), ("reg.service", "requires docker.service")),
    ),
    Case(
        "D2C132",
        "Docker's own, and soft ties",
        units(make.unit("docker.service", requires=("docker.socket",)), make.unit("x.service", wants=("docker.service",))),
    ),
    Case(
        "D2C133",
        "changed",
        units(make.unit("docker.service", need_daemon_reload=True)),
        (("docker.service", "NeedDaemonReload=yes; its files: /lib/systemd/system/docker.service"),),
    ),
    Case("D2C133", "in step", make.view()),
    Case(
        "D2C134",
        "docker-ce",
        make.view(of=make.facts(packages=(Package("docker-ce", "5:20.10", True), Package("containerd.io", "1.6", False)))),
        (("package docker-ce", "version 5:20.10 is held"),),
    ),
    Case("D2C134", "Kubernetes' own", make.view(of=make.facts(packages=(Package("kubelet", "1.23.17-00", True),)))),
    Case(
        "D2C136",
        "a login",
        make.view(of=make.facts(marks=frozenset({"/root/.docker/config.json"}))),
        (("/root/.docker/config.json", "it exists; /var/lib/kubelet/config.json does not exist"),),
    ),
    Case("D2C136", "the kubelet's own", make.view(of=make.facts(marks=frozenset({"/var/lib/kubelet/config.json"})))),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    case.verify()


def test_names_from_docker_are_quoted_in_the_command_to_type() -> None:
    hostile = docker(containers=(make.container("x; rm -rf /"),))
    (found,) = check(hostile, [standalone_container])
    assert "    docker inspect 'x; rm -rf /'     # on the node\n" in found.remedy
    assert found.remedy.endswith(' --accept D2C113="moved to another host" w1 --out plan.json')


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        (("-H", "fd://", "-H", "tcp://h:1"), [("hosts", ["fd://", "tcp://h:1"], "dockerd -H")]),
        (("--log-opt", "max-size=5m", "--log-opt=max-file=2"), [("log-opts", {"max-size": "5m", "max-file": "2"}, "dockerd --log-opt")]),
        (
            ("--live-restore", "--iptables=false"),
            [("live-restore", True, "dockerd --live-restore"), ("iptables", False, "dockerd --iptables")],
        ),
        (("--max-concurrent-downloads", "3"), [("max-concurrent-downloads", 3, "dockerd --max-concurrent-downloads")]),
        (
            ("--default-ulimit", "nofile=1024:2048", "--default-ulimit=core=-1", "--default-ulimit=none"),
            [
                (
                    "default-ulimits",
                    {"nofile": {"Name": "nofile", "Soft": 1024, "Hard": 2048}, "core": {"Name": "core", "Soft": -1, "Hard": -1}},
                    "dockerd --default-ulimit",
                )
            ],
        ),
        (("--add-runtime", "kata=/k"), [("runtimes", {"kata": {"path": "/k"}}, "dockerd --add-runtime")]),
        (("--feature=containerd-snapshotter",), [("features", {"containerd-snapshotter": True}, "dockerd --feature")]),
        (
            ("--http-proxy=http://p", "--no-proxy", "x"),
            [("proxies", {"http-proxy": "http://p", "no-proxy": "x"}, "dockerd --http-proxy --no-proxy")],
        ),
        (("--data-root",), [("data-root", True, "dockerd --data-root")]),
        ((), []),
    ],
)
def test_flags_of_dockerd_are_keys(words: tuple[str, ...], keys: list[tuple[str, object, str]]) -> None:
    assert [(one.key, one.value, one.where) for one in make.docker(daemon_json=None, argv=("dockerd", *words)).given] == keys


def test_secrets_in_settings_are_masked() -> None:
    view = told(log_opts={"splunk-token": "abc-secret-1"}, proxies={"http-proxy": "http://u:p4ss@proxy:3128"})
    text = "".join(shown(one, view.target) for one in view.docker.given) if view.docker else ""
    assert "proxy:3128" in text
    assert "abc-secret-1" not in text
    assert "p4ss" not in text
