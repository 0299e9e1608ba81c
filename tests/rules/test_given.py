"""What this node's Docker was given and what leans on it: D2C160 to D2C166, D2C520 to D2C522, and the verdict of every setting."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.facts.capture import PathReading
from migrate.facts.daemon import FLAGS
from migrate.facts.model import Firewall, Kernel, Login, NodeFacts, Place, ProcessLimits, SocketUser
from migrate.rules import NodeView, check
from migrate.rules.daemon_keys import Fate, KeyVerdict, verdicts
from migrate.rules.table import RULES
from migrate.targets.containerd import CONTAINERD
from migrate.targets.containerd_keys import CONTAINERD_KEYS as KEYS
from migrate.targets.crio_keys import CRIO_KEYS as CRIO
from tests.rules import make
from tests.rules.case import Case

UNIT = "/lib/systemd/system/docker.service"
DROP_IN = "/etc/systemd/system/docker.service.d/proxy.conf"
ENV = "/etc/default/docker"
OLD = ("0.1.0", "0.2.0")
CLIENT = "/etc/docker/certs.d/reg:5000/client"
LONE = "/etc/docker/certs.d/reg:5000/lone"
LOST = "/etc/docker/certs.d/other/lost"
NOFILE = {"open files": ("1048576", "1048576"), "processes": ("unlimited", "unlimited")}


def node(**given_: Any) -> NodeView:
    return make.view(of=make.facts(**given_))


def docker(**given_: Any) -> NodeView:
    return node(docker=make.docker(**given_))


def proxy(environment: str, info: dict[str, str] | None) -> NodeView:
    """docker.service with this Environment=, and a daemon that reports this."""
    unit = make.unit("docker.service", files=(UNIT,))
    text = f"[Service]\nEnvironment={environment}\n".encode()
    files = {UNIT: PathReading("file", "644", "root:root", len(text), 0, None, text)}
    return node(docker=make.docker(info=info), units={"docker.service": unit}, files=files)


CONFIG = "/etc/containerd/config.toml"


def configured(text: str, daemon_json: dict[str, Any] | None = None) -> NodeView:
    """containerd with this file, of version 2."""
    data = f"version = 2\n{text}".encode()
    files = {CONFIG: PathReading("file", "644", "root:root", len(data), 0, None, data)}
    return node(files=files, docker=make.docker(daemon_json=daemon_json or {}))


def limits(then: dict[str, tuple[str, str]] | None, *now: ProcessLimits, daemon_json: Any = None, **more: Any) -> NodeView:
    running = {} if then is None else {"containerd.service": ProcessLimits(1, then)}
    return node(pod_limits=now, unit_limits=running, docker=make.docker(daemon_json=daemon_json), **more)


def nr_open(value: str) -> Kernel:
    return Kernel({"fs.nr_open": value}, {}, {})


def gpus(count: str) -> Any:
    plain = make.node()
    return msgspec.structs.replace(plain, status=msgspec.structs.replace(plain.status, allocatable={"nvidia.com/gpu": count, "cpu": "8"}))


def cni(version: str, **given_: Any) -> Any:
    return replace(make.facts().cni, config={**make.CONFLIST, "cniVersion": version}, **given_)


def systemd(version: int) -> NodeView:
    return make.view(of=make.facts(os=replace(make.facts().os, systemd=version)))


CASES = (
    Case("D2C167", "RHEL 6 and its kin", systemd(208), (("systemd", "version 208, 219 or later is supported"),)),
    Case("D2C167", "no version", systemd(0), (("systemd", "version unknown, 219 or later is supported"),)),
    Case("D2C167", "RHEL 7", systemd(219)),
    Case("D2C168", "none", make.view(of=make.facts(tools={"flock": None})), (("flock", "the program flock does not exist"),)),
    Case("D2C168", "one", make.view(of=make.facts(tools={"flock": "flock from util-linux 2.38"}))),
    Case("D2C168", "a capture that did not ask", make.view()),
    Case(
        "D2C160",
        "its credentials are nowhere",
        docker(info={**(make.docker().info or {}), "HttpsProxy": "http://xxxxx:xxxxx@proxy:3128", "HttpProxy": ""}),
        (("HTTPS_PROXY", "docker info: HttpsProxy has credentials, and neither dockerd's process nor a file tells them"),),
    ),
    Case("D2C160", "nothing is masked", docker(info={"HttpProxy": "http://p"})),
    Case(
        "D2C160",
        "its process tells them",
        docker(process_proxies={"https_proxy": "http://u:w@p"}, info={"HttpsProxy": "http://xxxxx:xxxxx@p"}),
    ),
    Case("D2C160", "odd proxies", docker(daemon_json={"proxies": 7}, info={"HttpProxy": ""})),
    Case(
        "D2C160",
        "only systemd knows the value",
        proxy('"HTTP_PROXY=http://%H.proxy:1"', info=None),
        (("HTTP_PROXY", f"{UNIT}:2: %H in its value is known to systemd on the node alone"),),
    ),
    Case("D2C160", "the daemon reports it", proxy('"HTTP_PROXY=http://%H.proxy:1"', info={"HttpProxy": "http://w1.proxy:1"})),
    Case(
        "D2C126",
        "what Docker does by itself",
        configured('[plugins."io.containerd.grpc.v1.cri"]\nenable_unprivileged_ports = false\nenable_unprivileged_icmp = true\n'),
        (
            (
                "containerd enable_unprivileged_ports",
                f"enable_unprivileged_ports = false in {CONFIG} stays: a process that is not root binds no port below 1024",
            ),
        ),
    ),
    Case(
        "D2C126",
        "another default runtime",
        configured('[plugins."io.containerd.grpc.v1.cri".containerd]\ndefault_runtime_name = "kata"\n'),
        (
            (
                "containerd containerd.default_runtime_name",
                f"containerd.default_runtime_name = kata in {CONFIG} stays: pods without a RuntimeClass run in it, not in runc",
            ),
        ),
    ),
    Case("D2C126", "nothing of its own", configured("")),
    Case(
        "D2C119",
        "the target's own stays",
        configured('[plugins."io.containerd.grpc.v1.cri"]\nmax_concurrent_downloads = 3\n', {"max-concurrent-downloads": 10}),
        (
            (
                "max-concurrent-downloads",
                "daemon.json: max-concurrent-downloads = 10: "
                f"max_concurrent_downloads = 3 in {CONFIG} stays: so many layers are fetched at once",
            ),
        ),
    ),
    Case(
        "D2C118",
        "limits of a file of the admin's",
        configured(
            '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]\nbase_runtime_spec = "/a.json"\n',
            {"default-ulimits": {"nofile": {"Soft": 1, "Hard": 2}}},
        ),
        (
            (
                "default-ulimits",
                'daemon.json: default-ulimits = {"nofile": {"Soft": 1, "Hard": 2}}: '
                f"containerd.runtimes.runc.base_runtime_spec = /a.json in {CONFIG} stays: its containers get the limits of that file, "
                "not Docker's",
            ),
        ),
    ),
    Case(
        "D2C127",
        "a single percent sign",
        proxy('"HTTPS_PROXY=http://u:Passw%40rd@p" "NO_PROXY=a%%b"', info=None),
        (("docker.service HTTPS_PROXY", f"{UNIT}:2: systemd ignores it for a `%` that is no specifier"),),
    ),
    Case("D2C127", "written twice", proxy('"HTTPS_PROXY=http://u:Passw%%40rd@p"', info=None)),
    Case(
        "D2C117",
        "registries, runtimes and proxies",
        docker(
            daemon_json={
                "registry-mirrors": ["https://new"],
                "insecure-registries": ["http://a:1", "10.0.0.0/8"],
                "runtimes": {"kata": {"path": "/new"}, "same": {"path": "/same"}},
                "proxies": {"http-proxy": "http://u:w@new:1", "https-proxy": "http://u:w@same:1/"},
            },
            info={
                "HttpProxy": "http://xxxxx:xxxxx@old:1",
                "HttpsProxy": "http://xxxxx:xxxxx@same:1",
                "NoProxy": "",
                "Runtimes": {"kata": {"path": "/old"}, "same": {"path": "/same"}, "runc": {"path": "runc"}},
                "RegistryConfig": {
                    "Mirrors": ["https://old/"],
                    "InsecureRegistryCIDRs": ["127.0.0.0/8", "10.0.0.0/8"],
                    "IndexConfigs": {"docker.io": {"Secure": True}, "b": {"Secure": False}},
                },
            },
        ),
        (
            ("HTTP_PROXY", "daemon.json sets http://REDACTED:REDACTED@new:1, docker info reports http://xxxxx:xxxxx@old:1"),
            ("insecure-registries", "daemon.json sets a:1, 10.0.0.0/8, docker info reports b, 10.0.0.0/8"),
            ("registry-mirrors", "daemon.json sets https://new, docker info reports https://old"),
            ("runtimes kata", "daemon.json sets /new, docker info reports /old"),
        ),
    ),
    Case(
        "D2C117",
        "a mirror from nowhere",
        docker(daemon_json={}, info={"RegistryConfig": {"Mirrors": ["https://m/"], "InsecureRegistryCIDRs": ["127.0.0.0/8"]}}),
        (("registry-mirrors", "nothing that was read sets it, docker info reports https://m"),),
    ),
    Case(
        "D2C117",
        "a proxy that the daemon has not",
        proxy('"HTTP_PROXY=http://p:1"', info={"HttpProxy": ""}),
        (("HTTP_PROXY", f"{UNIT}:2 sets http://p:1, docker info reports none"),),
    ),
    Case(
        "D2C117",
        "the same mirror",
        docker(daemon_json={"registry-mirrors": ["https://m"]}, info={"RegistryConfig": {"Mirrors": ["https://m/"]}}),
    ),
    Case(
        "D2C161",
        "two halves",
        node(docker_certificates=("/etc/docker/certs.d/reg:5000/ca.crt", f"{CLIENT}.cert", f"{CLIENT}.key", f"{LONE}.cert", f"{LOST}.key")),
        (
            ("registry other", f"{LOST}.key exists, {LOST}.cert does not"),
            ("registry reg:5000", f"{LONE}.cert exists, {LONE}.key does not"),
        ),
    ),
    Case("D2C161", "a whole pair", node(docker_certificates=(f"{CLIENT}.cert", f"{CLIENT}.key"))),
    Case(
        "D2C117",
        "a key in both places",
        docker(
            daemon_json={"log-opts": {"max-size": "1m"}, "runtimes": {}}, argv=("dockerd", "--log-opt", "max-file=3", "--add-runtime=a=/a")
        ),
        (("log-opts", "daemon.json and dockerd --log-opt both set it: Docker keeps running, and would not start again"),),
    ),
    Case("D2C117", "each in its place", docker(daemon_json={"proxies": {"no-proxy": "x"}}, argv=("dockerd", "--http-proxy", "http://p"))),
    Case("D2C161", "a CA", node(docker_certificates=("/etc/docker/certs.d/reg:5000/ca.crt",))),
    Case(
        "D2C162",
        "a private registry",
        node(logins=(Login("/root/.docker/config.json", "https://registry.k8s.io/v2/"), Login("/root/.docker/config.json", "other:5000"))),
        (("image registry.k8s.io/pause:3.6", "credentials for registry.k8s.io are in /root/.docker/config.json"),),
    ),
    Case("D2C162", "another registry", node(logins=(Login("/root/.docker/config.json", "registry.k8s.io.example"),))),
    Case(
        "D2C163",
        "an agent, twice",
        node(
            socket_users=(
                SocketUser("kubelet", 1, "/run/docker.sock"),
                SocketUser("telegraf", 70, "/run/docker.sock"),
                SocketUser("telegraf", 71, "/run/docker.sock"),
            )
        ),
        (("process telegraf", "PID 70 71 is connected to /run/docker.sock"),),
    ),
    Case("D2C163", "the kubelet alone", node(socket_users=(SocketUser("kubelet", 1, "/run/docker.sock"),))),
    Case(
        "D2C164",
        "more files",
        limits({"open files": ("1024", "524288"), "processes": ("unlimited", "unlimited")}, ProcessLimits(3, NOFILE)),
        (
            (
                "limit open files",
                "now soft 1048576 hard 1048576 (3 processes of pods); "
                "under containerd soft 1024 hard 524288 (the running containerd.service)",
            ),
        ),
    ),
    Case(
        "D2C164",
        "containerd does not run",
        limits(
            None,
            ProcessLimits(1, NOFILE),
            kernel=nr_open("1073741816"),
            units={"containerd.service": make.unit("containerd.service", active="inactive", limit_nofile="infinity")},
        ),
        (
            (
                "limit open files",
                "now soft 1048576 hard 1048576 (1 processes of pods); under containerd soft 1073741816 hard 1073741816 "
                "(LimitNOFILE=infinity of containerd.service)",
            ),
        ),
    ),
    Case("D2C164", "the same", limits(NOFILE, ProcessLimits(8, NOFILE))),
    Case(
        "D2C164",
        "the plan carries it",
        limits(
            {**NOFILE, "open files": ("1", "1")},
            ProcessLimits(8, NOFILE),
            daemon_json={"default-ulimits": {"nofile": {"Name": "nofile", "Soft": 1048576, "Hard": 1048576}}},
        ),
    ),
    Case("D2C164", "nobody asked", limits(None)),
    Case(
        "D2C165",
        "RHEL 7",
        node(kernel=Kernel({"fs.may_detach_mounts": "1"}, {}, {})),
        (("fs.may_detach_mounts", "it is 1 now, and neither /etc/sysctl.conf nor /etc/sysctl.d sets it"),),
    ),
    Case(
        "D2C165",
        "a file sets it",
        node(kernel=Kernel({"fs.may_detach_mounts": "1"}, {}, {"fs.may_detach_mounts": ("1", "/etc/sysctl.d/a.conf")})),
    ),
    Case(
        "D2C166",
        "NVIDIA by default",
        make.view(
            of=make.facts(docker=make.docker(daemon_json={"runtimes": {"nvidia": {"path": "/x"}}}, info={"DefaultRuntime": "nvidia"})),
            the_node=gpus("4"),
        ),
        (("GPUs", "allocatable nvidia.com/gpu 4; docker info: DefaultRuntime nvidia; daemon.json: runtimes nvidia"),),
    ),
    Case("D2C166", "none left", make.view(the_node=gpus("0"))),
    Case(
        "D2C520",
        "two rules",
        node(firewall=Firewall("DROP", 9, ("-A DOCKER-USER -s 10.0.0.0/8 -j DROP", "-A DOCKER-USER -i eth1 -j REJECT"))),
        (("chain DOCKER-USER", "-A DOCKER-USER -s 10.0.0.0/8 -j DROP; -A DOCKER-USER -i eth1 -j REJECT"),),
    ),
    Case("D2C520", "Docker's own", node(firewall=Firewall("DROP", 9, ()))),
    Case("D2C521", "DROP", node(firewall=Firewall("DROP", 9, ())), (("iptables", "9 rules in chains of Docker; policy of FORWARD: DROP"),)),
    Case("D2C521", "iptables: false", node(firewall=Firewall("ACCEPT", 0, ()))),
    Case(
        "D2C522",
        "1.1.0 and containerd 1.6",
        node(cni=cni("1.1.0")),
        (("cniVersion 1.1.0", "/etc/cni/net.d/10-pods.conflist declares it, containerd is 1.6.20~ds1"),),
    ),
    Case("D2C522", "1.0.0", node(cni=cni("1.0.0"))),
    Case("D2C522", "1.1.0 and containerd 2", node(cni=cni("1.1.0"), containerd=make.containerd(version="2.0.4"))),
    Case("D2C522", "none", node(cni=cni(""))),
    Case(
        "D2C523",
        "old plugins",
        node(cni=cni("0.4.0", speaks={"loopback": OLD, "bridge": (*OLD, "0.3.1"), "portmap": (*OLD, "0.3.1", "0.4.0")})),
        (
            ("plugin bridge", "in /opt/cni/bin: speaks 0.1.0, 0.2.0, 0.3.1; it is called with 0.4.0"),
            ("plugin loopback", "in /opt/cni/bin: speaks 0.1.0, 0.2.0; it is called with 0.3.1"),
        ),
    ),
    Case(
        "D2C523",
        "containerd 1.6.2",
        node(cni=cni("0.3.1", speaks={"loopback": (*OLD, "0.3.1", "0.4.0")}), containerd=make.containerd(version="1.6.2")),
        (("plugin loopback", "in /opt/cni/bin: speaks 0.1.0, 0.2.0, 0.3.1, 0.4.0; it is called with 1.0.0"),),
    ),
    Case("D2C523", "containerd 1.6.20", node(cni=cni("", speaks={"loopback": ("0.3.1",), "bridge": ("0.3.0",)}))),
    Case(
        "D2C523",
        "another folder",
        node(cni=cni("0.3.1", speaks={"loopback": OLD}, bin_dirs=("/usr/lib/cni",))),
        (("plugin loopback", "in /usr/lib/cni: speaks 0.1.0, 0.2.0; it is called with 0.3.1"),),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    case.verify()


def test_the_registries_of_a_login_are_named() -> None:
    path = "/root/.docker/config.json"
    view = node(marks=frozenset({path}), logins=(Login(path, "a:5000"), Login(path, "b.example"), Login("/x", "c")))
    (found,) = check(view, [one for one in RULES if one.code == "D2C136"])
    assert found.evidence == "it has credentials for a:5000, b.example; /var/lib/kubelet/config.json does not exist"


def told() -> NodeFacts:
    unit = make.unit("docker.service", files=(UNIT, DROP_IN), environment_files=(ENV,))
    files = {
        ENV: PathReading("file", data=b"#\n#\nNO_PROXY=.cluster.local\nDOCKER_OPTS=--debug\n"),
        UNIT: PathReading("file", data=b"[Service]\nExecStart=/usr/bin/dockerd\n"),
        DROP_IN: PathReading("file", data=b'[Service]\nEnvironment="HTTPS_PROXY=http://u:p4ssw0rd@proxy:3128"\n'),
    }
    found = make.docker(
        daemon_json={
            "registry-mirrors": ["https://mirror"],
            "log-driver": "json-file",
            "bip": "10.1.0.1/24",
            "userns-remap": "default",
            "new-key": {"password": "x"},
            "runtimes": {"kata": {"runtimeType": "io.containerd.kata.v2"}},
            "storage-opts": ["overlay2.override_kernel_check=true"],
            "exec-opts": ["native.cgroupdriver=systemd", "native.umask=normal"],
            "data-root": "/data",
            "http-proxy": "http://p",
        },
        argv=("/usr/bin/dockerd", "--insecure-registry", "reg:5000", "--https-proxy=http://u:p4ssw0rd@p"),
        environment=(("HTTPS_PROXY", Place(DROP_IN, 2)), ("NO_PROXY", Place(ENV, 3)), ("DOCKER_OPTS", Place(ENV, 4))),
    )
    certificates = ("/etc/docker/certs.d/reg:5000/ca.crt", f"{CLIENT}.cert", f"{CLIENT}.key", f"{LOST}.key")
    return make.facts(docker=found, units={"docker.service": unit}, files=files, docker_certificates=certificates)


def test_every_setting_has_a_verdict() -> None:
    file = "/etc/docker/daemon.json"
    same = "containerd does the same with this value, or it has no effect on pods"
    assert verdicts(told(), CONTAINERD) == (
        KeyVerdict("registry-mirrors", '["https://mirror"]', file, Fate.CARRIED, KEYS["registry-mirrors"].text),
        KeyVerdict("log-driver", '"json-file"', file, Fate.NOT_NEEDED, same),
        KeyVerdict("bip", '"10.1.0.1/24"', file, Fate.NOT_NEEDED, KEYS["bip"].text),
        KeyVerdict("userns-remap", '"default"', file, Fate.LOST, KEYS["userns-remap"].text),
        KeyVerdict(
            "new-key",
            "(not shown)",
            file,
            Fate.LOST,
            "this key is unknown and nothing of it is carried over: look up what it does",
        ),
        KeyVerdict(
            "runtimes",
            '{"kata": {"runtimeType": "io.containerd.kata.v2"}}',
            file,
            Fate.CARRIED,
            f"{KEYS['runtimes'].text}; kata is a shim (io.containerd.kata.v2): add it to the runtimes of containerd by hand",
        ),
        KeyVerdict("storage-opts", '["overlay2.override_kernel_check=true"]', file, Fate.NOT_NEEDED, same),
        KeyVerdict(
            "exec-opts",
            '["native.cgroupdriver=systemd", "native.umask=normal"]',
            file,
            Fate.NOT_NEEDED,
            f"{KEYS['exec-opts'].text}; native.umask=normal has no effect any more",
        ),
        KeyVerdict("data-root", '"/data"', file, Fate.CHANGED, KEYS["data-root"].text),
        KeyVerdict(
            "http-proxy",
            '"http://p"',
            file,
            Fate.LOST,
            'Docker and the plan read it below `proxies` only: {"proxies": {"http-proxy": ...}}',
        ),
        KeyVerdict(
            "insecure-registries",
            '["reg:5000"]',
            "dockerd --insecure-registry",
            Fate.CARRIED,
            KEYS["insecure-registries"].text,
        ),
        KeyVerdict("proxies", '{"https-proxy": "http://REDACTED:REDACTED@p"}', "dockerd --https-proxy", Fate.CARRIED, KEYS["proxies"].text),
        KeyVerdict(
            "HTTPS_PROXY",
            "http://REDACTED:REDACTED@proxy:3128",
            f"{DROP_IN}:2",
            Fate.CHANGED,
            "Docker has another one now, which becomes a drop-in of containerd.service",
        ),
        KeyVerdict("NO_PROXY", ".cluster.local", f"{ENV}:3", Fate.CARRIED, "becomes a drop-in of containerd.service"),
        KeyVerdict(
            "DOCKER_OPTS",
            "(not shown)",
            f"{ENV}:4",
            Fate.NOT_NEEDED,
            "concerns Docker alone; flags that come from it are listed by themselves",
        ),
        KeyVerdict(
            "CA certificate",
            "(not shown)",
            "/etc/docker/certs.d/reg:5000/ca.crt",
            Fate.CARRIED,
            "becomes `ca` in certs.d/reg:5000/hosts.toml",
        ),
        KeyVerdict("client certificate", "(not shown)", f"{CLIENT}.cert", Fate.CARRIED, "becomes `client` in certs.d/reg:5000/hosts.toml"),
        KeyVerdict("client key", "(not shown)", f"{CLIENT}.key", Fate.CARRIED, "becomes `client` in certs.d/reg:5000/hosts.toml"),
        KeyVerdict("client key", "(not shown)", f"{LOST}.key", Fate.LOST, "its other half is missing, and Docker refuses the registry"),
    )


@pytest.mark.parametrize(
    ("keys", "kubelet", "verdict", "note"),
    [
        ({"runtimes": {"docker-runc": {"path": "/usr/libexec/docker/docker-runc-current"}}}, {}, Fate.NOT_NEEDED, "it is a part of Docker"),
        ({"default-runtime": "docker-runc"}, {}, Fate.NOT_NEEDED, "it is a part of Docker"),
        ({"runtimes": {"docker-runc": {"path": "docker-runc"}, "kata": {"path": "/k"}}}, {}, Fate.CARRIED, "each becomes an entry"),
        ({"log-opts": {"max-size": "5m"}}, {"containerLogMaxSize": "1Mi"}, Fate.CHANGED, "containerLogMaxSize = 1Mi ("),
        ({"log-opts": {"max-size": "5m"}}, {"containerLogMaxFiles": 9}, Fate.CARRIED, "max-size and max-file become"),
    ],
)
def test_carried_is_what_the_planned_files_carry(keys: dict[str, Any], kubelet: dict[str, Any], verdict: Fate, note: str) -> None:
    (found, *_) = verdicts(make.facts(docker=make.docker(daemon_json=keys), kubelet=make.kubelet(config=kubelet)), CONTAINERD)
    assert found.verdict == verdict
    assert found.note.startswith(note)


@pytest.mark.parametrize(
    ("info", "verdict"),
    [({"HttpProxy": "http://a:1"}, Fate.CARRIED), ({"HttpProxy": "http://b:1"}, Fate.CHANGED), ({"HttpProxy": ""}, Fate.NOT_NEEDED)],
)
def test_a_variable_is_carried_where_the_daemon_has_it(info: dict[str, str], verdict: Fate) -> None:
    view = proxy('"HTTP_PROXY=http://a:1"', info)
    docker_ = make.docker(daemon_json={}, argv=("dockerd",), info=info, environment=(("HTTP_PROXY", Place(UNIT, 2)),))
    (found,) = verdicts(replace(view.facts, docker=docker_), CONTAINERD)
    assert (found.key, found.verdict) == ("HTTP_PROXY", verdict)


def test_cri_o_has_verdicts_of_its_own() -> None:
    target = replace(CONTAINERD, name="crio", title="CRI-O", prefix="cri-o://", unit="crio.service", docker_keys=CRIO, hosts=None)
    found = {one.key: (one.verdict, one.note) for one in verdicts(told(), target)}
    assert found["registry-mirrors"] == (Fate.CARRIED, CRIO["registry-mirrors"].text)
    assert found["bip"] == (Fate.NOT_NEEDED, KEYS["bip"].text)
    assert found["insecure-registries"] == (Fate.CARRIED, CRIO["insecure-registries"].text)
    assert found["runtimes"][1].endswith("kata is a shim (io.containerd.kata.v2): add it to the runtimes of CRI-O by hand")
    assert found["NO_PROXY"] == (Fate.CARRIED, "becomes a drop-in of crio.service")
    assert found["CA certificate"] == (Fate.CARRIED, "CRI-O reads /etc/docker/certs.d by itself")
    assert "containerd" not in "".join(note for _, note in found.values()).replace("io.containerd.kata.v2", "")
    assert set(CRIO) <= set(KEYS)


@pytest.mark.parametrize(
    ("value", "verdict"), [({"max-size": "10m"}, Fate.CARRIED), ({}, Fate.NOT_NEEDED), ({"compress": "true"}, Fate.CHANGED)]
)
def test_rotation_is_carried_to_the_kubelet(value: Any, verdict: Fate) -> None:
    (found, *_) = verdicts(make.facts(docker=make.docker(daemon_json={"log-opts": value})), CONTAINERD)
    assert (found.key, found.verdict) == ("log-opts", verdict)


def test_no_docker_has_no_settings() -> None:
    assert verdicts(make.facts(docker=None), CONTAINERD) == ()


# dockerd --help of 20.10.24 and the configuration reference of 29, by the names of daemon.json
OF_THE_REFERENCE = """
    allow-nondistributable-artifacts api-cors-header authorization-plugins bip bridge builder cgroup-parent cluster-advertise cluster-store
    cluster-store-opts config-file containerd containerd-namespace containerd-plugins-namespace cpu-rt-period cpu-rt-runtime cri-containerd
    data-root debug default-address-pools default-cgroupns-mode default-gateway default-gateway-v6 default-ipc-mode default-network-opts
    default-runtime default-shm-size default-ulimits dns dns-opts dns-search exec-opts exec-root experimental features firewall-backend
    fixed-cidr fixed-cidr-v6 graph group host-gateway-ip hosts http-proxy https-proxy icc init init-path insecure-registries ip ip-forward
    ip-masq ip6tables iptables ipv6 labels live-restore log-driver log-format log-level log-opts max-concurrent-downloads
    max-concurrent-uploads max-download-attempts metrics-addr mtu network-control-plane-mtu no-new-privileges no-proxy
    node-generic-resources oom-score-adjust pidfile proxies raw-logs registry-mirrors rootless runtimes seccomp-profile selinux-enabled
    shutdown-timeout storage-driver storage-opts swarm-default-advertise-addr tls tlscacert tlscert tlskey tlsverify userland-proxy
    userland-proxy-path userns-remap validate cdi-spec-dirs bridge-accept-fwmark min-api-version allow-direct-routing
"""


def test_every_key_of_the_reference_is_known() -> None:
    assert set(OF_THE_REFERENCE.split()) - set(KEYS) == set()
    assert set(FLAGS.values()) - set(KEYS) == set()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just("\x1b]0;title\x07 10.0.0.0/8"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.just("\x1b[31mred"), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(KEYS)) | st.text(max_size=10), JSON, max_size=4), st.lists(st.text(max_size=12), max_size=4))
@settings(max_examples=300, deadline=None)
def test_no_value_breaks_the_verdicts(keys: dict[str, Any], argv: list[str]) -> None:
    facts = make.facts(docker=make.docker(daemon_json=keys, argv=("dockerd", *argv)))
    for one in verdicts(facts, CONTAINERD):
        assert "\x1b" not in one.key + one.value_masked + one.place + one.note
        assert len(one.value_masked) < 400
    for found in check(
        make.view(of=facts), [one for one in RULES if one.code in {f"D2C{number}" for number in (*range(117, 122), *range(160, 167))}]
    ):
        assert found.evidence
