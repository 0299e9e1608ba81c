"""What leans on Docker and who else acts, parsed: real outputs, captures that did not ask, and hostile text."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.facts.capture import Capture, CommandReading, PathReading
from migrate.facts.model import Firewall, HostUse, Login, NodeFacts, ProcessLimits, Service, SocketUser
from migrate.facts.node import facts_from
from migrate.facts.parse import leaning, system
from migrate.facts.parse.actors import actors
from migrate.facts.parse.bounded import LONGEST, MOST
from migrate.facts.parse.reading import Reading
from tests.captured import capture_of, with_output

KEYS = (
    *("actor units", "actor calls", "puppet resources", "chef cookbooks", "apt settings", "needrestart", "docker socket users"),
    *("pod limits", "iptables filter", "docker certificates", "docker logins", "docker users", "limits containerd.service"),
)
# as ss of iproute2 6.1 prints it, spaces shortened; the kubelet and an agent are connected to Docker
SOCKETS = """\
u_str ESTAB 0      0             /run/docker.sock 10552682 * 10553710 users:(("dockerd",pid=99,fd=58))
u_str ESTAB 0      0                            * 10553710 * 10552682 users:(("kubelet",pid=412,fd=9))
u_str ESTAB 0      0         /var/run/docker.sock 10546740 * 10545829 users:(("dockerd",pid=99,fd=55))
u_str ESTAB 0      0                            * 10545829 * 10546740 users:(("telegraf",pid=7,fd=3),("telegraf",pid=8,fd=3))
u_str ESTAB 0      0                            * 10537630 * 10537631 users:(("dockerd",pid=99,fd=2))
u_str ESTAB 0      0      /run/containerd/c.sock 1 * 2 users:(("containerd",pid=5,fd=2))
"""
LIMITS = """\
/proc/1351/limits:Max cpu time              unlimited            unlimited            seconds   \n\
/proc/1351/limits:Max open files            20000                20000                files     \n\
/proc/1352/limits:Max open files            20000                20000                files     \n\
/proc/1352/limits:Max cpu time              unlimited            unlimited            seconds   \n\
/proc/1353/limits:Max open files            1024                 524288               files     \n\
/proc/1353/limits:Max nice priority         0                    0                    \n"""
OWN = """\
Limit                     Soft Limit           Hard Limit           Units     \n\
Max open files            20000                20000                files     \n"""
FILTER = """\
:FORWARD DROP [12:720]
-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER-USER -s 10.0.0.0/8 -j DROP
-A DOCKER-USER -j RETURN
"""
UNITS = """\
Id=puppet.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled

Id=salt-minion.service
LoadState=not-found
ActiveState=inactive
UnitFileState=

