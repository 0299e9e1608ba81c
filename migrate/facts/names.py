"""Names as Kubernetes allows them, and names that may stand in a path: asked wherever a name enters."""

from __future__ import annotations

import re
from ipaddress import ip_address

_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
LABEL = re.compile(_LABEL)
HOST = re.compile("[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
SUBDOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")


def is_object_name(text: str) -> bool:
    """Whether nodes, pods and most objects can be called so: a DNS-1123 subdomain (apimachinery, pkg/util/validation)."""
    return len(text) <= 253 and SUBDOMAIN.fullmatch(text) is not None


def is_namespace(text: str) -> bool:
    """Whether a namespace can be called so: a DNS-1123 label."""
    return LABEL.fullmatch(text) is not None


def is_segment(text: str) -> bool:
    """Whether a text can be one segment of an API path: no `.`, `..`, `/` or `%` (apimachinery, pkg/api/validation/path)."""
    return text not in ("", ".", "..") and not set("/%") & set(text) and text.isprintable()


def is_host_name(text: str) -> bool:
    """Whether a text is an IP address or the name of a host: a ProxyCommand of the ssh configuration hands it to a shell."""
    try:
        return "%" not in text and bool(ip_address(text))
    except ValueError:
        return len(text) <= 253 and HOST.fullmatch(text) is not None


def is_file_name(text: str) -> bool:
    """Whether a text can be the name of a file in a folder of ours: no other folder, nothing hidden, no option of a command."""
    return bool(text) and text[0] not in ".-" and "/" not in text and text.isprintable() and len(text.encode()) <= 200
