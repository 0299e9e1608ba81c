"""The probe reads and never writes: by an allow-list of every command in it, and by running it, also against hostile programs."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from migrate.facts.capture import TIMED_OUT, Capture, CommandReading
from migrate.facts.frames import OUTPUT_CAP, decode
from migrate.facts.probes import FILES, LOOKS, PATTERNS, PROBES, UNITS, render_probe

FIXED = (Path(__file__).parents[2] / "migrate" / "node" / "probe.sh").read_text("utf-8")
MARKER = "d2c-0123456789abcdef"
SHELLS = [shell for shell in (("dash",), ("busybox", "sh"), ("bash", "--posix")) if shutil.which(shell[0])]

# what etcd is asked by: its own words follow
ETCDCTL = (
    "exec --env ETCDCTL_API=3 ID etcdctl --write-out json --dial-timeout 3s --command-timeout 5s --endpoints https://127.0.0.1:2379 "
    "--cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/healthcheck-client.crt "
    "--key /etc/kubernetes/pki/etcd/healthcheck-client.key"
)
# Programs that may stand in a probe: the words that must follow (after global options), or None for any but FORBIDDEN ones.
READ_ONLY: dict[str, tuple[str, ...] | None] = {
    **dict.fromkeys(
        ("cat", "df", "find", "getent", "grep", "pgrep", "readlink", "ss", "stat", "systemd-detect-virt", "tail", "tr", "uname"), None
    ),
    **dict.fromkeys(("base64", "head"), None),
    "apt-config": ("shell unattended APT::Periodic::Unattended-Upgrade reboot Unattended-Upgrade::Automatic-Reboot",),
    "containerd": ("--version", "--config config dump"),
    "crictl": ("--version",),
    "crio": ("--version", "config"),
    "crun": ("--root /run --version", "list"),
    "ctr": ("--version", "plugins ls", "images ls -q", "tasks ls -q"),
    "date": ("-u +%s",),
    "docker": (
        *("version --format", "info --format", "ps -a -q --no-trunc", "ps -q --filter", "images -q --no-trunc"),
        *("inspect --type container --format", "image inspect --format"),
        *(f"{ETCDCTL} {words}" for words in ("member list", "endpoint status --cluster", "endpoint health --cluster", "alarm list")),
    ),
    "dpkg-query": ("-W -f",),
    "id": ("-u",),
    "iptables-save": ("-t filter",),
    "kubeadm": ("version -o short",),
    "podman": ("--version",),
    "skopeo": ("--version",),
    "flock": ("--version",),
    "rpm": ("-q --qf",),
    "runc": ("--version", "list"),
    "runsc": ("--version", "list"),
    "vzlist": ("-a -H -o ctid,status,name",),
    "rkt": ("version",),
    **dict.fromkeys(
        ("frakti", "incusd", "kata-runtime", "libvirtd", "lkvm", "lxc-start", "lxd", "qemu-kvm", "qemu-system-aarch64"), ("--version",)
    ),
    **dict.fromkeys(("qemu-system-x86_64", "virtqemud", "vzctl"), ("--version",)),
    "sed": ("-n s/ hold ok installed$//p", "-n -e s/^--*$2=//p"),
    "sort": ("-u",),
    "systemctl": ("--version", "show", "list-timers --all --no-legend --no-pager"),
}
GLOBAL_OPTIONS = {"docker": {"-H": 1}, "ctr": {"--address": 1, "-n": 1}, "containerd": {}}
FORBIDDEN = re.compile(r"^(-exec|-execdir|-ok|-okdir|-delete|-fprint.*|-fls|-o|--output.*|-i|--in-place.*|-w|-s|--set.*|-F|--prune)$")
OPTIONS_THAT_ONLY_LOOK_ALIKE = {"grep": {"-o", "-s", "-i"}, "find": {"-o"}}
SHELL_WORDS = {
    *("if", "then", "elif", "else", "fi", "case", "esac", "for", "in", "do", "done", "while", "until", "return", "shift", "set", "unset"),
    *("export", "command", "printf", "echo", "continue", "break", "exit", "rc"),
}


def simple_commands(words: list[str]) -> list[list[str]]:
    """The programs that a probe's words start: `sh -c` and `xargs` are opened."""
    if words[:2] == ["sh", "-c"]:
        assert words[3:4] == ["sh"], f"$0 of {words}"
        assert len(words) <= 5
        stages = words[2].split("|")
        return [command for stage in stages for command in simple_commands(shlex.split(stage))]
    if words[0] == "xargs":
        assert words[1] == "-r"
        if words[2:4] == ["-I", "ID"]:
            return simple_commands(words[4:])
        return simple_commands(words[3:] if words[2] == "-0" else words[2:])
    return [words]


