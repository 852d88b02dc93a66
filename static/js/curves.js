/* Draws the curves of a run with uPlot, and adds the points that came since whenever the page was refreshed.

A drawing stays in the page while the parts around it are replaced. Colours are those of the page, read anew for each
drawing, so that they follow the choice between light and dark.
*/

const HEIGHT = 160;
const AGAIN_MS = 2000;
const LOG = 3; // uPlot's number for a logarithmic scale
const NONE = -1;

const drawings = new Map();
const dark = document.querySelector("link[data-dark-sheet]");
const sizes = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) drawings.get(target.parentElement.dataset.curve)?.fit(contentRect.width);
});

let attempt = NONE;
let newest = NONE;
let isAsking = false;
let askAgain = false;

const colour = (name) => () => getComputedStyle(document.documentElement).getPropertyValue(name);
const format = (value) => Number(value.toPrecision(4)).toString();

class Drawing {
  constructor(box) {
    this.box = box;
    this.plot = box.querySelector("[data-plot]");
    this.button = box.querySelector("[data-scale]");
    this.readout = box.querySelector("[data-readout]");
    this.points = [[], []];
    this.isLog = false;
    this.button.addEventListener("click", () => this.toggle());
    box.hidden = false;
    sizes.observe(this.plot);
  }

  add({ steps, values }, isWhole) {
    const kept = isWhole ? 0 : this.points[0].findLastIndex((step) => step < (steps[0] ?? Infinity)) + 1;
    this.points = [this.points[0].slice(0, kept).concat(steps), this.points[1].slice(0, kept).concat(values)];
    const isPositive = this.points[1].length > 0 && this.points[1].every((value) => value > 0);
    this.button.hidden = !isPositive;
    if (this.isLog && !isPositive) this.toggle();
    this.label();
    if (this.chart) this.chart.setData(this.points);
    else this.draw();
  }

  label() {
    const [steps, values] = this.points;
    const last = values.length ? `${format(values.at(-1))} at ${steps.at(-1)}` : "no value yet";
    this.plot.setAttribute("aria-label", `Curve of ${this.box.dataset.name}: ${last}`);
    this.box.dataset.points = steps.length;
  }

  toggle() {
    this.isLog = !this.isLog;
    this.button.setAttribute("aria-pressed", this.isLog);
    this.draw();
  }

  fit(width) {
    if (this.chart && width && width !== this.chart.width) this.chart.setSize({ width, height: HEIGHT });
  }

  draw() {
    this.chart?.destroy();
    this.chart = new uPlot(this.options(), this.points, this.plot);
  }

  options() {
    const axis = { stroke: colour("--muted"), font: "12px system-ui, sans-serif", ticks: { show: false } };
    const grid = { stroke: colour("--line"), width: 1 };
    return {
      width: this.plot.clientWidth || 300,
      height: HEIGHT,
      padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false } },
      scales: { x: { time: false }, y: this.isLog ? { distr: LOG } : {} },
      axes: [
        { ...axis, grid: { show: false }, size: 28, values: (_, marks) => marks.map(short) },
        { ...axis, grid, size: 56, values: (_, marks) => marks.map((mark) => (mark === null ? "" : short(mark))) },
      ],
      series: [{}, { stroke: colour("--accent"), width: 1.75, points: { show: this.points[0].length < 2 } }],
      hooks: { setCursor: [(chart) => this.read(chart.cursor.idx)] },
    };
  }

  read(index) {
    const [steps, values] = this.points;
    this.readout.textContent = index == null ? "" : `${format(values[index])} at ${steps[index]}`;
  }
}

/* 12000 → 12k, so that an axis needs little room */
function short(mark) {
  if (Math.abs(mark) >= 1e4) return `${Number((mark / 1e3).toPrecision(4))}k`;
  return mark !== 0 && Math.abs(mark) < 1e-3 ? mark.toExponential(0) : String(Number(mark.toPrecision(4)));
}

/* Returns false where the page has no place for the curve yet, or had none for the points before. */
function add(curve, isWhole) {
  const id = String(curve.id);
  const box = document.querySelector(`[data-curve="${id}"]`);
  if (!box) return false;
  const isNew = drawings.get(id)?.box !== box;
  if (isNew) drawings.set(id, new Drawing(box));
  drawings.get(id).add(curve, isWhole);
  return isWhole || !isNew;
}

function show(answer) {
  const areComplete = answer.curves.map((curve) => add(curve, answer.whole));
  attempt = areComplete.every(Boolean) ? answer.attempt : NONE; // next time all points are sent
  const steps = answer.curves.map((curve) => curve.steps.at(-1) ?? NONE);
  newest = Math.max(answer.whole ? NONE : newest, ...steps);
}

async function ask() {
  const source = document.querySelector("[data-curves]")?.dataset.curves;
  if (!source) return;
  askAgain = isAsking;
  if (isAsking) return;
  isAsking = true;
  try {
    const answer = await fetch(`${source}?after=${newest}&attempt=${attempt}`, {
      headers: { Accept: "application/json" },
      redirect: "error", // to the sign-in page, of which polling.js tells
      signal: AbortSignal.timeout(10_000),
    });
    if (!answer.ok) throw new Error(answer.statusText);
    show(await answer.json());
  } catch (error) {
    console.info("The curves are asked for again:", error.message);
    setTimeout(ask, AGAIN_MS);
  } finally {
    isAsking = false;
  }
  if (askAgain) ask();
}

function recolour() {
  for (const drawing of drawings.values()) drawing.chart?.redraw(false, true);
}

document.addEventListener("htmx:afterSwap", ask);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
new MutationObserver(recolour).observe(dark, { attributeFilter: ["media"] });
ask();
