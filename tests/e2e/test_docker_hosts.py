"""Docker hosts, real: planted on daemons of two versions, found once each over a socket, TCP, TLS and SSH; no secret in any output."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.report.write import FORMS
from tests.lab import images
from tests.run.conftest import Sshd
from tests.run.conftest import ssh_keys as ssh_keys
from tests.run.conftest import start_sshd as start_sshd
from tests.run.docker_daemon import SECRETS, daemon, plant

pytestmark = pytest.mark.lab
PROGRAM = str(Path(sys.executable).parent / "docker2cri")
ENGINES = {"20.10": lambda: "/usr/sbin/dockerd", "26.1": lambda: str(images.newer_docker() / "usr/sbin/dockerd")}
PLANTED = {
    ("D2C803", "container dashboard"),
    ("D2C804", "container shipper"),
    ("D2C805", "swarm"),
    ("D2C806", "container builder"),
    ("D2C807", "container probe"),
    ("D2C808", "Docker Engine"),
    ("D2C810", "registries"),
    ("D2C812", "Compose project shop"),
    ("D2C813", "restart policies"),
    ("D2C814", "images"),
    ("D2C815", "volumes"),
}


def run(*argv: str) -> str:
    done = subprocess.run([PROGRAM, *argv], capture_output=True, text=True, timeout=300)
    assert done.returncode in (0, 3), f"{argv}: {done.stdout}{done.stderr}"
    for secret in SECRETS.values():
        assert secret not in done.stdout + done.stderr, f"{argv} shows a secret"
    return done.stdout


def rootfs() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        tar.add("/bin/busybox", "bin/busybox")
    return made.getvalue()


def found(*argv: str) -> set[tuple[str, str]]:
    """What was found, each once."""
    pairs = [(one["code"], one["subject"]) for one in json.loads(run("inspect", *argv, "-o", "json"))["findings"]]
    assert len(pairs) == len(set(pairs)), pairs
    return set(pairs) - {("D2C802", "group docker"), ("D2C809", "Docker API")}  # of this machine, and of one of the versions


@pytest.mark.parametrize("engine", ENGINES)
def test_everything_planted_is_found_once_on_every_way(engine: str, lab: object, tmp_path: Path, start_sshd: Callable[..., Sshd]) -> None:
    program = ENGINES[engine]()
    folder = tmp_path / "plain"
    folder.mkdir()
    with daemon(program, folder) as on:
        plant(on, rootfs())
        local = f"unix://{on.socket}"
        assert found("--docker", local) == PLANTED | {("D2C801", "Docker API")}
        over_tcp = json.loads(run("inspect", "--docker", f"tcp://127.0.0.1:{on.port}", "-o", "json"))
        assert {(one["code"], one["subject"]) for one in over_tcp["findings"]} >= PLANTED
        open_port = [one["evidence"] for one in over_tcp["findings"] if one["code"] == "D2C801"]
        assert open_port == [
            f"it was reached at tcp://127.0.0.1:{on.port} without TLS",
            f"the daemon says: accessible on http://127.0.0.1:{on.port} without encryption",
        ]
        sshd = start_sshd()
        sshd.trust()
        config = tmp_path / "ssh_config"
        config.write_text(
            f"Host builder\n HostName 127.0.0.1\n Port {sshd.port}\n User root\n IdentityFile {sshd.keys / 'user'}\n"
            f" IdentitiesOnly yes\n UserKnownHostsFile {sshd.known_hosts}\n GlobalKnownHostsFile none\n"
        )
        far = ("--docker", f"ssh://builder{on.socket}", "--ssh-config", str(config))
        assert found(*far) == PLANTED | {("D2C801", "Docker API")}
        for form in FORMS:
            run("inspect", "--docker", local, "--sizes", "-o", form)
        run("capture", "--docker", local, "--out", str(tmp_path / "saved"))
        assert found("--docker", local, "--from", str(tmp_path / "saved")) == PLANTED | {("D2C801", "Docker API")}
        assert "dashboard" in run("explain", "stack", "--docker", local)
        assert on.docker("ps", "--all", "--format", "{{.Status}}").splitlines() == ["Created"] * 6
    for path in (tmp_path / "saved").iterdir():
        assert not any(secret in path.read_text() for secret in SECRETS.values())


@pytest.mark.parametrize("engine", ENGINES)
def test_tls_with_an_own_ca(engine: str, lab: object, tmp_path: Path) -> None:
    with daemon(ENGINES[engine](), tmp_path, tls=True) as on:
        argv = ("--docker", f"tcp://127.0.0.1:{on.port}", "--docker-cert-path", str(tmp_path))
        report = json.loads(run("inspect", *argv, "-o", "json"))
    (host,) = report["docker_hosts"]
    assert (host["tls"], host["containers"]) == ("verified", [])
    assert "D2C801" not in {one["code"] for one in report["findings"]}
