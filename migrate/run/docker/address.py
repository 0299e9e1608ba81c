"""Where a Docker host is: a context of the docker CLI, or an address (`unix://`, `tcp://`, `ssh://`)."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from docker.constants import DEFAULT_UNIX_SOCKET
from docker.tls import TLSConfig

from migrate.errors import UsageError

FORMS = "unix:///PATH, tcp://HOST:PORT, ssh://[USER@]HOST[:PORT], or a context of the docker CLI"
LOCAL = DEFAULT_UNIX_SOCKET.replace("http+unix", "unix")


@dataclass(frozen=True, slots=True)
class Address:
    """A daemon's address; `tls` is None for none."""

    url: str
    tls: TLSConfig | None = None

    @property
    def scheme(self) -> str:
        """`unix`, `tcp` or `ssh`."""
        return self.url.partition("://")[0]

    @property
    def protection(self) -> str:
        """How the connection is protected: `verified`, `unverified` or `none` for TCP, empty for others."""
        if self.scheme != "tcp":
            return ""
        return "none" if self.tls is None else "verified" if self.tls.verify else "unverified"


def address_of(asked: str, certificates: str | None, environ: Mapping[str, str]) -> Address:
    """The address that `--docker` names; `default` is DOCKER_HOST, else the local socket, as the docker CLI has it.

    `certificates` is a directory with ca.pem, cert.pem and key.pem; without it DOCKER_TLS_VERIFY and DOCKER_CERT_PATH are used, or what the
    context holds. Raises UsageError for a context that is not there, and for an address of no known form.
    """
    if "://" in asked:
        return _checked(asked, certificates, environ)
    if asked == "default":
        return _checked(environ.get("DOCKER_HOST") or LOCAL, certificates, environ)
    return _context(asked, certificates, environ)


def _context(name: str, certificates: str | None, environ: Mapping[str, str]) -> Address:
    """A context's endpoint and its TLS material. docker-py's own reader knows neither DOCKER_CONFIG nor a context with a CA alone.

    Source: github.com/docker/cli cli/context/store: `contexts/meta/SHA256(NAME)/meta.json`, `contexts/tls/SHA256(NAME)/docker/*.pem`.
    """
    folder = Path(environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "contexts"
    digest = hashlib.sha256(name.encode()).hexdigest()
    try:
        text = (folder / "meta" / digest / "meta.json").read_text("utf-8")
        endpoint = json.loads(text)["Endpoints"]["docker"]
        host, unverified = endpoint["Host"], endpoint.get("SkipTLSVerify") is True
    except FileNotFoundError:
        raise UsageError(seen=f"--docker {name}: no such context", expected=FORMS, next="docker context ls") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as wrong:
        seen = f"--docker {name}: the context cannot be read: {wrong}"
        raise UsageError(seen=seen, expected="a context with an endpoint for docker", next=f"docker context inspect {name}") from None
    if not isinstance(host, str) or not host:
        seen = f"--docker {name}: the context has no address"
        raise UsageError(seen=seen, expected="a context with an endpoint for docker", next=f"docker context inspect {name}")
    address = _checked(host, certificates, {})
    kept = {path.stem: str(path) for path in (folder / "tls" / digest / "docker").glob("*.pem")}
    if address.scheme != "tcp" or address.tls or not (kept or unverified):
        return address
    pair = (kept["cert"], kept["key"]) if {"cert", "key"} <= kept.keys() else None
    return Address(address.url, TLSConfig(client_cert=pair, ca_cert=kept.get("ca"), verify=not unverified))


def _checked(url: str, certificates: str | None, environ: Mapping[str, str]) -> Address:
    parts = urlsplit(url)
    known = parts.scheme in ("unix", "tcp", "ssh") and parts.password is None and not parts.query and not parts.fragment
    if not known or (parts.scheme == "unix") != (not parts.netloc) or (parts.scheme == "tcp" and not parts.port):
        raise UsageError(seen=f"--docker {_shown(url)}: no address of a daemon", expected=FORMS, next="docker context ls")
    folder = certificates or (environ.get("DOCKER_CERT_PATH") or str(Path.home() / ".docker") if environ.get("DOCKER_TLS_VERIFY") else None)
    if parts.scheme != "tcp" or folder is None:
        return Address(url)
    names = {name: os.path.join(folder, f"{name}.pem") for name in ("ca", "cert", "key")}
    if missing := [path for path in names.values() if not os.path.isfile(path)]:
        seen = f"--docker {_shown(url)}: {', '.join(missing)}: no such file"
        raise UsageError(seen=seen, expected="a directory with ca.pem, cert.pem and key.pem", next="--docker-cert-path DIR")
    return Address(url, TLSConfig(client_cert=(names["cert"], names["key"]), ca_cert=names["ca"], verify=True))


def _shown(url: str) -> str:
    """The address without a password."""
    parts = urlsplit(url)
    return url if parts.password is None else url.replace(f":{parts.password}@", ":REDACTED@")
