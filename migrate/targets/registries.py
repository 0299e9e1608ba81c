"""Docker's registry settings as a target needs them: mirrors of Docker Hub, insecure registries, certificate authorities, proxies."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from migrate.facts.model import Docker, NodeFacts, Place
from migrate.formats import FormatError, image_ref, unit_file

DOCKER_CERTS = "/etc/docker/certs.d/"
HUB = "docker.io"
HUB_SERVER = "https://registry-1.docker.io"
PROXY_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


@dataclass(frozen=True, slots=True)
class Registry:
    """One registry namespace: mirrors in order (URLs), whether TLS may fail, and the CA files that Docker trusts for it."""

    name: str
    mirrors: tuple[str, ...] = ()
    insecure: bool = False
    authorities: tuple[str, ...] = ()


def registries(facts: NodeFacts) -> tuple[Registry, ...]:
    """What Docker on this node does differently from its defaults, by registry.

    `registry-mirrors` hold for Docker Hub only; a mirror without a scheme is https; an insecure entry that is a CIDR names no registry, so
    the registries of images on this node inside it stand for it (Docker 20.10 registry/config.go; 127.0.0.0/8 is always insecure).
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
            name = path.removeprefix(DOCKER_CERTS).partition("/")[0]
            one = found.get(name, Registry(name))
            found[name] = Registry(name, one.mirrors, one.insecure, (*one.authorities, path))
    return tuple(found.values())


def proxy_lines(facts: NodeFacts, unit: str) -> tuple[tuple[str, str, Place], ...]:
    """The proxy variables of a unit's files as (name, value, place); empty when there are none. Raises FormatError."""
    found = facts.unit(unit)
    texts = [(path, facts.files[path].text) for path in (found.files if found else ()) if path in facts.files]
    if not texts:
        return ()
    merged = unit_file.merge(texts[0], texts[1:])
    return tuple((one.name, one.value, Place(one.path, one.line)) for one in unit_file.environment(merged) if one.name in PROXY_NAMES)


def daemon_proxies(facts: NodeFacts) -> tuple[tuple[str, str], ...]:
    """`proxies` of daemon.json (Docker 23 and later) as environment variables."""
    proxies = facts.daemon_settings.get("proxies")
    if not isinstance(proxies, Mapping):
        return ()
    names = (("http-proxy", "HTTP_PROXY"), ("https-proxy", "HTTPS_PROXY"), ("no-proxy", "NO_PROXY"))
    return tuple((variable, str(proxies[key])) for key, variable in names if key in proxies)


def _texts(settings: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = settings.get(key)
    return tuple(str(one).rstrip("/") if "://" in str(one) else str(one) for one in value) if isinstance(value, list) else ()


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
