"""Every reader of what others write: what it may raise, and real texts to begin with."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import msgspec

from migrate.errors import MigrateError
from migrate.facts import capture as captures
from migrate.facts import cluster as clusters
from migrate.facts import texts
from migrate.facts.api import decode
from migrate.facts.capture import CommandReading
from migrate.facts.frames import BrokenAnswer
from migrate.facts.frames import decode as decode_frames
from migrate.facts.kubeadm import kubeadm_config, kubelet_config_map
from migrate.facts.live import LiveNode, LivePod, PodEvent
from migrate.facts.node import parsed
from migrate.facts.parse.transaction import transaction
from migrate.facts.pod import Pod
from migrate.facts.redact import mask, printable
from migrate.formats import FormatError, env_file, flags, image_ref, json_doc, quantity, toml_doc, unit_file, version, words, yaml_doc
from migrate.formats.number import whole
from migrate.formats.rfc3339 import seconds
from migrate.manifests.files import FileKind
from migrate.manifests.split import documents, pieces
from migrate.plan.build import build_plan
from migrate.plan.gates import window_of
from migrate.plan.mark import mark_of
from migrate.plan.model import NodePlan, Plan, alone, dump_plan, load_plan, sealed
from migrate.plan.rollout_file import read_rollout
from migrate.program import journal
from migrate.report.html import load_page
from migrate.report.model import load_report
from migrate.report.plan_text import plan_text
from migrate.report.style import Style
from migrate.report.waivers import inline, read_waivers
from migrate.rules import NodeView, check
from migrate.rules.table import RULES
from migrate.run.inventory.read import parse_inventory, parse_list
from migrate.run.kube.answer import ListAnswer
from migrate.run.kube.evict import eviction_of, group_version
from migrate.run.ssh import known_hosts
from migrate.run.ssh.text import readable
from migrate.targets.table import target_named
from tests.captured import BUNDLE, CLUSTERS, HIGHLY_AVAILABLE, capture_of, cluster
from tests.manifests.seen import scanned

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "fixtures"
ROLLOUT = """serial: [1, 5, "20%"]
max_in_flight: 10%
order: sorted
groups: [{name: gpu, labels: {accelerator: nvidia}, max_in_flight: 1}, {name: edge, pools: [edge], zones: [b], names: ["edge-*"]}]
soak: 600
windows: [mon-fri 22:00-05:00 Europe/Berlin]
gates:
  - command: ./check --all "a b"
    timeout: 30
  - http: https://ops.example/ok
  - approve: true
