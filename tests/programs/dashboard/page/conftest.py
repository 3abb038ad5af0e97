"""A browser for all tests of the page, and a simulated network for each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.programs.dashboard.conftest import MakeDashboard
from tests.support.browser import Visitor, chromium
from tests.support.dashboard_feeder import Feeder
from tests.support.simulated_network import SimulatedNetwork

expect.set_options(timeout=20_000)  # two cores, many programs: a bound, not a measurement

Feed = Callable[[SimulatedNetwork], Awaitable[Feeder]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium, started once."""
    async with chromium() as started:
        yield started


@pytest_asyncio.fixture(loop_scope="session")
async def feed() -> AsyncIterator[Feed]:
    """Serves simulated networks until the test is over."""
    feeders: list[Feeder] = []

    async def start(network: SimulatedNetwork) -> Feeder:
        feeder = Feeder(network)
        await feeder.start()
        feeders.append(feeder)
        return feeder

    yield start
    for feeder in feeders:
        await feeder.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(
    browser: Browser, feed: Feed, make_dashboard: MakeDashboard
) -> AsyncIterator[Visitor]:
    """Opens pages; after the test, none of them may have complained.

    It asks for the servers so that pages are closed before those end: a page whose server went
    away complains, and rightly.
    """
    visitor = Visitor(browser)
    yield visitor
    await visitor.leave()
