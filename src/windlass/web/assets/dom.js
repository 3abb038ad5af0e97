// The few things that pages do to the document. Text from outside goes in as text, never as HTML:
// nothing here or elsewhere assigns innerHTML.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children; strings become text nodes. */
export function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for a drawing. */
export function drawing(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** Writes only what differs: an unchanged cell costs a comparison, not a layout. */
export function setText(node, text) {
  const first = node.firstChild;
  if (first instanceof Text && first === node.lastChild) {
    if (first.data !== text) first.data = text;
  } else if (first !== null || text !== "") {
    node.textContent = text;
  }
}

/** Sets or, with null, removes an attribute, if that changes anything. */
export function setAttribute(node, name, value) {
  if (value === null || value === undefined) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) {
    node.setAttribute(name, value);
  }
}

/** A figure and its unit, the unit smaller. */
export function setFigure(node, figure, unit = "") {
  const key = `${figure}|${unit}`;
  if (node.dataset.figure === key) return;
  node.dataset.figure = key;
  node.textContent = figure;
  if (unit) node.append(element("span", { class: "unit" }, unit));
}

export function byId(id) {
  const node = document.getElementById(id);
  if (node === null) throw new Error(`the page has no #${id}`);
  return node;
}

/** Puts children in this order with as few moves as a single pass finds. */
export function reorder(parent, wanted) {
  let cursor = parent.firstElementChild;
  for (const node of wanted) {
    if (node === cursor) {
      cursor = cursor.nextElementSibling;
    } else if (cursor !== null && node === cursor.nextElementSibling) {
      cursor = node.nextElementSibling; // what was skipped is put in when its turn comes
    } else {
      parent.insertBefore(node, cursor);
    }
  }
}

/** Runs `render` in the next frame, once however often it is asked for. */
export function frame(render) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      render();
    });
  };
}

/** A hash that is shortened to be seen and whole when it is copied. */
export function copyable(text, shown, say) {
  const button = element("button", { class: "copy code", type: "button", title: `Copy ${text}` });
  button.append(shown);
  button.addEventListener("click", async (event) => {
    event.stopPropagation();
    try {
      await navigator.clipboard.writeText(text);
      say("Copied.");
    } catch {
      say("The browser did not allow to copy.");
    }
  });
  return button;
}

/** What is kept for the next visit; a browser that refuses storage keeps nothing. */
export const kept = {
  read(key, otherwise) {
    try {
      const text = localStorage.getItem(key);
      return text === null ? otherwise : JSON.parse(text);
    } catch {
      return otherwise;
    }
  },
  write(key, value) {
    try {
      localStorage.setItem(key, JSON.stringify(value));
    } catch {
      // Storage is off or full: it is forgotten with the page.
    }
  },
};
