"""An HTML file that stands alone: its head with a content security policy, the contents, the sections in order."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from importlib import resources

from migrate.report.markup import Markup, element

# a tenth of a big table; HTML Living Standard, 13.1.2.4 Optional tags
OPTIONAL = re.compile("</(?:td|th|tr|li|tbody)>")


def document(title: str, banner: Markup, parts: Sequence[tuple[str, str, Markup]], tool: str, *data: Markup) -> str:
    """The whole file as text; `parts` are sections as `section` makes them, `data` are elements that show nothing.

    Style and script are in it, named by their hashes: the page can load nothing and run nothing else.
    """
    style, script = _data("report.css"), _data("report.js")
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(style, script)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", title),
        element("style", style),
    )
    links = [element("a", name, href=f"#{anchor}") for anchor, name, _ in parts]
    body = element(
        "body",
        banner,
        element("nav", element("div", *links, class_="wide"), aria_label="Sections"),
        element("main", *(content for _, _, content in parts), class_="wide"),
        element("footer", element("p", f"docker2cri {tool}. This file loads nothing and sends nothing."), class_="wide"),
        *data,
        element("script", script),
    )
    return f"<!doctype html>\n{OPTIONAL.sub('', element('html', head, body, lang='en'))}\n"


def _policy(style: str, script: str) -> str:
    return f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _data(name: str) -> Markup:
    return Markup(resources.files(__package__).joinpath(name).read_text("utf-8"))
