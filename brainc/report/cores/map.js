"use strict";
// The board with its cores: by layer, or by how full or busy each is; zoomed, moved, and gone over by keys.

const map = { mode: 0, paths: 0, layer: -1, chosen: 0, view: { x: 0, y: 0, scale: 1 }, moved: false };
const MOST_SCALE = 88;
const sources = facts.cores.map(() => []);
facts.cores.forEach((core, from) => {
  for (let at = 0; at < core[TARGETS].length; at += 2) sources[core[TARGETS][at]].push(from, core[TARGETS][at + 1]);
});
const boardColumns = facts.chips[0] * facts.chipSide;
const coreAt = new Map(facts.cores.map((core, at) => [core[Y] * boardColumns + core[X], at]));

const most = (of) => facts.cores.reduce((greatest, core, at) => Math.max(greatest, of(core, at)), 0);

// [name, of a core, its most, in words]
const MODES = [
  ["layer", null],
  ["neurons in use", (core) => core[NEURONS], facts.limits[1]],
  ["axons in use", (core) => core[AXONS], facts.limits[0]],
  ["density", density, most(density), percent],
  ...(facts.run ? [
    ["spikes a tick", (_, at) => facts.run.coreSpikes[at], most((_, at) => facts.run.coreSpikes[at]), threeDigits],
    ["synaptic events a tick", (_, at) => facts.run.coreEvents[at], most((_, at) => facts.run.coreEvents[at]), threeDigits],
  ] : []),
];
const PATHS = ["where its spikes go", "where they come from", "both", "none"];

function drawMap() {
  const board = place("board");
  fill(board, { tabindex: 0, role: "application", "aria-label": `Map of ${many(facts.cores.length, "core")}. Arrows go to the next core, plus and minus zoom, zero shows all cores.` }, []);
  drawMapControls();
  const [[, top], [, bottom]] = coresBox();
  board.style.setProperty("--needed", `${(bottom - top + 2) * MOST_SCALE}px`);
  const fitted = () => {
    if (!board.clientWidth) return;
    if (!map.moved) fitCores();
    paintMap();
  };
  new ResizeObserver(fitted).observe(board);
  fitted();
  whenRecoloured(paintMap);
  board.addEventListener("keydown", mapKey);
  board.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.shiftKey) return;
    event.preventDefault();
    const box = board.getBoundingClientRect();
    zoomMap((event.deltaY || event.deltaX) > 0 ? 0.8 : 1.25, event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  mapPointer(board);
  chooseCore(0);
}

function drawMapControls() {
  const act = (change) => () => { change(); paintMap(); };
  const button = (text, label, change) => html("button", { type: "button", "aria-label": label, title: label, onclick: act(change) }, text);
  const middle = () => [place("board").clientWidth / 2, place("board").clientHeight / 2];
  place("map-controls").append(html("div", { class: "controls" },
    chooser("Colour", MODES.map(([name]) => name), map.mode, (at) => { map.mode = at; drawMapLegend(); paintMap(); }),
    chooser("Paths", PATHS, map.paths, (at) => { map.paths = at; paintMap(); }),
    button("−", "Zoom out", () => zoomMap(0.6, ...middle())), button("+", "Zoom in", () => zoomMap(1.6, ...middle())),
    button("All", "Show all cores", () => { map.moved = false; fitCores(); }), button("Board", "Show the whole board", fitBoard),
    html("span", {}, "drag to move, Shift + wheel to zoom")));
  drawMapLegend();
}

// Layers as buttons that light their cores, and the scale of what is coloured otherwise.
function drawMapLegend() {
  const list = html("ul", { class: "legend" });
  facts.layers.forEach((layer, at) => {
    const chip = html("span", { class: "chip", style: `background:${map.mode ? "var(--whole)" : layerColour(at)}` });
    list.append(html("li", {}, html("button", { type: "button", "aria-pressed": String(map.layer === at), onclick: () => lightLayer(map.layer === at ? -1 : at) }, chip, html("span", { class: "name" }, layer.name))));
  });
  if (map.mode) {
    const [name, , greatest, words] = MODES[map.mode];
    list.append(html("li", { class: "scale" }, "0", html("i", {}), `${(words || count)(greatest)} ${name}`));
  } else if (facts.cores.some((core) => core[SPLITS_ON])) {
    list.append(html("li", {}, "lighter, with a dot: splitters, which pass spikes on"));
  }
  place("map-legend").replaceChildren(list);
}

function lightLayer(layer) {
  map.layer = layer;
  const [held] = [document.activeElement?.closest("#map-legend li")];
  const at = held ? [...held.parentElement.children].indexOf(held) : -1;
  drawMapLegend();
  place("map-legend").querySelectorAll("button")[at]?.focus();
  paintMap();
}

// ---- the view ----

function fitBox(left, top, right, bottom) {
  const board = place("board");
  const [width, height] = [board.clientWidth, board.clientHeight];
  const scale = Math.min(MOST_SCALE, (width - 24) / (right - left), (height - 24) / (bottom - top));
  map.view = { scale, x: (left + right) / 2 - width / scale / 2, y: (top + bottom) / 2 - height / scale / 2 };
}