def check(words: list[str]) -> None:
    program, *arguments = words
    program = program.removeprefix("/opt/kata/bin/").removeprefix("/usr/libexec/")
    assert program in READ_ONLY, f"{program} is not in the allow-list"
    allowed = READ_ONLY[program]
    alike = OPTIONS_THAT_ONLY_LOOK_ALIKE.get(program, set())
    if allowed is None:
        assert not [word for word in arguments if FORBIDDEN.match(word) and word not in alike], words
        return
    takes = GLOBAL_OPTIONS.get(program, {})
    while arguments and arguments[0] in takes:
        arguments = arguments[1 + takes[arguments[0]] :]
    said = " ".join(arguments)
    # etcdctl has words that write: `member` and `alarm` are followed by others too
    assert said in allowed if " etcdctl " in said else any(said.startswith(prefix) for prefix in allowed), words


def check_all(words: list[str]) -> None:
    for command in simple_commands(words):
        check(command)


def without_text(script: str) -> str:
    """The script without comments and single-quoted text."""
    lines = [line for line in script.split("\n") if not line.lstrip().startswith("#")]
    return re.sub(r"'[^']*'", "''", re.sub(r"\s#\s.*", "", "\n".join(lines)))


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.key)
def test_a_probe_only_reads(probe) -> None:
    words = shlex.split(probe.command)
    check_all(words)
    outside_quotes = re.sub(r"'[^']*'", "", probe.command)
    assert not re.search(r"[<>;&`]|\$\(", outside_quotes), "a probe is one command: no redirection, no second command"
    inner = words[2] if words[:2] == ["sh", "-c"] else ""
    assert not re.search(r"[<>;&`]|\$\(", inner)
    assert 0 < probe.seconds <= 60
    assert probe.gate in (None, *UNITS)
    assert probe.gate or not re.search(r"\bdocker -H|\bctr --address", probe.command), "a socket-activated daemon must not be woken"
    assert not re.match(r"lxc |incus |virsh |machinectl |podman (?!--version)", probe.command), "these start their daemon, or make files"
    assert probe.there is None or probe.there.startswith("/")


@pytest.mark.parametrize(
    "command",
    [
        "rm -rf /",
        "docker -H unix:///x rm c",
        "docker -H unix:///x system prune",
        "find / -delete",
        "find / -exec rm {} +",
        "date -s now",
        "sort -o /etc/passwd",
        "systemctl stop docker",
        "ctr -n k8s.io images rm x",
        "sed -i s/a/b/ /etc/x",
        "apt-config shell x Acquire::http::Proxy",
        "iptables-save -f /etc/x",
        "sh -c 'docker -H x ps | tee /x' sh",
        "kubeadm reset",
        "stat -o x",
        "runc delete x",
        "runsc delete x",
        "/opt/kata/bin/kata-runtime exec x",
        "docker -H x exec ID rm x",
        f"docker -H x {ETCDCTL} member remove 1",
        f"docker -H x {ETCDCTL} member list x",
    ],
)
def test_the_allow_list_refuses_what_writes(command: str) -> None:
    with pytest.raises(AssertionError):
        check_all(shlex.split(command))


