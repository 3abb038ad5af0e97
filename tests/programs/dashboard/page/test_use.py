"""A person uses the page: keyboard, theme, widths."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.programs.dashboard.page.conftest import Feed
from tests.support.browser import Theme, Visitor
from tests.support.simulated_network import SimulatedNetwork

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def names(page: Page) -> list[str]:
    """The names of the rows that are shown, in order."""
    return await page.locator("tr.node:not([hidden]) .node-name").all_inner_texts()


async def test_columns_sort_by_keyboard(visitor: Visitor, feed: Feed) -> None:
    """Enter on a heading sorts, again turns round; unknown values come last either way."""
    network = SimulatedNetwork(nodes=12, validators=4, height=30)
    for i, name in enumerate(network.nodes):
        network.change(name, peers=None if i == 3 else (i * 5) % 13)
    feeder = await feed(network)
    page = await visitor.open(feeder.address)
    ordered = sorted(network.nodes.values(), key=lambda one: (one["peers"] is None, one["peers"]))
    heading = page.get_by_role("columnheader", name="Peers")
    await heading.get_by_role("button").focus()
    await page.keyboard.press("Enter")
    await expect(heading).to_have_attribute("aria-sort", "ascending")
    assert await names(page) == [one["name"] for one in ordered]
    await page.keyboard.press("Enter")
    await expect(heading).to_have_attribute("aria-sort", "descending")
    shown = await names(page)
    assert shown[0] == ordered[-2]["name"]
    assert shown[-1] == ordered[-1]["name"]
    await page.reload()
    await expect(heading).to_have_attribute("aria-sort", "descending")


async def test_names_sort_as_people_count(visitor: Visitor, feed: Feed) -> None:
    """node-2 comes before node-10."""
    feeder = await feed(SimulatedNetwork(nodes=14, validators=2, height=5))
    page = await visitor.open(feeder.address)
    await page.get_by_role("columnheader", name="Node").get_by_role("button").click()
    assert (await names(page))[:12] == [f"node-{i}" for i in range(1, 13)]


async def test_a_pin_stays_on_top_and_is_kept(visitor: Visitor, feed: Feed) -> None:
    """A node that is pinned by key is first, keeps the focus, and is first after a reload."""
    feeder = await feed(SimulatedNetwork(nodes=8, height=30))
    page = await visitor.open(feeder.address)
    await page.locator("tr[data-name='node-3'] .node-name").focus()
    await page.keyboard.press("p")
    pin = page.locator("tr[data-name='node-3'] .pin")
    await expect(pin).to_have_attribute("aria-pressed", "true")
    assert (await names(page))[0] == "node-3"
    focused = "document.activeElement.closest('tr').dataset.name"
    assert await page.evaluate(focused) == "node-3"
    await page.reload()
    await expect(page.locator("tr.node")).to_have_count(8)
    assert (await names(page))[0] == "node-3"
    await page.locator("tr[data-name='node-3'] .pin").click()
    assert (await names(page))[0] == "validator-1"


async def test_the_filter_is_a_key_away(visitor: Visitor, feed: Feed) -> None:
    """/ goes to the filter, words narrow the rows, Escape shows all again."""
    network = SimulatedNetwork(nodes=9, height=30)
    network.change("node-2", client="besu/v26.1.0/linux-x86_64/openjdk")
    feeder = await feed(network)
    page = await visitor.open(feeder.address)
    await expect(page.locator("tr.node")).to_have_count(9)
    await page.keyboard.press("/")
    await page.keyboard.type("besu node")
    await expect(page.locator("tr.node:not([hidden])")).to_have_count(1)
    await expect(page.locator("#nodes-note")).to_have_text("1 of 9 nodes")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    await expect(page.locator("#details-title")).to_have_text("node-2")
    await expect(page.locator("#details-body")).to_contain_text("besu/v26.1.0/linux-x86_64")
    await expect(page.locator("#details-body")).to_contain_text("harbour-master@example.org")
    await page.keyboard.press("Escape")
    await expect(page.locator("#details")).to_be_hidden()
    await page.keyboard.press("/")
    await page.keyboard.type("nothing like it")
    await expect(page.locator("#nodes-empty")).to_contain_text("No node matches")
    await page.keyboard.press("Escape")
    await expect(page.locator("tr.node:not([hidden])")).to_have_count(9)


async def test_only_trouble_shows_trouble(visitor: Visitor, feed: Feed) -> None:
    """The button leaves the nodes that are away or behind."""
    network = SimulatedNetwork(nodes=9, height=30)
    network.change("node-2", online=False)
    network.change("node-4", lag_blocks=6)
    feeder = await feed(network)
    page = await visitor.open(feeder.address)
    await expect(page.locator("#nodes-trouble")).to_have_text("Only trouble (2)")
    await page.locator("#nodes-trouble").press("Enter")
    assert await names(page) == ["node-2", "node-4"]


async def test_the_chain_is_walked_by_arrows(visitor: Visitor, feed: Feed) -> None:
    """One Tab stop for the chain; arrows move, Enter opens, arrows go on in the sheet."""
    feeder = await feed(SimulatedNetwork(nodes=4, height=40))
    page = await visitor.open(feeder.address)
    await expect(page.locator("#best-number")).to_have_text("40")
    await page.locator("#chain button[tabindex='0']").focus()
    await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("Enter")
    await expect(page.locator("#details-title")).to_have_text("Block 38")
    await page.keyboard.press("ArrowLeft")
    await expect(page.locator("#details-title")).to_have_text("Block 37")
    await page.keyboard.press("Escape")
    stops = "[...document.querySelectorAll('#chain button')].filter((b) => b.tabIndex === 0).length"
    assert await page.evaluate(stops) == 1


async def test_the_recorder_shows_the_last_day(visitor: Visitor, feed: Feed) -> None:
    """A button turns the lanes from blocks to the history that the server keeps, and back."""
    feeder = await feed(SimulatedNetwork(nodes=4, height=300))
    page = await visitor.open(feeder.address)
    await expect(page.locator("#best-number")).to_have_text("300")
    lane = page.locator("[data-lane='interval'] .lane-chart")
    await expect(lane).to_have_attribute("aria-label", re.compile("^Block interval of the last 90"))
    await page.locator("#recorder-day").press("Enter")
    await expect(page.locator("#recorder-title")).to_have_text("Last 24 hours")
    await expect(lane).to_have_attribute(
        "aria-label", re.compile("^Longest interval of the last 3[78] spans of 16 minutes: mean 1")
    )
    await page.locator("#recorder-day").press("Enter")
    await expect(lane).to_have_attribute("aria-label", re.compile("^Block interval of the last 90"))


async def test_shortcuts_can_be_switched_off(visitor: Visitor, feed: Feed) -> None:
    """? opens the list; without shortcuts a single key does nothing."""
    feeder = await feed(SimulatedNetwork(nodes=4, height=40))
    page = await visitor.open(feeder.address)
    await expect(page.locator("tr.node")).to_have_count(4)
    await page.keyboard.press("?")
    await expect(page.locator("#help")).to_be_visible()
    await page.locator("#keys-on").uncheck()
    await page.keyboard.press("Escape")
    await expect(page.locator("#help")).to_be_hidden()
    await page.locator("body").press("/")
    await expect(page.locator("#nodes-filter")).not_to_be_focused()
    await page.keyboard.press("?")
    await expect(page.locator("#help")).to_be_hidden()


async def test_every_control_is_reached_by_tab_and_seen(visitor: Visitor, feed: Feed) -> None:
    """Tab goes through the page from the skip link on, and the focus always has an outline."""
    feeder = await feed(SimulatedNetwork(nodes=3, height=40))
    page = await visitor.open(feeder.address)
    await expect(page.locator("tr.node")).to_have_count(3)
    reached = set()
    for _ in range(60):
        await page.keyboard.press("Tab")
        what, outline = await page.evaluate(
            """() => {
              const node = document.activeElement;
              const shown = node.className || node.id || node.tagName;
              return [String(shown), getComputedStyle(node).outlineStyle];
            }"""
        )
        if what == "BODY":
            break
        assert outline != "none", what
        reached.add(what.split()[0])
    wanted = {"skip-link", "button", "link-iron", "field", "sort", "pin", "node-name"}
    assert wanted <= reached


@pytest.mark.parametrize("system", ["light", "dark"])
async def test_the_theme_follows_the_system_until_it_is_chosen(
    visitor: Visitor, feed: Feed, system: Theme
) -> None:
    """The switch turns the system's theme round, and a reload keeps the choice."""
    feeder = await feed(SimulatedNetwork(nodes=2, validators=1, height=40))
    page = await visitor.open(feeder.address, theme=system)
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    before = await page.evaluate(ground)
    await page.locator("[data-theme-switch]").press("Enter")
    chosen = await page.evaluate(ground)
    assert chosen != before
    await page.reload()
    assert await page.evaluate(ground) == chosen
    await page.locator("body").press("t")
    assert await page.evaluate(ground) == before


