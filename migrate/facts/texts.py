"""Lines of any text that lean on Docker: calls of its command, parsers of its logs, its names in queries.

Only the matching words are ever kept: the rest of a line may hold secrets. Texts are of any origin, so that each pattern is linear.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice

from migrate.facts.cluster import ConfigMap
from migrate.facts.config_use import ConfigUse, ConfigUseKind
from migrate.facts.docker_names import FLAG_IN_TEXT, SETTING, SOCKET, SOCKET_SETTING
from migrate.facts.redact import printable

MOST = 20  # uses that are kept of one text and kind
LONGEST = 120  # characters of words that are kept

Found = Iterator[tuple[int, str]]
"""Line numbers, from 1, and the words that matched."""

_VERBS = (
    "attach|build|buildx|commit|compose|container|cp|create|events|exec|export|history|image|images|import|info|inspect|kill|load|login|logout|"
    "logs|network|pause|port|ps|pull|push|rename|restart|rm|rmi|run|save|search|service|stack|start|stats|stop|swarm|system|tag|top|unpause|"
    "update|version|volume|wait"
)
_OPTION = r"\s{1,8}(?:-(?:[Hlc]|-host|-log-level|-context|-config|-tls[a-z]{2,6})[ =]\S{1,200}|-{1,2}[\w-]{1,40}(?:=\S{0,200})?)"
CALL = re.compile(
    r"(?<![\w./@:-])(?:/usr/local/bin/|/usr/bin/|/bin/)?"
    rf"(?:(?P<compose>docker-compose)|(?P<docker>docker)(?:{_OPTION}){{0,6}}\s{{1,8}}(?P<verb>{_VERBS}))(?![\w./=:-])"
)
_COMMENT = re.compile(r"\s*(?:#|//|;)")
# What says something and runs nothing: documents, and what a script prints
_DOCUMENT = re.compile(r".*\.(?:md|txt|rst|adoc|html)|(?:README|NOTES|CHANGELOG|LICENSE)\b.*", re.IGNORECASE)
_SAYS = re.compile(r"\s*+(?:(?:then|do|else|if|!)\s++)?(?:echo|printf|print|logger|log|warn|die|git\s++commit)\b")
_SEPARATORS = ";&|`$("
_DETECTS = re.compile(r"^\s{0,20}-\s{1,4}(?:rule|macro):", re.MULTILINE)  # rules of Falco: their conditions name what they watch for

_PARSERS = (
    re.compile(r"^\s*Docker_?Mode\s*+:?\s*(?:On|true)\b", re.IGNORECASE),
    re.compile(r"^\s*Parser(?:\s*+:)?\s+docker\s*$", re.IGNORECASE),
    re.compile(r"^\s*multiline[._]?parser\s*+:?\s*docker\s*$", re.IGNORECASE),
    re.compile(r"^\s*(?:-\s*)?type\s*[:=]\s*[\"']?docker(?:_logs|-container-stats)[\"']?\s*$"),
    re.compile(r"^\s*\[\[inputs\.docker(?:_log)?\]\]\s*$"),
    re.compile(r"^\s*docker_stats\s*:\s*$"),
    re.compile(r"/var/lib/docker/containers\b"),
)
# where the same words mean something else in another program's file: the word that must stand in the text, and the line
_PARSERS_OF = (("filebeat", re.compile(r"^\s*(?:-\s*)?type\s*:\s*[\"']?docker[\"']?\s*$")),)
_STAGE = re.compile(r"\s{0,80}-\s{0,20}(docker|cri)\s{0,20}:\s{0,20}(?:\{\s{0,20}\})?\s{0,200}$")
_PARSER_NAMED = re.compile(r"\s*+Parser\s++(\S{1,80})", re.IGNORECASE)
_CRI_LOGS = re.compile(r"\bcri\b|\bstdout\|stderr\b|\(\?<stream>")
_JSON_LOGS = re.compile(r"^\s*(?:@type|format)\s+json\s*$")
_QUERIES = (
    re.compile(r"\bcontainer_label_[a-z0-9_]{1,80}"),
    re.compile(r"\bid\s{0,4}=~?\s{0,4}\\?\"[^\"\\]{0,40}docker[^\"\\]{0,40}"),
    re.compile(r"\b(?:container_)?name\s{0,4}[!=]=?~?\s{0,4}\\?\"\^?k8s_[^\"\\]{0,60}"),
    re.compile(r"\bname\\?\",\s{0,4}\\?\"\^?\(?k8s_[^\"\\]{0,60}"),
    re.compile(r"\bk8s_(?:POD\b|\(?\[\^_\])"),
    re.compile(r"\bcontainer_runtime_version\s{0,4}=~?\s{0,4}\\?\"docker[^\"\\]{0,40}"),
    re.compile(r"\b(?:kubelet_docker_operations|engine_daemon_)[a-z0-9_]{0,60}"),
)


def script_lines(text: str) -> Found:
    """Lines that call docker or docker-compose, or name its socket (a setting is told as one); not comments. Of options nothing is kept."""
    for number, line in _lines(text):
        if "docker" in line and not _COMMENT.match(line):
            if found := next(calls(line), None):
                yield number, called(found)
            elif (socket := SOCKET.search(line)) and not SOCKET_SETTING.match(line):
                yield number, _words(socket)


def calls(line: str) -> Iterator[re.Match[str]]:
    """The calls in a line of a script, without those that it only prints."""
    for found in CALL.finditer(line):
        start = max(line.rfind(separator, 0, found.start()) for separator in _SEPARATORS) + 1
        if not _SAYS.match(line, start, found.start()):
            yield found


def called(found: re.Match[str]) -> str:
    """What a match of CALL calls: `docker system`, `docker-compose`."""
    return found["compose"] or f"docker {found['verb']}"


def log_parser_lines(text: str) -> Found:
    """Lines of a log agent's configuration that read Docker's JSON log files, or ask Docker for logs and statistics."""
    known = [*_PARSERS, *(pattern for word, pattern in _PARSERS_OF if word in text)]
    told = frozenset((*(_fluentd_json(text) if "json" in text else ()), *(_docker_stages(text) if "pipeline_stages" in text else ())))
    both = frozenset(_fluent_bit_both(text) if "arser" in text else ())
    for number, line in _lines(text):
        if number in told:
            yield number, _short(line)
        elif "ocker" in line and number not in both and not _COMMENT.match(line) and (found := _first(known, line)):
            yield number, _words(found)


def query_lines(text: str) -> Found:
    """Lines with a query over names that exist under Docker alone: cAdvisor's labels of its containers, its daemon's own metrics."""
    for number, line in _lines(text):
        if ("docker" in line or "k8s_" in line or "container_label_" in line or "engine_daemon_" in line) and (
            found := _first(_QUERIES, line)
        ):
            yield number, _words(found)


def setting_lines(text: str) -> Found:
    """Lines that set a container runtime, an executor or an engine to Docker, or a value to its socket."""
    for number, line in _lines(text):
        if "ocker" not in line:
            continue
        if found := SETTING.match(line) or SOCKET_SETTING.match(line):
            yield number, _short(f"{found['key']}: {found['value']}")
        elif not _COMMENT.match(line) and (flag := FLAG_IN_TEXT.search(line)):
            yield number, _short(f"{flag['key'] or flag['json']}: {flag['value'] or flag['named']}")


_KINDS: tuple[tuple[ConfigUseKind, Callable[[str], Found]], ...] = (
    (ConfigUseKind.CALL, script_lines),
    (ConfigUseKind.LOG_PARSER, log_parser_lines),
    (ConfigUseKind.QUERY, query_lines),
    (ConfigUseKind.SETTING, setting_lines),
)


def config_uses(namespace: str, name: str, data: Mapping[str, str]) -> Iterator[ConfigUse]:
    """What of a ConfigMap leans on Docker, at most MOST lines of each key and kind."""
    for key, text in data.items():
        if alone := _alone(key, text):
            yield ConfigUse(namespace=namespace, name=name, key=printable(key), line=0, use=ConfigUseKind.SETTING, words=alone)
            continue
        for use, lines in _KINDS:
            if use is ConfigUseKind.CALL and (_DOCUMENT.fullmatch(key) or _DETECTS.search(text)):
                continue
            for line, words in islice(lines(text), MOST):
                yield ConfigUse(namespace=namespace, name=name, key=printable(key), line=line, use=use, words=words)


def _alone(key: str, text: str) -> str:
    """What a key sets whose whole value is one word, as those that become variables."""
    value = text.strip()
    if "ocker" not in value or len(value) > LONGEST or "\n" in value:
        return ""
    return next((words for _, words in setting_lines(f"{key}: {value}") if words.startswith(f"{key}: ")), "")


def uses_of(config_maps: Iterable[ConfigMap]) -> Iterator[ConfigUse]:
    """What is kept of ConfigMaps."""
    for config_map in config_maps:
        yield from config_uses(config_map.metadata.namespace, config_map.metadata.name, config_map.data or {})


def _lines(text: str) -> Iterator[tuple[int, str]]:
    return enumerate(text.split("\n"), 1)


def _first(patterns: Iterable[re.Pattern[str]], line: str) -> re.Match[str] | None:
    return next((found for pattern in patterns if (found := pattern.search(line))), None)


def _fluentd_json(text: str) -> Iterator[int]:
    """Lines of fluentd that parse JSON in a source over container logs, unless the same source reads the CRI format as well."""
    inside, of_containers, both, json_lines = False, False, False, list[int]()
    for number, line in _lines(text):
        word = line.strip()
        if word == "<source>":
            inside, of_containers, both, json_lines = True, False, False, []
        elif word == "</source>":
            if of_containers and not both:
                yield from json_lines
            inside = False
        elif inside:
            of_containers = of_containers or ("path" in line and ("/containers" in line or "/var/log/pods" in line))
            both = both or _CRI_LOGS.search(line) is not None
            if _JSON_LOGS.match(line):
                json_lines.append(number)


def _fluent_bit_both(text: str) -> Iterator[int]:
    """Lines of Fluent Bit's sections that name Docker's parser, where the section names that of the CRI format as well: each is tried."""
    named, cri = list[int](), False
    for number, line in _lines(text):
        if line.lstrip()[:1] == "[":
            yield from named if cri else ()
            named, cri = [], False
        elif found := _PARSER_NAMED.match(line):
            cri = cri or found[1].lower().startswith("cri")
            named.append(number)
    yield from named if cri else ()


def _docker_stages(text: str) -> Iterator[int]:
    """Lines of Promtail's stages for Docker's format, unless the text has stages for the CRI format as well: one of both is taken."""
    stages = [(number, found[1]) for number, line in _lines(text) if (found := _STAGE.match(line))]
    if all(name == "docker" for _, name in stages):
        yield from (number for number, _ in stages)


def _words(found: re.Match[str]) -> str:
    return _short(found[0])


def _short(text: str) -> str:
    return printable(" ".join(text.split()))[:LONGEST]
