"""The picture of the dashboard in the README.

It is drawn by every run, and kept only if WINDLASS_PICTURES=1 asks for it: tests change no tree.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.programs.dashboard.page.conftest import Feed
from tests.support.browser import Visitor
from tests.support.simulated_network import SimulatedNetwork

pytestmark = pytest.mark.asyncio(loop_scope="session")

PICTURE = Path(__file__).resolve().parents[4] / "docs" / "pictures" / "dashboard.png"
BLOCKS = 4
BYTES_MAX = 300_000


async def test_the_picture_is_small_and_shows_a_live_network(
    visitor: Visitor, feed: Feed, tmp_path: Path
) -> None:
    """It is taken of a network that makes a block a second, and stays below 300 kB."""
    feeder = await feed(SimulatedNetwork(nodes=0, height=None))
    page = await visitor.open(feeder.address, height=1180, theme="light")
    await expect(page.locator("#live-state")).to_have_text("Live")
    network = SimulatedNetwork(nodes=7, validators=4, height=18_204, seed=11)
    feeder.begin_again(network)
    for i in range(BLOCKS):
        await page.wait_for_timeout(1_000)  # the pace of the chain in the picture
        feeder.send(network.step(missing=("validator-3",) if i == 1 else ()))
    await expect(page.locator("#best-number")).to_have_text(f"{18_204 + BLOCKS:,}")
    await expect(page.locator(".node .cell-block")).to_have_text(["18,208"] * 7)
    await page.wait_for_timeout(700)  # the chain has come to rest
    picture = tmp_path / "dashboard.png"
    await page.screenshot(path=picture, full_page=True)
    assert picture.stat().st_size < BYTES_MAX
    if os.environ.get("WINDLASS_PICTURES") == "1":
        shutil.move(picture, PICTURE)
