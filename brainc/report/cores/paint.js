"use strict";
// Colours and canvases: what the style sheet says, as a canvas needs it.

const probe = document.body.appendChild(html("i", { hidden: "" }));
let inks = new Map();
let heats = [];

// A colour of the style sheet, whatever it is made of.
function ink(colour) {
  if (!inks.has(colour)) {
    probe.style.color = colour;
    inks.set(colour, getComputedStyle(probe).color);
  }
  return inks.get(colour);
}

// From none to all; as many shades as tell apart.
const HEATS = 48;
const heat = (share) => {
  const level = Math.round(HEATS * Math.min(1, Math.max(0, share)));
  heats[level] ??= ink(`color-mix(in oklab, var(--heat-1) ${100 * level / HEATS}%, var(--heat-0))`);
  return heats[level];
};

// A canvas over the element, and its context in the page's pixels; cleared.
function sheet(element, width, height) {
  let canvas = element.querySelector("canvas");
  if (!canvas) canvas = element.appendChild(html("canvas", { "aria-hidden": "true" }));
  const dense = window.devicePixelRatio || 1;
  const [across, down] = [Math.round(width * dense), Math.round(height * dense)];
  if (canvas.width !== across) canvas.width = across;
  if (canvas.height !== down) canvas.height = down;
  const pen = canvas.getContext("2d");
  pen.setTransform(dense, 0, 0, dense, 0, 0);
  pen.globalAlpha = 1;
  pen.setLineDash([]);
  pen.clearRect(0, 0, width, height);
  return pen;
}

// The nearest border between two pixels of the screen, so that edges are sharp.
function whole(at) {
  const dense = window.devicePixelRatio || 1;
  return Math.round(at * dense) / dense;
}

// Calls when the colours change: with the system's scheme.
function whenRecoloured(draw) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    inks = new Map();
    heats = [];
    draw();
  });
}

const [X, Y, LAYER, SPLITS_ON, AXONS, NEURONS, SYNAPSES, OUTPUTS, TARGETS] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
const fireColour = (core) => layerColour(core[LAYER], core[SPLITS_ON] ? "fire-split" : "fire");
const coreRole = (core) => core[SPLITS_ON] ? `splitter of ${facts.layers[core[LAYER]].name}` : facts.layers[core[LAYER]].name;
const density = (core) => core[SYNAPSES] / Math.max(1, core[AXONS] * core[NEURONS]);
