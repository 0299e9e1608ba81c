"""D2C230 to D2C236: what would stop the kubelet on the way to the Kubernetes version that was asked about (`--next-kubernetes`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from migrate.facts.kubelet_table import CGROUP_V1_REFUSED, DELETE, FLAGS, KUBEADM_FLAGS, Flag, gone, refusal, refused_fields, text_at
from migrate.facts.model import KubeletFlag
from migrate.formats.version import Version
from migrate.rules import NodeView, Seen, Severity, node_rule
from migrate.rules.upgrade import Way, configs, flag_changes, installed_version, way
from migrate.targets.kubelet import home_of


@dataclass(frozen=True, slots=True)
class Stop:
    """A flag in a file and the table's entry of it, which a kubelet on the way does not know; `cleared` says what takes it out before."""

    flag: KubeletFlag
    known: Flag
    cleared: str | None

    def __str__(self) -> str:
        return f"unknown flag from 1.{self.known.gone} on"


@node_rule("D2C230", "next-kubelet-flag-gone", Severity.WARNING, always=True)
def next_kubelet_flag_gone(view: NodeView) -> Iterator[Seen]:
    """A file sets a flag of the kubelet, or a value, that stops a kubelet up to the next Kubernetes version.

    Why: a kubelet exits on a flag that it does not know, so the node is down as soon as the upgraded kubelet starts. An upgrade goes minor
    by minor, and each version up to the next one counts. It is a warning because the kubelet of today accepts the flag, and neither the
    migration nor a rollback depends on it (D2C207 reports a flag that stops the kubelet on disk).

    Remedy: Change the file as the evidence says, before the upgrade:

        systemctl daemon-reload && systemctl restart kubelet     # on the node
        docker2cri inspect --next-kubernetes 1.NN NODE

    Sources: Kubernetes release notes 1.15 to 1.37 and cmd/kubelet/app/options of each release.
    """
    ahead = way(view)
    if ahead is None:
        return
    for stop in _stops(view, ahead):
        if stop.cleared is None:
            yield Seen(f"--{stop.flag.name}", f"{stop.flag.place}: {stop}, the kubelet exits; {_instead(stop.known.action)}")
    for flag in ahead.kubelet.flags:
        refused = refusal(flag.name, flag.value, ahead.to)
        if refused and not refusal(flag.name, flag.value, ahead.have):
            told = f"{flag.place}: the kubelet refuses this value from 1.{refused.since} on and exits; {_instead(refused.action)}"
            yield Seen(f"--{flag.name}={'true' if flag.value is None else flag.value}", told)


@node_rule("D2C231", "next-kubelet-flag-cleared", Severity.INFO, always=True)
def next_kubelet_flag_cleared(view: NodeView) -> Iterator[Seen]:
    """A flag that stops a kubelet up to the next Kubernetes version is removed before.

    Why: an upgrade without the migration, or without kubeadm, finds the flag. So does one after something has written the file again.

    Remedy: Nothing by hand. Check that the installer or configuration management does not set the flag again:

        docker2cri inspect --next-kubernetes 1.NN NODE

    Sources: kubeadm v1.26.0 and v1.35.0 cmd/kubeadm/app (post-upgrade).
    """
    ahead = way(view)
    for stop in _stops(view, ahead) if ahead else ():
        if stop.cleared is not None:
            yield Seen(f"--{stop.flag.name}", f"{stop.flag.place}: {stop}; {stop.cleared} takes it out")
    for stop in _planned(view, ahead) if ahead else ():
        if stop.cleared is not None:
            told = f"{stop.flag.place}: stands there after the migration; {stop}; {stop.cleared} takes it out"
            yield Seen(f"--{stop.flag.name}={stop.flag.value}", told)


