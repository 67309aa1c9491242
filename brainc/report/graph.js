"use strict";
// The layer graph, drawn where the compiler laid it out, and what there is to know about one layer.

const NODE = { width: 262, height: 46, across: 282, down: 66 };

function drawGraph() {
  const chosen = facts.layers.reduce((most, layer) => layer.flops > most.flops ? layer : most, facts.layers[0]);
  const spots = new Map(facts.graph.spots.map(([name, row, across]) => [name, { x: across * NODE.across, y: row * NODE.down + NODE.height / 2 + 2 }]));
  const inputs = new Map(facts.inputs.map((each) => [each.name, each]));
  const width = Math.max(NODE.across, facts.graph.width * NODE.across);
  const height = (facts.graph.rows - 1) * NODE.down + NODE.height + 4;
  const picture = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "Layer graph", style: "margin:0 auto" });
  const edges = facts.graph.edges.map(([source, target, bends]) => {
    const line = svg("path", { class: "edge", d: edgePath(spots.get(source), bends, spots.get(target)) });
    picture.append(line);
    return { source, target, line };
  });
  const nodes = new Map();
  const pick = (name) => {
    nodes.forEach((node, each) => node.setAttribute("aria-pressed", String(each === name)));
    edges.forEach((edge) => edge.line.classList.toggle("lit", edge.source === name || edge.target === name));
    if (layerNumber.has(name)) describeLayer(facts.layers[layerNumber.get(name)]);
    else describeInput(inputs.get(name));
  };
  const order = facts.graph.spots.map(([name]) => name);
  for (const name of order) {
    const layer = facts.layers[layerNumber.get(name)];
    const node = drawNode(name, layer, inputs.get(name), spots.get(name), () => pick(name));
    node.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
      if (event.key === "Enter" || event.key === " ") pick(name);
      else if (step) nodes.get(order[order.indexOf(name) + step])?.focus();
      else return;
      event.preventDefault();
    });
    nodes.set(name, node);
    picture.append(node);
  }
  place("graph").append(picture);
  for (const text of picture.querySelectorAll("text[data-room]")) shorten(text);
  const used = new Set(facts.layers.map((layer) => layer.split));
  const swatches = Object.entries(SPLITS).filter(([split]) => used.has(split)).map(([split, name]) => [splitColour(split), name]);
  place("graph").before(legend(swatches));
  place("graph").parentElement.before(place("layers").querySelector(".legend"));
  if (!chosen) return;
  pick(chosen.name);
  place("graph").scrollLeft = spots.get(chosen.name).x - place("graph").clientWidth / 2;
}

function edgePath(from, bends, to) {
  const stops = [[from.x, from.y + NODE.height / 2], ...bends.map(([row, across]) => [across * NODE.across, row * NODE.down + NODE.height / 2 + 2]), [to.x, to.y - NODE.height / 2]];
  let path = `M${stops[0]}`;
  for (let at = 1; at < stops.length; at += 1) {
    const [[x0, y0], [x1, y1]] = [stops[at - 1], stops[at]];
    const middle = (y0 + y1) / 2;
    path += x0 === x1 ? `V${y1}` : `C${x0},${middle} ${x1},${middle} ${x1},${y1}`;
  }
  return path;
}

function drawNode(name, layer, input, spot, pick) {
  const [left, top] = [spot.x - NODE.width / 2, spot.y - NODE.height / 2];
  const under = layer ? `${layer.operator} · ${shape(layer.shape)}` : `input · ${input.classes ? `class of ${input.classes}` : shape(input.shape)}`;
  const node = svg("g", { class: layer ? "node" : "node input", tabindex: 0, role: "button", "aria-pressed": "false", "aria-label": `${name}, ${under}`, onclick: pick },
    svg("rect", { class: "body", x: left, y: top, width: NODE.width, height: NODE.height, rx: 6 }),
    layer ? svg("rect", { x: left + 1, y: top + 8, width: 4, height: NODE.height - 16, rx: 2, fill: splitColour(layer.split) }) : null,
    svg("text", { class: "mono", x: left + 14, y: top + 19, "data-room": NODE.width - 24 }, name),
    svg("text", { class: "soft", x: left + 14, y: top + 36, "data-room": NODE.width - 104 }, under),
    layer ? svg("text", { class: "soft", x: left + NODE.width - 11, y: top + 36, "text-anchor": "end" }, flops(layer.flops)) : null,
  );
  return tipped(node, () => layer ? `${name}\n${under}\n${SPLITS[layer.split] || layer.split}, ${count(layer.parameters)} parameters, ${flops(layer.flops)} a step` : `${name}\n${under}`);
}

function shorten(text) {
  const room = Number(text.dataset.room);
  let kept = text.textContent;
  while (kept.length > 1 && text.getComputedTextLength() > room) {
    kept = kept.slice(0, -1);
    text.textContent = kept + "…";
  }
}

function describeInput(input) {
  place("layer").replaceChildren(html("h3", { class: "mono" }, input.name), pairs([["Network input", input.classes ? `a class of ${count(input.classes)}` : shape(input.shape)]]));
}

function describeLayer(layer) {
  const total = facts.layers.reduce((sum, each) => sum + each.flops, 0);
  const panel = place("layer");
  const rows = [
    ["Operator", layer.operator], ["Reads", layer.inputs.join(", ") || "nothing"], ["Output", shape(layer.shape)],
    ["Split", splitMark(layer.split)], ["Parameters", count(layer.parameters)],
    ["Work a step", `${flops(layer.flops)}, ${percent(total ? layer.flops / total : 0)} of all`],
  ];
  for (const [phase, name] of [["forward", "Forward"], ["backward", "Backward"], ["update", "Update"]]) {
    const spent = timeOf(layer, phase);
    if (spent) rows.push([name, `${seconds(spent)} on ${facts.tracks[0].ranks}`]);
  }
  panel.replaceChildren(html("h3", { class: "mono" }, layer.name), pairs(rows));
  const held = facts.parameters.map((parameter, at) => [parameter, at]).filter(([parameter]) => parameter.layer === layer.name);
  if (held.length) {
    panel.append(html("h4", {}, "Holds"), html("ul", {}, ...held.map(([parameter, at]) => html("li", {},
      html("a", { href: "#slices", class: "mono", onclick: () => pickParameter(at) }, parameter.name.slice(layer.name.length + 1)),
      ` ${shape(parameter.shape)}, ${parameter.pieces.length === 1 ? "whole" : `${parameter.pieces.length} slices of ${bytes(parameter.pieces[0][3])}`}`))));
  }
  const sent = facts.groups[0].messages.filter((message) => message.layer === layer.name);
  if (sent.length) {
    panel.append(html("h4", {}, "Messages"), html("ul", {}, ...sent.map((message) => html("li", {},
      html("span", { class: "mono" }, message.name), ` ${message.kind.replaceAll("_", "-")} over ${message.group}, ${bytes(message.bytes)}`))));
  }
}

// The predicted seconds of a layer's phase on the first track.
function timeOf(layer, phase) {
  const number = layerNumber.get(layer.name);
  return facts.tracks.length ? facts.tracks[0].compute.reduce((sum, [deed, , length]) => facts.deeds[deed][1] === number && facts.deeds[deed][2] === phase ? sum + length : sum, 0) * 1e-9 : 0;
}
