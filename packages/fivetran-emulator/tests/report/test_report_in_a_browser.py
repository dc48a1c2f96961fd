from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from report.test_report_page import answers
from scripted import Emulator

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))),
    None,
)
QUIET = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars",
]  # fmt: skip

# Measured by the browser itself: what sticks out on the right, and how high the highest column of the first strip is.
_MEASURE = """<script>addEventListener("load", () => {
  const out = [...document.querySelectorAll("main *")].filter(e => !e.closest(".scroll, details:not([open]) > :not(summary)")
    && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName + "." + e.className);
  const heights = [...document.querySelectorAll(".strip .column")].slice(0, 3).map(e => e.firstChild.getBoundingClientRect().height);
  document.title = "measured " + JSON.stringify({out, heights});
});</script>"""


@pytest.mark.parametrize("width", [500, 1200])
def test_a_browser_shows_the_whole_page(emulator: Emulator, tmp_path: Path, width: int) -> None:
    """Nothing sticks out on a narrow screen nor on a wide one, and the columns have heights."""
    if BROWSER is None:
        pytest.skip(
            "no chromium on PATH (Debian: apt-get install chromium): the page is not looked at in a browser"
        )
    page = tmp_path / "report.html"
    emulator.answering(*answers(3), arguments=("--report", str(page)))
    html = page.read_text()
    # The page's own policy forbids scripts; the measuring one is let in by a page that is otherwise the same.
    page.write_text(re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', _MEASURE, html))
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    command = [BROWSER, *QUIET, profile, f"--window-size={width},1000", "--dump-dom", f"file://{page}"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    measured = re.search(r"<title>measured (.*?)</title>", shown)
    assert measured is not None
    assert '"out":[]' in measured.group(1)
    heights = [float(h) for h in re.findall(r"[\d.]+", measured.group(1).split('"heights":')[1])]
    assert len(heights) == 3
    assert min(heights) > 20