@node_rule("D2C232", "next-kubelet-flag-planned", Severity.WARNING, always=True)
def next_kubelet_flag_planned(view: NodeView) -> Iterator[Seen]:
    """The migration sets a flag that the kubelet needs now and that stops a kubelet up to the next Kubernetes version.

    Why: up to 1.23 the kubelet needs --container-runtime=remote beside the endpoint, or dockershim uses the runtime's socket. From 1.27 on
    the flag is unknown and the kubelet exits. The upgrade of kubeadm to 1.26 removes it, but only from its own file, kubeadm-flags.env
    (D2C231 reports that).

    Remedy: From 1.24 to 1.26 the flag has no effect: remove it there, before the upgrade to 1.27:

        grep -rn -e '--container-runtime=remote' /var/lib/kubelet /etc/default /etc/systemd/system     # on the node

    Sources: Kubernetes 1.24 PR 107094, 1.27 PR 114017; kubeadm v1.26.0 cmd/kubeadm/app/phases/upgrade/postupgrade.go.
    """
    ahead = way(view)
    for stop in _planned(view, ahead) if ahead else ():
        if stop.cleared is None:
            told = f"{stop.flag.place}: stands there after the migration; {stop}, the kubelet exits; {_instead(stop.known.action)}"
            yield Seen(f"--{stop.flag.name}={stop.flag.value}", told)


@node_rule("D2C233", "next-kubelet-config-refused", Severity.WARNING, always=True)
def next_kubelet_config_refused(view: NodeView) -> Iterator[Seen]:
    """The kubelet's configuration has a value that stops a kubelet up to the next Kubernetes version.

    Why: the kubelet ignores an unknown field with a warning, but exits on a value that its release does not accept. With kubeadm the
    ConfigMap counts as much as the file: each `kubeadm upgrade` writes the file from it.

    Remedy: Change the value as the evidence says, with kubeadm in both places:

        kubectl -n kube-system get configmaps | grep kubelet-config
        systemctl restart kubelet     # on the node

    Sources: Kubernetes 1.32 PR 126336; v1.30.0 pkg/kubelet/apis/config/validation.
    """
    ahead = way(view)
    if ahead is None:
        return
    for config in configs(view, ahead.kubelet):
        past = refused_fields(config.values, ahead.have)
        for refused in refused_fields(config.values, ahead.to):
            if refused not in past:
                told = f"the kubelet refuses this value from 1.{refused.since} on and exits; {_instead(refused.action)}"
                subject = f"{'.'.join(refused.field)}: {text_at(config.values, refused.field)}"
                yield Seen(subject, f"{config.place(refused.field)}: {told}")


@node_rule("D2C234", "next-kubelet-cgroup-v1", Severity.WARNING, always=True)
def next_kubelet_cgroup_v1(view: NodeView) -> Iterator[Seen]:
    """The host uses cgroup v1, and a kubelet up to the next Kubernetes version does not start there.

    Why: the default of failCgroupV1 is true from 1.35 on. With kubeadm, `false` in the file alone does not last: each `kubeadm upgrade`
    writes the file from the ConfigMap.

    Remedy: Change the host to cgroup v2 (systemd.unified_cgroup_hierarchy=1 on the kernel's command line, or a newer distribution) before
    the upgrade, or set failCgroupV1: false in the kubelet's configuration:

        stat -fc %T /sys/fs/cgroup     # on the node: cgroup2fs is v2

    Sources: Kubernetes 1.31 PR 126031, 1.35 PR 134298; k8s.io/kubelet v0.36.0 config/v1beta1/types.go.
    """
    ahead = way(view)
    if ahead is None or view.facts.os.cgroup != "v1" or not ahead.have < CGROUP_V1_REFUSED <= ahead.to:
        return
    flag = ahead.kubelet.flag("fail-cgroupv1")
    said = [(str(config.place(("failCgroupV1",))), text_at(config.values, ("failCgroupV1",))) for config in configs(view, ahead.kubelet)]
    if (flag and flag.value == "false") or (said and all(value == "false" for _, value in said)):
        return
    told = "; ".join(f"{place}: {value or 'not given'}" for place, value in said) or "no configuration file that could be read"
    yield Seen("cgroup v1", f"the kubelet exits from 1.{CGROUP_V1_REFUSED} on unless failCgroupV1 is false; {told}")


