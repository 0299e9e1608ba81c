"""What a run waits for between two stages, and the hours in which it may begin a node: values of the plan, covered by its digest."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from urllib.parse import urlsplit

import msgspec

from migrate.plan.hooks import Hook, hook_problem, hook_words

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
AHEAD = 400  # days that are looked at for the next opening
LONGEST = 7 * 86400  # seconds of a wait
WAIT = 300  # seconds that a command or a URL may take to be open
APPROVAL = 3600  # seconds that an approval is waited for
_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])", re.ASCII)
_DATES = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:\.\.([0-9]{4}-[0-9]{2}-[0-9]{2}))?", re.ASCII)
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*", re.ASCII)


class TimeWindow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When a node may be begun: from `begin` to `end` (HH:MM; over midnight where it is not later) of these weekdays (none: each) from
    the date `first` to `last` (YYYY-MM-DD, empty: open), all in the IANA time zone `zone`. What is over midnight is of the day it begins.
    """

    begin: str = "00:00"
    end: str = "24:00"
    days: tuple[str, ...] = ()
    first: str = ""
    last: str = ""
    zone: str = "UTC"

    def __str__(self) -> str:
        dates = self.first if self.first == self.last else f"{self.first}..{self.last}"
        return " ".join(word for word in (_named_days(self.days), f"{self.begin}-{self.end}", dates, self.zone) if word)


class CommandGate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="command"):
    """A command on the operator's machine: open when it exits with 0 within `timeout` seconds; asked again for `wait` seconds."""

    argv: tuple[str, ...]
    timeout: int = 60
    wait: int = WAIT


class HttpGate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="http"):
    """A URL: open when a GET is answered with 2xx within `timeout` seconds; asked again for `wait` seconds."""

    url: str
    timeout: int = 10
    wait: int = WAIT


class ApproveGate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="approve"):
    """A person who types `docker2cri approve`; waited for for `wait` seconds."""

    wait: int = APPROVAL


Gate = CommandGate | HttpGate | ApproveGate


