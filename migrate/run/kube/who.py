"""Which cluster answers: asked when a plan is made, and again before anything is done by it."""

from __future__ import annotations

import hashlib
import re
import ssl
from typing import Any

import msgspec

from migrate.facts.api import Metadata, decode
from migrate.facts.cluster import ClusterIdentity
from migrate.facts.resolve import resolve
from migrate.run.kube.answer import ListAnswer
from migrate.run.kube.paths import below

SYSTEM = below("/api/v1/namespaces", "kube-system")  # its UID is made with the cluster, and lasts as long
_CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")


class _Namespace(msgspec.Struct, frozen=True):
    metadata: Metadata


resolve(_Namespace)


def identity_of(answer: ListAnswer, ca: str) -> ClusterIdentity:
    """Of the answer to GET SYSTEM: the UID where it is one."""
    try:
        uid = decode(answer.body, _Namespace).metadata.uid if answer.status == 200 else ""
    except msgspec.DecodeError:
        uid = ""
    return ClusterIdentity(uid=uid, ca=ca)


def trusted_by(configuration: Any) -> str:
    """The SHA-256 of the certificates that an API server is trusted by; empty where they are the system's, or where none are asked for."""
    if not configuration.ssl_ca_cert or not configuration.verify_ssl:
        return ""
    try:
        with open(configuration.ssl_ca_cert, encoding="utf-8", errors="replace") as file:
            found = sorted(ssl.PEM_cert_to_DER_cert(text) for text in _CERTIFICATE.findall(file.read()))
    except (OSError, ValueError):
        return ""
    return hashlib.sha256(b"".join(found)).hexdigest() if found else ""
