"""The HTML report in a real browser: quiet, offline, usable at 400 pixels, with and without JavaScript, and on paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.report.write import write_report
from tests.report.browser import PROGRAM, Browser
from tests.report.make import captured, fleet

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(PROGRAM is None, reason="no chromium here: apt-get install chromium"),
]

COMPLAINTS = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded", "Network.loadingFailed")
CONTRAST = """(() => {
  const channel = (v) => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b);
  const parse = (text) => text.match(/[0-9.]+/g).map(Number);
  const ground = (one) => {
    const own = parse(getComputedStyle(one).backgroundColor);
    return own[3] !== 0 ? own : one.parentElement ? ground(one.parentElement) : [255, 255, 255];
  };
  const poor = new Set();
  for (const one of document.querySelectorAll("body *")) {
    if (one.closest("svg, script, .defs") || ![...one.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
    const [a, b] = [light(parse(getComputedStyle(one).color)), light(ground(one))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) poor.add(`${one.tagName} ${one.className} ${((a + .05) / (b + .05)).toFixed(2)}`);
  }
  return [...poor];
})()"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(write_report(fleet(captured(), 120), "html"), "utf-8")
    return path


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [400, 1280])
def test_it_is_quiet_and_loads_nothing(browser: Browser, page: Path, width: int, dark: bool) -> None:
    browser.open(page, width=width, dark=dark)
    assert [event for event in browser.events if event["method"] in COMPLAINTS] == []
    requests = [event["params"]["request"]["url"] for event in browser.events if event["method"] == "Network.requestWillBeSent"]
    assert [url.partition("?")[0] for url in requests] == [page.as_uri()]


@pytest.mark.parametrize("script", [True, False])
@pytest.mark.parametrize("width", [400, 768, 1280])
def test_nothing_hangs_over_the_edge(browser: Browser, page: Path, width: int, script: bool) -> None:
    browser.open(page, width=width, script=script)
    if script:
        browser.run("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    assert browser.run("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("dark", [False, True])
def test_texts_can_be_read(browser: Browser, page: Path, dark: bool) -> None:
    """WCAG 2 AA: 4.5 to 1 for every text."""
    browser.open(page, dark=dark)
    browser.run("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    assert browser.run(CONTRAST) == []


def shown(browser: Browser) -> list[str]:
    rows = "[...document.querySelectorAll('#nodes-table > tbody')].filter((one) => !one.hidden)"
    return list(browser.run(f"{rows}.map((one) => one.querySelector('th').textContent)"))


def typed(browser: Browser, query: str, value: str) -> None:
    browser.run(
        f"(() => {{ const one = document.querySelector({query!r}); one.value = {value!r}; one.dispatchEvent(new Event('input')); }})()"
    )


def test_the_filter(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert len(shown(browser)) == 120
    typed(browser, "input[data-for=nodes-table]", "0042")
    assert shown(browser) == ["prod-worker-0042"]
    typed(browser, "input[data-for=nodes-table]", "D2C301")
    assert shown(browser) == [f"prod-worker-{number:04}" for number in (20, 40, 60, 80, 90)]
    typed(browser, "input[data-for=nodes-table]", "")
    typed(browser, "select[data-for=nodes-table]", "not read")
    assert shown(browser) == ["prod-worker-0001", "prod-worker-0101"]
    assert browser.run("document.querySelector('output[data-for=nodes-table]').textContent") == "2 of 120"


def test_sorting(browser: Browser, page: Path) -> None:
    browser.open(page)
    heads = "[...document.querySelectorAll('#nodes-table thead th')]"
    browser.run(f"{heads}.find((one) => one.textContent === 'B/W/I').querySelector('button').click()")
    assert shown(browser)[:2] == ["prod-worker-0001", "prod-worker-0101"]
    browser.run(f"{heads}.find((one) => one.textContent === 'B/W/I').querySelector('button').click()")
    assert shown(browser)[:5] == [f"prod-worker-{number:04}" for number in (20, 40, 60, 80, 90)]


def test_a_square_leads_to_its_node(browser: Browser, page: Path) -> None:
    browser.open(page, anchor="n20")
    assert browser.run("document.querySelector('#n20 details').open") is True
    assert 0 <= browser.run("document.querySelector('#n20').getBoundingClientRect().top") < 1000
    heights = browser.run("[...document.querySelectorAll('#n20 svg')].map((one) => Math.round(one.getBoundingClientRect().height))")
    assert all(height > 300 for height in heights)
    assert len(heights) == 2


def test_without_javascript(browser: Browser, page: Path) -> None:
    """Everything is there and folds out; only search and sorting are not offered."""
    browser.open(page, script=False)
    assert browser.call("DOM.getDocument")["root"]["nodeName"] == "#document"
    browser.call("Emulation.setScriptExecutionDisabled", value=False)
    assert browser.run("document.documentElement.className") == ""
    assert browser.run("getComputedStyle(document.querySelector('.tools')).display") == "none"
    assert len(shown(browser)) == 120
    assert browser.run("document.querySelectorAll('details.blocker[open]').length") == 5


def test_it_prints(browser: Browser, page: Path) -> None:
    """Dark on white whatever the screen shows, with what to fix unfolded."""
    browser.open(page, dark=True)
    assert browser.pdf().startswith(b"%PDF-")
    assert browser.run("document.querySelectorAll('details.cause:not([open])').length") == 0
    browser.call("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert browser.run("getComputedStyle(document.querySelector('.cause')).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.run("getComputedStyle(document.querySelector('nav')).display") == "none"
