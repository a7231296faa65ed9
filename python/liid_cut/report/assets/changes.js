// Why a node changed its label, and the list of all nodes that did.

const PAGE_ROWS = 20;

function outcome(from, to, truth) {
  const right = to === truth;
  const words = from === to ? (right ? "right" : "wrong")
    : right ? "made right" : from === truth ? "made wrong" : "wrong before and after";
  return h("span", { class: right ? "right-mark" : "wrong-mark" }, (right ? "✓ " : "✗ ") + words);
}

function weightBar(share, kept) {
  return svg("svg", { class: "bar", "aria-hidden": "true" },
    svg("rect", { width: `${100 * share}%`, height: "100%", class: kept ? "after" : "gap" }));
}

function whyPanel(i) {
  const change = changeOf.get(i);
  const from = before(i), to = NODES.after[i];
  const truth = NODES.truth ? NODES.truth[i] : -1;
  const head = h("div", { class: "head" }, crop(i, true), h("div", {},
    h("h3", {}, `Node ${nameOf(i)}`),
    h("p", {}, from === to ? tag(to) : arrow(from, to)),
    truth >= 0 && h("p", {}, `Truth: ${labelName(truth)}, `, outcome(from, to, truth)),
    NODES.margin && h("p", { class: "soft" }, `Margin: ${marginText(i)}`)));
  if (!change) {
    return [head, h("p", { class: "soft" }, from === to ? "The cut kept the most probable label." : "")];
  }
  const [keep, take] = [0, 1].map((c) => change.terminal[c] + change.cut[c]);
  const paid = change.terminal[1] - change.terminal[0], saved = change.cut[0] - change.cut[1];
  const agreeing = change.near.filter((v) => NODES.after[v] === to).length;
  const net = change.saving >= 0 ? `${format(change.saving)} cheaper in all.`
    : `${format(-change.saving)} dearer in all, which a constraint asks for, or a better labelling mends.`;
  const words = `Taking ${labelName(to)} costs ${format(paid)} of probability and saves ${format(saved)} of cut edges: `
    + `${net} Of ${inWords(change.degree, "neighbour")}`
    + (change.near.length < change.degree ? `, the ${change.near.length} dearest shown,` : "")
    + ` ${agreeing === 1 ? "1 has" : agreeing + " have"} this label.`;
  const row = (name, values, cls) => h("tr", { class: cls }, h("th", { scope: "row" }, name),
    values.map((value) => h("td", { class: "num" }, format(value))),
    h("td", { class: "num" }, signed(values[1] - values[0])));
  const arithmetic = h("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "Costs of both labels" }, h("table", {},
    h("caption", { class: "sr" }, "Costs of both labels, neighbours as they are"),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Cost"),
      [from, to].map((k) => h("th", { scope: "col", class: "num" }, labelName(k))), h("th", { scope: "col", class: "num" }, "Change"))),
    h("tbody", {}, row("Probability", change.terminal), row("Edges cut", change.cut), row("Together", [keep, take], "sum"))));
  const neighbors = h("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "Neighbours" }, h("table", {},
    h("caption", { class: "sr" }, `Neighbours of node ${nameOf(i)}, heaviest edge first`),
    h("thead", {}, h("tr", {}, ["Neighbour", "Label", "Weight", "Edge"].map((name) =>
      h("th", { scope: "col", class: name === "Weight" ? "num" : null }, name)))),
    h("tbody", {}, change.near.map((v, j) => {
      const agrees = NODES.after[v] === to;
      return h("tr", {}, h("th", { scope: "row" }, h("span", { class: "with-crop" }, crop(v), h("span", {}, nameOf(v)))),
        h("td", {}, before(v) === NODES.after[v] ? tag(NODES.after[v]) : arrow(before(v), NODES.after[v])),
        h("td", { class: "num" }, format(change.w[j]), weightBar(change.w[j] / change.w[0], agrees)),
        h("td", { class: agrees ? "agree" : "cutting" }, agrees ? "kept" : "cut"));
    }))));
  const probabilities = change.p && h("p", { class: "soft" }, "Most probable: ",
    change.p.map(([k, p, allowed]) => `${labelName(k)} ${format(p, 3)}${allowed ? "" : " (not allowed)"}`).join(", ") + ".");
  return [head, h("p", {}, words), arithmetic, h("h4", {}, "Neighbours"), neighbors, probabilities];
}

