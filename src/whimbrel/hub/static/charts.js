// Charts: the plain data that views/charts.py puts into the page, drawn by Plotly in the page's colours.
//
// Dragging across one zooms all charts of the page to that time, and offers to make it the page's period: then the
// hub answers with finer steps.  A double click goes back.
"use strict";

const DECADES = [1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12];
const LINE_WIDTH = 1.6;
const SHORTEST_PERIOD_S = 60; // what it is worth to make a period of

// ---- words

function digits(value) {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 99.95) return value.toLocaleString("en", { maximumFractionDigits: 0 });
  return value.toFixed(size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3);
}

function withUnit(value, units) {
  const [unit, name] = units.find(([unit]) => value >= unit) || units[units.length - 1];
  return `${digits(value / unit)} ${name}`;
}

const SAID = {
  ns: (value) => withUnit(value, [[1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]]),
  bytes: (value) => withUnit(value, [[2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [1024, "KiB"], [1, "B"]]),
  per_s: (value) => `${digits(value)} /s`,
  share: (value) => `${digits(value * 100)} %`,
  items: (value) => `${value.toLocaleString("en", { maximumFractionDigits: 0 })} keys`,
  calls: (value) => `${value.toLocaleString("en")} calls`,
};

// Of round numbers: 30 ms, not 30.0 ms.
const plain = (said) => said.replace(/(\.\d*?)0+(?=\D|$)/, "$1").replace(/\.(?=\D|$)/, "");

// Plotly reads markup in names: links, too.
const literal = (name) => name.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

// ---- colours: resolved by the browser, for the theme that is shown

const probe = document.createElement("i");
probe.hidden = true;
document.body.append(probe);

function colour(name) {
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

function faded(name, alpha) {
  const [r, g, b] = colour(name).match(/[\d.]+/g);
  return `rgba(${r}, ${g}, ${b}, ${alpha})`;
}

const COLOURS = { "2xx": "s2", "1xx": "s0", "3xx": "s3", "4xx": "s4", "5xx": "s5", none: "s0", "p99.9": "p999" };
const colourOf = (series) => colour(COLOURS[series.colour] || series.colour);

// ---- from data to what Plotly takes

// The last are drawn first: where few calls make p99.9 the same as p99, it is p99 that is seen.
function lines(data) {
  return data.series.toReversed().map((one) => ({
    x: data.x, y: one.values, name: literal(one.name), type: "scatter", mode: pointsAlone(one.values) ? "lines+markers" : "lines",
    line: { width: LINE_WIDTH, color: colourOf(one) }, marker: { size: 4, color: colourOf(one) },
    text: one.values.map((value) => (value === null ? "" : SAID[data.unit](value))),
    hovertemplate: "%{text}", connectgaps: false,
  }));
}

// A line is drawn between neighbours: values with none would not be seen at all.
function pointsAlone(values) {
  return values.some((value, at) => value !== null && (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null);
}

// A step reaches to where the next begins, and the last one too: to its end, where nobody is told of it again.
function stack(data) {
  const again = (values) => [...values, values[values.length - 1]];
  const x = [...data.x, data.x[data.x.length - 1] + data.step_ms];
  const told = [...data.x.map(() => "%{text}"), ""];
  return data.series.filter((one) => one.values.some((value) => value > 0) || data.series.length === 1).map((one) => ({
    x, y: again(one.values), name: literal(one.name), type: "scatter", mode: "lines", stackgroup: "all",
    line: { width: 0, color: colourOf(one), shape: "hv" }, fillcolor: fadedOf(one),
    text: one.values.map(SAID[data.unit]), hovertemplate: told, hoverinfo: [...data.x.map(() => "all"), "skip"],
  }));
}

const fadedOf = (series) => faded(COLOURS[series.colour] || series.colour, 0.72);

function heat(data) {
  const most = Math.max(...data.grid.flat().map((calls) => calls || 0));
  const shade = (calls) => (calls ? Math.log1p(calls) / Math.log1p(most) : null);
  return [{
    x: data.x.map((start) => start + data.step_ms / 2), y: data.rows.map((_, row) => row + 0.5), type: "heatmap",
    z: data.grid.map((row) => row.map(shade)), zmin: 0, zmax: 1, showscale: false, xgap: 0.5, ygap: 0.5,
    colorscale: [0, 1, 2, 3].map((step) => [step / 3, colour(`heat-${step}`)]),
    text: data.grid.map((row, number) => row.map((calls) => (calls ? `${data.rows[number]}: ${SAID.calls(calls)}` : ""))),
    hovertemplate: "%{text}<extra></extra>", hoverongaps: false,
  }];
}

function curve(data) {
  const [one] = data.series;
  return [{
    x: data.x, y: one.values, name: literal(one.name), type: "scatter", mode: "lines", fill: "tozeroy", fillcolor: faded("accent", 0.12),
    line: { width: LINE_WIDTH, color: colour("accent") },
    text: data.x.map((x, at) => `${SAID[data.across](x)}: ${SAID.share(one.values[at])} of reads miss`), hovertemplate: "%{text}<extra></extra>",
  }];
}

const TRACES = { lines, stack, heat, curve };

// ---- axes

function latencyTicks(data) {
  const values = data.series.flatMap((one) => one.values).filter((value) => value > 0);
  if (!values.length) return {};
  const low = Math.min(...values) / 1.15;
  const high = Math.max(...values) * 1.15;
  const few = high / low > 300 ? [1] : high / low > 8 ? [1, 3] : [1, 1.5, 2, 3, 4, 5, 7];
  const ticks = DECADES.flatMap((decade) => few.map((step) => decade * step)).filter((tick) => tick >= low && tick <= high);
  return { type: "log", range: [Math.log10(low), Math.log10(high)], tickvals: ticks, ticktext: ticks.map((tick) => plain(SAID.ns(tick))) };
}

function across(data) {
  if (data.kind !== "curve") return { type: "date", range: data.range, hoverformat: "%Y-%m-%d %H:%M:%S" };
  const [low, high] = [data.x[0] || 1, data.x[data.x.length - 1] || 1];
  const base = data.across === "bytes" ? 4 : 10;
  const ticks = [];
  for (let tick = 1; tick <= high; tick *= base) if (tick >= low) ticks.push(tick);
  const few = ticks.filter((_, at) => at % Math.ceil(ticks.length / 7) === 0);
  return { type: "log", tickvals: few, ticktext: few.map((tick) => plain(SAID[data.across](tick).replace(" keys", ""))) };
}

function upright(data) {
  if (data.unit === "ns" && data.kind === "lines") return latencyTicks(data);
  if (data.kind === "heat") return { range: [0, data.rows.length], tickvals: data.ticks, ticktext: data.labels, showgrid: false };
  if (data.unit === "share") return { range: [0, 1.02], tickformat: ".0%" };
  return { rangemode: "tozero", tickformat: "~s" };
}

function marksOf(data) {
  if (data.kind !== "curve" || data.now === null) return [];
  return [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: data.now, y1: data.now, line: { color: colour("s4"), width: 1.4, dash: "dot" },
    label: { text: `measured now: ${SAID.share(data.now)}`, textposition: "end", font: { size: 11, color: colour("muted") } } }];
}

function layout(data) {
  const axis = { gridcolor: colour("line"), linecolor: colour("line-strong"), zeroline: false, tickcolor: colour("line-strong"), automargin: true };
  const family = getComputedStyle(document.body).fontFamily;
  return {
    font: { family, size: 11.5, color: colour("muted") },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 8, r: 10, t: 10, b: 24, pad: 2 },
    hovermode: data.kind === "lines" || data.kind === "stack" ? "x unified" : "closest",
    hoverlabel: { bgcolor: colour("panel"), bordercolor: colour("line-strong"), font: { family, size: 12, color: colour("ink") } },
    showlegend: data.kind === "lines" || data.kind === "stack" ? data.series.length > 1 : false,
    legend: { orientation: "h", traceorder: data.kind === "lines" ? "reversed" : "normal", x: 1, xanchor: "right", y: 1.01, yanchor: "bottom", font: { size: 11.5 } },
    dragmode: data.kind === "curve" ? false : "zoom",
    xaxis: { ...axis, ...across(data), showgrid: false, ticks: "outside", ticklen: 4 },
    yaxis: { ...axis, ...upright(data), fixedrange: true },
    shapes: marksOf(data),
  };
}

const CONFIG = { displayModeBar: false, responsive: true, doubleClick: "reset", showTips: false };

function draw(plot) {
  const data = JSON.parse(document.getElementById(plot.dataset.chart).textContent);
  return Plotly.react(plot, TRACES[data.kind](data), layout(data), CONFIG);
}

// ---- zoom

const plots = [...document.querySelectorAll("[data-chart]")];
const isTimed = (plot) => plot.layout?.xaxis?.type === "date";

function addressOf(start, end) {
  const query = new URLSearchParams(location.search);
  for (const name of ["last", "offset", "before_start", "before_end", "after_start", "after_end"]) query.delete(name);
  query.set("start", start);
  query.set("end", end);
  return `${location.pathname}?${query}`;
}

function offer(start, end) {
  document.querySelector(".zoomed")?.remove();
  if (start === null) return;
  const seconds = [Math.floor(start / 10000) * 10, Math.ceil(end / 10000) * 10];
  if (seconds[1] - seconds[0] < SHORTEST_PERIOD_S) seconds[1] = seconds[0] + SHORTEST_PERIOD_S;
  const time = (at) => new Date(at * 1000).toISOString().slice(5, 19).replace("T", " ");
  const bar = Object.assign(document.createElement("div"), { className: "zoomed" });
  bar.setAttribute("role", "status");
  const words = Object.assign(document.createElement("span"), { textContent: `${time(seconds[0])} to ${time(seconds[1])}` });
  const go = Object.assign(document.createElement("a"), { className: "button", href: addressOf(...seconds), textContent: "Look at this period" });
  const back = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: "Back" });
  back.addEventListener("click", () => zoom(null, null));
  bar.append(words, go, back);
  document.body.append(bar);
}

