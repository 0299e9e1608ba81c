"""Docker's registry settings as a target needs them: mirrors of Docker Hub, insecure registries, certificate authorities."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from migrate.facts.model import Docker, NodeFacts
from migrate.formats import FormatError, image_ref
from migrate.formats.nested import at, table
from migrate.targets.proxies import Differing

DOCKER_CERTS = "/etc/docker/certs.d/"
HUB = "docker.io"
HUB_SERVER = "https://registry-1.docker.io"
ALWAYS_INSECURE = frozenset({"127.0.0.0/8", "::1/128"})


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

    What the daemon reports comes first; what its file and flags add to it follows, as it would with Docker's next start.
    `registry-mirrors` hold for Docker Hub only; a mirror without a scheme is https; an insecure entry that is a CIDR names no registry, so
    the registries of images on this node inside it stand for it (Docker 20.10 registry/config.go; 127.0.0.0/8 is always insecure).
    Certificates are those of /etc/docker/certs.d/NAME, by which Docker also knows a mirror of that name.
    """
    docker = facts.docker
    if not isinstance(docker, Docker):
        return ()
    settings = facts.daemon_settings
    found: dict[str, Registry] = {}
    if mirrors := tuple(dict.fromkeys((*(_reported_mirrors(docker) or ()), *_mirrors(settings)))):
        found[HUB] = Registry(HUB, mirrors)
    for entry in dict.fromkeys((*_texts(settings, "insecure-registries"), *(_reported_insecure(docker) or ()))):
        for name in _inside(entry, docker) if is_range(entry) else (insecure_host(entry),):
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


def is_range(entry: str) -> bool:
    """Whether an entry of `insecure-registries` is a range of addresses, as dockerd takes it (moby registry/config.go)."""
    try:
        ipaddress.ip_network(_without_scheme(entry), strict=False)
    except ValueError:
        return False
    return "/" in _without_scheme(entry)


def insecure_host(entry: str) -> str:
    """The `host[:port]` of an entry of `insecure-registries`: dockerd takes a scheme away, with a warning."""
    return _without_scheme(entry).partition("/")[0]


def _without_scheme(entry: str) -> str:
    return re.sub(r"\Ahttps?://", "", entry, flags=re.IGNORECASE).rstrip("/")


def half_pairs(facts: NodeFacts) -> tuple[tuple[str, str], ...]:
    """Client certificates without their key and keys without their certificate, as (registry, path)."""
    whole = {path for registry in registries(facts) for pair in registry.clients for path in pair}
    return tuple((_named(path), path) for path in facts.docker_certificates if path.endswith((".cert", ".key")) and path not in whole)


def _named(path: str) -> str:
    return path.removeprefix(DOCKER_CERTS).partition("/")[0]


def differing_registries(facts: NodeFacts) -> Iterator[Differing]:
    """Where the daemon reports other mirrors or insecure registries than its file and flags give it."""
    docker = facts.docker
    if not isinstance(docker, Docker):
        return
    settings = facts.daemon_settings
    told = _mirrors(settings)
    reports = _reported_mirrors(docker)
    if reports is not None and reports != told:
        yield _differing(docker, "registry-mirrors", told, reports)
    insecure = _reported_insecure(docker)
    entries = tuple(_without_scheme(entry) for entry in _texts(settings, "insecure-registries"))
    if insecure is not None and set(insecure) != set(entries) - ALWAYS_INSECURE:
        yield _differing(docker, "insecure-registries", entries, insecure)


def _differing(docker: Docker, key: str, told: Sequence[str], reports: Sequence[str]) -> Differing:
    given = docker.told(key)
    return Differing(key, ", ".join(told), given.where if given else "", ", ".join(reports))


def _mirrors(settings: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(url if "://" in url else f"https://{url}" for url in _texts(settings, "registry-mirrors"))


def _reported_mirrors(docker: Docker) -> tuple[str, ...] | None:
    mirrors = at(docker.info, ("RegistryConfig", "Mirrors"))
    return tuple(str(url).rstrip("/") for url in mirrors) if isinstance(mirrors, list) else None


def _reported_insecure(docker: Docker) -> tuple[str, ...] | None:
    config = table(docker.info, "RegistryConfig")
    ranges = config.get("InsecureRegistryCIDRs")
    if not config or not isinstance(ranges, list):
        return None
    hosts = [str(name) for name, index in table(config, "IndexConfigs").items() if at(index, ("Secure",)) is False]
    return (*hosts, *(str(each) for each in ranges if str(each) not in ALWAYS_INSECURE))


def _texts(settings: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = settings.get(key)
    return tuple(str(text).rstrip("/") if "://" in str(text) else str(text) for text in value) if isinstance(value, list) else ()


def _inside(cidr: str, docker: Docker) -> tuple[str, ...]:
    try:
        network = ipaddress.ip_network(_without_scheme(cidr), strict=False)
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