@pytest.mark.parametrize("width", [360, 768, 1440])
async def test_no_width_scrolls_sideways(visitor: Visitor, feed: Feed, width: int) -> None:
    """Not with 200 nodes, long names, a fork and alerts, nor with the sheet open."""
    network = SimulatedNetwork(nodes=200, validators=40, height=1_234_567_890)
    network.add_node("a-node-whose-name-is-as-long-as-a-name-may-be-and-then-a-little-longer-yet")
    network.alert("offline", "validator-3 has not reported for 24 s. " * 3, node="validator-3")
    network.fork()
    feeder = await feed(network)
    page = await visitor.open(feeder.address, width=width)
    await expect(page.locator("tr.node")).to_have_count(201)
    fits = "document.documentElement.scrollWidth <= innerWidth"
    assert await page.evaluate(fits)
    outside = """() => [...document.querySelectorAll("main *")].filter((node) => {
      const { width, right } = node.getBoundingClientRect();
      const clipped = node.closest(".chain, .hidden-text, thead");
      return width > 0 && right > innerWidth + 1 && !clipped;
    }).map((node) => node.className || node.tagName)"""
    assert await page.evaluate(outside) == []
    await page.locator("#best-number").scroll_into_view_if_needed()
    await page.locator("#chain button[tabindex='0']").click()
    await expect(page.locator("#details")).to_be_visible()
    assert await page.evaluate(fits)


