"""The page follows the network, from nothing on and through every kind of trouble."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.programs.dashboard.page.conftest import Feed
from tests.support.browser import Visitor
from tests.support.simulated_network import SimulatedNetwork
from tests.support.wait import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = (
    '<img src=x onerror="window.hurt=1">',
    "<script>window.hurt=1</script>",
    "__proto__",
    "constructor",
    "\u202egnp.exe",
    "'\"><svg onload=window.hurt=1>",
    "x" * 5_000,
)


async def height(page: Page, number: int) -> None:
    """Waits until the page shows this best block."""
    await expect(page.locator("#best-number")).to_have_text(f"{number:,}")


async def test_a_new_block_shows_everywhere(visitor: Visitor, feed: Feed) -> None:
    """A block that is told of is the head, the newest link and in every node's row."""
    network = SimulatedNetwork(nodes=5, height=500)
    feeder = await feed(network)
    page = await visitor.open(feeder.address)
    await height(page, 500)
    feeder.send(network.step(transactions=77))
    await height(page, 501)
    newest = page.locator("#chain .link").last
    await expect(newest).to_contain_text("501")
    await expect(newest).to_contain_text("77 tx")
    await expect(newest).to_have_attribute("data-newest", "true")
    await expect(page.locator(".node .cell-block")).to_have_text(["501"] * 5)
    await expect(page.locator(".node .cell-transactions")).to_have_text(["77"] * 5)
    assert await page.title() == "#501 harbour"


async def test_a_row_appends_propagation_itself(visitor: Visitor, feed: Feed) -> None:
    """A delta with a block adds one bar to the row's history, which stays at 40."""
    network = SimulatedNetwork(nodes=3, validators=1, height=10)
    feeder = await feed(network)
    page = await visitor.open(feeder.address)
    chart = page.locator("tr[data-name='node-1'] .spread-chart")
    await expect(chart).to_have_attribute("aria-label", re.compile("of 10 blocks"))
    for _ in range(35):
        feeder.send(network.step())
    await height(page, 45)
    await expect(chart).to_have_attribute("aria-label", re.compile("of 40 blocks"))


async def test_a_new_node_appears_and_a_removed_one_goes(visitor: Visitor, feed: Feed) -> None:
    """Nodes come and go without the page being loaded again."""
    network = SimulatedNetwork(nodes=3, height=20)
    feeder = await feed(network)
    page = await visitor.open(feeder.address)
    await expect(page.locator("tr.node")).to_have_count(3)
    feeder.send(network.add_node("late-comer"))
    await expect(page.locator("tr[data-name='late-comer']")).to_contain_text("Geth 1.17.8")
    await expect(page.locator("#stat-nodes")).to_have_text("4/4")
    del network.nodes["late-comer"]
    feeder.send({"gone": ["late-comer"], "summary": network.summary()})
    await expect(page.locator("tr.node")).to_have_count(3)
    await expect(page.locator("#stat-nodes")).to_have_text("3/3")


async def test_a_chain_without_a_block_says_what_it_awaits(visitor: Visitor, feed: Feed) -> None:
    """A new network shows no invented figure, and its very first block is drawn."""
    network = SimulatedNetwork(nodes=0, height=None)
    feeder = await feed(network)
    page = await visitor.open(feeder.address)
    await expect(page.locator("#chain-empty")).to_have_text("Awaiting the first block")
    await expect(page.locator("#nodes-empty")).to_contain_text("No node has reported yet")
    await expect(page.locator("#best-number")).to_have_text("–")
    assert "NaN" not in await page.inner_text("body")
    feeder.send(network.add_node("validator-1", "validator"))
    await expect(page.locator("tr.node")).to_have_count(1)
    feeder.send(network.step())
    await height(page, 1)
    await expect(page.locator("#chain .link")).to_have_count(1)
    await expect(page.locator("#chain-empty")).to_be_hidden()
    await expect(page.locator("[data-lane='transactions'] path.band-new")).to_have_count(1)
    assert "NaN" not in await page.inner_text("body")
    feeder.send(network.step())
    await expect(page.locator("#chain .link")).to_have_count(2)


