"""iptables-save -> Docker's part of it: what Docker put there by its own exact forms, and what others built upon it.

Forms: moby libnetwork/iptables and drivers/bridge/setup_ip_tables.go at v1.13 to v28. Whatever has another form was made by others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from migrate.facts.remains import Chain, ChainRule, Chains

USER = "DOCKER-USER"
OWN_CHAIN = re.compile(r"DOCKER(-USER|-INGRESS|-FORWARD|-CT|-BRIDGE|-INTERNAL|-ISOLATION(-STAGE-[12])?)?")
_LINK = r"(docker0|docker_gwbridge|br-[0-9a-f]{12})"
_NET = r"[0-9a-f.:]{2,39}/[0-9]{1,3}"
_LOCAL = r"(! -d (127\.0\.0\.0/8|::1/128) )?-m addrtype --dst-type LOCAL"
_FORMS: Mapping[str, tuple[re.Pattern[str], ...]] = {
    "filter": (
        re.compile(r"FORWARD -j (DOCKER-(USER|INGRESS|FORWARD|ISOLATION(-STAGE-1)?))"),
        re.compile(rf"FORWARD -o {_LINK} -j (DOCKER)"),
        re.compile(rf"FORWARD -o {_LINK} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"),
        re.compile(rf"FORWARD -i {_LINK} (! )?-o {_LINK} -j (ACCEPT|DROP)"),
    ),
    "nat": (
        re.compile(rf"(PREROUTING|OUTPUT) {_LOCAL} -j DOCKER(-INGRESS)?"),
        re.compile(rf"POSTROUTING -s {_NET} ! -o {_LINK} -j MASQUERADE"),
        re.compile(rf"POSTROUTING -o {_LINK} -m addrtype --src-type LOCAL -j MASQUERADE"),
    ),
}
_TABLE = re.compile(r"\*([a-z]{1,20})")
_CHAIN = re.compile(r":(\S{1,40}) (\S{1,20})(?: .*)?")
_TARGET = re.compile(r"(?:^| )(?:-j|-g) (\S{1,40})")
_NAMED = re.compile(rf"(?:^| )-[io] {_LINK}(?: |$)")


def docker_chains(texts: Mapping[str, str]) -> Chains:
    """Docker's part of the rules of each family (`4`, `6`), as iptables-save and ip6tables-save print them."""
    rules: list[ChainRule] = []
    chains: list[Chain] = []
    kept: list[tuple[str, str]] = []
    policy: list[str] = []
    for family, text in texts.items():
        tables = _tables(text)
        for table, (policies, lines) in tables.items():
            own, others, left = _of_table(family, table, policies, lines)
            rules += own
            chains += others
            kept += left
        policies, lines = tables.get("filter", ({}, []))
        if policies.get("FORWARD") == "DROP" and any(line.startswith("FORWARD -j DOCKER") for line in lines):
            policy.append(family)
    return Chains(tuple(rules), tuple(chains), tuple(kept), tuple(policy))


def _tables(text: str) -> dict[str, tuple[dict[str, str], list[str]]]:
    """Each table's chains with their policies (`-` for a user's chain), and its rules without `-A`."""
    found: dict[str, tuple[dict[str, str], list[str]]] = {}
    policies: dict[str, str] = {}
    lines: list[str] = []
    for line in map(str.rstrip, text.splitlines()):
        if named := _TABLE.fullmatch(line):
            policies, lines = found.setdefault(named[1], ({}, []))
        elif chain := _CHAIN.fullmatch(line):
            policies[chain[1]] = chain[2]
        elif line.startswith("-A "):
            lines.append(line.removeprefix("-A "))
    return found


def _of_table(
    family: str, table: str, policies: Mapping[str, str], lines: list[str]
) -> tuple[list[ChainRule], list[Chain], list[tuple[str, str]]]:
    own = {name for name, policy in policies.items() if policy == "-" and OWN_CHAIN.fullmatch(name)}
    kept: list[tuple[str, str]] = []
    admins = [line for line in lines if line.startswith(f"{USER} ") and line != f"{USER} -j RETURN"]
    stays = {USER} if admins else set()
    if admins:
        kept.append((_said(family, table, f"chain {USER}"), f"it has {len(admins)} of the admin's own rules: {admins[0]}"))
    outside = [line for line in lines if line.partition(" ")[0] not in own]
    foreign = [line for line in outside if not _is_docker(table, line)]
    for line in foreign:
        if (jump := _TARGET.search(line)) and jump[1] in own:
            stays.add(jump[1])
            kept.append((_said(family, table, f"chain {jump[1]}"), f"a rule that Docker did not make leads into it: {line}"))
        elif _NAMED.search(line):
            kept.append((_said(family, table, f"rule {line}"), "Docker did not make it"))
    stays |= _led_to(stays, [line for line in lines if line.partition(" ")[0] in own], own)
    rules = [line for line in outside if _is_docker(table, line) and not _leads_to(line, stays)]
    return (
        [ChainRule(family, table, line) for line in dict.fromkeys(rules)],
        [Chain(family, table, name) for name in policies if name in own - stays],
        kept,
    )


def _is_docker(table: str, line: str) -> bool:
    return any(form.fullmatch(line) for form in _FORMS.get(table, ()))


def _leads_to(line: str, names: Iterable[str]) -> bool:
    jump = _TARGET.search(line)
    return jump is not None and jump[1] in names


def _led_to(stays: set[str], lines: Iterable[str], own: set[str]) -> set[str]:
    """What the chains that stay lead to, over any number of steps."""
    known, waiting = set(stays), list(stays)
    led = list(_pairs(lines))
    while waiting:
        name = waiting.pop()
        for chain, other in led:
            if chain == name and other in own and other not in known:
                known.add(other)
                waiting.append(other)
    return known


def _pairs(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if jump := _TARGET.search(line):
            yield line.partition(" ")[0], jump[1]


def _said(family: str, table: str, what: str) -> str:
    return f"{what} in table {table} ({'IPv6' if family == '6' else 'IPv4'})"