def test_the_fixed_part_starts_only_known_programs() -> None:
    own = set(re.findall(r"^(\w+)\(\)", FIXED, re.M))
    code = without_text(FIXED).replace("\\\n", " ")
    run_by_name = set(re.findall(r"\brun (?:''|\"[^\"]*\") \d+ (\S+)", code))
    code = re.sub(r"\[![^]]*\]|\[[^]\s]*\]", "", re.sub(r'-e "[^"]*"', "", code)).replace('"', " ")  # patterns and sed scripts
    starts = set(re.findall(r"(?:^|[|;&({)!]|\b(?:then|do|else|if)\b)[ \t]*([A-Za-z_][\w.-]*)(?![\w.-]*[=(])", code, re.M))
    variables = {
        word for word in starts if re.search(rf"\b{re.escape(word)}=|\bfor {re.escape(word)} in\b|\$\{{?{re.escape(word)}\b", code)
    }
    labels = {"EnvironmentFiles", "MainPID"}  # patterns of a `case`
    programs = {"base64", "grep", "head", "readlink", "sed", "stat", "systemctl", "tail", "timeout", "tr"}
    assert starts - own - SHELL_WORDS - variables - labels == programs
    # of a program that a unit starts the version, of a CNI plugin the question that it answers without doing anything, of folders a list
    asked = {'run "$1" 10 "$asked" --version', 'run "cni $name speaks" 5 env CNI_COMMAND=VERSION "$folder/$name"'}
    imported = "run 'containerd imports' 10 find \"$@\" -maxdepth 0"
    listed = {"run 'cni plugins' 10 find -L \"$@\" -maxdepth 1 -type f -perm -u+x", imported}
    calls = re.compile(r"\brun (\S+|\"[^\"]*\"|'[^']*') \d+ (\"|env|find)")
    assert {line.strip() for line in FIXED.splitlines() if calls.search(line)} == asked | listed
    assert run_by_name == {"systemctl", "cat", "df", "env", "find", "grep", '"$asked"'}
    assert set(re.findall(r"systemctl (\S+)", code)) == {"show"}


