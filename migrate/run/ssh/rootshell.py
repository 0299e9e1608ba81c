"""The words typed at a node: one command line that ends in a root shell, and what that shell is fed. Pure.

The command line is the same for every call and login shell (sh, csh and fish read its quoting alike). It becomes root, prints a start
marker on both streams and evaluates the first line of standard input; that line does the work and closes both streams with an end marker
and the exit code. What a login script, sudo or a lecture printed stands outside of the markers; an answer without its end was cut off.
"""

import re
import secrets
import shlex
from dataclasses import dataclass

_BECOME = {True: "exec sudo {options} -- /bin/sh -c \"$1\"", False: "printf %s {not_root} >&2"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Markers:
    """Random words of one call: they frame the answer, ask for the password, and say that the user is not root."""

    start: bytes
    end: bytes
    prompt: bytes
    not_root: bytes

    @staticmethod
    def fresh() -> "Markers":
        """Draw new ones, 16 random bytes each."""
        return Markers(*(f"{word}{secrets.token_hex(16)}".encode() for word in ("start", "end", "prompt", "user")))


def command_line(markers: Markers, *, become: bool, with_password: bool) -> str:
    """Give the command for the login shell; the password is never part of it, sudo asks for it on standard error with the prompt marker."""
    start, prompt, not_root = markers.start.decode(), markers.prompt.decode(), markers.not_root.decode()
    boot = f'printf %s {start}; printf %s {start} >&2; IFS= read -r line && eval "$line"'
    options = f"-S -p {prompt}" if with_password else "-n"
    otherwise = _BECOME[become].format(options=options, not_root=not_root)
    choose = f'LC_ALL=C; export LC_ALL; if [ "$(id -u)" -eq 0 ]; then exec /bin/sh -c "$1"; else {otherwise}; fi'
    return f"exec /bin/sh -c {shlex.quote(choose)} sh {shlex.quote(boot)}"


def run_body(script: bytes, markers: Markers) -> bytes:
    """Frame a script for `/bin/sh -s`: in braces, so that a script that arrives in part does nothing; its standard input is empty."""
    return _line("/bin/sh -s", markers) + b"{\n" + script + b"\n} </dev/null\n"


def put_body(data: bytes, sha256: str, path: str, mode: int, owner: str, markers: Markers) -> bytes:
    """Frame a file: temp name in the same directory, flushed by `dd conv=fsync` (coreutils 8.22 has no `sync FILE`), compared, renamed.

    The temp file keeps the SELinux label of what it replaces. The directory itself is not flushed: no tool of the floor can.
    """
    steps = (
        f"p={shlex.quote(path)}; t=",
        'fail() { echo "$*" >&2; [ -z "$t" ] || rm -f "$t"; }',
        "put() { [ ! -d \"$p\" ] || { fail \"$p is a directory\"; return 1; }",
        't=$(umask 077; mktemp "${p%/*}/.docker2cri.XXXXXX") || { fail "no temporary file in ${p%/*}/"; return 1; }',
        'm=$(dd of="$t" bs=65536 conv=fsync 2>&1) || { fail "$m"; return 1; }',
        f's=$(sha256sum <"$t") && [ "${{s%% *}}" = {sha256} ] || {{ fail "the file did not arrive whole"; return 1; }}',
        f'chown {shlex.quote(owner)} "$t" && chmod {mode:04o} "$t" || {{ fail "owner or mode refused"; return 1; }}',
        "if command -v selinuxenabled >/dev/null 2>&1 && selinuxenabled",
        'then if [ -e "$p" ]; then chcon --reference="$p" "$t"; else restorecon "$t"; fi || { fail "no SELinux label"; return 1; }; fi',
        'mv -f "$t" "$p" || { fail "no rename"; return 1; }; }',
        "put",
    )  # fmt: skip
    return _line("; ".join(steps).replace("{;", "{"), markers) + data


def get_body(path: str, markers: Markers) -> bytes:
    """Frame a reading: the sha256 line, then the bytes."""
    read = 'if [ -f "$p" ]; then sha256sum <"$p" && cat <"$p"; else echo "no regular file there" >&2; false; fi'
    return _line(f"p={shlex.quote(path)}; {read}", markers)


def exit_code(tail: bytes) -> int | None:
    """Read the code behind an end marker, `N;`; None while it has not arrived whole."""
    match = re.match(rb"(\d{1,3});", tail)
    return int(match[1]) if match else None


def _line(work: str, markers: Markers) -> bytes:
    end = markers.end.decode()
    close = f"r=$?; printf %s%s\\; {end} $r; printf %s%s\\; {end} $r >&2"
    return f"{work}; {close}\n".encode()