Id=monit.service
LoadState=masked
ActiveState=inactive
UnitFileState=masked
"""


def parsed(**outputs: str) -> NodeFacts:
    capture = capture_of()
    for key, text in outputs.items():
        capture = with_output(capture, key.replace("_", " ").replace("containerd unit", "containerd.service"), text)
    return facts_from(capture)


def test_peers_of_the_socket_are_its_users() -> None:
    assert parsed(docker_socket_users=SOCKETS).socket_users == (
        SocketUser("kubelet", 412, "/run/docker.sock"),
        SocketUser("telegraf", 7, "/run/docker.sock"),
        SocketUser("telegraf", 8, "/run/docker.sock"),
    )


def test_processes_with_the_same_limits_are_counted() -> None:
    both = {"cpu time": ("unlimited", "unlimited"), "open files": ("20000", "20000")}
    limits = {"nice priority": ("0", "0"), "open files": ("1024", "524288")}
    assert parsed(pod_limits=LIMITS).pod_limits == (ProcessLimits(2, both), ProcessLimits(1, limits))


def test_limits_of_a_unit() -> None:
    facts = parsed(limits_containerd_unit=OWN)
    assert facts.unit_limits["containerd.service"] == ProcessLimits(1, {"open files": ("20000", "20000")})


def test_the_firewall_tells_what_is_dockers_own() -> None:
    facts = parsed(iptables_filter=FILTER)
    assert facts.firewall == Firewall("DROP", 3, ("-A DOCKER-USER -s 10.0.0.0/8 -j DROP",))


def test_a_firewall_that_says_nothing_is_unreadable() -> None:
    capture = capture_of()
    said = CommandReading(1, b"", b"sh: iptables-save: not found\n")
    facts = facts_from(dataclasses.replace(capture, commands={**capture.commands, "iptables filter": said}))
    assert facts.firewall is None
    assert [(unreadable.what, unreadable.reason) for unreadable in facts.unreadable] == [
        ("iptables filter", "sh: iptables-save: not found")
    ]


def test_a_firewall_that_was_not_asked_about_is_none() -> None:
    skipped = CommandReading(0, skipped="docker.service is not active")
    capture = capture_of()
    facts = facts_from(dataclasses.replace(capture, commands={**capture.commands, "iptables filter": skipped}))
    assert (facts.firewall, facts.unreadable) == (None, ())


def test_units_that_are_not_there_are_left_out() -> None:
    assert parsed(actor_units=UNITS).actors.services == (Service("puppet.service", "active", "enabled"),)


@pytest.mark.parametrize(
    ("active", "enabled", "acts"),
    [("active", "disabled", True), ("inactive", "enabled", True), ("failed", "static", False), ("inactive", "masked", False)],
)
def test_a_unit_acts_that_runs_or_will(active: str, enabled: str, acts: bool) -> None:
    assert Service("x.service", active, enabled).acts is acts


def test_calls_name_file_line_and_words() -> None:
    text = (
        "/etc/cron.d/p:3: puppet  agent\n/lib/systemd/system/x.service:7:/ansible-pull\n/usr/lib/systemd/system/x.service:7:/ansible-pull\n"
    )
    assert parsed(actor_calls=text).actors.calls == (
        HostUse("/etc/cron.d/p", 3, "puppet agent"),
        HostUse("/usr/lib/systemd/system/x.service", 7, "/ansible-pull"),
    )


def test_what_configuration_management_owns() -> None:
    facts = parsed(puppet_resources="Service[docker]\nfile[/etc/docker/daemon.json]\n", chef_cookbooks="/var/chef/cache/cookbooks/docker\n")
    assert facts.actors.managed == ("file[/etc/docker/daemon.json]", "service[docker]", "cookbook[docker]")


def test_settings_of_update_tools() -> None:
    facts = parsed(
        apt_settings="unattended='1'\nreboot='true'\nother='x'\n",
        needrestart="$nrconf{restart} = 'l';\n  $nrconf{restart} = \"a\";\n#$nrconf{restart} = 'i';\n",
    )
    assert facts.actors.settings == {
        "APT::Periodic::Unattended-Upgrade": "1",
        "Unattended-Upgrade::Automatic-Reboot": "true",
        "needrestart restart": "a",
    }


def test_logins_are_names() -> None:
    text = '/root/.docker/config.json:"registry.corp.example":\n/root/.docker/config.json:"https://index.docker.io/v1/" :\nnoise\n'
    assert parsed(docker_logins=text).logins == (
        Login("/root/.docker/config.json", "https://index.docker.io/v1/"),
        Login("/root/.docker/config.json", "registry.corp.example"),
    )


def test_certificates_are_paths() -> None:
    facts = parsed(docker_certificates="/etc/docker/certs.d/reg:5000/ca.crt\n/etc/passwd\n")
    assert facts.docker_certificates == ("/etc/docker/certs.d/reg:5000/ca.crt",)


def test_variables_of_the_environment_file_are_named_with_their_place() -> None:
    capture = capture_of()
    data = b"# comment\nHTTPS_PROXY=http://u:secret@proxy:3128\n"
    facts = facts_from(dataclasses.replace(capture, paths={**capture.paths, "/etc/default/docker": PathReading("file", data=data)}))
    environment = getattr(facts.docker, "environment", ())
    assert [(name, str(place)) for name, place in environment if place.path == "/etc/default/docker"] == [
        ("HTTPS_PROXY", "/etc/default/docker:2")
    ]


def test_an_earlier_capture_that_did_not_ask_gives_no_finding() -> None:
    capture = capture_of()
    old = dataclasses.replace(
        capture,
        commands={
            key: value
            for key, value in capture.commands.items()
            if key == "docker users" or (key not in KEYS and not key.startswith("limits "))
        },
        paths={key: value for key, value in capture.paths.items() if not key.startswith("/proc/sys/fs/")},
    )
    facts = facts_from(old)
    assert not [unreadable for unreadable in facts.unreadable if unreadable.what in KEYS or unreadable.what.startswith("/proc/sys/fs/")]
    assert (facts.socket_users, facts.firewall, facts.pod_limits, facts.logins, facts.docker_certificates) == ((), None, (), (), ())
    assert (facts.actors.services, facts.actors.calls, facts.actors.managed, dict(facts.actors.settings)) == ((), (), (), {})


SEED = "".join(
    (SOCKETS, LIMITS, FILTER, UNITS, "/etc/cron.d/x:1:\x1b[31m docker ps --password hunter22\n$nrconf{restart} = 'a'\nunattended='1'\n")
)
HOSTILE = (
    st.text(max_size=300)
    | st.lists(st.sampled_from(SEED.splitlines()) | st.text(max_size=60), max_size=30).map("\n".join)
    | st.builds(lambda line, times: (line + "\n") * times, st.sampled_from(SEED.splitlines()), st.integers(1, 600))
)


@given(st.sampled_from(KEYS), HOSTILE, st.sampled_from((0, 1, 2, 123, 124)))
@settings(max_examples=250, deadline=None)
def test_no_output_breaks_the_reading(key: str, text: str, code: int) -> None:
    data = text.encode("utf-8", "surrogatepass")
    reading = Reading(Capture("hostile", 0, {key: CommandReading(code, data, data)}))
    # only the parsers of these readings: the whole of the facts takes a hundred times as long
    acting = actors(reading)
    users, uses = leaning.socket_users(reading), system.docker_uses(reading)
    rest = (leaning.firewall(reading), leaning.pod_limits(reading), leaning.unit_limits(reading), leaning.logins(reading))
    for word in words((acting, users, uses, *rest, leaning.docker_certificates(reading))):
        assert "\x1b" not in word
        assert len(word) <= LONGEST
    assert max(len(users), len(uses), len(acting.calls)) <= MOST
    assert len(acting.managed) <= 2 * MOST


def words(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [word for pair in value.items() for part in pair for word in words(part)]
    if isinstance(value, tuple | list):
        return [word for part in value for word in words(part)]
    if dataclasses.is_dataclass(value):
        return [word for field in dataclasses.fields(value) for word in words(getattr(value, field.name))]
    return []


def test_one_long_line_takes_no_time() -> None:
    for key in ("docker socket users", "actor calls", "pod limits", "docker logins", "iptables filter"):
        for part in ("a", "/a:1:", "* 1 ", "-A DOCKER-USER ", '"x.y":'):
            parsed(**{key.replace(" ", "_"): part * 100_000})


def test_an_environment_file_that_cannot_be_read_is_noted() -> None:
    capture = capture_of()
    reading = PathReading("file", data=b"HTTPS_PROXY='x")
    facts = facts_from(dataclasses.replace(capture, paths={**capture.paths, "/etc/default/docker": reading}))
    assert [unreadable.what for unreadable in facts.unreadable] == ["variables of /etc/default/docker"]
