// The data of the page, what the reader chose, and who wants to know.

const DATA = JSON.parse(byId("data").textContent);
const NODES = DATA.nodes;
const CHANGES = DATA.changes;
const changeOf = new Map(CHANGES.map((change) => [change.i, change]));

const state = { labels: "after", step: null, image: 0, node: null, change: null };
const listeners = [];

function update(changes) {
  Object.assign(state, changes);
  for (const listener of listeners) listener(changes);
}

const nameOf = (i) => (NODES.name ? NODES.name[i] : String(NODES.id[i]));
const labelName = (k) => DATA.labels[k];
const hue = (k) => (k === 0 ? 0 : 1 + ((k - 1) % 10));
const before = (i) => (NODES.before ? NODES.before[i] : NODES.after[i]);

// The label of a node in the cut that the slider chose, else in the result.
function after(i) {
  return state.step === null ? NODES.after[i] : DATA.steps[state.step].labels[i];
}

// How sure a label is; null stands for infinity, where no other label is allowed.
const margin = (i) => (NODES.margin[i] === null ? Infinity : NODES.margin[i]);
const marginText = (i) => (NODES.margin[i] === null ? "no other label" : format(NODES.margin[i]));

const isResult = () => state.step === null || state.step === DATA.resultStep;

function stepName() {
  return isResult() ? "after the cut" : `after the cut with delta ${DATA.steps[state.step].delta}`;
}

const tag = (k) => h("span", { class: "label" },
  h("i", { class: `dot k${hue(k)}`, "aria-hidden": "true" }), labelName(k));

const arrow = (from, to) => [tag(from), h("span", { class: "arrow", "aria-hidden": "true" }, "→"),
  h("span", { class: "sr" }, " became "), tag(to)];

function crop(i, big) {
  const source = NODES.crop[i];
  if (!source) return null;
  const tiny = source.startsWith("data:image/png");
  return h("img", { class: `crop${big ? " big" : ""}${tiny ? " tiny" : ""}`, src: source, alt: big ? `Picture of node ${nameOf(i)}` : "" });
}

function verdict(i, k) {
  const truth = NODES.truth ? NODES.truth[i] : -1;
  if (truth < 0) return null;
  return truth === k ? h("span", { class: "right-mark" }, "✓ right") : h("span", { class: "wrong-mark" }, `✗ is ${labelName(truth)}`);
}
