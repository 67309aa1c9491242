"use strict";
// Quantities in words, and elements made from text: nothing in this page is ever set as markup.

const facts = JSON.parse(document.getElementById("facts").textContent);
const SVG = "http://www.w3.org/2000/svg";
const ROLES = {
  parameter: "parameters", state: "optimiser state", error: "not sent yet", input: "inputs", activation: "activations",
  gradient: "gradients", message: "messages", result: "results", scalar: "scalars",
};
const SPLITS = {
  sample: "by sample", output: "by output", input: "by input", replicate: "replicated", "-": "follows its input",
};

function threeDigits(value) {
  if (value === 0 || value >= 99.95) return Math.round(value).toLocaleString("en-US");
  if (value >= 9.995) return value.toFixed(1);
  return value >= 0.9995 ? value.toFixed(2) : String(Number(value.toPrecision(3)));
}

function scaled(value, size, units) {
  let unit = 0;
  while (value >= size - 0.5 && unit < units.length - 1) { value /= size; unit += 1; }
  return threeDigits(value) + " " + units[unit];
}

const count = (value) => value.toLocaleString("en-US");
const bytes = (value) => value < 1024 ? count(value) + " B" : scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]);
const flops = (value) => scaled(value, 1000, ["FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP", "EFLOP"]);
const shape = (lengths) => lengths.length ? lengths.join("×") : "scalar";
const percent = (share) => (share >= 0.0005 && share < 0.0995 ? (100 * share).toFixed(1) : Math.round(100 * share)) + " %";

function seconds(value) {
  for (const [unit, size] of [["ns", 1e-9], ["µs", 1e-6], ["ms", 1e-3]]) {
    if (value < 999.5 * size) return threeDigits(value / size) + " " + unit;
  }
  return threeDigits(value) + " s";
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const html = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
const svg = (name, attributes = {}, ...children) => fill(document.createElementNS(SVG, name), attributes, children);
const place = (id) => document.getElementById(id);

function pairs(rows) {
  const list = html("dl", { class: "pairs" });
  for (const [name, value] of rows) list.append(html("dt", {}, name), html("dd", {}, value));
  return list;
}

// Columns are [title, is a number]; a row is a list of cells, each text or an element.
function table(columns, rows, label) {
  const head = html("tr", {}, ...columns.map(([title, number]) => html("th", { scope: "col", class: number ? "number" : null }, title)));
  const body = rows.map((row) => html("tr", {}, ...row.map((cell, at) => html("td", { class: columns[at][1] ? "number" : columns[at][2] || null }, columns[at][2] === "name" ? named(cell) : cell))));
  return html("table", { "aria-label": label }, html("thead", {}, head), html("tbody", {}, ...body));
}

// A dotted name that may break after its dots.
function named(name) {
  const parts = name.split(".");
  return html("span", {}, ...parts.flatMap((part, at) => at + 1 < parts.length ? [part + ".", html("wbr")] : [part]));
}

// The frame of a drawing: as wide as its place on screen, and scaled to the paper in print.
const drawing = (width, height, label) => svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });

function legend(entries) {
  return html("ul", { class: "legend" }, ...entries.map(([colour, name]) => html("li", {}, html("span", { class: "chip", style: `background:${colour}` }), name)));
}

function chooser(label, names, chosen, act) {
  const select = html("select", { onchange: () => act(select.selectedIndex) }, ...names.map((name, at) => html("option", { selected: at === chosen ? "" : null }, name)));
  return html("label", {}, label + " ", select);
}

// ---- what the pointer is on ----

const tip = place("tip");

function showTip(text, x, y) {
  const [first, ...rest] = text.split("\n");
  tip.replaceChildren(html("b", {}, first), rest.length ? "\n" + rest.join("\n") : "");
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = Math.max(8, Math.min(x + 14, innerWidth - box.width - 8)) + "px";
  tip.style.top = (y + 18 + box.height > innerHeight ? Math.max(8, y - box.height - 12) : y + 18) + "px";
}

function tipped(element, text) {
  element.addEventListener("pointermove", (event) => showTip(text(), event.clientX, event.clientY));
  element.addEventListener("pointerleave", () => { tip.hidden = true; });
  return element;
}

// ---- colours ----

const layerNumber = new Map(facts.layers.map((layer, at) => [layer.name, at]));

// Colours run from blue to red through the layers; `depth` 0 is light, 2 deep.
function layerColour(at, depth = 1) {
  if (at < 0) return "var(--faint)";
  const hue = 258 - 236 * (facts.layers.length > 1 ? at / (facts.layers.length - 1) : 0);
  return `oklch(var(--light-${depth}) var(--chroma) ${hue.toFixed(1)})`;
}

function pieceColour(at, of) {
  if (of === 1) return "var(--whole)";
  const hue = 250 - (of > 6 ? 300 * at / of : 60 * at);
  return `oklch(var(--light-${of > 6 ? at % 2 : 0}) var(--chroma) ${hue.toFixed(1)})`;
}

const splitColour = (split) => `var(--split-${split in SPLITS && split !== "-" ? split : "none"})`;
const splitMark = (split) => html("span", { class: "split" }, html("span", { class: "chip", style: `background:${splitColour(split)}` }), SPLITS[split] || split);

// Round steps for an axis: about `wanted` ticks of 1, 2 or 5 times a power of ten up to `end`.
function ticks(from, to, wanted) {
  const rough = (to - from) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) || 10);
  const found = [];
  for (let at = Math.ceil(from / step - 1e-9) * step; at <= to + step * 1e-9; at += step) found.push(at);
  return found;
}

// Draws now and whenever the element's width changes.
function whenSized(element, draw) {
  let width = 0;
  new ResizeObserver(() => {
    if (Math.abs(element.clientWidth - width) < 1) return;
    width = element.clientWidth;
    draw(width);
  }).observe(element);
  width = element.clientWidth;
  draw(width);
}

// Draws the overview and then every section, and says in `data-drawn` of the document whether all went well.
function drawPage(overview, ...sections) {
  try {
    overview();
    for (const section of document.querySelectorAll("section")) section.hidden = false;
    for (const draw of sections) draw();
    document.documentElement.dataset.drawn = "whole";
  } catch (error) {
    document.documentElement.dataset.drawn = "broken";
    place("failure").textContent = "This page could not be drawn: " + error.message;
    place("failure").hidden = false;
    throw error;
  }
}
