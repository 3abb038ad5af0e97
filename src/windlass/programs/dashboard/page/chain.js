// The chain itself: every block a link, hauled in by the wheel at its end.
//
// A link says what its block says: the number, how full it is, whether it is final, who did not
// sign. The wheel is a gauge: its arc is the age of the last block, full at twice the block time,
// and its rim turns by a pocket for each block. Nobody needs to see it move to read it.

import { byId, drawing, element, reorder, setAttribute, setText } from "./dom.js";
import * as format from "./format.js";

const LINKS_MAX = 24;
const LINK_WIDTH = 106; // as in dashboard.css
const POCKETS = 12;
const CALM = window.matchMedia("(prefers-reduced-motion: reduce)");

export class Chain {
  constructor(model, page, { open }) {
    this.model = model;
    this.page = page;
    this.list = byId("chain");
    this.links = new Map();
    this.turned = 0;
    this.last = null;
    this.fits = 3;
    new ResizeObserver(([{ contentRect }]) => {
      const fits = Math.max(1, Math.min(LINKS_MAX - 2, Math.floor(contentRect.width / LINK_WIDTH)));
      if (fits === this.fits) return;
      this.fits = fits;
      requestAnimationFrame(() => this.draw());
    }).observe(this.list.parentElement);
    rim(byId("wheel-rim"));
    this.list.addEventListener("click", (event) => {
      const link = event.target.closest?.("button[data-number]");
      if (link) open(Number(link.dataset.number));
    });
    this.list.addEventListener("keydown", (event) => this.#walk(event));
  }

  draw() {
    // Two more than fit: one fades out at the left, one more is hauled out of sight.
    const blocks = this.model.blocks.slice(0, this.fits + 2).reverse();
    const wanted = new Set(blocks.map((block) => block.number));
    const newest = blocks.at(-1)?.number ?? null;
    const fresh = this.last === null || newest === null ? 0 : newest - this.last;
    for (const [number, link] of this.links) {
      if (wanted.has(number)) continue;
      link.node.remove();
      this.links.delete(number);
    }
    for (const block of blocks) this.#link(block, newest);
    reorder(this.list, blocks.map((block) => this.links.get(block.number).node));
    this.#reachable(blocks);
    byId("chain-empty").hidden = blocks.length > 0;
    this.list.hidden = blocks.length === 0;
    this.#best();
    if (fresh > 0) this.#haul(fresh);
    this.last = newest;
  }

  /** The age of the last block, several times a second. */
  tick(live) {
    const at_ms = this.model.summary.best_at_ms;
    const known = live && format.known(at_ms);
    const age_ms = known ? this.model.serverNow() - at_ms : null;
    const pace_ms = this.page.bands.pace_ms;
    setText(byId("best-age"), CALM.matches ? format.calmAge(age_ms) : format.age(age_ms));
    const part = known ? Math.min(1, Math.max(0, age_ms) / (2 * pace_ms)) : 0;
    const arc = byId("wheel-arc");
    arc.style.strokeDashoffset = String(100 - part * 100);
    setAttribute(byId("wheel"), "data-state", known ? String(this.page.bands.interval(age_ms)) : "-");
    setAttribute(byId("best-age"), "data-level", this.page.bands.interval(age_ms) || null);
  }

  #best() {
    const { best_block, best_hash, final_block } = this.model.summary;
    setText(byId("best-number"), format.integer(best_block));
    setText(byId("best-hash"), best_hash ? format.hash(format.plain(best_hash, 80)) : "");
    byId("best-hash").className = "code";
    byId("best-hash").title = best_hash ? format.plain(best_hash, 80) : "";
    let final = "";
    if (format.known(best_block) && format.known(final_block)) {
      const behind = best_block - final_block;
      final = behind <= 0 ? "final" : `final to ${format.integer(final_block)}`;
    }
    setText(byId("best-final"), final);
    byId("best-final").className = final ? "badge badge-accent" : "";
  }

