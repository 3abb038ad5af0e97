// Who signs: the votes of the last block, every validator with its strip, and forks.
// Validators that miss come first; the others keep the order of their names.

import { Marks } from "./charts.js";
import { byId, element, reorder, setAttribute, setFigure, setText } from "./dom.js";
import * as format from "./format.js";

const SCROLLS_FROM = 32;
const STRIP = 60;
const FORKS_MAX = 10;

export class Consensus {
  constructor(model, page) {
    this.model = model;
    this.page = page;
    this.rows = new Map();
    this.votes = this.#votes();
  }

  draw() {
    const { validators, consensus, network } = this.model;
    setText(
      byId("consensus-note"),
      validators.length > 0 ? format.count(validators.length, "validator") : "",
    );
    this.#drawVotes(consensus);
    this.#drawValidators(validators);
    const empty = byId("validators-empty");
    empty.hidden = validators.length > 0;
    const solo = network.consensus === "solo";
    const none = "The validators show once one of their nodes answers.";
    setText(empty, solo ? "One sealer makes the blocks of this network: nobody votes." : none);
    this.#drawForks();
  }

  #votes() {
    const make = (label) => {
      const value = element("dd", { class: "stat-value" });
      byId("votes").append(
        element("div", { class: "vote" }, element("dt", { class: "label" }, label), value),
      );
      return value;
    };
    const power = make("Signed the last block");
    this.bar = element("span", { class: "power-bar", role: "img" });
    this.signed = element("span", { class: "power-signed" });
    this.quorum = element("span", { class: "power-quorum" });
    this.bar.append(this.signed, this.quorum);
    power.after(element("dd", { class: "power" }, this.bar));
    return { power, round: make("Round"), missed: make("Missed rounds, last 100") };
  }

  #drawVotes(consensus) {
    byId("votes").hidden = consensus === null;
    if (consensus === null) return;
    const { power_total, power_signed, quorum_power, round, missed_rounds_100 } = consensus;
    const share = power_total > 0 ? power_signed / power_total : null;
    const of = format.known(power_total) ? `of ${format.integer(power_total)} votes` : "";
    const voted = share !== null && this.model.blocks.length > 0;
    setFigure(this.votes.power, voted ? format.integer(power_signed) : format.UNKNOWN, of);
    setFigure(this.votes.round, format.integer(round));
    setFigure(this.votes.missed, format.integer(missed_rounds_100));
    setAttribute(this.votes.missed, "data-level", this.page.bands.missed(missed_rounds_100) || null);
    setAttribute(this.votes.power, "data-level", voted && share < 1 ? "2" : null);
    this.signed.style.width = `${(share ?? 0) * 100}%`;
    this.quorum.style.left = `${power_total > 0 ? (quorum_power / power_total) * 100 : 0}%`;
    setAttribute(
      this.bar,
      "aria-label",
      `${format.integer(power_signed)} of ${format.integer(power_total)} votes signed, ` +
        `${format.integer(quorum_power)} are needed`,
    );
    setAttribute(this.bar, "title", `${format.integer(quorum_power)} votes are needed`);
  }

  #drawValidators(validators) {
    const ordered = validators
      .filter((one) => typeof one.name === "string" || typeof one.address === "string")
      .sort((a, b) => (b.missed_100 ?? 0) - (a.missed_100 ?? 0) || byName(a, b));
    const total = ordered.reduce((sum, { power }) => sum + (power ?? 0), 0);
    const seen = new Set();
    const nodes = [];
    for (const validator of ordered) {
      const key = String(validator.address ?? validator.name);
      if (seen.has(key)) continue;
      seen.add(key);
      if (!this.rows.has(key)) this.rows.set(key, make());
      const row = this.rows.get(key);
      this.#fill(row, validator, total);
      nodes.push(row.node);
    }
    for (const [key, row] of this.rows) {
      if (seen.has(key)) continue;
      row.node.remove();
      this.rows.delete(key);
    }
    const list = byId("validators");
    reorder(list, nodes);
    // A list that scrolls by itself must be reachable by the keyboard, or its end is not.
    setAttribute(list, "tabindex", nodes.length > SCROLLS_FROM ? "0" : null);
  }

  #fill(row, validator, total) {
    const { name, address, power, signed_100, missed_100, proposed_100, online } = validator;
    const shown = format.plain(name ?? format.hash(address), 60);
    setText(row.name, shown);
    setAttribute(row.name, "title", `${shown} ${format.plain(address, 60)}`);
    const known = (signed_100 ?? 0) + (missed_100 ?? 0);
    setText(row.signed, known > 0 ? `${format.integer(signed_100)}/${format.integer(known)}` : format.UNKNOWN);
    setAttribute(row.signed, "data-level", this.page.bands.missed(missed_100) || null);
    const vote = total > 0 ? `${format.percent(((power ?? 0) / total) * 100)} % of votes` : "";
    const made = `made ${format.integer(proposed_100)}`;
    setText(row.facts, [vote, made].filter(Boolean).join(", "));
    setText(row.state, online ? "" : "◆ offline");
    const marks = typeof validator.marks === "string" ? validator.marks.slice(-STRIP) : "";
    row.marks.draw(marks);
    const missed = [...marks].filter((mark) => mark === "0").length;
    const said = `signed ${format.integer(signed_100)}, missed ${format.integer(missed_100)}`;
    setAttribute(
      row.strip,
      "aria-label",
      `${said} of the last ${known}; ${missed} missed in the strip of ${marks.length}`,
    );
  }

  #drawForks() {
    const place = byId("forks");
    const { forks } = this.model;
    const key = JSON.stringify([forks.slice(0, FORKS_MAX), this.model.blocks.length > 0]);
    if (key === this.drawnForks) return;
    this.drawnForks = key;
    const items = forks.slice(0, FORKS_MAX).map((fork) => {
      const sides = (Array.isArray(fork.hashes) ? fork.hashes : []).slice(0, 5).map((side) => {
        const names = Array.isArray(side.nodes) ? side.nodes : [];
        const told = names.slice(0, 5).map((name) => format.plain(name, 40)).join(", ");
        const more = names.length > 5 ? ` and ${names.length - 5} more` : "";
        const code = element("span", { class: "code" }, format.hash(format.plain(side.hash, 80)));
        return element("li", {}, code, ` told by ${told}${more}`);
      });
      const at = `◆ Fork at ${format.integer(fork.height)}`;
      const title = element("h3", { title: format.instant(fork.at_ms) }, at);
      return element("div", { class: "fork" }, title, element("ul", {}, ...sides));
    });
    const calm = this.model.blocks.length > 0 ? "No forks: all nodes tell of the same blocks." : "";
    place.replaceChildren(...(items.length > 0 ? items : [element("p", { class: "panel-note" }, calm)]));
  }
}

function make() {
  const name = element("span", { class: "validator-name name" });
  const state = element("span", { class: "validator-state" });
  const facts = element("span", { class: "validator-facts" });
  const signed = element("span", { class: "validator-signed", title: "signed of the last 100" });
  const marks = new Marks(STRIP);
  const strip = element("span", { class: "validator-strip", role: "img" }, marks.svg);
  const head = element("span", { class: "validator-head" }, name, state);
  const node = element("li", { class: "validator" }, head, strip, signed, facts);
  return { node, name, state, facts, signed, marks, strip };
}

function byName(a, b) {
  return String(a.name ?? a.address).localeCompare(String(b.name ?? b.address), "en", {
    numeric: true,
  });
}
