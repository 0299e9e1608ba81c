"""Security contexts of pods and containers."""

from __future__ import annotations

from migrate.facts.api import Model


class Capabilities(Model, frozen=True):
    """Linux capabilities added and dropped."""

    add: tuple[str, ...] | None = None
    drop: tuple[str, ...] | None = None


class Profile(Model, frozen=True):
    """A seccomp or AppArmor profile: `type` is RuntimeDefault, Localhost or Unconfined; `localhost_profile` names a file or a profile."""

    type: str = ""
    localhost_profile: str = ""


class SELinuxOptions(Model, frozen=True):
    """An SELinux label."""

    user: str = ""
    role: str = ""
    type: str = ""


class WindowsOptions(Model, frozen=True):
    """Settings of Windows containers."""

    host_process: bool | None = None


class Sysctl(Model, frozen=True):
    """A kernel setting of a pod."""

    name: str
    value: str = ""


class SecurityContext(Model, frozen=True):
    """A container's security context; what is not set there is the pod's, or the runtime's."""

    privileged: bool | None = None
    allow_privilege_escalation: bool | None = None
    run_as_non_root: bool | None = None
    run_as_user: int | None = None
    proc_mount: str | None = None
    capabilities: Capabilities | None = None
    seccomp_profile: Profile | None = None
    app_armor_profile: Profile | None = None
    se_linux_options: SELinuxOptions | None = None
    windows_options: WindowsOptions | None = None


class PodSecurityContext(Model, frozen=True):
    """A pod's security context."""

    run_as_non_root: bool | None = None
    run_as_user: int | None = None
    seccomp_profile: Profile | None = None
    app_armor_profile: Profile | None = None
    se_linux_options: SELinuxOptions | None = None
    windows_options: WindowsOptions | None = None
    sysctls: tuple[Sysctl, ...] | None = None
