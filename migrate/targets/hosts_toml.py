"""hosts.toml files: how containerd speaks to each registry, as Docker did.

Source: containerd docs/hosts.md.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from typing import Any

from migrate.facts.model import NodeFacts
from migrate.formats import FormatError, toml_doc
from migrate.targets import Edit
from migrate.targets.registries import HUB, HUB_SERVER, Registry, registries


def hosts_edits(facts: NodeFacts, folder: str) -> tuple[Edit, ...]:
    """A hosts.toml below `folder` for each registry that Docker was told something about."""
    known = registries(facts)
    return tuple(_hosts_edit(registry, known, folder) for registry in known)


def _hosts_edit(registry: Registry, known: Sequence[Registry], folder: str) -> Edit:
    path = posixpath.join(folder, registry.name, "hosts.toml")
    content = hosts_toml(registry, known)
    what = [
        f"mirrors {', '.join(registry.mirrors)}" if registry.mirrors else "",
        "plain http and unverified TLS allowed, as in Docker's insecure-registries" if registry.insecure else "",
        f"CAs {', '.join(registry.authorities)}" if registry.authorities else "",
        f"client certificates {', '.join(certificate for certificate, _ in registry.clients)}" if registry.clients else "",
    ]
    why = f"pulls from {registry.name}: {'; '.join(part for part in what if part)}"

    def rewrite(text: str | None) -> str | None:
        if text is not None and toml_doc.load(text) != toml_doc.load(content):
            raise FormatError("hosts.toml", f"{path} has its own settings, and Docker has others for {registry.name}; merge them by hand")
        return content if text is None else text

    return Edit("registry", path, why, rewrite)


def hosts_toml(registry: Registry, known: Sequence[Registry] = ()) -> str:
    """A hosts.toml that pulls in Docker's order: mirrors first, the registry itself last; insecure is https unverified, then http.

    What Docker is told of a mirror's own name (`known`: CAs, client certificates, insecure) holds for it here too.
    """
    document: dict[str, Any] = {"server": HUB_SERVER if registry.name == HUB else f"https://{registry.name}"}
    of_name = {other.name: other for other in known}
    hosts: dict[str, Any] = {}
    for url in registry.mirrors:
        scheme, _, rest = url.partition("://")
        mirror = of_name.get(rest.partition("/")[0])
        hosts[url] = {"capabilities": ["pull", "resolve"]} | (_tls(mirror) if mirror and scheme == "https" else {})
    if tls := _tls(registry):
        hosts[f"https://{registry.name}"] = {"capabilities": ["pull", "resolve", "push"]} | tls
    if registry.insecure:
        hosts[f"http://{registry.name}"] = {"capabilities": ["pull", "resolve", "push"]}
    return toml_doc.render(document | {"host": hosts})


def _tls(registry: Registry) -> dict[str, Any]:
    """How Docker speaks TLS with it, as the keys of a host table (containerd docs/hosts.md)."""
    tls: dict[str, Any] = {"skip_verify": True} if registry.insecure else {"ca": list(registry.authorities)} if registry.authorities else {}
    if registry.clients:
        tls["client"] = [list(pair) for pair in registry.clients]
    return tls
