// The columns of the table of nodes: what each says, how it is sorted, where it becomes a worry.

import * as format from "./format.js";

const ROLES = ["validator", "sealer", "node"];

/** Whether this node needs a person's eye. */
export function troubled(node, bands) {
  return (
    !node.online ||
    bands.lag(node.lag_blocks) >= 2 ||
    bands.latency(node.latency_ms) >= 3 ||
    bands.propagation(node.propagation_average_ms) >= 3 ||
    node.peers === 0
  );
}

/** How old the newest block of this node is, on the server's clock. */
export function blockAge(node, now) {
  return format.known(node.block_at_ms) ? Math.max(0, now - node.block_at_ms) : null;
}

/**
 * key: also the name of the column's CSS class. sort(node): what is compared, null last.
 * text(node, now): what is shown. level(node, bands): 0 to 3. numeric: aligned right.
 */
export const COLUMNS = [
  {
    key: "name",
    label: "Node",
    sort: (node) => node.name,
  },
  {
    key: "role",
    label: "Role",
    sort: (node) => {
      const at = ROLES.indexOf(node.role);
      return at < 0 ? ROLES.length : at;
    },
    text: (node) => format.plain(node.role, 20),
  },
  {
    key: "latency",
    label: "Latency",
    title: "half the round trip between node and dashboard",
    numeric: true,
    sort: (node) => node.latency_ms,
    text: (node) => format.durationText(node.latency_ms),
    level: (node, bands) => bands.latency(node.latency_ms),
  },
  {
    key: "peers",
    label: "Peers",
    numeric: true,
    sort: (node) => node.peers,
    text: (node) => format.integer(node.peers),
    level: (node) => (node.peers === 0 ? 3 : 0),
  },
  {
    key: "pending",
    label: "Pending",
    title: "transactions waiting in its pool",
    numeric: true,
    sort: (node) => node.pending,
    text: (node) => format.compact(node.pending),
  },
  {
    key: "block",
    label: "Block",
    title: "its newest block, and how many it is behind",
    numeric: true,
    sort: (node) => node.block?.number,
    text: (node) => format.integer(node.block?.number),
  },
  {
    key: "lag",
    label: "Lag",
    title: "blocks behind the best",
    sort: (node) => node.lag_blocks,
    text: (node) => (node.lag_blocks > 0 ? `−${format.integer(node.lag_blocks)}` : ""),
    level: (node, bands) => bands.lag(node.lag_blocks),
  },
  {
    key: "hash",
    label: "Hash",
    sort: (node) => node.block?.hash,
    text: (node) => format.hash(node.block?.hash, 6, 4),
  },
  {
    key: "transactions",
    label: "Txs",
    title: "transactions in its newest block",
    numeric: true,
    sort: (node) => node.block?.transactions,
    text: (node) => format.integer(node.block?.transactions),
  },
  {
    key: "age",
    label: "Age",
    title: "since it told of its newest block",
    numeric: true,
    sort: (node) => node.block_at_ms,
    text: (node, now) => format.calmAge(blockAge(node, now)),
    level: (node, bands, now) => bands.interval(blockAge(node, now)),
    ticks: true,
    descending: true, // the younger block has the later time
  },
  {
    key: "propagation",
    label: "Propagation",
    title: "from the first node that told of the block until this one",
    sort: (node) => node.propagation_ms,
  },
  {
    key: "average",
    label: "Mean",
    title: "mean propagation of the last 40 blocks",
    numeric: true,
    sort: (node) => node.propagation_average_ms,
    text: (node) => format.durationText(node.propagation_average_ms),
    level: (node, bands) => bands.propagation(node.propagation_average_ms),
  },
  {
    key: "processing",
    label: "Import",
    title: "time to process the block",
    numeric: true,
    sort: (node) => node.processing_ms,
    text: (node) => format.durationText(node.processing_ms),
  },
  {
    key: "uptime",
    label: "Uptime",
    numeric: true,
    sort: (node) => node.uptime_percent,
    text: (node) =>
      format.known(node.uptime_percent) ? `${format.percent(node.uptime_percent)} %` : format.UNKNOWN,
    level: (node, bands) => bands.uptime(node.uptime_percent),
  },
];

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/** Orders nodes: pinned first, then by column; what is unknown comes last either way. */
export function comparison(key, descending, pins) {
  const column = COLUMNS.find((one) => one.key === key) ?? COLUMNS[0];
  const sign = descending !== Boolean(column.descending) ? -1 : 1;
  return (a, b) => {
    const pinned = Number(pins.has(b.name)) - Number(pins.has(a.name));
    if (pinned !== 0) return pinned;
    const [one, other] = [column.sort(a) ?? null, column.sort(b) ?? null];
    if (one === null || other === null) {
      if (one !== other) return one === null ? 1 : -1;
    } else {
      const order = typeof one === "string" ? collator.compare(one, other) : one - other;
      if (order !== 0) return order * sign;
    }
    return collator.compare(a.name, b.name);
  };
}

/** A filter's words must all be somewhere in what the node says of itself. */
export function matcher(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return (node) => {
    const { name, role, client, os, contact } = node;
    const state = node.online ? "online" : "offline";
    const said = [name, role, client, os, contact, state].join(" ").toLowerCase();
    return words.every((word) => said.includes(word));
  };
}
