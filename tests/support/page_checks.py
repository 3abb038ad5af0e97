"""What other people's tools say of a page: axe-core in the page itself, Lighthouse from outside."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import Page

from tests.support import javascript
from tests.support.browser import CHROMIUM, Theme

LISTED = Path(__file__).with_name("web")
CATEGORIES = ("accessibility", "best-practices")
LIGHTHOUSE_TIMEOUT_S = 150
LOAD_MS = 8_000
"""The page's stream never ends, so Lighthouse would wait its 45 s for a quiet network."""
BLINK = {"dark": "preferredColorScheme=0", "light": "preferredColorScheme=1"}


async def axe(page: Page) -> list[str]:
    """Findings of axe-core that are serious or critical: rule, element, what is wrong."""
    source = (_packages() / "axe-core" / "axe.min.js").read_text("utf-8")
    await page.evaluate(f"{source}; undefined")
    found: dict[str, Any] = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{rule['id']}: {node['target']}: {node['failureSummary']}"
        for rule in found["violations"]
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"][:3]
    ]


async def lighthouse(address: str, theme: Theme) -> tuple[dict[str, int], list[str]]:
    """Scores of 100 by category, and the audits that are not passed."""
    with tempfile.TemporaryDirectory(prefix="windlass-lighthouse-") as folder:
        report = Path(folder) / "report.json"
        flags = f"--headless=new --no-sandbox --user-data-dir={folder}/profile"
        process = await asyncio.create_subprocess_exec(
            javascript.NODE,
            _packages() / "lighthouse" / "cli" / "index.js",
            address,
            f"--only-categories={','.join(CATEGORIES)}",
            f"--chrome-flags={flags} --blink-settings={BLINK[theme]}",
            f"--max-wait-for-load={LOAD_MS}",
            "--preset=desktop",
            "--output=json",
            f"--output-path={report}",
            "--no-enable-error-reporting",
            "--quiet",
            env={**javascript.environment(), "CHROME_PATH": CHROMIUM},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, complaints = await asyncio.wait_for(process.communicate(), LIGHTHOUSE_TIMEOUT_S)
        assert process.returncode == 0, complaints.decode()
        told = json.loads(report.read_bytes())
    scores = {name: round(told["categories"][name]["score"] * 100) for name in CATEGORIES}
    failed = [
        f"{audit['id']}: {audit['title']}"
        for audit in told["audits"].values()
        if audit["score"] is not None and audit["score"] < 1
    ]
    return scores, failed


def _packages() -> Path:
    """The folder with axe-core and Lighthouse."""
    return javascript.installed(LISTED) / "node_modules"
