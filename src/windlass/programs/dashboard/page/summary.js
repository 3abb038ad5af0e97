// The row of key figures.

import { byId, element, setAttribute, setFigure, setText } from "./dom.js";
import * as format from "./format.js";

/** [key, label, (summary, page, model) → {figure: [text, unit], note, level, title}] */
const STATS = [
  [
    "average",
    "Block time, mean",
    ({ average_block_time_ms }, { bands }, model) => ({
      figure: format.duration(average_block_time_ms),
      note: format.known(model.network.block_time_s)
        ? `meant to be ${model.network.block_time_s} s`
        : "",
      level: bands.interval(average_block_time_ms),
    }),
  ],
  [
    "transactions",
    "Transactions",
    ({ transactions_per_s }, _, model) => ({
      figure: [rate(transactions_per_s), format.known(transactions_per_s) ? "per s" : ""],
      note: model.best ? `${format.integer(model.best.transactions)} in the last block` : "",
    }),
  ],
  [
    "pending",
    "Pending",
    ({ pending }) => ({ figure: [format.compact(pending), ""], note: "most in one pool" }),
  ],
  [
    "gas",
    "Gas used",
    ({ gas_used_percent, gas_limit }, { bands }) => ({
      figure: [format.percent(gas_used_percent), format.known(gas_used_percent) ? "%" : ""],
      note: format.known(gas_limit) ? `of ${format.compact(gas_limit)} gas a block` : "",
      level: bands.fullness(gas_used_percent),
      title: format.known(gas_limit) ? `gas limit ${format.integer(gas_limit)}` : null,
    }),
  ],
  [
    "final",
    "Not final yet",
    ({ best_block, final_block }) => {
      const known = format.known(best_block) && format.known(final_block);
      const open = known ? Math.max(0, best_block - final_block) : null;
      return {
        figure: [format.integer(open), known ? (open === 1 ? "block" : "blocks") : ""],
        note: known ? `final to ${format.integer(final_block)}` : "",
      };
    },
  ],
  [
    "price",
    "Gas price",
    ({ gas_price_wei }) => ({
      figure: format.gasPrice(gas_price_wei),
      title: gas_price_wei === null ? null : `${format.plain(gas_price_wei, 80)} wei`,
    }),
  ],
  [
    "nodes",
    "Nodes online",
    ({ nodes_online, nodes_total }, { bands }) => ({
      figure: [
        `${format.integer(nodes_online)}/${format.integer(nodes_total)}`,
        "",
      ],
      note: nodes_total > nodes_online ? `${format.integer(nodes_total - nodes_online)} away` : "",
      level: nodes_total > 0 ? bands.online(nodes_online / nodes_total) : 0,
    }),
  ],
  [
    "propagation",
    "Propagation, p50",
    ({ propagation_p50_ms, propagation_p90_ms }, { bands }) => ({
      figure: format.duration(propagation_p50_ms),
      note: `p90 ${format.durationText(propagation_p90_ms)}`,
      level: bands.propagation(propagation_p90_ms),
    }),
  ],
  [
    "uptime",
    "Uptime, mean",
    ({ uptime_percent }, { bands }) => ({
      figure: [format.percent(uptime_percent), format.known(uptime_percent) ? "%" : ""],
      note: "of the nodes",
      level: bands.uptime(uptime_percent),
    }),
  ],
  [
    "latency",
    "Page latency",
    (_, { latency_ms, bands }) => ({
      figure: latency_ms === null ? [format.UNKNOWN, ""] : fine(latency_ms),
      note: "you to this server",
      level: bands.latency(latency_ms),
    }),
  ],
];

export class Summary {
  constructor(model, page) {
    this.model = model;
    this.page = page;
    this.stats = STATS.map(([key, label, read]) => {
      const value = element("span", { class: "stat-figure" }, format.UNKNOWN);
      const note = element("dd", { class: "stat-note" });
      const place = element("dd", { class: "stat-value", id: `stat-${key}` }, value);
      const stat = element("div", { class: "stat" }, element("dt", { class: "label" }, label));
      stat.append(place, note);
      return { stat, value, note, read };
    });
    byId("stats").append(...this.stats.map(({ stat }) => stat));
  }

  draw() {
    for (const { stat, value, note, read } of this.stats) {
      const shown = read(this.model.summary, this.page, this.model);
      setFigure(value, ...shown.figure);
      setText(note, shown.note ?? "");
      setAttribute(value, "data-level", shown.level || null);
      setAttribute(stat, "title", shown.title ?? null);
    }
  }
}

function rate(perSecond) {
  if (!format.known(perSecond)) return format.UNKNOWN;
  return perSecond >= 100 ? format.compact(perSecond) : String(Math.round(perSecond * 10) / 10);
}

function fine(ms) {
  return ms < 10 ? [(Math.round(ms * 10) / 10).toFixed(1), "ms"] : format.duration(ms);
}
