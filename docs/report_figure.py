"""Draws docs/report.png, the top of the report that `liid-cut demo` writes, in headless Chromium.

    python docs/report_figure.py

Needs the extras ``demo`` and ``test``, and Debian's chromium and chromium-driver.
"""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path

from PIL import Image
from selenium import webdriver

from liid_cut.cli import main as liid_cut

WIDTH, HEIGHT = 1200, 1060


def main() -> None:
    """Run the demo and keep a picture of its page."""
    target = Path(__file__).with_name("report.png")
    with tempfile.TemporaryDirectory() as folder:
        liid_cut(["demo", "-o", folder, "--json"])
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for option in ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
            options.add_argument(option)
        driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
        try:
            size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            driver.get((Path(folder) / "report.html").as_uri())
            shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
            target.write_bytes(base64.b64decode(shot["data"]))
        finally:
            driver.quit()
    with Image.open(target) as picture:
        picture.convert("RGB").save(target, optimize=True)


if __name__ == "__main__":
    main()
