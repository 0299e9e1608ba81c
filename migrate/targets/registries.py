"""Docker's registry settings as a target needs them: mirrors of Docker Hub, insecure registries, certificate authorities, proxies."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, replace

from migrate.facts.model import Docker, NodeFacts, Place
from migrate.formats import FormatError, env_file, image_ref, unit_file

DOCKER_CERTS = "/etc/docker/certs.d/"
HUB = "docker.io"
HUB_SERVER = "https://registry-1.docker.io"
PROXY_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


@dataclass(frozen=True, slots=True)
class Registry:
    """One registry namespace: mirrors in order (URLs), whether TLS may fail, the CA files that Docker trusts for it, and its client
    certificates as (certificate, key) files.
    """

    name: str
    mirrors: tuple[str, ...] = ()
    insecure: bool = False
    authorities: tuple[str, ...] = ()
    clients: tuple[tuple[str, str], ...] = ()


def registries(facts: NodeFacts) -> tuple[Registry, ...]:
    """What Docker on this node does differently from its defaults, by registry.

    `registry-mirrors` hold for Docker Hub only; a mirror without a scheme is https; an insecure entry that is a CIDR names no registry, so
    the registries of images on this node inside it stand for it (Docker 20.10 registry/config.go; 127.0.0.0/8 is always insecure).
    Certificates are those of /etc/docker/certs.d/NAME, by which Docker also knows a mirror of that name.
    """
    docker = facts.docker
    if not isinstance(docker, Docker):
        return ()
    settings = facts.daemon_settings
    found: dict[str, Registry] = {}
    mirrors = tuple(url if "://" in url else f"https://{url}" for url in _texts(settings, "registry-mirrors"))
    if mirrors:
        found[HUB] = Registry(HUB, mirrors)
    for entry in _texts(settings, "insecure-registries"):
        for name in _inside(entry, docker) if "/" in entry else (entry,):
            found[name] = Registry(name, insecure=True)
    for path, _ in sorted(facts.files.items()):
        if path.startswith(DOCKER_CERTS) and path.endswith(".crt"):
            known = found.get(_named(path), Registry(_named(path)))
            found[known.name] = replace(known, authorities=(*known.authorities, path))
    for certificate in facts.docker_certificates:
        key = f"{certificate.removesuffix('.cert')}.key"
        if certificate.endswith(".cert") and key in facts.docker_certificates:
            known = found.get(_named(certificate), Registry(_named(certificate)))
            found[known.name] = replace(known, clients=(*known.clients, (certificate, key)))
    return tuple(found.values())


def half_pairs(facts: NodeFacts) -> tuple[tuple[str, str], ...]:
    """Client certificates without their key and keys without their certificate, as (registry, path)."""
    whole = {path for registry in registries(facts) for pair in registry.clients for path in pair}
    return tuple((_named(path), path) for path in facts.docker_certificates if path.endswith((".cert", ".key")) and path not in whole)


def _named(path: str) -> str:
    return path.removeprefix(DOCKER_CERTS).partition("/")[0]


def proxy_lines(facts: NodeFacts, unit: str) -> tuple[tuple[str, str, Place], ...]:
    """The proxy variables of a unit as (name, value, place), those in force last; empty when there are none. Raises FormatError.

    Files named by EnvironmentFile= come after the unit's own Environment= and win over it, later ones over earlier (systemd.exec(5)).
    """
    found = facts.unit(unit)
    if found is None:
        return ()
    texts = [(path, facts.files[path].text) for path in found.files if path in facts.files]
    lines = (
        [
            (variable.name, variable.value, Place(variable.path, variable.line))
            for variable in unit_file.environment(unit_file.merge(texts[0], texts[1:]))
        ]
        if texts
        else []
    )
    for path in found.environment_files:
        # a file without them may be as odd as it likes
        if (file := facts.files.get(path)) and any(name in file.text for name in PROXY_NAMES):
            lines += [(variable.name, variable.value, Place(path, variable.line)) for variable in env_file.parse(file.text)]
    return tuple(line for line in lines if line[0] in PROXY_NAMES)


def daemon_proxies(facts: NodeFacts) -> tuple[tuple[str, str], ...]:
    """`proxies` of daemon.json, or dockerd's flags of these names (Docker 23 and later), as environment variables, which they override."""
    proxies = facts.daemon_settings.get("proxies")
    if not isinstance(proxies, Mapping):
        return ()
    names = (("http-proxy", "HTTP_PROXY"), ("https-proxy", "HTTPS_PROXY"), ("no-proxy", "NO_PROXY"))
    return tuple((variable, str(proxies[key])) for key, variable in names if key in proxies)


def _texts(settings: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = settings.get(key)
    return tuple(str(text).rstrip("/") if "://" in str(text) else str(text) for text in value) if isinstance(value, list) else ()


def _inside(cidr: str, docker: Docker) -> tuple[str, ...]:
    try:
        network = ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return ()
    names = set()
    for image in docker.images:
        for reference in (*image.tags, *image.digests):
            try:
                domain = image_ref.parse(reference).domain
            except FormatError:
                continue
            host = domain.rpartition(":")[0] or domain
            try:
                inside = ipaddress.ip_address(host.strip("[]")) in network
            except ValueError:
                continue
            if inside:
                names.add(domain)
    return tuple(sorted(names))
