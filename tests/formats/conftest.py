"""The library of an installed systemd as the judge of our readers of its formats."""

import ctypes
import tempfile
from ctypes import CDLL, CFUNCTYPE, POINTER, byref, c_char_p, c_int, c_uint, c_void_p
from pathlib import Path

import pytest

RELAX, CUNESCAPE, UNESCAPE_RELAX, UNQUOTE = 1, 2, 4, 32
PATHS = ("/usr/lib/x86_64-linux-gnu/systemd", "/usr/lib/aarch64-linux-gnu/systemd", "/usr/lib/systemd", "/lib/systemd")
SETTER = CFUNCTYPE(c_int, c_char_p, c_char_p, c_uint, c_char_p, c_uint, c_char_p, c_int, c_char_p, c_void_p, c_void_p)
LOOKUP = CFUNCTYPE(c_int, c_void_p, c_char_p, c_char_p, POINTER(c_void_p), POINTER(c_int), POINTER(c_void_p), c_void_p)


class Systemd:
    """Four of systemd's own parsers; None where systemd refuses."""

    def __init__(self, path):
        self.library = CDLL(str(path))
        self.library.replace_env_argv.restype = POINTER(c_char_p)
        self.library.log_set_max_level(0)

    def env_file(self, text: str):
        """EnvironmentFile= as `{name: value}`, valid assignments only."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(text.encode())
            file.flush()
            out = POINTER(c_char_p)()
            if self.library.load_env_file(None, file.name.encode(), byref(out)) < 0:
                return None
        found = [item for item in strings(out) if self.library.env_assignment_is_valid(item.encode())]
        return dict(item.split("=", 1) for item in found)

    def words(self, text: str):
        """A unit file value's words, invalid escapes kept as config_parse_exec does."""
        return self._words(text, CUNESCAPE | UNQUOTE, CUNESCAPE | UNQUOTE | UNESCAPE_RELAX)

    def variable_words(self, text: str):
        return self._words(text, RELAX | UNQUOTE, RELAX | UNQUOTE)

    def _words(self, text, flags, retry):
        raw = c_char_p(text.encode())
        out = []
        while True:
            word, here = c_char_p(), raw.value
            result = self.library.extract_first_word(byref(raw), byref(word), None, c_uint(flags))
            if result < 0:
                raw = c_char_p(here)
                result = self.library.extract_first_word(byref(raw), byref(word), None, c_uint(retry))
            if result < 0:
                return None
            if result == 0:
                return out
            out.append((word.value or b"").decode(errors="surrogateescape"))

    def expand(self, arguments, env):
        argv = (c_char_p * (len(arguments) + 1))(*[a.encode() for a in arguments], None)
        pairs = (c_char_p * (len(env) + 1))(*[f"{k}={v}".encode() for k, v in env.items()], None)
        return strings(self.library.replace_env_argv(argv, pairs))

    def unit(self, text: str):
        """A unit file's `(section, key, value)` in order."""
        found = []

        @SETTER
        def setter(unit, filename, line, section, section_line, key, kind, value, data, userdata):
            found.append(((section or b"").decode(), key.decode(), value.decode()))
            return 0

        @LOOKUP
        def lookup(table, section, key, function, kind, data, userdata):
            function[0] = ctypes.cast(setter, c_void_p).value
            return 1

        with tempfile.NamedTemporaryFile() as file:
            file.write(text.encode())
            file.flush()
            if self.library.config_parse(None, file.name.encode(), None, None, lookup, None, 0, None, None) < 0:
                return None
        return [entry for entry in found if entry[0]]


def strings(pointer):
    found, index = [], 0
    while pointer and pointer[index] is not None:
        found.append(pointer[index].decode())
        index += 1
    return found


@pytest.fixture(scope="session")
def systemd():
    for folder in PATHS:
        library = Path(folder) / "libsystemd-shared-252.so"
        if library.exists():
            return Systemd(library)
    pytest.skip("needs the library of systemd 252 (Debian 12) to compare with")