  #link(block, newest) {
    let link = this.links.get(block.number);
    if (link === undefined) {
      link = make(block.number);
      this.links.set(block.number, link);
    }
    const missed = Array.isArray(block.missed) ? block.missed.length : 0;
    const full = block.gas_limit > 0 ? Math.min(1, block.gas_used / block.gas_limit) : 0;
    setText(link.count, `${format.compact(block.transactions)} tx`);
    setText(link.interval, format.durationText(block.interval_ms));
    setAttribute(link.interval, "data-level", this.page.bands.interval(block.interval_ms) || null);
    setText(link.maker, format.plain(block.miner_name ?? block.miner, 40));
    setText(link.trouble, trouble(block, missed));
    const fill = `${Math.round(full * 100)}%`;
    if (link.fill.style.height !== fill) link.fill.style.height = fill;
    setAttribute(link.node, "data-final", String(Boolean(block.final)));
    setAttribute(link.node, "data-forked", block.forked ? "true" : null);
    setAttribute(link.node, "data-newest", block.number === newest ? "true" : null);
    setText(link.said, sentence(block, missed));
  }

  /** One stop for the Tab key in the whole chain; arrows do the rest. */
  #reachable(blocks) {
    const newest = blocks.at(-1)?.number;
    const out = blocks.length - this.fits;
    const focused = this.list.contains(document.activeElement);
    blocks.forEach(({ number }, i) => {
      const { node, button } = this.links.get(number);
      // The focus stays in sight: it goes to the oldest link that still is.
      const leaves = i < out && node.contains(document.activeElement);
      if (leaves) this.links.get(blocks[out].number).button.focus();
      node.inert = i < out;
      if (!focused) setAttribute(button, "tabindex", number === newest ? "0" : "-1");
    });
  }

  #walk(event) {
    const buttons = [...this.list.querySelectorAll(".link:not([inert]) button")];
    const at = buttons.indexOf(document.activeElement);
    const steps = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: buttons.length - 1 };
    if (at < 0 || !Object.hasOwn(steps, event.key)) return;
    event.preventDefault();
    const next = buttons[Math.max(0, Math.min(buttons.length - 1, steps[event.key]))];
    for (const button of buttons) button.tabIndex = button === next ? 0 : -1;
    next.focus();
  }

  /** Moves the chain in by as many links as came; many at once just appear. */
  #haul(fresh) {
    this.turned += fresh;
    const rim = byId("wheel-rim");
    rim.style.transform = `rotate(${(this.turned % POCKETS) * (360 / POCKETS)}deg)`;
    if (CALM.matches) return;
    const step = 360 / POCKETS;
    const pockets = Math.min(fresh, 3);
    const end = this.turned * step;
    const timing = { duration: 420, easing: "cubic-bezier(0.22, 0.8, 0.24, 1)" };
    rim.animate(
      [{ transform: `rotate(${end - pockets * step}deg)` }, { transform: `rotate(${end}deg)` }],
      timing,
    );
    if (fresh > 3) return;
    const width = this.list.lastElementChild?.getBoundingClientRect().width ?? 0;
    this.list.animate(
      [{ transform: `translateX(${width * fresh}px)` }, { transform: "none" }],
      timing,
    );
  }
}

function make(number) {
  const fill = element("span", { class: "link-fill" });
  const count = element("span", { class: "link-count" });
  const figure = element("span", { class: "link-number" }, format.integer(number));
  const button = element("button", { class: "link-iron", type: "button", "data-number": number });
  const said = element("span", { class: "hidden-text" });
  button.append(fill, figure, " ", count, said);
  const interval = element("span", { class: "link-interval" });
  const maker = element("span", { class: "link-maker name" });
  const trouble = element("span", { class: "link-trouble" });
  const below = element("span", { class: "link-below", "aria-hidden": "true" });
  below.append(interval, maker, trouble);
  const node = element("li", { class: "link" }, button, below);
  return { node, button, fill, count, said, interval, maker, trouble };
}

function trouble(block, missed) {
  const parts = [];
  if (block.forked) parts.push("◆ fork");
  if (missed > 0) parts.push(`▲ ${missed} missed`);
  if (block.round > 0) parts.push(`round ${block.round}`);
  return parts.join(", ");
}

function sentence(block, missed) {
  const parts = [
    "",
    `${format.durationText(block.interval_ms)} after the one before`,
    `made by ${format.plain(block.miner_name ?? block.miner, 40)}`,
    block.final ? "final" : "not final yet",
  ];
  if (missed > 0) parts.push(`${missed} validators did not sign`);
  if (block.forked) parts.push("forked");
  return parts.join(", ");
}

/** The wheel's rim: a ring with pockets, as on the gypsy that grips an anchor chain. */
function rim(group) {
  group.append(drawing("circle", { cx: 70, cy: 70, r: 60, class: "wheel-ring" }));
  for (let i = 0; i < POCKETS; i += 1) {
    const angle = (360 / POCKETS) * i;
    group.append(
      drawing("rect", {
        x: 64,
        y: 3,
        width: 12,
        height: 13,
        rx: 3,
        class: "wheel-pocket",
        transform: `rotate(${angle} 70 70)`,
      }),
    );
  }
}
