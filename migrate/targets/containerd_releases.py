"""Until when each release of containerd is supported, and which keys a later one no longer reads.

Sources: containerd RELEASES.md at v2.4.2 (Current State of containerd Releases, Deprecated config properties; 1.7 and 2.0 end with a
month); internal/cri/config/config.go at v2.1.0 to v2.4.2, core/transfer/registry/registry.go; what 2.3.7 and 2.4.2 dump was observed.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from migrate.targets.containerd_schema import CRI_V2, IMAGES_V3, RUNTIME_V3
from migrate.targets.releases import EVERY, Retired

CONTAINERD_ENDS = {
    (1, 6): date(2025, 8, 23),
    (1, 7): date(2026, 9, 30),
    (2, 0): date(2027, 3, 31),
    (2, 1): date(2026, 7, 3),
    (2, 2): date(2026, 11, 6),
    (2, 3): date(2028, 4, 30),
    (2, 4): date(2027, 5, 16),
}
_LOST = "pods get the default in its place"
_HOSTS = "hosts.toml files below registry.config_path"
_HANDLERS = ("containerd", "runtimes", EVERY)


def _listed(value: Any) -> bool:
    return ":" in str(value)


def _off(value: Any) -> bool:
    return value is False


def _in(*plugins: str, key: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple(("plugins", plugin, *key) for plugin in plugins)


CONTAINERD_RETIRED = (
    *(
        Retired(key, (2, 0), _LOST, instead)
        for name, instead in (
            (("systemd_cgroup",), "SystemdCgroup in the options of each handler"),
            (("containerd", "default_runtime", "runtime_type"), "default_runtime_name"),
            (("containerd", "untrusted_workload_runtime", "runtime_type"), "a handler and a RuntimeClass"),
            ((*_HANDLERS, "runtime_engine"), "BinaryName in its options"),
            ((*_HANDLERS, "runtime_root"), "Root in its options"),
        )
        for key in _in("cri", CRI_V2, key=name)
    ),
    *(
        Retired(key, (2, 1), "images are pulled without it: the list is taken for one folder's name", "one folder", _listed)
        for key in _in("cri", CRI_V2, IMAGES_V3, key=("registry", "config_path"))
    ),
    *(  # of a file of version 1 or 2 it is carried over to bin_dirs
        Retired(key, (2, 4), "it is dropped with a warning, and CNI plugins are looked for in /opt/cni/bin", "bin_dirs, a list")
        for key in _in(RUNTIME_V3, key=("cni", "bin_dir"))
    ),
    *(Retired(key, (2, 4), "CDI is always on", "nothing", _off) for key in _in(CRI_V2, RUNTIME_V3, key=("enable_cdi",))),
    *(
        Retired(key, (2, 7), "images are pulled without it", instead)
        for name, instead in (("mirrors", _HOSTS), ("configs", _HOSTS), ("auths", "imagePullSecrets"))
        for key in _in("cri", CRI_V2, IMAGES_V3, key=("registry", name))
    ),
)