function zoom(start, end) {
  for (const plot of plots.filter(isTimed)) {
    const data = JSON.parse(document.getElementById(plot.dataset.chart).textContent);
    Plotly.relayout(plot, { "xaxis.range": start === null ? data.range : [start, end] });
  }
  offer(start, end);
}

// Plotly says a time as "2026-11-23 05:00:10.123"; all of ours are UTC.
const timeOf = (value) => (typeof value === "number" ? value : Date.parse(`${String(value).replace(" ", "T")}Z`));

function follow(plot) {
  let own = false;
  plot.on("plotly_relayout", (change) => {
    if (own || !isTimed(plot)) return;
    const start = change["xaxis.range[0]"];
    if (start === undefined && !change["xaxis.autorange"] && !("xaxis.range" in change && change["xaxis.range"] === undefined)) return;
    own = true;
    if (start === undefined) zoom(null, null);
    else zoom(timeOf(start), timeOf(change["xaxis.range[1]"]));
    own = false;
  });
  plot.on("plotly_doubleclick", () => zoom(null, null));
}

// ---- start

const redraw = () => Promise.all(plots.map(draw));
redraw().then(() => {
  plots.forEach(follow);
  document.documentElement.dataset.charts = "drawn";
});
document.addEventListener("whimbrel:theme", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
document.addEventListener("whimbrel:data", (event) => {
  const plot = plots.find((one) => one.dataset.chart === event.detail);
  if (plot) draw(plot);
});