// The corners of the smallest box that holds all cores.
function coresBox() {
  return facts.cores.reduce(([[left, top], [right, bottom]], core) => [[Math.min(left, core[X]), Math.min(top, core[Y])], [Math.max(right, core[X] + 1), Math.max(bottom, core[Y] + 1)]], [[Infinity, Infinity], [0, 0]]);
}

function fitCores() {
  const [[left, top], [right, bottom]] = coresBox();
  fitBox(left - 0.5, top - 0.5, right + 0.5, bottom + 0.5);
}

function fitBoard() {
  map.moved = true;
  fitBox(0, 0, boardColumns, facts.chips[1] * facts.chipSide);
}

function zoomMap(factor, x, y) {
  const view = map.view;
  const least = Math.min(2, place("board").clientWidth / boardColumns / 2);
  const scale = Math.min(MOST_SCALE, Math.max(least, view.scale * factor));
  map.view = { scale, x: view.x + x / view.scale - x / scale, y: view.y + y / view.scale - y / scale };
  map.moved = true;
  paintMap();
}

function mapPointer(board) {
  let held = null;
  board.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    held = { x: event.clientX, y: event.clientY, still: true };
    board.setPointerCapture(event.pointerId);
    board.classList.add("held");
  });
  board.addEventListener("pointermove", (event) => {
    const core = pointedCore(board, event);
    if (held === null) {
      if (core === undefined) tip.hidden = true;
      else showTip(coreTip(core), event.clientX, event.clientY);
      return;
    }
    const [dx, dy] = [event.clientX - held.x, event.clientY - held.y];
    if (held.still && Math.hypot(dx, dy) < 4) return;
    map.view = { ...map.view, x: map.view.x - dx / map.view.scale, y: map.view.y - dy / map.view.scale };
    map.moved = true;
    held = { x: event.clientX, y: event.clientY, still: false };
    tip.hidden = true;
    paintMapSoon();
  });
  board.addEventListener("pointerleave", () => { tip.hidden = true; });
  for (const name of ["pointerup", "pointercancel"]) {
    board.addEventListener(name, (event) => {
      const core = held && held.still && name === "pointerup" ? pointedCore(board, event) : undefined;
      held = null;
      board.classList.remove("held");
      if (core !== undefined) chooseCore(core);
    });
  }
}

function pointedCore(board, event) {
  const box = board.getBoundingClientRect();
  const [x, y] = [map.view.x + (event.clientX - box.left) / map.view.scale, map.view.y + (event.clientY - box.top) / map.view.scale];
  return x < 0 || x >= boardColumns ? undefined : coreAt.get(Math.floor(y) * boardColumns + Math.floor(x));
}

function mapKey(event) {
  const middle = [place("board").clientWidth / 2, place("board").clientHeight / 2];
  const acts = {
    "+": () => zoomMap(1.4, ...middle), "=": () => zoomMap(1.4, ...middle), "-": () => zoomMap(1 / 1.4, ...middle), 0: () => { map.moved = false; fitCores(); paintMap(); },
    ArrowLeft: () => stepCore(-1, 0), ArrowRight: () => stepCore(1, 0), ArrowUp: () => stepCore(0, -1), ArrowDown: () => stepCore(0, 1),
  };
  if (!acts[event.key] || event.ctrlKey || event.metaKey) return;
  tip.hidden = true;
  acts[event.key]();
  event.preventDefault();
}

// The nearest core in a direction, where what lies aside of it counts three times.
function stepCore(dx, dy) {
  const from = facts.cores[map.chosen];
  let [best, least] = [-1, Infinity];
  facts.cores.forEach((core, at) => {
    const [x, y] = [core[X] - from[X], core[Y] - from[Y]];
    const ahead = x * dx + y * dy;
    const away = ahead + 3 * Math.abs(x * dy + y * dx);
    if (ahead > 0 && away < least) [best, least] = [at, away];
  });
  if (best >= 0) chooseCore(best);
}

// ---- the picture ----