accept: {D2C301: looked at}
guard: 300
"""


@dataclass(frozen=True, slots=True)
class Parser:
    """One reader: `refusals` are what it may raise of a text, anything else is a defect; `seeds` are texts that it reads."""

    name: str
    read: Callable[[str], object]
    seeds: Sequence[str]
    refusals: tuple[type[Exception], ...] = (FormatError,)


def _files(pattern: str, most: int = 40) -> list[str]:
    found = sorted(path for path in FIXTURES.rglob(pattern) if path.is_file())
    return [path.read_text("utf-8", "replace")[:40_000] for path in found[:: max(1, len(found) // most)]]


@cache
def _files_of_nodes() -> dict[str, list[str]]:
    """Files of captured nodes, by how their names end."""
    found: dict[str, list[str]] = {}
    for capture in (capture_of("lab-w1"), capture_of("lab-w2"), capture_of("lab-cp1")):
        for path, reading in capture.paths.items():
            if reading.data:
                found.setdefault(path.rpartition(".")[2] if "." in path else path.rpartition("/")[2], []).append(reading.text[:20_000])
    return found


def _commands() -> list[str]:
    return [reading.text[:20_000] for reading in capture_of("lab-w2").commands.values() if reading.stdout]


_OUTPUTS = [*_commands(), *(text for kind in _files_of_nodes().values() for text in kind)]
_TARGET = target_named("containerd")
_PLANE = capture_of("ha-cp1", HIGHLY_AVAILABLE)


def _facts(text: str) -> None:
    """The first line names what of a captured node is replaced by the rest; rules judge what comes of it."""
    key, _, rest = text.partition("\n")
    base = _PLANE if key.startswith("etcd ") else capture_of("lab-w2")
    data = rest.encode("utf-8", "surrogatepass")
    if key in base.paths and base.paths[key].data is not None:
        capture = replace(base, paths={**base.paths, key: replace(base.paths[key], data=data)})
    else:
        capture = replace(base, commands={**base.commands, key: CommandReading(0, data)})
    facts = parsed(capture)
    assert _TARGET is not None
    check(NodeView(facts, None, (), None, _TARGET), RULES)


def _facts_seeds() -> list[str]:
    capture = capture_of("lab-w2")
    commands = [f"{key}\n{reading.text}" for key, reading in capture.commands.items()]
    commands += [f"{key}\n{reading.text}" for key, reading in _PLANE.commands.items() if key.startswith("etcd ")]
    return commands + [f"{path}\n{reading.text}" for path, reading in capture.paths.items() if reading.data]


def _frames(text: str) -> object:
    return decode_frames(text.encode("utf-8", "surrogatepass"), "d2c-mark", "node")


def _edit_toml(text: str) -> str:
    return toml_doc.edit(text, {("plugins", "io.containerd.grpc.v1.cri", "sandbox_image"): "pause:3.6", ("version",): 2})


def _edit_yaml(text: str) -> str:
    return yaml_doc.edit(text, {("containerRuntimeEndpoint",): "unix:///run/x.sock", ("a", "b"): 3})


def _unit(text: str) -> None:
    merged = unit_file.merge(("a", text), (("b", text),))
    unit_file.environment(merged)
    unit_file.environment_files(merged)
    unit_file.remove_words(text, "Unit", "After", {"docker.service"})


def _words(text: str) -> None:
    words.expand(words.split(text), {"A": text})
    words.split_variable(text)
    words.command(text)


def _flags(text: str) -> None:
    flags.parse_flags(text.split(" "), {"v"})
    flags.edit_flags(text, {"network-plugin"}, {"container-runtime": "remote"})


def _numbers(text: str) -> None:
    whole(text)
    version.known(text)
    for read in (quantity.docker_size, quantity.quantity, quantity.threshold_map, version.parse, image_ref.parse, image_ref.canonical):
        _refused(read, text)
    for value in (text, "100Mi"):
        _refused(lambda given: quantity.threshold("memory.available", given), value)


def _refused(read: Callable[[str], object], text: str) -> None:
    with suppress(FormatError):
        read(text)


def _masked(text: str) -> None:
    once = mask(text)
    assert mask(once) == once, "masking twice masks more"
    printable(text)
    readable(text.encode("utf-8", "surrogatepass"))


def _texts(text: str) -> None:
    list(texts.config_uses("ns", "name", {"key": text}))


def _page(text: str) -> None:
    for item in (Pod, LivePod, LiveNode, PodEvent):
        try:
            decode(text, item)
        except msgspec.DecodeError:
            continue
    for kind in (clusters.Node, clusters.Pod, clusters.Budget, clusters.Owner, clusters.PersistentVolume, clusters.ConfigMap):
        try:
            items, _ = clusters.decode_list(text.encode("utf-8", "surrogatepass"), kind)
            clusters.without_secrets(items)
        except msgspec.DecodeError:
            continue


def _answer(text: str) -> None:
    body = text.encode("utf-8", "surrogatepass")
    for status in (200, 403, 409, 429, 500):
        eviction_of(ListAnswer(status, body, text[:20]))
    _ = ListAnswer(500, body).message
    with suppress(msgspec.DecodeError):
        group_version(body)


def _mark(text: str) -> None:
    annotations = {"docker2cri.io/run": text, "docker2cri.io/mark": text}
    node = {"metadata": {"name": "n", "annotations": annotations}}
    mark_of(msgspec.convert(node, LiveNode))


def _known(text: str) -> None:
    known = known_hosts.parse(text, "known_hosts")
    known_hosts.judge(known, "node.example.com", 2222, b"blob")
    known_hosts.key_types(known, "10.0.0.1", 22)


def _kubeadm(text: str) -> None:
    for read in (lambda: kubeadm_config({"ClusterConfiguration": text}), lambda: kubelet_config_map("kubelet-config", {"kubelet": text})):
        try:
            read()
        except FormatError:
            continue


def _waivers(text: str) -> None:
    for read in (lambda: inline(text), lambda: read_waivers(yaml_doc.load(text))):
        try:
            read()
        except ValueError:
            continue


def _planned() -> NodePlan:
    """The plan of a captured node."""
    assert _TARGET is not None
    capture, api = capture_of(), cluster()
    facts = parsed(capture)
    view = NodeView(facts, api.node("lab-w1"), (), api, _TARGET)
    return build_plan(view, ())


def _plan(text: str) -> None:
    """A digest is no signature: whoever changes a plan seals it again."""
    plan = load_plan(dump_plan(sealed(decode(text, Plan))))
    plan_text(plan, Style(100))


def _split(text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    whole_text = b"".join(piece.data for piece in pieces(data[at : at + 97] for at in range(0, len(data), 97)))
    assert whole_text == data, "the pieces are not the text"
    spans = list(documents(text))
    assert "".join(text[start:end] for start, end in spans) == text, "the documents are not the text"


def _transaction(text: str) -> None:
    code, _, rest = text.partition("\n")
    transaction(rest, int(code) if code.isascii() and code.isdecimal() and len(code) < 4 else 0)


def _frames_seeds() -> list[str]:
    import base64

    def field(text: str) -> str:
        encoded = base64.b64encode(text.encode()).decode()
        return f"{len(encoded)} {encoded}"

    run = f"d2c-mark run date\nrc 0\nout {field('1700000000')}\nerr {field('')}\n"
    path = f"d2c-mark path /etc/x\nstat 644 root:root 5 1700000000 regular file\ndata {field('hello')}\n"
    return [
        run + path + "d2c-mark end 2\n",
        run + "d2c-mark run x\nskip no unit\nd2c-mark end 2\n",
        "d2c-mark path /x\nabsent \nd2c-mark end 1\n",
    ]


def _json_files(name: str) -> list[str]:
    return [path.read_text("utf-8") for path in sorted(CLUSTERS.rglob(name))]


def _scan(kind: FileKind, path: str) -> Callable[[str], object]:
    return lambda text: scanned(text, path, kind)


def _hosts() -> list[str]:
    return [
        "lonely ansible_port=22\n[a:children]\nb\n[b]\nnode[01:03:2] ansible_ssh_common_args='-o ProxyJump=j'\n[a:vars]\nx=1\n",
        json.dumps({"_meta": {"hostvars": {"n": {"ansible_host": "::1"}}}, "all": {"children": ["g"]}, "g": {"hosts": ["n"]}}),
        "[g]\n[fe80::1]:22\nh:2200 ansible_become=yes ansible_ssh_private_key_file=~/x\n",
    ]


def table() -> Iterable[Parser]:
    """All of them."""
    files = _files_of_nodes()
    toml = [*files.get("toml", []), "version = 2\n[plugins]\n  [plugins.x]\n    a.b.c = [1, 2]\n"]
    yaml_texts = files.get("yaml", []) + _files("*.yaml", 20)
    units = (
        files.get("service", []) + files.get("conf", []) + ["[Unit]\nAfter=docker.service a\n[Service]\nExecStart=/x $A\nEnvironment=A=b\n"]
    )
    cluster = (BUNDLE / "cluster.json").read_text("utf-8")
    answers = [cluster, '{"kind": "Status", "status": "Failure", "code": 429, "message": "x", "details": {"causes": [{"reason": "y"}]}}']
    manifests = _files("*.yaml", 40) + _files("*.yml", 10)
    entry = (
        "1 1 1700000000.50 begin 0 file /etc/x\n2 1 1700000001.00 done 0 file\n3 1 1700000002 finished - prepare\n4 1 1 note - run a b\n"
    )
    pods = [
        json.dumps({"items": json.loads(cluster).get("pods", [])[:3], "metadata": {"continue": "x"}}),
        json.dumps(json.loads(cluster)["nodes"][0]),
    ]
    refusal = (ValueError,)
    return (
        Parser("toml load", toml_doc.load, toml),
        Parser("toml edit", _edit_toml, toml),
        Parser("yaml load", yaml_doc.load_all, yaml_texts),
        Parser("yaml edit", _edit_yaml, yaml_texts),
        Parser("json strict", json_doc.load, files.get("json", ["{}"]) + answers),
        Parser("json loose", json_doc.loose, files.get("json", ["{}"]) + answers),
        Parser("environment file", env_file.parse, [*files.get("env", []), "A=\"b c\"\nexport X=1\n# c\nB='x' \\\n y\n"]),
        Parser("unit file", _unit, units),
        Parser("words", _words, [line for text in units for line in text.splitlines() if "=" in line][:60]),
        Parser("flags", _flags, ["--network-plugin=cni --v 3 -x --container-runtime=docker", '--a="b c" -- x']),
        Parser(
            "numbers, versions, images",
            _numbers,
            ["10m", "1.5Gi", "v1.23.17", "5:20.10.21~3-0~ubuntu", "memory.available<10%", "a.b/c:d@sha256:" + "0" * 64],
        ),
        Parser("masking", _masked, _OUTPUTS),
        Parser("texts that lean on Docker", _texts, _OUTPUTS + _files("*.conf", 10)),
        Parser(
            "capture file",
            captures.load,
            [
                captures.dump(capture_of("lab-w1"))[:60_000],
                '{"format": 1, "host": "a", "taken": 1, "redacted": false, "commands": {"x": {"rc": 0, "stdout": "a"}}, "paths": {}}',
            ],
            refusal,
        ),
        Parser("frames of the probe", _frames, _frames_seeds(), (BrokenAnswer,)),
        Parser("facts and rules", _facts, _facts_seeds(), ()),
        Parser("cluster file", clusters.load_cluster, [cluster], refusal),
        Parser("lists of the API", _page, pods, ()),
        Parser("answers of the API", _answer, answers, ()),
        Parser("mark of a node", _mark, ['{"run": "abc"}', "abc def"], ()),
        Parser("kubeadm's ConfigMaps", _kubeadm, yaml_texts, ()),
        Parser(
            "package managers",
            _transaction,
            [
                f"{path.name.split('.')[-2]}\n{path.read_text('utf-8', 'replace')}"
                for path in sorted((FIXTURES / "transactions").glob("*.*.txt"))
            ],
            (),
        ),
        Parser("journal", lambda text: journal.fold(journal.parse(text)), [entry], refusal),
        Parser("plan file", _plan, [dump_plan(alone(_planned(), "containerd"))], (*refusal, msgspec.DecodeError)),
        Parser("report file", load_report, _json_files("report.json"), refusal),
        Parser("report page", load_page, [text[-60_000:] for text in _json_files("report.html")], refusal),
        Parser("waivers", _waivers, ["D2C301:x y=reason@2027-01-31", "- code: D2C301\n  reason: x\n  until: 2027-01-31\n"], ()),
        Parser("inventory", lambda text: parse_inventory(text, "hosts"), _hosts(), (MigrateError,)),
        Parser("list of hosts", parse_list, ["a,b:22,node[01:10],[fe80::1]:22,"], (MigrateError,)),
        Parser(
            "known_hosts",
            _known,
            ["a,b ssh-ed25519 AAAA c\n|1|AAAA|AAAA ssh-rsa AAAA\n@revoked *.x* ssh-rsa AAAA\n[a]:22 ssh-rsa AAAA=\n"],
            (),
        ),
        Parser("rollout file", read_rollout, [ROLLOUT]),
        Parser("time windows", window_of, ["mon-fri,sun 22:00-05:00 2026-12-01..2027-01-31 Europe/Berlin", "00:00-24:00"], refusal),
        Parser("times", seconds, ["2026-11-24T07:23:32Z", "2026-11-24T07:23:32.123456+01:00"], refusal),
        Parser("documents of a stream", _split, manifests, ()),
        Parser("scan of manifests", _scan(FileKind.MANIFEST, "x.yaml"), manifests + answers, ()),
        Parser("scan of Compose files", _scan(FileKind.COMPOSE, "compose.yaml"), manifests, ()),
        Parser(
            "scan of Dockerfiles",
            _scan(FileKind.DOCKERFILE, "Dockerfile"),
            _files("*Dockerfile*") or ["FROM docker\nRUN x \\\n y <<EOF\nz\nEOF\n"],
            (),
        ),
        Parser("scan of scripts", _scan(FileKind.SCRIPT, "x.sh"), [*_files("*.sh"), "docker run --privileged x # y\n"], ()),
        Parser("scan of CI files", _scan(FileKind.CI, ".gitlab-ci.yml"), manifests, ()),
        Parser(
            "scan of Jenkinsfiles",
            _scan(FileKind.JENKINSFILE, "Jenkinsfile"),
            [*_files("Jenkinsfile*"), "node { docker.image('x').inside { sh 'docker ps' } }"],
            (),
        ),
        Parser("scan of unit files", _scan(FileKind.UNIT, "x.service"), units, ()),
    )
