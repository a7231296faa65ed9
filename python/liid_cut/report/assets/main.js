// Puts the parts together.

function slider(input) {
  const value = byId("delta-value");
  const points = [...document.querySelectorAll(".point[data-step]")];
  const show = () => {
    for (const point of points) point.classList.toggle("on", Number(point.dataset.step) === state.step);
    byId("delta-reset").disabled = state.step === DATA.resultStep;
    if (state.step === null) {
      value.textContent = "This result. The slider shows other cuts.";
      input.setAttribute("aria-valuetext", value.textContent);
      return;
    }
    const step = DATA.steps[state.step];
    const gap = step.cost - step.bound;
    value.textContent = [`delta ${step.delta}`, step.status === "optimal" ? "proven optimal" : step.status.replace("_", " "),
      `cost ${format(step.cost, 6)}`, gap > 1e-9 * Math.max(1, Math.abs(step.cost)) && `gap ${format(gap, 3)}`,
      step.changed !== null && `${inWords(step.changed, "label")} changed`,
      step.accuracy !== null && `accuracy ${percent(step.accuracy)}`,
      step.differs === 0 ? "the same labels as this result" : `${inWords(step.differs, "label")} other than this result`,
    ].filter(Boolean).join(" · ");
    input.setAttribute("aria-valuetext", value.textContent);
  };
  const go = (step) => {
    if (step !== null) input.value = String(step);
    update({ step });
    show();
  };
  input.addEventListener("input", () => go(Number(input.value)));
  byId("delta-reset").addEventListener("click", () => { go(DATA.resultStep); input.focus(); });
  state.step = DATA.resultStep;
  input.value = String(state.step ?? 0);
  show();
}

document.documentElement.classList.add("script");
byId("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
if (byId("delta-input")) slider(byId("delta-input"));
if (byId("viewer")) viewer(byId("viewer"));
if (byId("explorer")) explorer(byId("explorer"));