function paintMap() {
  const board = place("board");
  const [width, height] = [board.clientWidth, board.clientHeight];
  const pen = sheet(board, width, height);
  const { x: left, y: top, scale } = map.view;
  const at = (x, y) => [(x - left) * scale, (y - top) * scale];
  paintPlaces(pen, at, scale, width, height);
  const font = getComputedStyle(board).fontFamily;
  const gap = scale > 4 ? 1 : 0;
  const colours = facts.layers.map((_, layer) => [1, 0].map((depth) => ink(layerColour(layer, depth))));
  const [, of, greatest] = MODES[map.mode];
  const share = of && ((core, number) => of(core, number) / (greatest || 1));
  facts.cores.forEach((core, number) => {
    const [x, y] = [whole((core[X] - left) * scale), whole((core[Y] - top) * scale)];
    if (x > width || y > height || x + scale < 0 || y + scale < 0) return;
    const [wide, tall] = [whole((core[X] + 1 - left) * scale) - x - gap, whole((core[Y] + 1 - top) * scale) - y - gap];
    pen.globalAlpha = map.layer < 0 || core[LAYER] === map.layer ? 1 : 0.16;
    pen.fillStyle = share ? heat(share(core, number)) : colours[core[LAYER]][core[SPLITS_ON]];
    pen.fillRect(x, y, wide, tall);
    if (core[SPLITS_ON] && scale > 7) {
      pen.fillStyle = ink("var(--ground)");
      pen.beginPath();
      pen.arc(x + scale * 0.8, y + scale * 0.8, Math.min(4, scale * 0.11), 0, 7);
      pen.fill();
    }
    if (scale >= 34) {
      pen.fillStyle = share ? ink(share(core, number) > 0.5 ? "var(--ground)" : "var(--ink)") : "#14171a";
      pen.font = `${Math.min(13, scale * 0.28)}px ${font}`;
      [pen.textAlign, pen.textBaseline] = ["left", "top"];
      pen.fillText(String(number), x + scale * 0.09 + 1, y + scale * 0.09 + 1);
    }
  });
  pen.globalAlpha = 1;
  paintChips(pen, at, scale);
  paintPaths(pen, at, scale);
}

let painting = false;

// Once before the next picture, however often it is asked for until then.
function paintMapSoon() {
  if (painting) return;
  painting = true;
  requestAnimationFrame(() => { painting = false; paintMap(); });
}

function paintChips(pen, at, scale) {
  const side = facts.chipSide;
  pen.strokeStyle = ink("var(--faint)");
  pen.lineWidth = facts.chips[0] * facts.chips[1] > 1 ? 1.5 : 1;
  for (let row = 0; row < facts.chips[1]; row += 1) {
    for (let column = 0; column < facts.chips[0]; column += 1) {
      const [x, y] = at(column * side, row * side);
      pen.strokeRect(x - 0.5, y - 0.5, side * scale, side * scale);
    }
  }
}

// The board, and where they are not too small to see, the places on it that no core takes.
function paintPlaces(pen, at, scale, width, height) {
  const rows = facts.chips[1] * facts.chipSide;
  pen.fillStyle = ink("var(--spot)");
  pen.fillRect(...at(0, 0), boardColumns * scale, rows * scale);
  if (scale < 11) return;
  pen.fillStyle = ink("var(--free)");
  const [left, top] = [Math.max(0, Math.floor(map.view.x)), Math.max(0, Math.floor(map.view.y))];
  const [right, bottom] = [Math.min(boardColumns, Math.ceil(map.view.x + width / scale)), Math.min(rows, Math.ceil(map.view.y + height / scale))];
  for (let row = top; row < bottom; row += 1) {
    for (let column = left; column < right; column += 1) {
      const [[x, y], [end, below]] = [at(column, row).map(whole), at(column + 1, row + 1).map(whole)];
      pen.fillRect(x, y, end - x - 1, below - y - 1);
    }
  }
}

// Routes as spikes take them, first in x and then in y; the wider, the more neurons send along them.
function paintPaths(pen, at, scale) {
  const chosen = facts.cores[map.chosen];
  const middle = (core) => at(core[X] + 0.5, core[Y] + 0.5);
  const frame = (core, colour, wide) => {
    const [x, y] = at(core[X], core[Y]);
    pen.strokeStyle = colour;
    pen.lineWidth = wide;
    pen.strokeRect(x, y, scale, scale);
  };
  const path = (from, to, neurons, colour) => {
    const [[x0, y0], [x1, y1]] = [middle(from), middle(to)];
    const bend = Math.min(scale * 0.4, Math.abs(x1 - x0), Math.abs(y1 - y0));
    const wide = 1 + 3 * Math.sqrt(neurons / facts.limits[1]);
    for (const [line, stroke] of [[wide + 2, ink("var(--ground)")], [wide, colour]]) {
      pen.lineWidth = line;
      pen.strokeStyle = stroke;
      pen.beginPath();
      pen.moveTo(x0, y0);
      pen.arcTo(x1, y0, x1, y1, bend);
      pen.lineTo(x1, y1);
      pen.stroke();
    }
    frame(to === chosen ? from : to, colour, 1.5);
  };
  if (map.paths === 0 || map.paths === 2) {
    for (let each = 0; each < chosen[TARGETS].length; each += 2) path(chosen, facts.cores[chosen[TARGETS][each]], chosen[TARGETS][each + 1], ink("var(--path)"));
  }
  if (map.paths === 1 || map.paths === 2) {
    const from = sources[map.chosen];
    for (let each = 0; each < from.length; each += 2) path(facts.cores[from[each]], chosen, from[each + 1], ink("var(--path-in)"));
  }
  frame(chosen, ink("var(--ground)"), 4);
  frame(chosen, ink("var(--ink)"), 2);
}