class Gates(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Before each stage after the first: the cluster is well for `soak` seconds, then all of `checks` are open.

    `windows`: a node is begun in one of them; without any, always. `hooks` are run around the run and each node.
    """

    soak: int = 0
    windows: tuple[TimeWindow, ...] = ()
    checks: tuple[Gate, ...] = ()
    hooks: tuple[Hook, ...] = ()


NO_GATES = Gates()


def window_of(text: str) -> TimeWindow:
    """`[mon-fri,sun] HH:MM-HH:MM [DATE..DATE] [ZONE]`, in any order; raises ValueError that says what is wrong."""
    found: dict[str, object] = {}
    for word in text.split():
        if hours := _HOURS.fullmatch(word):
            part: dict[str, object] = {"begin": word[:5], "end": word[6:]}
            if hours[3] == "24" and hours[4] != "00":
                raise ValueError(f"{word}: a day ends at 24:00")
        elif dates := _DATES.fullmatch(word):
            part = {"first": dates[1], "last": dates[2] or dates[1]}
            if not _day(dates[1]) <= _day(dates[2] or dates[1]):
                raise ValueError(f"{word}: it ends before it begins")
        elif days := _days(word):
            part = {"days": days}
        elif _ZONE.fullmatch(word):
            part = {"zone": word}
        else:
            raise ValueError(f"{word} is no weekday, hours, date or time zone")
        if part.keys() & found.keys():
            raise ValueError(f"{word}: it is said twice")
        found |= part
    if not found.keys() & {"begin", "days", "first"}:
        raise ValueError("it names no hours, weekday or date")
    return msgspec.convert(found, TimeWindow)


def opening(windows: tuple[TimeWindow, ...], now: datetime, zones: dict[str, tzinfo]) -> datetime | None:
    """When a node may be begun: `now` itself in an open window or without any, else the next opening (UTC); None for never again.

    `zones` holds the time zone of each window by its name.
    """
    if not windows:
        return now
    found = [at for window in windows if (at := _opens(window, now, zones[window.zone])) is not None]
    return min(found, default=None)


def gate_words(gate: Gate) -> str:
    """What is asked, in words."""
    match gate:
        case CommandGate(argv=argv):
            return f"command `{shlex.join(argv)}`"
        case HttpGate(url=url):
            return f"GET {url}"
        case ApproveGate():
            return "approval"


def gate_problem(gates: Gates) -> str:
    """Why these gates cannot be carried out, empty for good ones; a plan file may have been written by anyone."""
    for window in gates.windows:
        try:
            again = window_of(str(window))
        except ValueError as wrong:
            return f"its window {window}: {wrong}"
        if again != window:
            return f"its window {window} is none"
    if not 0 <= gates.soak <= LONGEST:
        return f"its soak of {gates.soak} s is none"
    for gate in gates.checks:
        if not 0 <= gate.wait <= LONGEST or (not isinstance(gate, ApproveGate) and not 0 < gate.timeout <= 3600):
            return f"the times of its gate {gate_words(gate)} are none"
        if isinstance(gate, CommandGate) and not (gate.argv and all(word.isprintable() for word in gate.argv) and gate.argv[0]):
            return "its command gate has no command"
        if isinstance(gate, HttpGate) and (problem := url_problem(gate.url)):
            return f"its gate {gate.url}: {problem}"
    return next((problem for hook in gates.hooks if (problem := hook_problem(hook))), "")


def commands(gates: Gates) -> list[str]:
    """What of them runs on the operator's machine, in words."""
    asked = [gate_words(gate) for gate in gates.checks if isinstance(gate, CommandGate)]
    return [*asked, *map(hook_words, gates.hooks)]


def url_problem(url: str) -> str:
    """Why a URL cannot be asked, empty for a good one."""
    try:
        parts = urlsplit(url)
        port = parts.port or 80
    except ValueError as wrong:
        return str(wrong)
    if parts.scheme not in ("http", "https") or not parts.hostname or not port or not url.isascii() or not url.isprintable() or " " in url:
        return "no http:// or https:// URL"
    return "it holds a user or a password, which a plan would show" if "@" in parts.netloc else ""


def _opens(window: TimeWindow, now: datetime, zone: tzinfo) -> datetime | None:
    """The first moment from now on in which it is open."""
    today = now.astimezone(zone).date()
    day = max(today - timedelta(days=1), _day(window.first)) if window.first else today - timedelta(days=1)
    for _ in range(AHEAD):
        if window.last and day > _day(window.last):
            return None
        if not window.days or DAYS[day.weekday()] in window.days:
            begin, end = _moment(day, window.begin, zone), _moment(day, window.end, zone)
            if end <= begin:
                end = _moment(day + timedelta(days=1), window.end, zone)
            if now < end:
                return max(now, begin)
        day += timedelta(days=1)
    return None


def _moment(day: date, text: str, zone: tzinfo) -> datetime:
    """A time of day as a moment; 24:00 is the next midnight. In UTC: times of one zone would be compared by their clocks' hands."""
    hour, minute = int(text[:2]), int(text[3:])
    day += timedelta(days=hour // 24)
    return datetime.combine(day, time(hour % 24, minute), zone).astimezone(UTC)


def _days(word: str) -> tuple[str, ...]:
    found: set[int] = set()
    for part in word.lower().split(","):
        first, _, last = part.partition("-")
        if first not in DAYS or (last or first) not in DAYS:
            return ()
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found |= {at % 7 for at in range(begin, end + 1 if end >= begin else end + 8)}
    return tuple(DAYS[at] for at in sorted(found))


def _named_days(days: tuple[str, ...]) -> str:
    at = [DAYS.index(day) for day in days if day in DAYS]
    if len(at) > 2 and at == list(range(at[0], at[-1] + 1)):
        return f"{days[0]}-{days[-1]}"
    return ",".join(days)


def _day(text: str) -> date:
    return date.fromisoformat(text)
