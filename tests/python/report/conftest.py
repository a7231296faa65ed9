"""A headless Chromium for the tests of the page; they skip where there is none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-dev-shm-usage",
)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A driver of Chromium that logs all that pages say on the console."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    programs = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    if None in programs.values():
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = programs["chromium"]
    for option in (*_OPTIONS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(programs["chromedriver"])
    driver = webdriver.Chrome(options=options, service=service)
    driver.set_script_timeout(20)
    yield driver
    driver.quit()


class Reader:
    """One page in the browser, at a size and with a reader's preferences."""

    def __init__(self, browser: Any, page: Path) -> None:
        self.browser, self.page = browser, page

    def open(self, width: int = 1280, height: int = 900, **features: str) -> Reader:
        """Load the page; ``features`` are media features, such as prefers_color_scheme."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        media = [{"name": k.replace("_", "-"), "value": v} for k, v in features.items()]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
        self.browser.get(self.page.as_uri())
        return self

    def run(self, script: str, *arguments: Any) -> Any:
        """The value of a script, which ``return``\\ s it."""
        return self.browser.execute_script(script, *arguments)

    def text(self, selector: str) -> str:
        """The text of an element as it is shown."""
        found: str = self.run("return document.querySelector(arguments[0]).innerText", selector)
        return " ".join(found.split())

    def press(self, *keys: str) -> None:
        """Press keys on whatever has the focus, as named in :class:`selenium.webdriver.Keys`."""
        from selenium.webdriver import ActionChains, Keys

        chain = ActionChains(self.browser)
        for key in keys:
            chain.send_keys(getattr(Keys, key, key))
        chain.perform()

    def focus(self, selector: str) -> None:
        """Give an element the focus."""
        self.run("document.querySelector(arguments[0]).focus()", selector)

    def console(self) -> list[str]:
        """What the page said on the console, and forget it."""
        return [entry["message"] for entry in self.browser.get_log("browser")]
