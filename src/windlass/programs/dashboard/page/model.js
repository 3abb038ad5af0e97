// The network as the page knows it: the last snapshot and every delta since.
//
// Names come from outside, so nodes are in a Map and never keys of an object. Everything has a
// bound here too: a page must survive whatever the other side sends.

const BLOCKS_MAX = 120;
const NODES_MAX = 2_000;
const LIST_MAX = 500;
const HISTORY = 40;

export class Model {
  constructor() {
    this.network = { name: "", chain_id: null, consensus: null, block_time_s: null };
    this.summary = {};
    this.nodes = new Map();
    this.blocks = []; // newest first
    this.validators = [];
    this.consensus = null;
    this.propagation = { bins: [], p50_ms: null, p90_ms: null, mean_ms: null };
    this.forks = [];
    this.alerts = [];
    this.received = false;
    this.clock_ms = null; // how much this machine's clock is ahead of the server's
    this.now_ms = null;
    this.changed = new Set();
    this.changedNodes = new Set();
  }

  /** Takes a whole document; what it does not name is gone. */
  snapshot(document) {
    if (document?.schema !== 1) throw new Error("this page does not know the server's schema");
    this.network = object(document.network) ?? this.network;
    this.summary = object(document.summary) ?? {};
    const nodes = list(document.nodes, NODES_MAX).filter(named);
    this.nodes = new Map(nodes.map((node) => [node.name, withHistory(node)]));
    this.blocks = [];
    this.#blocks(document.blocks);
    this.#lists(document);
    this.consensus = object(document.consensus);
    this.#clock(document.now_ms);
    this.received = true;
    for (const part of PARTS) this.changed.add(part);
    for (const name of this.nodes.keys()) this.changedNodes.add(name);
  }

  delta(document) {
    if (!this.received) return; // a delta changes something; before a snapshot there is nothing
    if (object(document?.summary)) {
      this.summary = document.summary;
      this.changed.add("summary");
    }
    for (const change of list(document?.nodes, NODES_MAX).filter(named)) this.#node(change);
    for (const name of list(document?.gone, NODES_MAX)) {
      if (this.nodes.delete(name)) this.changed.add("nodes");
    }
    if (document?.blocks || document?.summary) this.#blocks(document.blocks);
    this.#lists(document ?? {});
    if (document?.consensus !== undefined) {
      this.consensus = object(document.consensus);
      this.changed.add("consensus");
    }
    this.#clock(document?.now_ms);
  }

  /** The server's time now. Latency makes every message late, so the least difference is best. */
  serverNow() {
    return Date.now() - (this.clock_ms ?? 0);
  }

  /** What changed since this was asked last. */
  takeChanges() {
    const taken = { parts: this.changed, nodes: this.changedNodes };
    this.changed = new Set();
    this.changedNodes = new Set();
    return taken;
  }

  get best() {
    return this.blocks[0] ?? null;
  }

  #node(change) {
    const node = this.nodes.get(change.name);
    if (node === undefined) {
      if (this.nodes.size >= NODES_MAX) return;
      this.nodes.set(change.name, withHistory(change));
      this.changed.add("nodes");
    } else {
      Object.assign(node, change);
      if (change.propagation_history !== undefined) withHistory(node);
      else if (change.block) {
        node.propagation_history.push(node.propagation_ms ?? null);
        node.propagation_history.splice(0, node.propagation_history.length - HISTORY);
      }
    }
    this.changedNodes.add(change.name);
  }

  #blocks(changes) {
    const known = new Map(this.blocks.map((block) => [block.number, block]));
    for (const block of list(changes, BLOCKS_MAX)) {
      if (Number.isSafeInteger(block?.number)) known.set(block.number, block);
    }
    // Blocks above the best one are of a chain that was taken back or begun again.
    const best = this.summary.best_block ?? Infinity;
    const held = [...known.values()].filter(({ number }) => number <= best);
    const blocks = held.sort((a, b) => b.number - a.number).slice(0, BLOCKS_MAX);
    if (changes === undefined && blocks.length === this.blocks.length) return;
    this.blocks = blocks;
    this.changed.add("blocks");
  }

  #lists(document) {
    for (const part of ["validators", "forks", "alerts"]) {
      if (document[part] !== undefined) {
        this[part] = list(document[part], LIST_MAX).filter((one) => object(one) !== null);
        this.changed.add(part);
      }
    }
    if (object(document.propagation)) {
      this.propagation = document.propagation;
      this.changed.add("propagation");
    }
  }

  #clock(now_ms) {
    if (!Number.isFinite(now_ms)) return;
    const ahead = Date.now() - now_ms;
    this.now_ms = now_ms;
    // A clock that was set, here or there, shows as a jump; small differences are latency.
    const jumped = this.clock_ms !== null && Math.abs(ahead - this.clock_ms) > 5_000;
    this.clock_ms = this.clock_ms === null || jumped ? ahead : Math.min(this.clock_ms, ahead);
  }
}

const PARTS = [
  "network",
  "summary",
  "nodes",
  "blocks",
  "validators",
  "consensus",
  "propagation",
  "forks",
  "alerts",
];

function object(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? value : null;
}

function list(value, most) {
  return Array.isArray(value) ? value.slice(0, most) : [];
}

function named(node) {
  return typeof node?.name === "string" && node.name !== "";
}

function withHistory(node) {
  node.propagation_history = list(node.propagation_history, 1_000).slice(-HISTORY);
  return node;
}
