"""What is kept of a ConfigMap: which of its lines lean on Docker, and nothing else of its contents."""

from __future__ import annotations

from enum import StrEnum

from migrate.facts.api import Model


class ConfigUseKind(StrEnum):
    """What a line has to do with Docker: a `call` of it or its socket, a `log parser` of its files, a `query` of its names, a `setting`."""

    CALL = "call"
    LOG_PARSER = "log parser"
    QUERY = "query"
    SETTING = "setting"


class ConfigUse(Model, frozen=True):
    """One line of one key of a ConfigMap; `words` are those that matched, the rest of the line may hold secrets."""

    namespace: str
    name: str
    key: str
    line: int
    use: ConfigUseKind
    words: str