async def test_a_chain_that_begins_again_is_not_mixed_with_the_old(
    visitor: Visitor, feed: Feed
) -> None:
    """Blocks above the best one are dropped: they are of a chain that is gone."""
    network = SimulatedNetwork(nodes=2, validators=1, height=300)
    feeder = await feed(network)
    page = await visitor.open(feeder.address)
    await height(page, 300)
    fresh = SimulatedNetwork(nodes=2, validators=1, height=3, seed=8)
    feeder.send({"summary": fresh.summary(), "blocks": fresh.blocks})
    await height(page, 3)
    await expect(page.locator("#chain .link")).to_have_count(3)


async def test_a_fresh_snapshot_replaces_everything(visitor: Visitor, feed: Feed) -> None:
    """What a slow browser gets instead of a backlog leaves nothing of what was before."""
    feeder = await feed(SimulatedNetwork(nodes=6, height=800))
    page = await visitor.open(feeder.address)
    await height(page, 800)
    feeder.begin_again(SimulatedNetwork(nodes=2, validators=1, height=12, name="quay", seed=3))
    await height(page, 12)
    await expect(page.locator("tr.node")).to_have_count(2)
    await expect(page.locator("#network-name")).to_have_text("quay")
    await expect(page.locator("#validators > li")).to_have_count(0)
    await expect(page.locator("#validators-empty")).to_contain_text("One sealer")


async def test_alerts_are_shown_first_and_spoken_once(visitor: Visitor, feed: Feed) -> None:
    """A stalled chain is an alert above everything, is announced, and its end is too."""
    network = SimulatedNetwork(nodes=4, height=50)
    feeder = await feed(network)
    page = await visitor.open(feeder.address)
    await height(page, 50)
    await expect(page.locator("#alerts")).to_be_hidden()
    sentence = "No block for 24 s: 2 of 4 validators are away, 3 are needed."
    feeder.send(network.alert("stalled", sentence))
    await expect(page.locator("#alerts-list .alert")).to_contain_text(sentence)
    await expect(page.locator("#alerts-list .alert")).to_contain_text("Stalled")
    await expect(page.locator("#say")).to_contain_text(f"Alert. {sentence}")
    feeder.send(network.step())
    await height(page, 51)
    await expect(page.locator("#say")).to_contain_text(sentence)  # a block is not spoken
    network.alerts = []
    feeder.send({"alerts": []})
    await expect(page.locator("#alerts")).to_be_hidden()
    await expect(page.locator("#say")).to_contain_text("Over")


async def test_a_fork_is_drawn_and_named(visitor: Visitor, feed: Feed) -> None:
    """A forked height is marked in the chain, with both hashes and who told of them."""
    network = SimulatedNetwork(nodes=5, height=60)
    feeder = await feed(network)
    page = await visitor.open(feeder.address)
    await expect(page.locator("#forks")).to_contain_text("No forks")
    feeder.send(network.fork())
    await expect(page.locator("#forks")).to_contain_text("Fork at 60")
    await expect(page.locator("#forks li")).to_have_count(2)
    await expect(page.locator("#forks li").last).to_contain_text("node-1")
    await expect(page.locator("#chain .link").last).to_have_attribute("data-forked", "true")


async def test_a_validator_that_misses_comes_first(visitor: Visitor, feed: Feed) -> None:
    """Missed signatures are in its strip, its count and the block's link."""
    network = SimulatedNetwork(nodes=5, height=200)
    feeder = await feed(network)
    page = await visitor.open(feeder.address)
    await expect(page.locator("#validators > li").first).to_contain_text("validator-1")
    feeder.send(network.step(missing=("validator-4",)))
    first = page.locator("#validators > li").first
    await expect(first).to_contain_text("validator-4")
    await expect(first).to_contain_text("99/100")
    label = re.compile("1 missed in the strip of 60")
    await expect(first.locator("[role=img]")).to_have_attribute("aria-label", label)
    await expect(page.locator("#chain .link").last).to_contain_text("1 missed")
    await expect(page.locator("#votes")).to_contain_text("30of 40 votes")


