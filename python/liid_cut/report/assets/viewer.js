// Images with the labels of their nodes, before and after the cut.

const OVERLAP = 0.4; // as in the paper's suppression of overlapping proposals, section 5.3

function overlap(a, b) {
  const w = Math.min(a[2], b[2]) - Math.max(a[0], b[0]), t = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (w <= 0 || t <= 0) return 0;
  const area = (c) => (c[2] - c[0]) * (c[3] - c[1]);
  return (w * t) / (area(a) + area(b) - w * t);
}

// Names of images differ at their ends.
const tail = (name) => (name.length > 12 ? "…" + name.slice(-11) : name);

function viewer(root) {
  const images = DATA.images;
  const options = { background: false, all: false };
  const hasTruth = images.some((image) => image.truth);
  const hasChanges = Boolean(NODES.before);
  let held = false;

  const shownLabels = () => (held ? "before" : state.labels);
  const labelOf = (i) => (shownLabels() === "before" ? before(i) : after(i));

  const strip = h("ul", { class: "strip", role: "listbox", tabindex: "0", "aria-label": "Images", "aria-orientation": "horizontal" },
    images.map((image, j) => {
      const changed = image.nodes.filter((i) => before(i) !== NODES.after[i]).length;
      const words = hasChanges ? `${changed} changed` : inWords(image.nodes.length, "node");
      return h("li", { role: "option", id: `image-${j}`, "aria-label": `${image.id}, ${words}`, title: image.id,
        onclick: () => update({ image: j, node: null }) },
        image.src ? h("img", { src: image.src, alt: "", loading: "lazy" }) : h("span", { class: "blank" }),
        h("b", {}, tail(image.id)), h("small", {}, words));
    }));
  strip.addEventListener("keydown", (event) => {
    const to = movedTo(event, state.image, images.length);
    if (to === null) return;
    event.preventDefault();
    update({ image: to, node: null });
  });

  const radio = (value, name) => h("label", {}, h("input", { type: "radio", name: "labels", value,
    checked: state.labels === value, onchange: () => update({ labels: value }) }), h("span", {}, name));
  const check = (key, name) => h("label", {}, h("input", { type: "checkbox",
    onchange: (event) => { options[key] = event.target.checked; draw(); } }), name);
  const tools = h("div", { class: "bar-tools" },
    (hasChanges || hasTruth) && h("div", { class: "segments", role: "radiogroup", "aria-label": "Labels shown" },
      hasChanges && radio("before", "Before"), radio("after", "After"), hasTruth && radio("truth", "Truth")),
    check("all", "All overlapping"), check("background", "Background"),
    hasChanges && h("span", { class: "hint" }, "Hold ", h("kbd", {}, "B"), " to see before"));

  const stage = svg("svg", { role: "img" });
  const caption = h("p", { class: "caption", "aria-live": "polite" });
  const picks = h("ul", { class: "picks", role: "listbox", tabindex: "0", "aria-label": "Nodes of this image" });
  const detail = h("div", { class: "why", "aria-live": "polite" });
  picks.addEventListener("keydown", (event) => {
    const entries = [...picks.children];
    const to = movedTo(event, entries.findIndex((entry) => Number(entry.dataset.place) === state.node), entries.length);
    if (to === null) return;
    event.preventDefault();
    update({ node: Number(entries[to].dataset.place) });
  });

  // Places of an image's nodes to draw: foreground, without those that a better one overlaps.
  function drawn(image) {
    const wanted = image.nodes.map((i, p) => p).filter((p) => options.background || labelOf(image.nodes[p]) > 0);
    if (options.all) return wanted;
    const rank = (p) => (NODES.margin && shownLabels() !== "before" ? -margin(image.nodes[p]) : p);
    const kept = [];
    for (const p of [...wanted].sort((a, b) => Math.sign(rank(a) - rank(b)) || a - b)) {
      const same = (q) => labelOf(image.nodes[p]) === labelOf(image.nodes[q]);
      if (image.nodes[p] === state.node || !kept.some((q) => same(q) && overlap(image.boxes[p], image.boxes[q]) > OVERLAP)) kept.push(p);
    }
    return kept.sort((a, b) => a - b);
  }

  function shape(image, p, box, cls, more) {
    const path = image.paths && p !== null ? image.paths[p] : "";
    if (path) return svg("path", { d: path, "fill-rule": "evenodd", class: cls, ...more });
    const [x0, y0, x1, y1] = box;
    return svg("rect", { x: x0, y: y0, width: x1 - x0, height: y1 - y0, class: cls, ...more });
  }

  function chips(image, entries) {
    const unit = image.w / Math.max(stage.clientWidth, 1) || 1;
    const size = 12.5 * Math.max(unit, image.h / Math.max(stage.clientHeight, 1) || 0), height = 1.5 * size, taken = [];
    for (const { box, k, words } of entries) {
      const text = svg("text", { x: 0, y: 0, "font-size": size }, words);
      const chip = svg("g", { class: "chip", "aria-hidden": "true" }, svg("rect", { rx: 0.25 * size, height }),
        svg("rect", { class: `swatch k${hue(k)}`, width: 0.62 * size, height: 0.62 * size, rx: 0.12 * size, "stroke-width": 0.06 * size }), text);
      stage.append(chip);
      const width = text.getComputedTextLength() + 1.75 * size;
      const x = Math.max(0, Math.min(box[0], image.w - width));
      const spots = [box[1] - height, box[1], box[3] - height, box[3]].map((y) => Math.max(0, Math.min(y, image.h - height)));
      const y = spots.find((top) => !taken.some((t) => overlap(t, [x, top, x + width, top + height]) > 0));
      if (y === undefined) { chip.remove(); continue; }
      taken.push([x, y, x + width, y + height]);
      chip.children[0].setAttribute("width", width);
      text.setAttribute("x", 1.3 * size);
      text.setAttribute("y", height / 2);
      chip.children[1].setAttribute("x", 0.4 * size);
      chip.children[1].setAttribute("y", 0.44 * size);
      chip.setAttribute("transform", `translate(${x} ${y})`);
    }
  }

  function draw() {
    const image = images[state.image];
    stage.setAttribute("viewBox", `0 0 ${image.w} ${image.h}`);
    stage.replaceChildren();
    if (image.src) stage.append(svg("image", { href: image.src, width: image.w, height: image.h, preserveAspectRatio: "none" }));
    const entries = [];
    let words;
    if (shownLabels() === "truth") {
      const truth = image.truth || { boxes: [], labels: [] };
      truth.boxes.forEach((box, g) => {
        const k = truth.labels[g];
        stage.append(shape(image, null, box, "halo"), shape(image, null, box, `region true k${hue(k)}`));
        entries.push({ box, k, words: labelName(k) });
      });
      words = `${inWords(truth.boxes.length, "annotated object")}.`;
    } else {
      const places = drawn(image);
      const isChanged = (i) => before(i) !== after(i);
      const weight = (p) => (image.nodes[p] === state.node ? 2 : isChanged(image.nodes[p]) ? 1 : 0);
      for (const p of [...places].sort((a, b) => weight(a) - weight(b))) {
        const i = image.nodes[p], k = labelOf(i);
        const cls = `region k${hue(k)}${isChanged(i) ? " changed" : ""}${i === state.node ? " chosen" : ""}`;
        const region = shape(image, p, image.boxes[p], cls, { "data-node": NODES.id[i], onclick: () => update({ node: i }) });
        region.append(svg("title", {}, `Node ${nameOf(i)}: ${labelName(k)}`));
        stage.append(shape(image, p, image.boxes[p], "halo"), region);
      }
      for (const p of [...places].sort((a, b) => weight(b) - weight(a))) {
        const i = image.nodes[p], k = labelOf(i);
        entries.push({ box: image.boxes[p], k, words: (isChanged(i) ? "● " : "") + labelName(k) });
      }
      const foreground = image.nodes.filter((i) => labelOf(i) > 0).length;
      const changed = image.nodes.filter(isChanged).length;
      words = `Labels ${shownLabels() === "before" ? "before the cut" : stepName()}: ${inWords(foreground, "foreground node")}`
        + (places.length < foreground ? `, ${places.length} drawn; others overlap them` : "")
        + (hasChanges ? `. ● marks ${inWords(changed, "changed node")}.` : ".");
    }
    chips(image, entries);
    stage.setAttribute("aria-label", `Image ${image.id}. ${words}`);
    caption.textContent = `${image.id}. ${words}`;
  }

  function list() {
    const image = images[state.image];
    const changed = (i) => before(i) !== after(i);
    const order = [...image.nodes].filter((i) => changed(i) || before(i) > 0 || after(i) > 0)
      .sort((a, b) => changed(b) - changed(a) || a - b);
    picks.replaceChildren(...order.map((i, j) => h("li", { role: "option", id: `pick-${j}`, "data-place": i, onclick: () => update({ node: i }) },
      crop(i), h("span", { class: "id" }, nameOf(i)), h("span", {}, changed(i) ? arrow(before(i), after(i)) : tag(after(i))), verdict(i, after(i)))));
    if (!order.length) picks.append(h("li", { class: "empty", role: "option", "aria-disabled": "true" }, "No foreground nodes"));
  }

  function choose(listbox, entry) {
    for (const child of listbox.children) child.setAttribute("aria-selected", String(child === entry));
    if (!entry) return listbox.removeAttribute("aria-activedescendant");
    listbox.setAttribute("aria-activedescendant", entry.id);
    const low = entry.offsetTop - listbox.offsetTop, left = entry.offsetLeft - listbox.offsetLeft;
    if (low < listbox.scrollTop || low + entry.offsetHeight > listbox.scrollTop + listbox.clientHeight) listbox.scrollTop = low - 20;
    if (left < listbox.scrollLeft || left + entry.offsetWidth > listbox.scrollLeft + listbox.clientWidth) listbox.scrollLeft = left - 20;
  }

  function refresh(changes) {
    if ("image" in changes || "step" in changes) list();
    if ("image" in changes) choose(strip, strip.children[state.image]);
    if (["image", "node", "step", "labels"].some((key) => key in changes)) {
      choose(picks, [...picks.children].find((entry) => Number(entry.dataset.place) === state.node && state.node !== null) || null);
      draw();
    }
    if ("image" in changes || "node" in changes) {
      detail.replaceChildren(...(state.node === null ? [h("p", { class: "empty" }, "Choose a node in the image or in the list to see why it has its label.")]
        : whyPanel(state.node).filter(Boolean)));
    }
  }

  const isTyping = (target) => target.matches("input[type=search], select");
  const hold = (down) => (event) => {
    if (event.key.toLowerCase() !== "b" || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || held === down) return;
    held = down;
    draw();
  };
  if (hasChanges) {
    document.addEventListener("keydown", hold(true));
    document.addEventListener("keyup", hold(false));
    window.addEventListener("blur", () => { if (held) { held = false; draw(); } });
  }
  root.append(strip, tools, h("div", { class: "split" }, h("div", { class: "card stage" }, stage, caption),
    h("div", { class: "card side" }, h("div", {}, h("h3", {}, "Nodes of this image"), picks), detail)));
  listeners.push(refresh);
  new ResizeObserver(() => draw()).observe(stage);
  const first = images[0].nodes.find((i) => changeOf.has(i));
  update({ image: 0, node: first === undefined ? null : first });
}
