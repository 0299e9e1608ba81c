"""What each command may do in a cluster: the smallest roles, as they are printed, and which right a refused request lacked.

/version and /api are not in them: every authenticated user may read these (system:public-info-viewer, system:discovery).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from migrate.facts.kubeadm import KUBEADM_CONFIG, KUBELET_CONFIG
from migrate.plan.lease import COMPONENTS, LEASE_NAME

SYSTEM = "kube-system"
VERSIONED = range(16, 25)  # minors whose kubeadm may have kept the kubelet's ConfigMap with a version in its name
VERBS = {"GET": "get", "POST": "create", "PATCH": "patch", "DELETE": "delete", "LIST": "list", "WATCH": "watch"}


@dataclass(frozen=True, slots=True)
class Grant:
    """One rule of a role: an API group, resources, verbs; `names` where it is for these objects only, `within` a namespace, else all."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    names: tuple[str, ...] = ()
    within: str = ""

    @property
    def fields(self) -> tuple[str, ...]:
        """Each key with its list, as YAML has them; a list that is empty is left out."""
        lists = (("apiGroups", (self.group,)), ("resources", self.resources), ("resourceNames", self.names), ("verbs", self.verbs))
        return tuple(f"{key}: {json.dumps(value)}" for key, value in lists if value)

    def __str__(self) -> str:
        return ", ".join(self.fields)


@dataclass(frozen=True, slots=True)
class Rights:
    """What one command needs: its name, the commands that need the same, what it does with that, and the rules."""

    name: str
    commands: str
    grants: tuple[Grant, ...]


LISTS = (
    Grant("", ("nodes", "persistentvolumes", "pods"), ("list",)),
    Grant("apps", ("daemonsets", "deployments", "replicasets", "statefulsets"), ("list",)),
    Grant("batch", ("cronjobs", "jobs"), ("list",)),
)
READ = (
    *LISTS,
    Grant("policy", ("poddisruptionbudgets",), ("list",)),
    Grant("", ("namespaces",), ("get",), names=(SYSTEM,)),  # its UID tells which cluster it is
    Grant(
        "",
        ("configmaps",),
        ("get",),
        names=(KUBEADM_CONFIG, KUBELET_CONFIG, *(f"{KUBELET_CONFIG}-1.{minor}" for minor in VERSIONED)),
        within=SYSTEM,
    ),
)
LEASE = (
    Grant("coordination.k8s.io", ("leases",), ("get", "patch"), names=(LEASE_NAME,), within=SYSTEM),
    Grant("coordination.k8s.io", ("leases",), ("create",), within=SYSTEM),  # RBAC cannot name what is not there yet
)
ACT = (
    *READ,
    *LEASE,
    Grant("coordination.k8s.io", ("leases",), ("get",), names=COMPONENTS, within=SYSTEM),  # the control plane's, after a move
    Grant("", ("nodes",), ("get", "watch", "patch")),  # the cordon, the mark, kubeadm's annotation
    Grant("", ("pods",), ("watch",)),
    Grant("policy", ("poddisruptionbudgets",), ("watch",)),
    Grant("", ("pods/eviction",), ("create",)),
    Grant("", ("events",), ("list",)),  # what pods that do not start were warned of
    Grant("storage.k8s.io", ("volumeattachments",), ("list",)),
    Grant("", ("pods",), ("get", "create", "delete"), within=SYSTEM),  # the smoke pod
    Grant("", ("pods/log",), ("get",), within=SYSTEM),
    Grant(
        "", ("pods/exec",), ("get", "create"), within=SYSTEM
    ),  # a WebSocket is a GET; API servers from 1.35 ask for create too (KEP-4006)
)
RIGHTS = (
    Rights("scan", "scan --live", LISTS),
    Rights("inspect", "inspect, plan, capture and explain stack", READ),
    Rights("pause", "pause, resume and approve", LEASE),
    Rights("apply", "apply, rollback, release, status and verify", ACT),
)
OPTIONAL = 'with --config-maps also: apiGroups: [""], resources: ["configmaps"], verbs: ["list"]'


def roles_of(name: str) -> str:
    """The roles of `scan`, `inspect`, `pause` or `apply`, as YAML: a ClusterRole, and a Role for kube-system alone."""
    rights = next(rights for rights in RIGHTS if rights.name == name)
    everywhere = [grant for grant in rights.grants if not grant.within]
    there = [grant for grant in rights.grants if grant.within]
    roles = [_role(kind, name, grants) for kind, grants in (("ClusterRole", everywhere), ("Role", there)) if grants]
    return f"# {rights.commands}{f'; {OPTIONAL}' if name == 'inspect' else ''}\n" + "---\n".join(roles)


def rights_page() -> str:
    """docs/rbac.md."""
    parts = [
        "# Rights in the cluster",
        "Generated from `migrate/run/kube/rights.py`; `make docs` writes it. A test compares the rules with what is asked of the API.",
        "`docker2cri rbac COMMAND` prints what a command needs and nothing more. Whoever may `apply` can cordon nodes, evict any pod "
        "and run pods in kube-system: give it to those who may administer the cluster.",
    ]
    for rights in RIGHTS:
        parts += [f"## {rights.commands}", f"```console\n$ docker2cri rbac {rights.name} | kubectl apply -f -\n{_bindings(rights)}\n```"]
        parts.append(f"```yaml\n{roles_of(rights.name)}```")
    parts.append(
        "What is refused is told with the rule that is missing. Lists that may not be read are named in the report, as not checked; "
        "without nodes and pods, or without the namespace kube-system, nothing is applied."
    )
    return "\n\n".join(parts) + "\n"


def missing(method: str, path: str) -> Grant:
    """The rule that a request needs; `method` as for `refused.refusal`."""
    group, namespace, resource, _ = asked_of(path)
    return Grant(group, (resource,), (VERBS[method],), within=namespace)


def asked_of(path: str) -> tuple[str, str, str, str]:
    """Group, namespace (empty: none), resource or resource/subresource, and name (empty: a list) of an API path."""
    parts = path.split("?", 1)[0].strip("/").split("/")
    group, parts = ("", parts[2:]) if parts[0] == "api" else (parts[1], parts[3:])
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 1:
        namespace = parts[1]
        parts = parts[2:] or parts
    return group, namespace, "/".join((parts[0], *parts[2:3])), parts[1] if len(parts) > 1 else ""


def _role(kind: str, name: str, grants: list[Grant]) -> str:
    place = f"\n  namespace: {SYSTEM}" if kind == "Role" else ""
    head = f"apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata:\n  name: docker2cri-{name}{place}\nrules:\n"
    return head + "".join(_rule(grant) for grant in grants)


def _rule(grant: Grant) -> str:
    return "- " + "  ".join(f"{field}\n" for field in grant.fields)


def _bindings(rights: Rights) -> str:
    role = f"docker2cri-{rights.name}"
    return "\n".join(_bound(role, {bool(grant.within) for grant in rights.grants}))


def _bound(role: str, within: set[bool]) -> Iterator[str]:
    if False in within:
        yield f"$ kubectl create clusterrolebinding {role} --clusterrole={role} --user=USER"
    if True in within:
        yield f"$ kubectl create rolebinding {role} -n {SYSTEM} --role={role} --user=USER"
