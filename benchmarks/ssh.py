"""The same script through the paramiko transport and through the plain ssh program, against one sshd on loopback.

Run as root, with openssh-server there: `python benchmarks/ssh.py`. It starts and stops its own sshd. Wall times include the server, which
shares the machine; CPU is the client's alone (this process for paramiko, the ssh children for ssh). Medians of rounds taken in turns.
"""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from migrate.run.fleet import map_hosts
from migrate.run.inventory.read import InventoryHost
from migrate.run.ports import HostTarget
from migrate.run.ssh.config import Answers, SshFlags, resolve
from migrate.run.ssh.connect import Connector

SCRIPT = b"for n in 1 2 3 4 5 6 7 8 9 10; do uname -a; cat /proc/meminfo; done\n"
PORT, HOSTS, ROUNDS, ROUNDS_OF_ONE = 22922, 60, 5, 25


def start_sshd(folder: Path) -> subprocess.Popen[bytes]:
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    # root's own shell reads its start-up files; a plain sh for both clients keeps them out of the measurement
    (folder / "config").write_text(
        f"Port {PORT}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/user.pub\nStrictModes no\nPidFile none\n"
        'PermitRootLogin yes\nUsePAM no\nMaxStartups 200\nForceCommand exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"\n'
    )
    kind, blob = (folder / "host.pub").read_text().split()[:2]
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{PORT} {kind} {blob}\n")
    # a file: a pipe that nobody empties would stop sshd in the middle of the measurement
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", folder / "config"], stderr=log)
    while b"listening" not in (folder / "log").read_bytes():
        time.sleep(0.02)
    return process


def options(folder: Path) -> tuple[tuple[str, str], ...]:
    return (("UserKnownHostsFile", f"{folder}/known_hosts"), ("IdentitiesOnly", "yes"))


def ours(folder: Path, count: int) -> None:
    connector = Connector()
    flags = SshFlags("root", PORT, (f"{folder}/user",), "none", options(folder))
    hosts = [InventoryHost(f"node{number:03}", "127.0.0.1") for number in range(count)]
    answers: Answers = {}
    targets = {host.name: resolve(host, flags, answers=answers) for host in hosts}

    def visit(target: HostTarget) -> int:
        with connector.open(target) as host:
            return host.run(SCRIPT).rc

    assert list(map_hosts(list(targets.values()), visit, forks=20).values()) == [0] * count


def plain(folder: Path, count: int, at_once: int = 8) -> None:
    extra = [word for key, value in options(folder) for word in ("-o", f"{key}={value}")]
    command = ["ssh", "-F", "none", "-o", "BatchMode=yes", *extra, "-i", f"{folder}/user", "-p", str(PORT), "root@127.0.0.1", "/bin/sh -s"]

    def visit(_: int) -> int:
        return subprocess.run(command, input=SCRIPT, capture_output=True, check=False).returncode

    with ThreadPoolExecutor(at_once) as pool:
        assert list(pool.map(visit, range(count))) == [0] * count


def cpu() -> tuple[float, float]:
    mine, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return mine.ru_utime + mine.ru_stime, children.ru_utime + children.ru_stime


def measure(work: Callable[[], None]) -> tuple[float, float, float]:
    before, began = cpu(), time.perf_counter()
    work()
    wall, after = time.perf_counter() - began, cpu()
    return wall, after[0] - before[0], after[1] - before[1]


def main() -> None:
    if os.geteuid() != 0 or not Path("/usr/sbin/sshd").exists() or not shutil.which("ssh"):
        sys.exit("needs root, openssh-server and openssh-client")
    folder = Path(tempfile.mkdtemp(prefix="bench-ssh-"))
    sshd = start_sshd(folder)
    try:
        ours(folder, 1)  # the import of paramiko is not measured
        rows: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
        for count, rounds in ((1, ROUNDS_OF_ONE), (HOSTS, ROUNDS)):
            for _ in range(rounds):
                for name, work in (("paramiko transport", ours), ("ssh program, 8 at once", plain)):
                    rows.setdefault((name, count), []).append(measure(partial(work, folder, count)))
    finally:
        sshd.terminate()
        sshd.wait()
        shutil.rmtree(folder)
    print(f"{'client':24}{'hosts':>6}{'wall s':>9}{'CPU ms/host, own process':>26}{'in children (ssh, ssh -G)':>27}")
    medians = {}
    for (name, count), taken in rows.items():
        wall, own, children = (statistics.median(column) for column in zip(*taken, strict=True))
        medians[name, count] = wall, own / count * 1000
        print(f"{name:24}{count:>6}{wall:>9.3f}{own / count * 1000:>26.1f}{children / count * 1000:>27.1f}")
    (mine, _), (theirs, _) = medians["paramiko transport", 1], medians["ssh program, 8 at once", 1]
    print(f"\n1 host: {mine / theirs:.2f} x the wall time of ssh (target 1.2)")
    (many, each), (one, _) = medians["paramiko transport", HOSTS], medians["ssh program, 8 at once", HOSTS]
    further = (each * HOSTS - medians["paramiko transport", 1][1]) / (HOSTS - 1)
    print(f"{HOSTS} hosts: {many / one:.2f} x the wall time of ssh; {further:.1f} ms of CPU for a further host (target 10)")


if __name__ == "__main__":
    main()
