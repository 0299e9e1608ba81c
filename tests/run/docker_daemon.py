"""A real dockerd with a directory, sockets and ports of its own, and what is planted on it; nothing of the machine's Docker is touched."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.run.conftest import free_port

IMAGE = "shop/web:1"
SECRETS = {"DB_PASSWORD": "canary-env-1f7c", "token": "canary-label-93ab", "PLAIN": "canary-plain-55d0"}


@dataclass
class Daemon:
    """One running daemon: `folder` holds its data, its certificates (`ca.pem`, `cert.pem`, `key.pem`) and its socket."""

    folder: Path
    port: int

    @property
    def socket(self) -> Path:
        return self.folder / "docker.sock"

    @property
    def root(self) -> Path:
        return self.folder / "data"

    def docker(self, *argv: str, data: bytes | None = None) -> str:
        done = subprocess.run(["docker", "--host", f"unix://{self.socket}", *argv], input=data, capture_output=True, timeout=120)
        assert done.returncode == 0, f"docker {' '.join(argv)}: {done.stderr.decode()}"
        return done.stdout.decode().strip()


def certificates(folder: Path) -> None:
    """A CA, and certificates of it for a server on loopback and for a client, as docs.docker.com has them."""

    def openssl(*argv: str) -> None:
        subprocess.run(["openssl", *argv], cwd=folder, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=test CA", "-keyout", "ca-key.pem", "-out", "ca.pem", "-addext", "keyUsage=critical,keyCertSign")  # fmt: skip
    (folder / "server.ext").write_text("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
    (folder / "client.ext").write_text("extendedKeyUsage=clientAuth\n")
    for name, key, cert in (("server", "server-key.pem", "server-cert.pem"), ("client", "key.pem", "cert.pem")):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
                "-keyout", key, "-out", f"{name}.csr")  # fmt: skip
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-days", "2",
                "-extfile", f"{name}.ext", "-out", cert)  # fmt: skip


@contextmanager
def daemon(program: str, folder: Path, *, tls: bool = False) -> Iterator[Daemon]:
    """Start a daemon that listens on a socket, and on TCP without TLS or with it; clients then need a certificate of `ca.pem`."""
    certificates(folder)
    made = Daemon(folder, free_port())
    short = tempfile.mkdtemp(prefix="dockerd-", dir="/run")  # a path of a socket has 104 characters at most
    config = folder / "daemon.json"
    config.write_text(json.dumps({"insecure-registries": ["registry.example:5000"], "live-restore": False}))
    argv = [
        program, "--config-file", str(config), "--data-root", str(made.root), "--exec-root", short,
        "--pidfile", str(folder / "pid"), "--bridge", "none", "--iptables=false", "--ip6tables=false",
        "--host", f"unix://{made.socket}", "--host", f"tcp://127.0.0.1:{made.port}",
    ]  # fmt: skip
    if tls:
        files = (("--tlscacert", "ca.pem"), ("--tlscert", "server-cert.pem"), ("--tlskey", "server-key.pem"))
        argv += ["--tlsverify", *(word for option, name in files for word in (option, str(folder / name)))]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log)
    try:
        end = time.monotonic() + 60
        while True:
            asked = subprocess.run(["docker", "--host", f"unix://{made.socket}", "version"], capture_output=True)
            if asked.returncode == 0:
                break
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < end, (folder / "log").read_text()
            time.sleep(0.2)
        yield made
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(short, ignore_errors=True)


def plant(on: Daemon, rootfs: bytes) -> None:
    """What must be found, once each, and secrets that must not be seen."""
    on.docker("import", "--change", 'CMD ["sleep", "1000"]', "-", IMAGE, data=rootfs)
    secret = (
        "--env",
        f"DB_PASSWORD={SECRETS['DB_PASSWORD']}",
        "--env",
        f"PLAIN={SECRETS['PLAIN']}",
        "--label",
        f"token={SECRETS['token']}",
    )
    compose = ("--label", "com.docker.compose.project=shop", "--label", "com.docker.compose.project.config_files=/srv/shop/compose.yaml")
    on.docker("create", "--network", "none", "--name", "builder", "--privileged", *secret, IMAGE)
    on.docker(
        "create", "--network", "none", "--name", "dashboard", "--volume", f"{on.socket}:/var/run/docker.sock", "--restart", "always", IMAGE
    )
    on.docker("create", "--network", "none", "--name", "shipper", "--volume", f"{on.root}/containers:/logs:ro", IMAGE)
    on.docker("create", "--network", "host", "--name", "probe", "--pid", "host", "--cap-add", "SYS_ADMIN", "--device", "/dev/null", IMAGE)
    on.docker("create", "--network", "none", "--name", "shop-web-1", *compose, "--label", "com.docker.compose.service=web", IMAGE)
    on.docker("create", "--network", "none", "--name", "shop-db-1", *compose, "--label", "com.docker.compose.service=db",
              "--volume", "shop_data:/data", "--security-opt", "no-new-privileges", "--user", "999", IMAGE)  # fmt: skip
    on.docker(
        "swarm",
        "init",
        "--advertise-addr",
        "127.0.0.1",
        "--listen-addr",
        f"127.0.0.1:{free_port()}",
        "--data-path-port",
        str(20000 + free_port() % 20000),
    )
    on.docker(
        "service", "create", "--detach", "--name", "report", "--env", f"DB_PASSWORD={SECRETS['DB_PASSWORD']}", "--replicas", "0", IMAGE
    )
