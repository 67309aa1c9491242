"use strict";
// What there is to know about one core.

let whenChosen = () => {};

function chooseCore(number) {
  map.chosen = number;
  keepInView(facts.cores[number]);
  describeCore(number);
  paintMap();
  whenChosen();
}

// Moves a map that does not show all cores where the core would lie outside of it.
function keepInView(core) {
  const view = map.view;
  const [width, height] = [place("board").clientWidth / view.scale, place("board").clientHeight / view.scale];
  const within = (from, length, at) => {
    const margin = Math.min(2, (length - 1) / 2);
    return Math.min(at - margin, Math.max(at + 1 + margin - length, from));
  };
  if (map.moved) map.view = { ...view, x: within(view.x, width, core[X]), y: within(view.y, height, core[Y]) };
}

function coreTip(number) {
  const core = facts.cores[number];
  const busy = facts.run ? `\n${threeDigits(facts.run.coreSpikes[number])} spikes, ${short(facts.run.coreEvents[number])} synaptic events a tick` : "";
  return `core ${number}\n${coreRole(core)}\n${core[AXONS]} axons, ${core[NEURONS]} neurons, density ${percent(density(core))}${busy}`;
}

const chipOf = (core) => `${Math.floor(core[X] / facts.chipSide)}, ${Math.floor(core[Y] / facts.chipSide)}`;

function describeCore(number) {
  const core = facts.cores[number];
  const layer = facts.layers[core[LAYER]];
  const rows = [
    ["Layer", html("span", { class: "split" }, html("span", { class: "chip", style: `background:${layerColour(core[LAYER])}` }), html("span", { class: "mono" }, named(layer.name)))],
    ["Does", core[SPLITS_ON] ? "passes spikes on" : `computes, in tick ${layer.tick} of a sample`],
    ["Stands at", `${core[X]}, ${core[Y]}${facts.chips[0] * facts.chips[1] > 1 ? `, on chip ${chipOf(core)}` : ""}`],
    ["Axons", meter(core[AXONS], facts.limits[0])],
    ["Neurons", meter(core[NEURONS], facts.limits[1])],
    ["Synapses", `${count(core[SYNAPSES])}, density ${percent(density(core))}`],
  ];
  if (facts.run) {
    const spikes = facts.run.coreSpikes[number];
    rows.push(["Spikes", `${threeDigits(spikes)} a tick, ${percent(spikes / Math.max(1, core[NEURONS]))} of its neurons`], ["Events", `${threeDigits(facts.run.coreEvents[number])} a tick`]);
  }
  if (core[OUTPUTS]) rows.push(["Off the board", many(core[OUTPUTS], "neuron")]);
  place("core").replaceChildren(
    html("h3", {}, `Core ${number}`), pairs(rows),
    ...coreList("Its spikes go to", core[TARGETS]), ...coreList("Spikes come from", sources[number]));
}

const LISTED = 8;

// Cores with the number of neurons on the way, the most first; the rest where asked for.
function coreList(title, flat) {
  const found = [];
  for (let at = 0; at < flat.length; at += 2) found.push([flat[at], flat[at + 1]]);
  if (!found.length) return [];
  found.sort(([a, m], [b, n]) => n - m || a - b);
  const item = ([number, neurons]) => html("li", {},
    html("button", { type: "button", class: "go", onclick: () => { chooseCore(number); place("board").focus({ preventScroll: true }); } }, `core ${number}`),
    html("span", { class: "soft" }, ` ${coreRole(facts.cores[number])}, ${many(neurons, "neuron")}`));
  const list = html("ul", {}, ...found.slice(0, LISTED).map(item));
  if (found.length > LISTED) {
    const more = html("button", { type: "button", class: "go", onclick: () => more.parentElement.replaceWith(...found.slice(LISTED).map(item)) }, `and ${found.length - LISTED} more`);
    list.append(html("li", {}, more));
  }
  return [html("h4", {}, `${title} (${many(found.length, "core")})`), list];
}
