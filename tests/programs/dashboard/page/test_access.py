"""Everybody can use the page: what axe-core and Lighthouse find, in both themes."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.programs.dashboard.page.conftest import Feed
from tests.support.browser import Theme, Visitor
from tests.support.page_checks import axe, lighthouse
from tests.support.simulated_network import SimulatedNetwork

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCORE_MIN = 90


def troubled() -> SimulatedNetwork:
    """A network in which every colour of trouble shows."""
    network = SimulatedNetwork(nodes=9, height=300)
    network.step(missing=("validator-2",))
    network.change("node-1", online=False)
    network.change("node-2", lag_blocks=1, propagation_ms=200, latency_ms=150, uptime_percent=98.0)
    network.change("node-3", lag_blocks=3, propagation_ms=480, latency_ms=700, uptime_percent=85.0)
    network.change("node-4", lag_blocks=9, propagation_ms=900, latency_ms=1200, uptime_percent=40.0)
    network.alert("offline", "node-1 has not reported for 24 s.", node="node-1")
    network.alert("lag", "node-4 is 9 blocks behind.", node="node-4", severity="warning")
    network.fork()
    return network


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("width", [360, 1440])
async def test_axe_finds_nothing_serious(
    visitor: Visitor, feed: Feed, theme: Theme, width: int
) -> None:
    """Neither on the page, with everything in trouble, nor in a sheet, the help, or when lost."""
    feeder = await feed(troubled())
    visitor.expected = ("Failed to load resource",)
    page = await visitor.open(feeder.address, width=width, theme=theme, reduced_motion="reduce")
    await expect(page.locator("tr.node")).to_have_count(9)
    assert await axe(page) == []
    await page.locator("tr[data-name='node-4'] .node-name").click()
    await expect(page.locator("#details")).to_be_visible()
    assert await axe(page) == []
    await page.keyboard.press("Escape")
    await page.locator("#help-open").click()
    assert await axe(page) == []
    await page.keyboard.press("Escape")
    feeder.away = True
    feeder.hang_up()
    await expect(page.locator("#live-state")).to_contain_text("Reconnecting")
    assert await axe(page) == []


async def test_axe_finds_nothing_serious_on_an_empty_page(visitor: Visitor, feed: Feed) -> None:
    """A network without nodes and blocks is no worse to use."""
    feeder = await feed(SimulatedNetwork(nodes=0, validators=1, height=None))
    page = await visitor.open(feeder.address)
    await expect(page.locator("#nodes-empty")).to_be_visible()
    assert await axe(page) == []


@pytest.mark.parametrize("theme", ["dark", "light"])
async def test_lighthouse_is_content(feed: Feed, theme: Theme) -> None:
    """At least 90 of 100 for accessibility and for best practices."""
    feeder = await feed(troubled())
    scores, failed = await lighthouse(feeder.address, theme)
    assert min(scores.values()) >= SCORE_MIN, (scores, failed)