async def test_a_lost_connection_shows_and_heals(visitor: Visitor, feed: Feed) -> None:
    """Figures are marked as old while the server is away, and are new again after."""
    network = SimulatedNetwork(nodes=3, height=70)
    feeder = await feed(network)
    visitor.expected = ("Failed to load resource",)
    page = await visitor.open(feeder.address)
    state = page.locator("#live-state")
    await expect(state).to_have_text("Live")
    feeder.away = True
    feeder.hang_up()
    await expect(state).to_contain_text("Reconnecting. Figures of")
    await expect(page.locator("body")).to_have_attribute("data-stream", "lost")
    await expect(page.locator("#best-age")).to_have_text("–")  # an age that ticked would be a lie
    await expect(page.locator("#say")).to_contain_text("connection to the dashboard is lost")
    network.step()
    feeder.away = False
    await expect(state).to_have_text("Live")
    await height(page, 71)
    await expect(page.locator("#best-age")).not_to_have_text("–")


async def test_names_from_outside_are_text(visitor: Visitor, feed: Feed) -> None:
    """Whatever a node calls itself, it is shown as text and breaks nothing."""
    network = SimulatedNetwork(nodes=2, validators=1, height=30)
    for name in HOSTILE:
        network.add_node(name)
        network.change(name, client=name, os=name, contact=name, protocol=name, role=name)
    network.alert("offline", HOSTILE[0], node=HOSTILE[0])
    network.blocks[0]["miner_name"] = HOSTILE[1]
    feeder = await feed(network)
    page = await visitor.open(feeder.address)
    await expect(page.locator("tr.node")).to_have_count(2 + len(HOSTILE))
    await expect(page.locator("#alerts-list")).to_contain_text(HOSTILE[0])
    feeder.send(network.fork())
    await expect(page.locator("#forks li")).to_have_count(2)
    names = await page.locator(".node-name").all_inner_texts()
    assert set(HOSTILE[:6]) <= set(names)
    for name in HOSTILE[:6]:
        await page.locator(".node-name").get_by_text(name, exact=True).click()
        await expect(page.locator("#details-title")).to_have_text(name)
        await page.keyboard.press("Escape")
    assert await page.evaluate("window.hurt") is None
    assert await page.locator("main script, main img, main [onerror], main [onload]").count() == 0
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_rows_out_of_sight_wait(visitor: Visitor, feed: Feed) -> None:
    """Of 200 nodes with a new block each, those in sight are drawn; a scroll draws the others."""
    network = SimulatedNetwork(nodes=200, validators=4, height=90)
    feeder = await feed(network)
    page = await visitor.open(feeder.address)
    await expect(page.locator("tr.node")).to_have_count(200)
    await page.evaluate(
        """() => {
          window.drawn = new Set();
          const see = (changes) => changes.forEach(({ target }) => {
            const row = (target.parentElement ?? target).closest("tr");
            if (row) window.drawn.add(row.dataset.name);
          });
          const body = document.querySelector(".nodes tbody");
          new MutationObserver(see).observe(body, { subtree: true, characterData: true });
        }"""
    )
    await page.locator("tr.node").first.scroll_into_view_if_needed()
    feeder.send(network.step())
    await height(page, 91)
    await expect(page.locator("tr[data-name='validator-1'] .cell-block")).to_have_text("91")
    last = page.locator("tr[data-name='node-196'] .cell-block")
    await last.scroll_into_view_if_needed()
    await expect(last).to_have_text("91")

    async def all_follow() -> bool:
        """Rows out of sight follow within seconds, for a printer or a screen reader."""
        told = await page.locator(".node .cell-block").all_text_contents()
        return told == ["91"] * 200

    await eventually(all_follow, "every row follows")
