// Small charts as SVG: one path for each band of colour, so that 500 of them are cheap to redraw.
// A chart is a picture with a sentence: its caller gives the sentence.

import { drawing, element, setAttribute } from "./dom.js";

const LEVELS = [0, 1, 2, 3, "new"];

/** A drawing that stretches to its place, with a path for each level. */
function canvas(width, height, className) {
  const svg = drawing("svg", {
    class: className,
    viewBox: `0 0 ${width} ${height}`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
    focusable: "false",
  });
  const paths = LEVELS.map((level) => drawing("path", { class: `band-${level}` }));
  svg.append(...paths);
  return { svg, paths };
}

/** Bars, newest at the right edge, which has the accent if nothing is wrong; null is a gap. */
export class Bars {
  constructor({ slots, height, className, pitch = 10, gap = 2, least = 1.5 }) {
    this.slots = slots;
    this.height = height;
    this.pitch = pitch;
    this.gap = gap;
    this.least = least;
    const { svg, paths } = canvas(slots * pitch, height, `bars ${className}`);
    this.svg = svg;
    this.paths = paths;
  }

  /** `values` oldest first; `top` is the value at full height; `level(value, i)` picks a band. */
  draw(values, top, level) {
    const parts = ["", "", "", "", ""];
    const width = this.pitch - this.gap;
    const from = this.slots - values.length;
    for (let i = 0; i < values.length; i += 1) {
      const value = values[i];
      if (value === null || value === undefined) continue;
      const share = top > 0 ? Math.min(1, Math.max(0, value / top)) : 0;
      const tall = Math.max(this.least, share * this.height);
      const x = (from + i) * this.pitch + this.gap / 2;
      const band = level(value, i) || (i === values.length - 1 ? 4 : 0);
      parts[band] += `M${x} ${round(this.height - tall)}h${width}V${this.height}h${-width}z`;
    }
    this.paths.forEach((path, i) => setAttribute(path, "d", parts[i] || null));
  }
}

/** A strip of equal cells: signed, missed, unknown. Missed ones are taller, not only redder. */
export class Marks {
  constructor(slots) {
    this.slots = slots;
    const { svg, paths } = canvas(slots * 6, 18, "marks");
    this.svg = svg;
    this.paths = paths;
  }

  draw(marks) {
    const parts = ["", "", "", ""];
    const shown = marks.slice(-this.slots);
    const from = this.slots - shown.length;
    for (let i = 0; i < shown.length; i += 1) {
      const x = (from + i) * 6 + 1;
      if (shown[i] === "1") parts[0] += `M${x} 5h4v8h-4z`;
      else if (shown[i] === "0") parts[3] += `M${x} 0h4v18h-4z`;
      else parts[1] += `M${x} 8h4v2h-4z`;
    }
    this.paths.forEach((path, i) => setAttribute(path, "d", parts[i] || null));
  }
}

/** A list of names with a bar for each share. */
export function shares(list, rows) {
  const nodes = rows.map((row, i) => list.children[i] ?? list.appendChild(share()));
  while (list.children.length > rows.length) list.lastElementChild.remove();
  rows.forEach(({ name, part, count, figure, title }, i) => {
    const [label, bar, number, value] = nodes[i].children;
    if (label.textContent !== name) label.textContent = name;
    setAttribute(label, "title", title ?? null);
    const width = `${round(part * 100)}%`;
    if (bar.firstElementChild.style.width !== width) bar.firstElementChild.style.width = width;
    if (number.textContent !== count) number.textContent = count;
    if (value.textContent !== figure) value.textContent = figure;
  });
}

function share() {
  return element(
    "li",
    { class: "share" },
    element("span", { class: "name" }),
    element("span", { class: "share-bar", "aria-hidden": "true" }, element("span")),
    element("span", { class: "share-count" }),
    element("span", { class: "share-figure" }),
  );
}

/** The next rounder number at or above. */
export function ceiling(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((one) => one * power >= value * (1 - 1e-9));
  return factor * power;
}

/** The value below which this share of the values lie; null of none. */
export function quantile(values, part) {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
}

export function mean(values) {
  return values.length === 0 ? null : values.reduce((sum, one) => sum + one, 0) / values.length;
}

function round(value) {
  return Math.round(value * 100) / 100;
}
