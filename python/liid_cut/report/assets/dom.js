// Elements from text: nothing that comes from a file is ever parsed as markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(3)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

const h = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);
const svg = (name, attributes, ...children) => fill(document.createElementNS(SVG, name), attributes, children);
const byId = (id) => document.getElementById(id);

function format(value, digits = 4) {
  if (value === null || value === undefined) return "unknown";
  const shown = Math.abs(value) < 1e-9 ? 0 : value;
  return shown.toLocaleString("en", { maximumSignificantDigits: digits }).replace("-", "\u2212");
}

function signed(value, digits = 4) {
  const shown = format(value, digits);
  return value > 1e-9 ? "+" + shown : shown;
}

const percent = (share) => (100 * share).toFixed(1) + "%";

function inWords(count, one, many) {
  return count === 1 ? `1 ${one}` : `${count.toLocaleString("en")} ${many || one + "s"}`;
}

// Keys that move in a list: the entry they lead to, or null.
function movedTo(event, index, length) {
  const to = {
    ArrowDown: index + 1, ArrowRight: index + 1, ArrowUp: index - 1, ArrowLeft: index - 1,
    Home: 0, End: length - 1,
  }[event.key];
  return to === undefined || length === 0 ? null : Math.min(Math.max(to, 0), length - 1);
}
