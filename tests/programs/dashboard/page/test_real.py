"""The page on the real dashboard: what nodes report by ethstats is what a browser shows."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.programs.dashboard.conftest import MakeDashboard
from tests.support.browser import Visitor
from tests.support.dashboard import Reporter

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_report_reaches_the_page(visitor: Visitor, make_dashboard: MakeDashboard) -> None:
    """From an empty chain over the first block to a node that leaves, without a reload."""
    dashboard = make_dashboard(["alpha", "beta"])
    page = await visitor.open(f"http://127.0.0.1:{dashboard.http_port}/")
    await expect(page.locator("#live-state")).to_have_text("Live")
    await expect(page.locator("#network-name")).to_have_text("harbour")
    await expect(page.locator("#chain-empty")).to_be_visible()
    await expect(page.locator("tr.node")).to_have_count(2)
    async with (
        Reporter(dashboard.http_port, "alpha") as alpha,
        Reporter(dashboard.http_port, "beta") as beta,
    ):
        await alpha.login()
        await beta.login()
        await expect(page.locator("#stat-nodes")).to_have_text("2/2")
        for number in (1, 2, 3):
            await alpha.head(number)
            await beta.head(number)
        await expect(page.locator("#best-number")).to_have_text("3")
        await expect(page.locator("tr[data-name='beta'] .cell-block")).to_have_text("3")
        await expect(page.locator("#chain .link")).to_have_count(3)
        await alpha.stats(peers=7)
        await expect(page.locator("tr[data-name='alpha'] .cell-peers")).to_have_text("7")
    await expect(page.locator("#stat-nodes")).to_contain_text("0/2")
    await expect(page.locator("tr[data-name='alpha']")).to_contain_text("offline")


async def test_the_page_comes_back_with_its_dashboard(
    visitor: Visitor, make_dashboard: MakeDashboard
) -> None:
    """A dashboard that ends is told as lost; when it is there again, the page is live again."""
    dashboard = make_dashboard(["alpha"])
    visitor.expected = ("Failed to load resource", "ERR_CONNECTION", "ERR_INCOMPLETE")
    page = await visitor.open(f"http://127.0.0.1:{dashboard.http_port}/")
    await expect(page.locator("#live-state")).to_have_text("Live")
    dashboard.end()
    await expect(page.locator("#live-state")).to_contain_text("Reconnecting")
    dashboard.start()
    await expect(page.locator("#live-state")).to_have_text("Live")
