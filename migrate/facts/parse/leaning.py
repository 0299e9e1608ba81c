"""What leans on Docker: open connections to its socket, its firewall rules, limits of pods, registry logins and certificates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from migrate.facts.model import Firewall, Login, ProcessLimits, SocketUser
from migrate.facts.parse.bounded import MOST, asked, clean
from migrate.facts.parse.reading import Reading

CERTIFICATES = "/etc/docker/certs.d/"
FILTER = "iptables filter"
# `ss -x -p`: netid, state, two queues, then local and peer address, each a path or `*` and an inode
_PAIR = re.compile(r"(?<!\S)(\S{1,300}) (\d{1,20}) +(\S{1,300}) (\d{1,20})(?: |$)")
_USER = re.compile(r'\("([^"]{1,60})",pid=(\d{1,10}),')
_LIMIT = re.compile(r"(?:/proc/(\d{1,10})/limits:)?Max ([a-z ]{1,40}?) {2,}(\d{1,20}|unlimited) +(\d{1,20}|unlimited)(?: .*)?")
_POLICY = re.compile(r":FORWARD (\S{1,20}) .*")
_OWN_RULE = "-A DOCKER-USER -j RETURN"


def socket_users(reading: Reading) -> tuple[SocketUser, ...]:
    """Who is connected to Docker's socket: the peers of the daemon's ends, without the daemon itself."""
    owners: dict[str, list[tuple[str, int]]] = {}
    ends: list[tuple[str, str]] = []
    for line in asked(reading, "docker socket users", (0, 1)).splitlines():
        if pair := _PAIR.search(line):
            path, inode, _, peer = pair.groups()
            owners[inode] = [(clean(name), int(pid)) for name, pid in _USER.findall(line)]
            if path.endswith("/docker.sock"):
                ends.append((clean(path).replace("/var/run/", "/run/", 1), peer))
    found = {SocketUser(name, pid, path) for path, peer in ends for name, pid in owners.get(peer, ()) if name != "dockerd"}
    return tuple(sorted(found, key=lambda user: (user.process, user.pid, user.socket))[:MOST])


def firewall(reading: Reading) -> Firewall | None:
    """Docker's chains in the filter table; None where Docker does not run or the capture did not ask."""
    found = reading.capture.commands.get(FILTER)
    if found is None or found.skipped is not None:
        return None
    lines = asked(reading, FILTER, (0, 1)).splitlines()
    policy = next((match[1] for line in lines if (match := _POLICY.fullmatch(line))), None)
    if policy is None:
        said = clean(found.stderr.decode("utf-8", "replace")[-200:]) or "it names no chain FORWARD"
        reading.note(FILTER, said)
        return None
    own = [line for line in lines if line.startswith("-A DOCKER-USER ") and line.strip() != _OWN_RULE]
    count = sum(line.startswith("-A DOCKER") for line in lines)
    return Firewall(clean(policy), count, tuple(clean(line) for line in own[:MOST]))


def pod_limits(reading: Reading) -> tuple[ProcessLimits, ...]:
    """Limits of a few processes that run in pods now, the same ones counted together."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for pid, name, soft, hard in _limits(asked(reading, "pod limits", (0, 1, 123))):
        found.setdefault(pid, {})[name] = (soft, hard)
    counted = Counter(tuple(sorted(limits.items())) for limits in found.values())
    return tuple(ProcessLimits(count, dict(limits)) for limits, count in sorted(counted.items()))


def unit_limits(reading: Reading) -> Mapping[str, ProcessLimits]:
    """Limits of the main process of each unit that runs."""
    found = {}
    for key in sorted(reading.capture.commands):
        if key.startswith("limits ") and (limits := {name: (soft, hard) for _, name, soft, hard in _limits(asked(reading, key, (0, 1)))}):
            found[key.removeprefix("limits ")] = ProcessLimits(1, limits)
    return found


def logins(reading: Reading) -> tuple[Login, ...]:
    """Registries that credential files name: only keys of JSON objects were read."""
    found: dict[Login, None] = {}
    for line in asked(reading, "docker logins", (0, 1, 2)).splitlines():
        path, _, key = line.partition(':"')
        if path.startswith("/") and key:
            found[Login(clean(path), clean(key.rpartition('"')[0]))] = None
    return tuple(sorted(found, key=lambda login: (login.path, login.registry))[:MOST])


def docker_certificates(reading: Reading) -> tuple[str, ...]:
    """Every file below /etc/docker/certs.d, by path; contents of keys are never read."""
    lines = asked(reading, "docker certificates", (0, 1)).splitlines()
    return tuple(sorted({clean(line) for line in lines if line.startswith(CERTIFICATES)})[:MOST])


def _limits(text: str) -> Iterator[tuple[str, str, str, str]]:
    for line in text.splitlines():
        if match := _LIMIT.fullmatch(line):
            yield match[1] or "", match[2], match[3], match[4]