@pytest.mark.parametrize("width", [360, 1440])
async def test_a_hundred_validators_leave_room_for_the_nodes(
    visitor: Visitor, feed: Feed, width: int
) -> None:
    """Their list scrolls by itself, by the keyboard too, and is less than a page high."""
    feeder = await feed(SimulatedNetwork(nodes=100, validators=100, height=40))
    page = await visitor.open(feeder.address, width=width, height=900)
    validators = page.locator("#validators")
    await expect(validators.locator("li")).to_have_count(100)
    box = await validators.bounding_box()
    assert box is not None
    assert box["height"] < 450
    await validators.focus()
    await page.keyboard.press("End")
    await expect(validators.locator("li").last).to_be_in_viewport()


async def test_reduced_motion_is_respected(visitor: Visitor, feed: Feed) -> None:
    """Who asks for less motion sees the new block without the chain being moved."""
    network = SimulatedNetwork(nodes=3, height=40)
    feeder = await feed(network)
    moving = "document.getAnimations().length"
    calm = await visitor.open(feeder.address, reduced_motion="reduce")
    lively = await visitor.open(feeder.address, reduced_motion="no-preference")
    for page in (calm, lively):
        await page.evaluate(
            """() => {
              window.moved = 0;
              const animate = Element.prototype.animate;
              Element.prototype.animate = function (...given) {
                window.moved += 1;
                return animate.apply(this, given);
              };
            }"""
        )
        await expect(page.locator("#best-number")).to_have_text("40")
    feeder.send(network.step())
    for page in (calm, lively):
        await expect(page.locator("#best-number")).to_have_text("41")
    assert await lively.evaluate("window.moved") > 0
    assert await calm.evaluate("window.moved") == 0
    assert await calm.evaluate(moving) == 0
