"""Docker hosts: what each daemon is, and its containers with what makes them close to the host."""

from __future__ import annotations

from migrate.plan.steps import size
from migrate.report.causes import counts, plural
from migrate.report.docker_model import ReportedContainer, ReportedDockerHost
from migrate.report.html.parts import rows_table, search
from migrate.report.markup import Markup, element, join
from migrate.report.model import Report

HEADER = ("Docker host", "State", "Engine", "API", "Store", "Containers", "B/W/I")
CONTAINERS = ("Container", "Image", "State", "Restart", "Belongs to", "Close to the host")


def docker_hosts(report: Report) -> Markup:
    """The table with its search field."""
    return join(search("hosts-table", "Find a Docker host"), rows_table(HEADER, map(_host, report.docker_hosts), name="hosts"))


def _host(host: ReportedDockerHost) -> Markup:
    kept = f"{host.running} of {len(host.containers)} run" if not host.error else "-"
    found = counts(host.blockers, host.warnings, host.infos) if not host.error else "-"
    cells = join(
        element("th", host.host, scope="row"),
        element("td", element("b", host.state)),
        *(element("td", text) for text in (host.version or "-", host.api or "-", host.storage or "-", kept, found)),
    )
    details = element("details", element("summary", "Details"), _details(host))
    return element("tbody", element("tr", cells), element("tr", element("td", details, colspan=str(len(HEADER)))), data_s=host.state)


def _details(host: ReportedDockerHost) -> Markup:
    if host.error:
        return element("pre", host.error)
    disk = host.disk
    facts = (
        f"reached at {host.endpoint}{f', TLS {host.tls}' if host.tls else ''}",
        f"{host.os}, kernel {host.kernel} {host.arch}",
        f"cgroup {host.cgroup}, {host.cgroup_driver or 'driver unknown'}",
        f"images in {host.store} ({host.storage}) below {host.root}",
        f"runtimes {', '.join(host.runtimes)}, default {host.default_runtime}",
        "rootless" if host.rootless else "",
        "user namespaces" if host.userns else "",
        "live restore" if host.live_restore else "",
        f"swarm {host.swarm}" if host.swarm not in ("", "inactive") else "",
        f"{plural(host.images or 0, 'image')}, {plural(len(host.volumes), 'volume')}, {plural(len(host.networks), 'network')}",
        f"images {size(disk.images)}, volumes {size(disk.volumes)}, build cache {size(disk.build_cache)}" if disk else "",
    )
    table = rows_table(CONTAINERS, map(_container, host.containers), name=f"containers of {host.host}") if host.containers else ""
    return join(element("p", " · ".join(fact for fact in facts if fact)), table)


def _container(container: ReportedContainer) -> Markup:
    close = ["privileged", *container.close] if container.privileged else list(container.close)
    owner = container.project or container.swarm_service or "-"
    texts = (container.image, container.state, container.restart or "-", owner, "; ".join(close) or "-")
    return element("tbody", element("tr", element("th", container.name, scope="row"), *(element("td", text) for text in texts)))
