// Numbers, times and hashes as people read them. Unknown is an en dash, never a zero.

export const UNKNOWN = "–";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const three = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const clock = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

export function known(value) {
  return typeof value === "number" && Number.isFinite(value);
}

export function integer(value) {
  return known(value) ? whole.format(value) : UNKNOWN;
}

export function compact(value) {
  return known(value) ? short.format(value) : UNKNOWN;
}

export function percent(value) {
  if (!known(value)) return UNKNOWN;
  if (value > 0 && value < 0.01) return "<0.01";
  if (value > 99.9 && value < 100) return "99.9"; // never rounded up to perfect
  return value >= 10 ? String(Math.round(value * 10) / 10) : three.format(value);
}

/** [figure, unit] of a duration that is measured: 84 ms, 1.24 s, 12 s, 3 min. */
export function duration(ms) {
  if (!known(ms)) return [UNKNOWN, ""];
  const size = Math.abs(ms);
  if (size < 1000) return [whole.format(ms), "ms"];
  if (size < 10_000) return [(ms / 1000).toFixed(2), "s"];
  if (size < 100_000) return [(ms / 1000).toFixed(1), "s"];
  if (size < 6_000_000) return [whole.format(ms / 60_000), "min"];
  return [whole.format(ms / 3_600_000), "h"];
}

export function durationText(ms) {
  return duration(ms).join(" ").trim();
}

/** How long ago, in words of two parts at most: 3.4 s, 42 s, 4 min 12 s, 3 h 4 min. */
export function age(ms) {
  if (!known(ms)) return UNKNOWN;
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10) return `${(Math.floor(seconds * 10) / 10).toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** The same in whole seconds, for places that are redrawn once a second. */
export function calmAge(ms) {
  if (!known(ms)) return UNKNOWN;
  return ms < 10_000 ? `${Math.floor(Math.max(0, ms) / 1000)} s` : age(ms);
}

export function instant(at_ms) {
  return known(at_ms) && Math.abs(at_ms) < 8.64e15 ? clock.format(at_ms) : UNKNOWN;
}

/** 0x12345678…9abc; shorter ones stay as they are. */
export function hash(text, head = 8, tail = 4) {
  if (typeof text !== "string" || text === "") return UNKNOWN;
  const bare = text.startsWith("0x") ? text.slice(2) : text;
  if (bare.length <= head + tail + 1) return text;
  return `0x${bare.slice(0, head)}…${bare.slice(-tail)}`;
}

/** [figure, unit] of a price in wei, exact: amounts are decimal strings, never floats. */
export function gasPrice(wei) {
  if (wei === null || wei === undefined || !/^\d{1,78}$/.test(String(wei))) return [UNKNOWN, ""];
  const amount = BigInt(wei);
  if (amount < 1_000_000n) return [amount.toLocaleString("en"), "wei"];
  const milli = amount / 1_000_000n; // thousandths of a gwei
  const rest = String(milli % 1000n).padStart(3, "0").replace(/0+$/, "");
  return [(milli / 1000n).toLocaleString("en") + (rest ? `.${rest}` : ""), "gwei"];
}

/** Text from outside, bounded and always text. */
export function plain(value, characters = 120) {
  if (value === null || value === undefined || value === "") return UNKNOWN;
  const text = String(value);
  return text.length > characters ? `${text.slice(0, characters)}…` : text;
}

export function count(number, one, many = `${one}s`) {
  return `${integer(number)} ${number === 1 ? one : many}`;
}
