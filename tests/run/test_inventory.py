"""Inventories: what Ansible would read, and a refusal that names the line for what it cannot."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from migrate.errors import UsageError
from migrate.run.inventory.read import Inventory, InventoryHost, parse_inventory, parse_list, read_inventory
from migrate.run.ports import Secret

INI = """\
# before any section
lonely
[control]
cp01 ansible_host=10.0.0.1 ansible_user=admin   # a comment
cp02 ansible_host="10.0.0.2" ansible_port=2222

[workers]
node[001:003] rack=r1
gpu-[a:c] ansible_become=False
step[0:4:2]
box:2200
[fd00::7]:2201

[cluster:children]
control
workers

[cluster:vars]
ansible_user = ops
ansible_become = true
ansible_ssh_private_key_file=keys/cluster
ansible_ssh_common_args='-o ProxyJump=jump@bastion:2222 -o "StrictHostKeyChecking no"'

[workers:vars]
ansible_user=worker
ansible_become_password = 'it''s hard'

[all:vars]
ansible_port=22022
"""

RANKS = """\
[b]
h
[a]
h
[top:children]
a
[all:vars]
ansible_user=all
[top:vars]
ansible_user=top
ansible_port=1
[b:vars]
ansible_user=b
ansible_host=b
[a:vars]
ansible_host=a
"""
PRIORITY = "[b:vars]\nansible_group_priority=5\n"


def by_name(inventory: Inventory) -> dict[str, InventoryHost]:
    return {host.name: host for host in inventory.hosts}


def refusal(text: str, source: str = "hosts.ini") -> str:
    with pytest.raises(UsageError) as caught:
        parse_inventory(text, source)
    return str(caught.value)


def test_ini_hosts_in_order() -> None:
    names = [host.name for host in parse_inventory(INI, "hosts.ini").hosts]
    assert names == [
        "lonely", "cp01", "cp02", "node001", "node002", "node003", "gpu-a", "gpu-b", "gpu-c", "step0", "step2", "step4", "box", "fd00::7",
    ]  # fmt: skip


def test_ini_whole_hosts() -> None:
    hosts = by_name(parse_inventory(INI, "hosts.ini"))
    args = (("ProxyJump", "jump@bastion:2222"), ("StrictHostKeyChecking", "no"))
    assert hosts["lonely"] == InventoryHost("lonely", port=22022, where="hosts.ini:2")
    assert hosts["cp01"] == InventoryHost("cp01", "10.0.0.1", 22022, "admin", "keys/cluster", args, True, where="hosts.ini:4")
    assert hosts["gpu-b"] == InventoryHost(
        "gpu-b", None, 22022, "worker", "keys/cluster", args, False, Secret("its hard"), where="hosts.ini:9"
    )
    assert (hosts["cp02"].port, hosts["box"].port, hosts["fd00::7"].port) == (2222, 2200, 2201)


def test_a_password_is_in_no_text() -> None:
    assert "its hard" not in repr(parse_inventory(INI, "hosts.ini"))


@pytest.mark.parametrize("text", [INI, RANKS, RANKS + PRIORITY])
def test_ini_is_what_ansible_reads(tmp_path: Path, text: str) -> None:
    if not shutil.which("ansible-inventory"):
        pytest.skip("no ansible-inventory here: install ansible-core")
    path = tmp_path / "hosts.ini"
    path.write_text(text)
    environment = os.environ | {"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "1", "HOME": str(tmp_path)}
    done = subprocess.run(["ansible-inventory", "-i", path, "--list"], capture_output=True, text=True, check=True, env=environment)
    ours, theirs = by_name(parse_inventory(text, "x")), by_name(parse_inventory(done.stdout, "x"))
    assert ours.keys() == theirs.keys()
    for name, host in ours.items():
        other = theirs[name]
        assert (host.address, host.port, host.user, host.key_file, host.ssh_options, host.become, host.become_password) == (
            other.address, other.port, other.user, other.key_file, other.ssh_options, other.become, other.become_password,
        )  # fmt: skip


def test_deeper_groups_win_then_priority_then_name() -> None:
    host = parse_inventory(RANKS, "x").hosts[0]
    assert (host.user, host.port, host.address) == ("top", 1, "a")
    host = parse_inventory(RANKS + PRIORITY, "x").hosts[0]
    assert (host.user, host.port, host.address) == ("b", 1, "a")


def test_json() -> None:
    document = {
        "_meta": {"hostvars": {"node01": {"ansible_host": "10.0.0.1", "ansible_port": 2222, "ansible_become": True, "other": "{{ x }}"}}},
        "all": {"children": ["ungrouped", "workers"]},
        "workers": {"hosts": ["node01", "node02"], "vars": {"ansible_user": "ops"}},
        "ungrouped": ["lonely"],
    }
    assert parse_inventory(json.dumps(document), "inv.json").hosts == (
        InventoryHost("node01", "10.0.0.1", 2222, "ops", become=True, where="inv.json: workers.hosts"),
        InventoryHost("node02", user="ops", where="inv.json: workers.hosts"),
        InventoryHost("lonely", where="inv.json: ungrouped.hosts"),
    )


def test_list() -> None:
    assert parse_list("a, b:2222,n[08:10],").hosts == (
        InventoryHost("a", where="-i a, b:2222,n[08:10],"),
        InventoryHost("b", port=2222, where="-i a, b:2222,n[08:10],"),
        *(InventoryHost(name, where="-i a, b:2222,n[08:10],") for name in ("n08", "n09", "n10")),
    )


@pytest.mark.parametrize("connection", ["local", "ssh", "smart", "paramiko"])
def test_connection(connection: str) -> None:
    host = parse_inventory(f"h ansible_connection={connection}\n", "x").hosts[0]
    assert host.connection == ("local" if connection == "local" else "ssh")


@pytest.mark.parametrize(
    ("args", "options"),
    [
        ('-o ProxyCommand="ssh -W %h:%p b"', (("ProxyCommand", "ssh -W %h:%p b"),)),
        ("-C -o ControlMaster=auto -o ControlPersist=60s -qT", ()),
        ("-J a,b:2200 -p 5 -i /k", (("ProxyJump", "a,b:2200"), ("Port", "5"), ("IdentityFile", "/k"))),
        ("-l me -4", (("User", "me"), ("AddressFamily", "inet"))),
        ("-oUser=x -6", (("User", "x"), ("AddressFamily", "inet6"))),
        ("-o 'User x'", (("User", "x"),)),
    ],
)
def test_ssh_arguments(args: str, options: tuple[tuple[str, str], ...]) -> None:
    host = parse_inventory(json.dumps({"g": {"hosts": ["h"], "vars": {"ansible_ssh_extra_args": args}}}), "x").hosts[0]
    assert host.ssh_options == options


EXPORT = "ansible-inventory -i hosts.ini --list > inv.json, then repeat with -i inv.json"
WRITE = "write the plain value there (a sudo password is better typed: --ask-become-pass)"
FORMS = "an INI file, or the JSON of ansible-inventory"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "hosts.ini names no host\n  expected: at least one host\n  next: look at hosts.ini"),
        ("{}", "hosts.ini names no host\n  expected: at least one host\n  next: look at hosts.ini"),
        (
            "a\nb ansible_user={{me}}\n",
            "hosts.ini:2: ansible_user is a template, which ansible-inventory does not render either\n"
            f"  expected: a plain value\n  next: {WRITE}",
        ),
        (
            "a\n[all:vars]\n\nansible_become_password=$ANSIBLE_VAULT;1.1;AES256\n",
            f"hosts.ini:4: ansible_become_password is encrypted by Ansible Vault\n  expected: a readable value\n  next: {WRITE}",
        ),
        (
            "$ANSIBLE_VAULT;1.1;AES256\n6231\n",
            f"hosts.ini:1: the file is encrypted by Ansible Vault\n  expected: a readable inventory\n  next: {EXPORT}",
        ),
        (
            "# x\nall:\n  hosts:\n",
            f"hosts.ini:2: this looks like a YAML inventory\n  expected: {FORMS}\n  next: {EXPORT}",
        ),
        ("---\nall:\n", f"hosts.ini:1: this looks like a YAML inventory\n  expected: {FORMS}\n  next: {EXPORT}"),
        (
            "a\n[g:hosts2]\n",
            "hosts.ini:2: the section [g:hosts2]\n  expected: [group], [group:children] or [group:vars]\n  next: fix hosts.ini:2",
        ),
        ("[a b]\nh\n", "hosts.ini:1: the section [a b]\n  expected: a name without white space in brackets\n  next: fix hosts.ini:1"),
        ("[g:vars]\na=1\n", "hosts.ini:1: the group g is used and nowhere declared\n  expected: a section [g]\n  next: fix hosts.ini:1"),
        (
            "h\n[g:children]\nx\n",
            "hosts.ini:3: the group x is used and nowhere declared\n  expected: a section [x]\n  next: fix hosts.ini:3",
        ),
        (
            "[a:children]\nb\n[b:children]\na\n[b]\nh\n",
            "the group a contains itself through b > a\n  expected: groups that form no loop\n"
            "  next: take one of these groups out of the other's children",
        ),
        (
            "h ansible_become_password=two words\n",
            "hosts.ini:1: a word without = after the host name\n  expected: key=value (quote a value that holds white space)\n"
            "  next: fix hosts.ini:1",
        ),
        ("h a='b\n", "hosts.ini:1: the quoting of this line: No closing quotation\n  expected: closed quotes\n  next: fix hosts.ini:1"),
        ("h ansible_port=ssh\n", "hosts.ini:1: the port “ssh”\n  expected: a number from 1 to 65535\n  next: fix hosts.ini:1"),
        ("h ansible_become=perhaps\n", "hosts.ini:1: “perhaps”\n  expected: true or false\n  next: fix hosts.ini:1"),
        (
            "h ansible_become_method=su\n",
            "hosts.ini:1: ansible_become_method=su\n  expected: ansible_become_method=sudo\n  next: use sudo, or log in as root",
        ),
        ("h ansible_connection=winrm\n", "hosts.ini:1: ansible_connection=winrm\n  expected: ssh or local\n  next: fix hosts.ini:1"),
        (
            "h ansible_ssh_pass=x\n",
            "hosts.ini:1: ansible_ssh_pass for h\n  expected: keys or an agent (ssh-copy-id brings a key there)\n"
            "  next: take ansible_ssh_pass out",
        ),
        (
            "h ansible_ssh_common_args='-W x'\n",
            "hosts.ini:1: the ssh argument -W\n  expected: -o Key=Value, -J, -p, -i, -l, -4 or -6\n"
            "  next: say it with -o Key=Value, or in the ssh configuration",
        ),
        *(
            (
                f"{pattern}\n",
                f"hosts.ini:1: the range in “{pattern}”\n"
                "  expected: a range as in node[001:200], rack[a:c] or node[0:10:2], its ends of equal length when padded with zeros\n"
                "  next: fix hosts.ini:1",
            )
            for pattern in ("n[1", "n[a:9]", "n[01:100]", "n[5:1]", "n[1:2:0]", "n[1]", "n[0:99999999]")
        ),
        (
            '{"g": 5}',
            "hosts.ini: g: a int\n  expected: the output of ansible-inventory --list: "
            '{"_meta": {"hostvars": {…}}, "group": {"hosts": […], "children": […]}}\n'
            "  next: fix hosts.ini: g",
        ),
    ],
)
def test_refusals(text: str, message: str) -> None:
    assert refusal(text) == message


def test_a_vaulted_json_value() -> None:
    document = {"_meta": {"hostvars": {"h": {"ansible_become_pass": {"__ansible_vault": "..."}}}}}
    assert refusal(json.dumps(document), "inv.json").startswith(
        "inv.json: _meta.hostvars.h.ansible_become_pass: ansible_become_pass is encrypted by Ansible Vault\n"
    )


def test_key_files_are_found_beside_the_inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inv" / "keys").mkdir(parents=True)
    (tmp_path / "inv" / "keys" / "one").touch()
    (tmp_path / "inv" / "two").touch()
    (tmp_path / "two").touch()
    (tmp_path / "inv" / "hosts").write_text(
        "a ansible_ssh_private_key_file=keys/one\nb ansible_ssh_private_key_file=two\nc ansible_ssh_private_key_file=~/k\nd\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    files = [host.key_file for host in read_inventory("inv/hosts").hosts]
    assert files == [str(tmp_path / "inv" / "keys" / "one"), str(tmp_path / "two"), "/home/me/k", None]


def reading_refusal(spec: str) -> str:
    with pytest.raises(UsageError) as caught:
        read_inventory(spec)
    return str(caught.value)


def test_reading_refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hosts").write_text("a\n")
    Path("group_vars").mkdir()
    Path("program").write_text("#!/bin/sh\n")
    Path("program").chmod(0o755)
    Path("bytes").write_bytes(b"\xff\xfe")
    way_out = "ansible-inventory -i {} --list > inv.json, then repeat with -i inv.json"
    assert reading_refusal("hosts") == (
        "group_vars stands beside the inventory hosts\n"
        f"  expected: an inventory that says all about its connections itself\n  next: {way_out.format('hosts')}"
    )
    assert reading_refusal(".") == f"the inventory . is a directory\n  expected: {FORMS}\n  next: {way_out.format('.')}"
    assert reading_refusal("program") == (
        f"the inventory program is a program\n  expected: {FORMS}\n  next: program --list > inv.json, then repeat with -i inv.json"
    )
    for spec, reason in (("absent", "No such file or directory"), ("bytes", "it is not UTF-8")):
        assert reading_refusal(spec) == (
            f"the inventory {spec} cannot be read: {reason}\n  expected: {FORMS}, or a list that ends in a comma\n"
            f"  next: -i {spec}, (with the comma) if {spec} is a host"
        )
    assert [host.name for host in read_inventory("hosts,").hosts] == ["hosts"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("node[1:²]\n", "the range in “node[1:²]”"),
        ("node[1:10:²]\n", "the range in “node[1:10:²]”"),
        ("node[1:" + "9" * 5000 + "]\n", "the range in “node[1:9"),
        ("h" + "[a:c]" * 20 + "\n", "stands for 3486784401 hosts\n  expected: at most 100000"),
        ("a ansible_port=" + "9" * 5000 + "\n", "the port “9999"),
        ("a ansible_port=0x" + "f" * 5000 + "\n", "the port “0xff"),
        ("[g]\na\n[g:vars]\nansible_group_priority=²\n", "ansible_group_priority is no number"),
        ('{"all": ' + "[" * 100_000, "no JSON: JSON, line 1: is nested deeper than 64"),
        ('{"all": {"vars": {"x": ' + "9" * 5000 + "}}}", "no JSON: JSON: Exceeds the limit"),
    ],
)
def test_odd_numbers_and_depths_are_refused(text: str, said: str) -> None:
    assert said in refusal(text)


def test_a_deep_chain_and_many_ways_through_groups() -> None:
    chain = "[g0]\nh\n" + "".join(f"[g{n}:children]\ng{n - 1}\n" for n in range(1, 5000)) + "[g4999:vars]\nansible_user=top\n"
    assert parse_inventory(chain, "x").hosts[0].user == "top"
    layers = "[a0]\nh\n[b0]\nh\n" + "".join(f"[{x}{n}:children]\na{n - 1}\nb{n - 1}\n" for n in range(1, 60) for x in "ab")
    assert parse_inventory(layers + "[a59:vars]\nansible_user=top\n[a0:vars]\nansible_port=7\n", "x").hosts == (
        InventoryHost("h", port=7, user="top", where="x:2"),
    )
