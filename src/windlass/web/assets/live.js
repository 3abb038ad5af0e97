// The live stream of a page: server-sent events, read by our own hand.
//
// The browser's EventSource hides the server's heartbeats, so it can't tell a quiet network from a
// dead connection, and its pauses between attempts are its own. Here silence longer than two
// heartbeats is a lost connection, and a page never shows old figures as live.

const SILENCE_MS = 35_000;
const PAUSE_MIN_MS = 500;
const PAUSE_MAX_MS = 8_000;
const EVENT_CHARACTERS_MAX = 32 << 20;

/** Reads `url` for ever. `onEvent(name, data)`, `onState("live" | "lost", attempt)`. */
export class Live {
  constructor(url, { onEvent, onState }) {
    this.url = url;
    this.onEvent = onEvent;
    this.onState = onState;
    this.attempt = 0;
    this.abort = null;
    this.wake = null;
  }

  async run() {
    for (;;) {
      try {
        await this.#read();
      } catch (error) {
        if (!(error instanceof Lost) && !isNetwork(error)) console.error(error);
      }
      this.attempt += 1;
      this.onState("lost", this.attempt);
      const most = Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** Math.min(this.attempt - 1, 6));
      await this.#pause(most * (0.5 + Math.random() / 2)); // not all pages at the same moment
    }
  }

  /** Tries at once instead of after the pause. */
  hurry() {
    this.wake?.();
  }

  #pause(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #read() {
    const abort = new AbortController();
    let timer = setTimeout(() => abort.abort(), SILENCE_MS);
    try {
      const response = await fetch(this.url, {
        headers: { Accept: "text/event-stream" },
        cache: "no-store",
        signal: abort.signal,
      });
      if (!response.ok || response.body === null) throw new Lost();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      const events = new Events((name, data) => {
        this.attempt = 0;
        this.onEvent(name, data);
      });
      for (;;) {
        const { value, done } = await reader.read();
        if (done) throw new Lost();
        clearTimeout(timer);
        timer = setTimeout(() => abort.abort(), SILENCE_MS);
        events.feed(value);
      }
    } finally {
      clearTimeout(timer);
      abort.abort();
    }
  }
}

class Lost extends Error {}

function isNetwork(error) {
  return error instanceof TypeError || error?.name === "AbortError";
}

/** Cuts a text stream into events; comments only show that the other side lives. */
class Events {
  constructor(onEvent) {
    this.onEvent = onEvent;
    this.rest = "";
    this.name = "";
    this.data = [];
  }

  feed(text) {
    this.rest += text;
    if (this.rest.length > EVENT_CHARACTERS_MAX) throw new Lost();
    let from = 0;
    for (;;) {
      const end = this.rest.indexOf("\n", from);
      if (end < 0) break;
      this.#line(this.rest.slice(from, this.rest[end - 1] === "\r" ? end - 1 : end));
      from = end + 1;
    }
    this.rest = this.rest.slice(from);
  }

  #line(line) {
    if (line === "") {
      if (this.data.length > 0) this.onEvent(this.name || "message", this.data.join("\n"));
      this.name = "";
      this.data = [];
    } else if (line.startsWith("event:")) {
      this.name = line.slice(6).trim();
    } else if (line.startsWith("data:")) {
      this.data.push(line.slice(line[5] === " " ? 6 : 5));
    }
  }
}