def test_nothing_is_redirected_into_a_file() -> None:
    code = without_text(render_probe(FIXED, MARKER))
    targets = {match for match in re.findall(r"\d?>>?&?\s*[^\s;|)}]+", code) if "=>" not in match}
    assert targets == {">/dev/null", "2>/dev/null", "2>&1", ">&3", "3>&-", "3>&1"}
    assert "|| true" not in code
    assert "eval" not in code


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
def test_shellcheck_finds_nothing(tmp_path: Path) -> None:
    script = tmp_path / "probe.sh"
    script.write_text(render_probe(FIXED, MARKER))
    # SC2016: the Go templates and dpkg's format hold dollars on purpose
    result = subprocess.run(["shellcheck", "-s", "dash", "-e", "SC2016", str(script)], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")


def run(script: str, shell: tuple[str, ...] = ("sh",)) -> tuple[Capture, bytes]:
    result = subprocess.run([*shell, "-s"], input=script.encode(), capture_output=True, timeout=120, check=False)
    return decode(result.stdout, MARKER, "here"), result.stderr


def with_programs(folder: Path, **programs: str) -> str:
    """The script, with these programs found before the machine's own; `_` in a name is `-`."""
    for name, body in programs.items():
        path = folder / name.replace("_", "-")
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
    return render_probe(FIXED, MARKER).replace("PATH=/usr/local/sbin:", f"PATH={folder}:/usr/local/sbin:", 1)


# one systemd, told by the words it is asked with
SYSTEMCTL = r"""
case "$*" in
  'show -p LoadState -- '*)
    shift 4; for u; do case $u in {loaded}) echo LoadState=loaded ;; *) echo LoadState=not-found ;; esac; echo; done ;;
  'show -p ActiveState -- '*)
    shift 4; for u; do case $u in {active}) echo ActiveState=active ;; *) echo ActiveState=inactive ;; esac; echo; done ;;
  'show -p FragmentPath -p DropInPaths -p EnvironmentFiles -p MainPID -- kubelet.service')
    printf '%s\n' 'MainPID={pid}' 'FragmentPath={folder}/kubelet.service' 'DropInPaths={folder}/10.conf {folder}/20.conf' \
      'EnvironmentFiles={folder}/a.env (ignore_errors=yes)' 'EnvironmentFiles={folder}/none.env (ignore_errors=yes)' ;;
  'show -p ExecStart -- kubelet.service') echo 'ExecStart={{ path={starts} ; argv[]={starts} --v=2 ; ignore_errors=no ; pid=0 }}' ;;
  'show -p FragmentPath '*) printf '%s\n' MainPID=0 FragmentPath= DropInPaths= ;;
  'show --no-pager '*) for u; do :; done; echo "Id=$u" ;;
  *) exit 1 ;;
esac
"""


def systemctl(folder: Path, *, loaded: str, active: str, pid: int, starts: str = "/usr/bin/kubelet") -> str:
    text = SYSTEMCTL.replace("{{", "{").replace("}}", "}")
    for key, value in {"loaded": loaded, "active": active, "pid": str(pid), "folder": str(folder), "starts": starts}.items():
        text = text.replace("{" + key + "}", value)
    return text


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_it_reads_this_machine(shell: tuple[str, ...]) -> None:
    capture, errors = run(render_probe(FIXED, MARKER), shell)
    assert errors == b""
    assert {probe.key for probe in PROBES} <= capture.commands.keys()
    assert {f"systemctl show {unit}" for unit in UNITS} <= capture.commands.keys()
    assert {*FILES, *LOOKS} <= capture.paths.keys()
    assert capture.commands["uname"] == CommandReading(0, f"{os.uname().sysname} {os.uname().release} {os.uname().machine}\n".encode())
    assert capture.commands["id"].text == f"{os.getuid()}\n"
    assert capture.taken > 1_700_000_000
    assert capture.paths["/etc/os-release"].data == Path("/etc/os-release").read_bytes()
    assert capture.paths["/proc/sys/net/ipv4/ip_forward"].text in ("0\n", "1\n")
    assert {capture.paths[path].kind for path in LOOKS if path != "/dev/kvm"} <= {"file", "directory", "socket", "absent"}
    assert all(capture.paths[path].data is None for path in LOOKS)


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_units_give_their_files_and_every_frame_is_counted(tmp_path: Path, shell: tuple[str, ...]) -> None:
    for name in ("kubelet.service", "10.conf", "20.conf", "a.env"):
        (tmp_path / name).write_text(f"{name}\n")
    process = subprocess.Popen(["sleep", "60"])
    try:
        script = with_programs(
            tmp_path,
            systemctl=systemctl(tmp_path, loaded="kubelet.service|docker.service", active="kubelet.service", pid=process.pid),
            docker=f"touch {tmp_path}/woken",
        )
        capture, errors = run(script, shell)
    finally:
        process.kill()
        process.wait()
    assert errors == b""
    assert capture.commands["systemctl show kubelet.service"].text == "Id=kubelet.service\n"
    assert capture.commands["cmdline kubelet.service"].stdout == b"sleep\x0060\x00"
    assert capture.commands["systemctl show crio.service"].skipped == "unit not loaded"
    assert "cmdline docker.service" not in capture.commands
    assert {path.removeprefix(f"{tmp_path}/"): reading.data for path, reading in capture.under(str(tmp_path))} == {
        "kubelet.service": b"kubelet.service\n",
        "10.conf": b"10.conf\n",
        "20.conf": b"20.conf\n",
        "a.env": b"a.env\n",
        "none.env": None,
    }
    assert capture.commands["docker info"].skipped == "docker.service is not active"
    assert not (tmp_path / "woken").exists()


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_the_kubelet_and_the_cni_folders_are_those_of_its_unit(tmp_path: Path, shell: tuple[str, ...]) -> None:
    own, plugins, others, networks = (tmp_path / name for name in ("own", "plug ins", "others", "net.d"))
    for folder in (own, plugins, others, networks):
        folder.mkdir()
    programs = {own / "kubelet": "echo Kubernetes v1.20.4", plugins / "loopback": "echo $CNI_COMMAND", others / "loopback": "exit 9"}
    for path, body in programs.items():
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
    (others / "bridge").symlink_to("loopback")
    (networks / "10-x.conflist").write_text("{}\n")
    flags = [f"--cni-bin-dir={plugins}/,{others}", "--cni-conf-dir", str(networks)]
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", *flags])
    try:
        stub = systemctl(tmp_path, loaded="kubelet.service", active="kubelet.service", pid=process.pid, starts=str(own / "kubelet"))
        capture, errors = run(with_programs(tmp_path, systemctl=stub, kubelet="echo another"), shell)
    finally:
        process.kill()
        process.wait()
    assert errors == b""
    assert capture.commands["kubelet version"].text == "Kubernetes v1.20.4\n"
    assert capture.commands["cni loopback speaks"].text == "VERSION\n"
    assert capture.commands["cni portmap speaks"].skipped == f"none of {plugins} {others} has it"
    listed = capture.commands["cni plugins"].text.splitlines()
    assert {f"{plugins}/loopback", f"{others}/loopback", f"{others}/bridge"} <= set(listed)
    assert {str(path): capture.paths[str(path)].kind for path in (own / "kubelet", plugins, others, networks)} == {
        str(own / "kubelet"): "file",
        **dict.fromkeys(map(str, (plugins, others, networks)), "directory"),
    }
    assert capture.paths[f"{networks}/10-x.conflist"].data == b"{}\n"


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_a_wrapper_of_the_kubelet_is_not_run(tmp_path: Path, shell: tuple[str, ...]) -> None:
    wrapper = tmp_path / "kubelet-wrapper"
    wrapper.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    wrapper.chmod(0o755)
    stub = systemctl(tmp_path, loaded="kubelet.service", active="none", pid=0, starts=str(wrapper))
    capture, _ = run(with_programs(tmp_path, systemctl=stub, kubelet="echo Kubernetes v1.20.4"), shell)
    assert not (tmp_path / "started").exists()
    assert capture.commands["kubelet version"].text == "Kubernetes v1.20.4\n"


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_a_silent_systemd_is_no_unloaded_unit(tmp_path: Path, shell: tuple[str, ...]) -> None:
    capture, _ = run(with_programs(tmp_path, systemctl="exit 1"), shell)
    assert {capture.commands[f"systemctl show {unit}"].skipped for unit in UNITS} == {"systemd does not answer"}


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_hostile_programs_forge_nothing(tmp_path: Path, shell: tuple[str, ...]) -> None:
    forged = f"printf '{MARKER} path /etc/docker/daemon.json\\nstat 644 a:b 1 1 regular file\\n{MARKER} end 1\\n\\033[2J\\000\\377tail'"
    script = with_programs(
        tmp_path,
        runc=f"{forged}; {forged} >&2; exit 3",
        crun="yes 0123456789 | head -c 6000000",
        podman="exec sleep 100",
        crictl="exit 42",
    )
    script = script.replace("run 'podman version' 10 ", "run 'podman version' 1 ")
    capture, _ = run(script, shell)
    said = subprocess.run([str(tmp_path / "runc")], capture_output=True, check=False)
    assert said.stdout.endswith(b"\x1b[2J\x00\xfftail")
    assert capture.commands["runc version"] == CommandReading(3, said.stdout, said.stderr)
    assert (len(capture.commands["crun version"].stdout), capture.commands["crun version"].truncated) == (OUTPUT_CAP, True)
    assert capture.commands["podman version"].rc in ((TIMED_OUT,) if shell[0] != "busybox" else (TIMED_OUT, 143))
    assert capture.commands["crictl version"].rc == 42
    assert "/etc/docker/daemon.json" in capture.paths
    assert capture.paths["/etc/docker/daemon.json"].owner != "a:b"


def test_a_command_that_is_not_there_is_127(tmp_path: Path) -> None:
    script = render_probe(FIXED, MARKER).replace("run 'crun version' 10 crun", "run 'crun version' 10 no-such-program")
    assert run(script)[0].commands["crun version"] == CommandReading(127)


def test_patterns_are_read_where_they_match(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text("a\n")
    (tmp_path / "odd name\n.conf").write_text("b\n")
    (tmp_path / "c.conf").symlink_to("a.conf")
    script = render_probe(FIXED, MARKER).replace(f"slurp_each {PATTERNS[0]}", f"slurp_each {tmp_path}/*.conf")
    capture, _ = run(script)
    got = {path.removeprefix(f"{tmp_path}/"): (reading.data, reading.target) for path, reading in capture.under(str(tmp_path))}
    assert got == {"a.conf": (b"a\n", None), "odd name\n.conf": (b"b\n", None), "c.conf": (b"a\n", f"{tmp_path}/a.conf")}
