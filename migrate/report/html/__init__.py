"""The report as one HTML file: offline, no network, dark and light, readable without JavaScript, printable."""

from migrate.report.html.embed import load_page
from migrate.report.html.page import html

__all__ = ["html", "load_page"]
