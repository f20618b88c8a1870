"""Chromium, the machine's own, with the report as a file on disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.summaries import summary, trees
from weighbridge.engine import apt
from weighbridge.render.html import report

Open = Callable[..., Page]
"""Opens the report; takes what `Browser.new_page` takes, and `text` for what images are called."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start the browser once; skip if it is missing and `invoke test` could not have installed it."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        if apt.may_install():
            pytest.fail("Chromium is missing: apt-get install chromium")
        pytest.skip("needs Chromium, Debian's package `chromium`")
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, chromium_sandbox=os.getuid() != 0)
        yield started
        started.close()


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Return what opens a report; the test fails where a page asked for anything else, or complained."""
    asked, complaints, pages = list[str](), list[str](), list[Page]()

    def open_(text: str = "redis", **options: object) -> Page:
        path = tmp_path / "report.html"
        with path.open("w", encoding="utf-8") as file:
            report.render(replace(summary(text), trees=lambda: trees(text)), file)
        page = browser.new_page(**options)  # type: ignore[arg-type] # the options are Playwright's own
        pages.append(page)
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.goto(path.as_uri())
        return page

    yield open_
    for page in pages:
        page.close()
    assert set(asked) == {(tmp_path / "report.html").as_uri()}
    assert complaints == []
