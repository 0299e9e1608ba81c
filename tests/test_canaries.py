"""Secrets of sixteen forms in many places of a node and of the cluster: none is in anything that docker2cri prints or writes for people."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from migrate.facts.capture import Capture, dump
from migrate.facts.redact import redact
from tests.captured import BUNDLE, capture_of, with_file, with_output
from tests.cli.test_commands import run

FORMS = (
    *("password={}", "DB_PASSWORD={}", "--token={}", "--token {}", "http://user:{}@proxy.example:3128", "Authorization: Bearer {}"),
    *("token: [{}]", "STRIPE_KEY={}", "AccountKey={};", "app:{}@db.example:5432/x", "sshpass -p {} ssh jump"),
    *(
        "docker login -u me -p {} r.example",
        "client-secret: {}",
        "aws_secret_access_key = {}",
        "https://x.example/?v=1&sig={}",
        "SSHPASS={}",
    ),
)
HOST = "lab-w1"


PLAIN = ("a word {}",)  # no secret: the control


def canaries(place: str, forms: tuple[str, ...] = FORMS) -> list[str]:
    """The lines of one place, each with a secret of its own."""
    return [form.format(f"Canary{place}{number:02}Zz9pQ") for number, form in enumerate(forms)]


def commented(path: str, sign: str = "#") -> Callable[[Capture, list[str]], Capture]:
    def put(capture: Capture, lines: list[str]) -> Capture:
        # before the first line and after the last: a diff shows what is near to a change
        said = [f"{sign} {line}" for line in lines]
        text = "\n".join([*said, capture.paths[path].text.rstrip("\n"), *said]) + "\n"
        return with_file(capture, path, text, mode=capture.paths[path].mode or "644")

    return put


def daemon_json(capture: Capture, lines: list[str]) -> Capture:
    value = json.loads(capture.paths["/etc/docker/daemon.json"].text)
    opts = {f"env-{number}": line for number, line in enumerate(lines)}
    return with_file(capture, "/etc/docker/daemon.json", json.dumps({**value, "labels": lines, "log-opts": {**value["log-opts"], **opts}}))


def environment(capture: Capture, lines: list[str]) -> Capture:
    path = "/etc/systemd/system/docker.service.d/http-proxy.conf"
    more = "".join(f'Environment="A{number}={line}"\n' for number, line in enumerate(lines))
    return with_file(capture, path, capture.paths[path].text + more)


def called(capture: Capture, lines: list[str]) -> Capture:
    calls = "".join(f"/etc/cron.d/job:{number}: docker run -e {line} img \n" for number, line in enumerate(lines, 1))
    return with_output(capture, "actor calls", capture.commands["actor calls"].text + calls)


def processes(capture: Capture, lines: list[str]) -> Capture:
    more = "".join(f"{900 + number} /usr/bin/containerd-helper {line}\n" for number, line in enumerate(lines))
    return with_output(capture, "processes", capture.commands["processes"].text + more)


def dockerd(capture: Capture, lines: list[str]) -> Capture:
    words = "".join(f"--log-opt\0env={line}\0" for line in lines)
    return with_output(capture, "cmdline docker.service", capture.commands["cmdline docker.service"].text + words)


PLACES: dict[str, Callable[[Capture, list[str]], Capture]] = {
    "toml": commented("/etc/containerd/config.toml"),
    "flags": commented("/var/lib/kubelet/kubeadm-flags.env"),
    "yaml": commented("/var/lib/kubelet/config.yaml"),
    "unit": commented("/etc/systemd/system/kubelet.service.d/10-kubeadm.conf"),
    "json": daemon_json,
    "drop": environment,
    "cron": called,
    "proc": processes,
    "argv": dockerd,
}


def of_the_cluster(text: str, forms: tuple[str, ...]) -> str:
    """The API's answers with secrets in a pod's variables, arguments and annotations, and in a Node's annotations."""
    value = json.loads(text)
    for pod in value["pods"]:
        for container in pod["spec"]["containers"]:
            container["args"] = [*container.get("args", ()), *canaries("args", forms)]
            container["env"] = [*container.get("env", ()), *({"name": "SETTING", "value": line} for line in canaries("env", forms))]
        pod["metadata"].setdefault("annotations", {}).update({f"example.com/a{n}": line for n, line in enumerate(canaries("note", forms))})
    for node in value["nodes"]:
        node["metadata"].setdefault("annotations", {}).update({f"example.com/n{n}": line for n, line in enumerate(canaries("node", forms))})
    return json.dumps(value)


def planted(folder: Path, forms: tuple[str, ...] = FORMS) -> Path:
    """A saved reading with the forms in every place."""
    capture = capture_of(HOST)
    for place, put in PLACES.items():
        capture = put(capture, canaries(place, forms))
    (folder / f"{HOST}.capture.json").write_text(dump(capture))
    (folder / "cluster.json").write_text(of_the_cluster((BUNDLE / "cluster.json").read_text(), forms))
    return folder


def seen(text: str) -> list[str]:
    return sorted(set(re.findall(r"Canary[a-z]+\d\d", text)))


def test_a_redacted_capture_holds_none() -> None:
    for place, put in PLACES.items():
        clean = redact(put(capture_of(HOST), canaries(place)))
        texts = [reading.text for reading in (*clean.paths.values(), *clean.commands.values()) if getattr(reading, "data", b"") is not None]
        assert seen("\n".join(texts)) == [], place


def test_what_is_no_secret_is_printed(tmp_path: Path) -> None:
    """The control: these places do reach what is printed."""
    folder = planted(tmp_path, PLAIN)
    said = "".join(map(str, (*run("plan", "--to", "containerd", "--from", str(folder), HOST),)))
    assert {"Canaryargv00", "Canaryflags00", "Canaryjson00", "Canarytoml00", "Canaryyaml00"} <= set(seen(said))


def test_nothing_printed_holds_one(tmp_path: Path) -> None:
    folder = planted(tmp_path)
    saved = tmp_path / "report.json"
    said: dict[str, str] = {}
    code, out, err = run("inspect", "--from", str(folder), "--diff", "--info", "-o", "json", "--out", str(saved), HOST)
    assert code in (0, 3, 4), err
    said["inspect"] = saved.read_text() + out + err
    assert HOST in said["inspect"]
    for form in ("table", "wide", "yaml", "csv", "markdown", "html", "sarif", "junit"):
        said[form] = "".join(map(str, run("report", str(saved), "-o", form)))
    for words in (("plan", "--to", "containerd"), ("plan", "--to", "crio"), ("explain", "stack")):
        said[" ".join(words)] = "".join(map(str, run(*words, "--from", str(folder), HOST)))
    assert {name: seen(text) for name, text in said.items() if seen(text)} == {}
    assert all(HOST in text for text in said.values()), {name: text[:300] for name, text in said.items() if HOST not in text}
