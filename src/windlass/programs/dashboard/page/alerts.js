// What is wrong now, in sentences, before anything else on the page. A new alert is spoken once;
// the ones that a page begins with are not, for a screen reader finds them in their own section.

import { byId, element, reorder, setText } from "./dom.js";
import * as format from "./format.js";

const SHOWN_MAX = 50;
const WORDS = {
  stalled: "Stalled",
  fork: "Fork",
  peers: "Peers",
  lag: "Behind",
  offline: "Offline",
  refused: "Refused",
  clock: "Clock",
};

export class Alerts {
  constructor(model, say) {
    this.model = model;
    this.say = say;
    this.rows = new Map();
    this.first = true;
  }

  draw() {
    const alerts = this.model.alerts.slice(0, SHOWN_MAX);
    const worst = (alert) => (alert.severity === "error" ? 0 : 1);
    alerts.sort((a, b) => worst(a) - worst(b) || (a.since_ms ?? 0) - (b.since_ms ?? 0));
    const seen = new Set();
    const spoken = [];
    for (const alert of alerts) {
      const id = String(alert.id);
      seen.add(id);
      let row = this.rows.get(id);
      if (row === undefined) {
        row = this.#row();
        this.rows.set(id, row);
        spoken.push(`Alert. ${format.plain(alert.sentence, 300)}`);
      }
      this.#fill(row, alert);
    }
    for (const [id, row] of this.rows) {
      if (seen.has(id)) continue;
      row.node.remove();
      this.rows.delete(id);
      spoken.push(`Over: ${row.sentence.textContent}`);
    }
    const wanted = alerts.map((alert) => this.rows.get(String(alert.id)).node);
    reorder(byId("alerts-list"), [...new Set(wanted)]);
    byId("alerts").hidden = alerts.length === 0;
    if (spoken.length > 0 && !this.first) this.say(spoken.slice(0, 5).join(" "));
    this.first = false;
    this.tick();
  }

  tick() {
    const now = this.model.serverNow();
    for (const row of this.rows.values()) {
      const known = format.known(row.since_ms);
      setText(row.since, known ? `for ${format.calmAge(now - row.since_ms)}` : "");
    }
  }

  #row() {
    const flag = element("span", { class: "alert-flag", "aria-hidden": "true" });
    const kind = element("strong", { class: "alert-kind" });
    const sentence = element("span", { class: "alert-sentence" });
    const since = element("time", { class: "alert-since" });
    const node = element("li", { class: "alert" }, flag, kind, sentence, since);
    return { node, flag, kind, sentence, since, since_ms: null };
  }

  #fill(row, alert) {
    const serious = alert.severity === "error";
    const word = Object.hasOwn(WORDS, alert.kind) ? WORDS[alert.kind] : "Alert";
    row.node.dataset.severity = serious ? "error" : "warning";
    setText(row.flag, serious ? "◆" : "▲");
    setText(row.kind, word);
    setText(row.sentence, format.plain(alert.sentence, 600));
    row.since_ms = alert.since_ms;
    row.since.title = `since ${format.instant(alert.since_ms)}`;
  }
}
