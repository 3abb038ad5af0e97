// The dashboard's page: wires the stream to the model and the model to the parts of the page.
//
// Messages change the model at once and mark what changed; drawing happens once a frame, and only
// for what is marked. A page that is not looked at draws nothing, and catches up in one frame.

import { Alerts } from "./alerts.js";
import { Bands } from "./bands.js";
import { Chain } from "./chain.js";
import { quantile } from "./charts.js";
import { Consensus } from "./consensus.js";
import { Details } from "./details.js";
import { byId, frame, setAttribute, setText } from "./dom.js";
import * as format from "./format.js";
import { bindKeys } from "./keys.js";
import { Live } from "./live.js";
import { Model } from "./model.js";
import { Nodes } from "./nodes.js";
import { Makers, Propagation } from "./panels.js";
import { Recorder } from "./recorder.js";
import { Summary } from "./summary.js";

const FAST_TICK_MS = 200;
const SLOW_TICK_MS = 1_000;
const PING_MS = 10_000;
const PING_TIMEOUT_MS = 5_000;
const PINGS = 5;

const model = new Model();
const stream = { state: "waiting", since_ms: Date.now() };
const page = { bands: new Bands(null), latency_ms: null };
const say = speaker(byId("say"));
const details = new Details(model, page, say);
const nodes = new Nodes(model, page, { open: (name) => details.openNode(name), say });
const chain = new Chain(model, page, { open: (number) => details.openBlock(number), say });
const parts = {
  alerts: new Alerts(model, say),
  summary: new Summary(model, page),
  recorder: new Recorder(model, page),
  propagation: new Propagation(model, page),
  makers: new Makers(model),
  consensus: new Consensus(model, page),
};

const draw = frame(() => {
  const { parts: changed, nodes: changedNodes } = model.takeChanges();
  if (changed.has("network")) drawNetwork();
  if (changed.has("alerts")) parts.alerts.draw();
  if (changed.has("summary") || changed.has("nodes")) parts.summary.draw();
  if (changed.has("blocks")) {
    chain.draw();
    parts.recorder.draw();
    parts.makers.draw();
  }
  if (changed.has("propagation")) parts.propagation.draw();
  if (["validators", "consensus", "forks", "network"].some((part) => changed.has(part))) {
    parts.consensus.draw();
  }
  if (changed.has("nodes") || changedNodes.size > 0) nodes.draw(changedNodes);
  details.draw();
  drawTitle();
});

function drawNetwork() {
  const { name, chain_id, consensus, block_time_s } = model.network;
  page.bands = new Bands(block_time_s);
  setText(byId("network-name"), format.plain(name, 80));
  const facts = [`chain ${chain_id ?? format.UNKNOWN}`, format.plain(consensus, 20)];
  if (format.known(block_time_s)) facts.push(`${block_time_s} s blocks`);
  byId("network-facts").replaceChildren(
    ...facts.map((fact) => Object.assign(document.createElement("span"), { textContent: fact })),
  );
  const spread = page.bands.spread_ms.map(format.durationText);
  const marks = "▴ notice, ▲ warning, ◆ serious";
  setText(byId("foot-legend"), `${marks}. Propagation: over ${spread.join(", ")}.`);
}

function drawTitle() {
  const best = model.summary.best_block;
  const errors = model.alerts.filter((alert) => alert.severity === "error").length;
  const mark = stream.state === "live" ? "" : "… ";
  const alarm = errors > 0 ? `(${errors}) ` : "";
  const height = format.known(best) ? `#${format.integer(best)} ` : "";
  const title = `${mark}${alarm}${height}${format.plain(model.network.name || "Windlass", 60)}`;
  if (document.title !== title) document.title = title;
}

function drawStream() {
  const node = byId("live-state");
  setAttribute(node, "data-state", stream.state);
  setAttribute(document.body, "data-stream", stream.state);
  if (stream.state === "live") {
    setText(node, "Live");
  } else if (stream.state === "lost") {
    const since = model.received ? ` Figures of ${format.age(Date.now() - stream.since_ms)} ago.` : "";
    setText(node, `Reconnecting.${since}`);
  } else {
    setText(node, "Connecting");
  }
}

function setStream(state) {
  if (stream.state === state) return;
  const was = stream.state;
  stream.state = state;
  stream.since_ms = Date.now();
  if (state === "lost") say("The connection to the dashboard is lost. Reconnecting.");
  else if (was === "lost") say("Connected again.");
  drawStream();
  draw();
}

const live = new Live("api/live", {
  onEvent(name, data) {
    if (name === "snapshot") model.snapshot(JSON.parse(data));
    else if (name === "delta") model.delta(JSON.parse(data));
    else return;
    if (model.received) setStream("live");
    draw();
  },
  onState: () => setStream("lost"),
});

const pings = [];

/** The round trip to the server by halves, as a browser sees it. */
async function ping() {
  if (document.hidden) return;
  const began = performance.now();
  try {
    const signal = AbortSignal.timeout(PING_TIMEOUT_MS);
    const response = await fetch("healthz", { method: "GET", cache: "no-store", signal });
    await response.arrayBuffer();
    pings.push((performance.now() - began) / 2);
    pings.splice(0, pings.length - PINGS);
    page.latency_ms = quantile(pings, 0.5); // one slow answer is the browser's business
  } catch {
    pings.length = 0;
    page.latency_ms = null;
  }
  parts.summary.draw();
}

/** Speaks to a screen reader; the same sentence twice is still two. */
function speaker(node) {
  let odd = false;
  return (sentence) => {
    odd = !odd;
    node.textContent = odd ? sentence : `${sentence}\u00a0`;
  };
}

bindKeys({ nodes, say });
drawStream();
setInterval(() => {
  if (!document.hidden) chain.tick(stream.state === "live");
}, FAST_TICK_MS);
setInterval(() => {
  if (document.hidden) return;
  drawStream();
  if (stream.state !== "live") return; // ages that went on would pass for knowledge
  nodes.tick();
  parts.alerts.tick();
  details.tick();
}, SLOW_TICK_MS);
setInterval(ping, PING_MS);
for (const after_ms of [1_000, 2_000, 3_000]) setTimeout(ping, after_ms); // not while it loads
window.addEventListener("online", () => live.hurry());
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) live.hurry();
});
live.run();
