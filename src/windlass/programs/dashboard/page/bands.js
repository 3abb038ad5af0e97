// Where a figure becomes a worry. 0 is well; 1, 2 and 3 are drawn with a colour and a shape each.
// What is measured in blocks or against the pace of the chain scales with its block time: half a
// second is nothing on a chain of 12 s blocks and half the time there is on one of 1 s.

import { known } from "./format.js";

function band(value, [first, second, third]) {
  if (!known(value) || value <= first) return 0;
  if (value <= second) return 1;
  return value <= third ? 2 : 3;
}

function below(value, [first, second, third]) {
  if (!known(value) || value >= first) return 0;
  if (value >= second) return 1;
  return value >= third ? 2 : 3;
}

export class Bands {
  constructor(block_time_s) {
    const pace_ms = (known(block_time_s) && block_time_s > 0 ? block_time_s : 12) * 1000;
    this.pace_ms = pace_ms;
    this.spread_ms = [0.15, 0.35, 0.7].map((part) => Math.max(100, Math.round(part * pace_ms)));
    this.wait_ms = [2, 4, 8].map((part) => part * pace_ms);
  }

  lag(blocks) {
    return band(blocks, [0, 1, 3]);
  }

  propagation(ms) {
    return band(ms, this.spread_ms);
  }

  /** Of one block after the other, or of waiting for the next. */
  interval(ms) {
    return band(ms, this.wait_ms);
  }

  latency(ms) {
    return band(ms, [100, 400, 1000]);
  }

  uptime(percent) {
    return below(percent, [99, 90, 75]);
  }

  online(share) {
    return below(share, [1, 0.9, 0.75]);
  }

  fullness(percent) {
    return band(percent, [80, 95, 99]);
  }

  missed(count) {
    return band(count, [0, 2, 10]);
  }
}
