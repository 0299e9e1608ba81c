"""The load balancer of a lab with several control planes: Debian's haproxy in a container of its own."""

from pathlib import Path

from . import nodes
from .shell import attempt, run
from .spec import BALANCER, BALANCER_IP, CACHE, CONTROLS, LABEL, NETWORK

# an apiserver that is not ready is left out after two seconds, and its connections end; a busy one may take some seconds to answer
CONFIG = """\
global
    maxconn 4000
    log stdout format raw local0 info
defaults
    mode tcp
    log global
    option tcplog
    timeout connect 2s
    timeout client 1h
    timeout server 1h
    timeout check 5s
    retries 3
    option redispatch
frontend api
    bind :6443
    default_backend apiservers
backend apiservers
    balance roundrobin
    option httpchk GET /readyz
    http-check expect status 200
    default-server check check-ssl verify none inter 1s fall 2 rise 2 on-marked-down shutdown-sessions
"""


def start(archive: Path) -> None:
    """Run it in front of the control planes, unless it runs; `archive` has its image."""
    code, status = attempt("docker", "container", "inspect", "--format", "{{.State.Status}}", BALANCER)
    if code == 0 and status.strip() == "running":
        return
    remove()
    with archive.open("rb") as stream:
        run("docker", "load", "-q", stdin=stream)
    config = CACHE / f"{BALANCER}.cfg"
    config.write_text(CONFIG + "".join(f"    server {node.name} {node.ip}:6443\n" for node in CONTROLS))
    words = ("--name", BALANCER, "--network", NETWORK, "--ip", BALANCER_IP, "--label", LABEL)
    run("docker", "create", *words, f"{LABEL}/balancer", "-W", "-db", "-f", "/haproxy.cfg")
    run("docker", "cp", config, f"{BALANCER}:/haproxy.cfg")
    run("docker", "start", BALANCER)


def remove() -> None:
    """Remove its container."""
    if nodes.exists("container", BALANCER):
        run("docker", "rm", "--force", BALANCER)