@node_rule("D2C235", "next-runtime-mismatch", Severity.WARNING, always=True)
def next_runtime_mismatch(view: NodeView) -> Iterator[Seen]:
    """The target is too old for a kubelet up to the next Kubernetes version.

    Why: the node does not register after the upgrade, because the two use different versions of CRI. It is a warning because the kubelet of
    today works with this version.

    Remedy: Upgrade the target first, by its package:

        apt-cache madison PACKAGES     # on the node

    Sources: Kubernetes 1.26 PR 110618; containerd RELEASES.md; cri-o README (compatibility matrix).
    """
    ahead, runtime = way(view), installed_version(view)
    on_third_runtime = view.on_other_runtime and view.target.prefix.removesuffix("://") != view.facts.endpoint.kind
    if ahead is None or runtime is None or on_third_runtime:
        return
    whys = (view.target.unsupported(Version(1, minor, 0), runtime) for minor in range(ahead.have, ahead.to + 1))
    now, *later = whys
    if now is None and (why := next(filter(None, later), None)):
        yield Seen(f"{view.target.title} {runtime}", why)


@node_rule("D2C236", "next-kubelet-flag-deprecated", Severity.INFO, always=True)
def next_kubelet_flag_deprecated(view: NodeView) -> Iterator[Seen]:
    """A file sets a flag of the kubelet that is deprecated in the next Kubernetes version.

    Why: the kubelet logs a warning, and a later release removes the flag.

    Remedy: Change it as the evidence says, with the next change of the file:

        journalctl -u kubelet | grep -i deprecated     # on the node

    Sources: Kubernetes release notes; KEP-4033 for --cgroup-driver.
    """
    ahead = way(view)
    if ahead is None:
        return
    for flag in ahead.kubelet.flags:
        known = FLAGS.get(flag.name)
        if known is None or gone(flag.name, ahead.to) or flag.name in flag_changes(view).remove:
            continue
        if known.deprecated is not None and known.deprecated <= ahead.to and known.gone:
            told = f"deprecated since 1.{known.deprecated}, unknown from 1.{known.gone} on"
        elif known.planned is not None and ahead.to >= known.planned - 2:
            told = f"planned to go with 1.{known.planned}"
        else:
            continue
        yield Seen(f"--{flag.name}", f"{flag.place}: {told}; {_instead(known.action)}")


def _stops(view: NodeView, ahead: Way) -> Iterator[Stop]:
    """The flags of the files that a kubelet on the way does not know, without those that the migration sets (D2C232)."""
    change = flag_changes(view)
    for flag in ahead.kubelet.flags:
        if flag.name not in change.set and (stop := _stop(flag, ahead)):
            yield Stop(stop.flag, stop.known, "the migration") if flag.name in change.remove else stop


def _planned(view: NodeView, ahead: Way) -> Iterator[Stop]:
    """The flags that the migration sets, or leaves set, and that a kubelet on the way does not know."""
    for name, value in flag_changes(view).set.items():
        if stop := _stop(KubeletFlag(name, value, home_of(ahead.kubelet, name), True), ahead):
            yield stop


def _stop(flag: KubeletFlag, ahead: Way) -> Stop | None:
    known = gone(flag.name, ahead.to)
    if known is None or gone(flag.name, ahead.have):
        return None
    by_kubeadm = known.cleaned is not None and ahead.have < known.cleaned and flag.place.path == KUBEADM_FLAGS
    return Stop(flag, known, f"`kubeadm upgrade` to 1.{known.cleaned}" if by_kubeadm else None)


def _instead(action: str) -> str:
    return action if action.startswith(DELETE) else f"instead: {action}"