function explorer(root) {
  const found = { text: "", from: "", to: "", right: "", sort: "saving", page: 0 };
  const hasMargin = Boolean(NODES.margin), hasTruth = Boolean(NODES.truth);
  let rows = [];

  const body = h("tbody", {});
  const count = h("output", { "aria-live": "polite" });
  const detail = h("div", { class: "card why sticky", "aria-live": "polite", role: "region", "aria-label": "Why the label changed", tabindex: "0" });
  const go = (step) => () => { found.page += step; draw(); };
  const previous = h("button", { type: "button", onclick: go(-1) }, "‹ Previous");
  const next = h("button", { type: "button", onclick: go(1) }, "Next ›");
  const stepHead = h("th", { scope: "col", hidden: true });

  const used = (side) => [...new Set(CHANGES.map((c) => side(c.i)))].sort((a, b) => a - b);
  const choice = (name, key, options) => h("label", {}, name,
    h("select", { onchange: (event) => { found[key] = event.target.value; found.page = 0; filter(); } },
      options.map(([value, shown]) => h("option", { value }, shown))));
  const labelChoice = (name, key, side) => choice(name, key, [["", "any"], ...used(side).map((k) => [k, labelName(k)])]);
  const tools = h("div", { class: "bar-tools", role: "search", "aria-label": "Changed nodes" },
    h("label", {}, "Find", h("input", { type: "search", placeholder: "node or label", size: 12,
      oninput: (event) => { found.text = event.target.value.trim().toLowerCase(); found.page = 0; filter(); } })),
    labelChoice("From", "from", before), labelChoice("To", "to", (i) => NODES.after[i]),
    hasTruth && choice("Truth", "right", [["", "any"], ["right", "now right"], ["wrong", "now wrong"], ["worse", "made wrong"]]),
    choice("Order", "sort", [["saving", "largest saving"], ["least", "smallest saving"], ["node", "node"],
      ...(hasMargin ? [["margin", "smallest margin"]] : [])]));

  const passes = (change) => {
    const i = change.i, to = NODES.after[i];
    if (found.from !== "" && before(i) !== Number(found.from)) return false;
    if (found.to !== "" && to !== Number(found.to)) return false;
    if (found.right !== "") {
      const truth = NODES.truth[i];
      if (truth < 0 || (truth === to) !== (found.right === "right")) return false;
      if (found.right === "worse" && truth !== before(i)) return false;
    }
    return !found.text || [nameOf(i), String(NODES.id[i]), labelName(before(i)), labelName(to)].some((s) => s.toLowerCase().includes(found.text));
  };
  const orders = {
    saving: (a, b) => b.saving - a.saving || a.i - b.i,
    least: (a, b) => a.saving - b.saving || a.i - b.i,
    node: (a, b) => a.i - b.i,
    margin: (a, b) => Math.sign(margin(a.i) - margin(b.i)) || a.i - b.i,
  };

  // On a narrow screen the explanation is below the list: a tap leads there, keys stay in the list.
  function choose(event, i) {
    update({ change: i });
    if (event.detail > 0 && matchMedia("(max-width: 860px)").matches) detail.scrollIntoView();
  }

  function filter() {
    rows = CHANGES.filter(passes).sort(orders[found.sort]);
    draw();
  }

  function draw() {
    const pages = Math.max(1, Math.ceil(rows.length / PAGE_ROWS));
    found.page = Math.min(Math.max(found.page, 0), pages - 1);
    const first = found.page * PAGE_ROWS;
    const shown = rows.slice(first, first + PAGE_ROWS);
    stepHead.hidden = isResult();
    stepHead.textContent = isResult() ? "" : `Delta ${DATA.steps[state.step].delta}`;
    body.replaceChildren(...shown.map((change) => {
      const i = change.i;
      return h("tr", { "aria-selected": String(state.change === i), "data-node": NODES.id[i], onclick: (event) => choose(event, i) },
        h("th", { scope: "row" }, h("button", { type: "button" }, h("span", { class: "sr" }, "Why node "), nameOf(i))),
        NODES.crop.some(Boolean) && h("td", {}, crop(i) || ""),
        h("td", {}, arrow(before(i), NODES.after[i])),
        h("td", { hidden: isResult() }, tag(after(i))),
        hasTruth && h("td", { class: "optional" }, verdict(i, NODES.after[i]) || ""),
        h("td", { class: "num" }, format(change.saving)),
        hasMargin && h("td", { class: "num optional" }, marginText(i)));
    }));
    const last = Math.min(first + PAGE_ROWS, rows.length);
    count.textContent = rows.length ? `${first + 1}–${last} of ${rows.length.toLocaleString("en")}` : "No changed node fits";
    previous.disabled = found.page === 0;
    next.disabled = found.page >= pages - 1;
  }

  const head = ["Node", NODES.crop.some(Boolean) && "Picture", "Label", stepHead, hasTruth && "Truth", "Saving", hasMargin && "Margin"];
  const table = h("table", { class: "list" }, h("caption", { class: "sr" }, "Nodes whose label the cut changed"),
    h("thead", {}, h("tr", {}, head.map((name) => name && (name.nodeType ? name
      : h("th", { scope: "col", class: { Saving: "num", Margin: "num optional", Truth: "optional" }[name] }, name))))), body);
  table.addEventListener("keydown", (event) => {
    if (!["ArrowDown", "ArrowUp"].includes(event.key)) return;
    const all = [...body.querySelectorAll("button")];
    const to = movedTo(event, all.indexOf(document.activeElement), all.length);
    event.preventDefault();
    const id = all[to].closest("tr").dataset.node;
    all[to].click();
    body.querySelector(`tr[data-node="${id}"] button`).focus();
  });

  root.append(tools, h("div", { class: "split" },
    h("div", { class: "card" }, h("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "Changed nodes" }, table),
      h("div", { class: "pager" }, previous, next, count)), detail));
  listeners.push((changes) => {
    if ("change" in changes) {
      detail.replaceChildren(...whyPanel(state.change).filter(Boolean));
      for (const row of body.children) row.setAttribute("aria-selected", String(row.dataset.node === String(NODES.id[state.change])));
    }
    if ("step" in changes) draw();
  });
  filter();
  update({ change: rows[0].i });
}
