"use strict";
// A parameter cut into its slices, and the mesh in the same colours.

let pickParameter = () => {};

function drawSlices() {
  if (!facts.parameters.length) {
    place("parameters").append(html("p", { class: "soft" }, "This network has no parameters."));
    place("cut").remove();
    return;
  }
  const rows = facts.parameters.map((parameter, at) => {
    const cut = parameter.pieces.length === 1 ? "whole" : `${parameter.pieces.length} slices`;
    const row = html("tr", { class: "pick", tabindex: 0, "aria-selected": "false" },
      html("td", { class: "name" }, named(parameter.name)), html("td", {}, shape(parameter.shape)), html("td", { class: "number" }, bytes(parameter.bytes)), html("td", {}, cut));
    row.addEventListener("click", () => pickParameter(at));
    row.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (event.key === "Enter" || event.key === " ") pickParameter(at);
      else if (step) rows[at + step]?.focus();
      else return;
      event.preventDefault();
    });
    return row;
  });
  place("parameters").append(html("table", { "aria-label": "Parameters" },
    html("thead", {}, html("tr", {}, html("th", { class: "inset" }, "Parameter"), html("th", {}, "Shape"), html("th", { class: "number" }, "Bytes"), html("th", {}, "Cut"))),
    html("tbody", {}, ...rows)));
  pickParameter = (at) => {
    rows.forEach((row, each) => row.setAttribute("aria-selected", String(each === at)));
    describeCut(facts.parameters[at]);
  };
  const largest = facts.parameters.reduce((most, parameter, at) => parameter.bytes * (parameter.pieces.length > 1 ? 1e6 : 1) > most[0] ? [parameter.bytes * (parameter.pieces.length > 1 ? 1e6 : 1), at] : most, [-1, 0]);
  pickParameter(largest[1]);
}

function describeCut(parameter) {
  const panel = place("cut");
  const whole = parameter.pieces.length === 1;
  const state = parameter.state.length ? `; beside it ${parameter.state.join(", ")}, cut alike` : "";
  panel.replaceChildren(
    html("h3", { class: "mono" }, parameter.name),
    html("div", { class: "soft", style: "font-size:13.5px" }, `${shape(parameter.shape)}, ${bytes(parameter.bytes)}${parameter.trained ? "" : ", not trained"}${state}`),
    html("div", { class: "chart", style: "margin:14px 0 6px" }),
    html("div", { class: "soft", style: "font-size:13px;margin:14px 0 6px" }, `The mesh: ${facts.mesh[0]} data down, ${facts.mesh[1]} model across`),
    html("div", { class: "chart" }),
  );
  const [tensor, mesh] = panel.querySelectorAll(".chart");
  const room = Math.max(200, panel.clientWidth - 40);
  tensor.append(tensorPicture(parameter, room));
  mesh.append(meshPicture(parameter, room));
  const rows = parameter.pieces.map(([slices, ranks, , size], at) => [
    html("span", { class: "split" }, html("span", { class: "chip", style: `background:${pieceColour(at, parameter.pieces.length)}` }), html("span", { class: "mono" }, whole ? "whole" : sliceText(slices))),
    bytes(size), holders(parameter, ranks)]);
  panel.append(html("div", { class: "scroll", style: "max-height:240px;margin-top:14px" }, table([["Slice", false], ["Bytes", true], ["Held by", false]], rows, "Slices of " + parameter.name)));
}

const holders = (parameter, ranks) => parameter.pieces.length === 1 && facts.mesh[0] * facts.mesh[1] > 1 ? "every rank" : ranks;
const sliceText = (slices) => "[" + slices.map(([start, stop]) => `${start}:${stop}`).join(", ") + "]";

// The two axes to draw, down and across: those that are cut, then the longest.
function drawnAxes(parameter) {
  const lengths = parameter.shape;
  const cut = (axis) => parameter.pieces.some(([slices]) => slices[axis][1] - slices[axis][0] < lengths[axis]) ? 1 : 0;
  const axes = lengths.map((_, axis) => axis).sort((a, b) => cut(b) - cut(a) || lengths[b] - lengths[a] || a - b).slice(0, 2).sort((a, b) => a - b);
  return axes.length === 2 ? axes : [null, axes.length ? axes[0] : null];
}

function tensorPicture(parameter, room) {
  const [down, across] = drawnAxes(parameter);
  const [rows, columns] = [down, across].map((axis) => axis === null ? 1 : parameter.shape[axis]);
  const left = down === null ? 0 : 30;
  const width = room - left - 2;
  const height = down === null ? 52 : Math.min(230, Math.max(72, width * Math.sqrt(rows / columns) * 0.62));
  const picture = drawing(room, height + 26, `${parameter.name} cut into ${parameter.pieces.length} slices`);
  parameter.pieces.forEach(([slices, ranks, , size], at) => {
    const [y0, y1] = down === null ? [0, 1] : slices[down];
    const [x0, x1] = across === null ? [0, 1] : slices[across];
    const box = { x: left + width * x0 / columns, y: height * y0 / rows, width: width * (x1 - x0) / columns, height: height * (y1 - y0) / rows };
    const where = holders(parameter, ranks);
    picture.append(tipped(svg("rect", { class: "piece", ...box, rx: 2, fill: pieceColour(at, parameter.pieces.length) }), () => `${sliceText(slices)}\n${bytes(size)} on ${where}`));
    const middle = { x: box.x + box.width / 2, "text-anchor": "middle", class: "piece-name on" };
    if (box.height >= 40 && box.width > where.length * 6.5 + 10) {
      picture.append(svg("text", { ...middle, y: box.y + box.height / 2 - 3 }, where), svg("text", { ...middle, y: box.y + box.height / 2 + 13, opacity: 0.75 }, bytes(size)));
    } else if (box.height >= 15 && box.width > where.length * 6.5 + 10) {
      picture.append(svg("text", { ...middle, y: box.y + box.height / 2 + 4 }, where));
    }
  });
  const names = svg("g", { class: "axis" });
  if (across !== null) names.append(svg("text", { x: left + width / 2, y: height + 18, "text-anchor": "middle" }, `axis ${across}: ${count(columns)}`));
  if (down !== null) names.append(svg("text", { transform: `translate(14 ${height / 2}) rotate(-90)`, "text-anchor": "middle" }, `axis ${down}: ${count(rows)}`));
  picture.append(names);
  return picture;
}

function meshPicture(parameter, room) {
  const [data, model] = facts.mesh;
  const size = Math.max(5, Math.min(34, Math.floor((room - 2) / model), Math.floor(360 / data)));
  if (data * model > 4096) return html("p", { class: "soft" }, `${count(data * model)} ranks: too many to draw.`);
  const picture = drawing(model * size, data * size, `Which ranks of the mesh hold which slice of ${parameter.name}`);
  parameter.pieces.forEach(([slices, , ranks, held], at) => {
    for (const rank of ranks) {
      const [x, y] = [(rank % model) * size, Math.floor(rank / model) * size];
      const cell = svg("rect", { class: "cell", x, y, width: size, height: size, rx: Math.min(4, size / 6), fill: pieceColour(at, parameter.pieces.length) });
      picture.append(tipped(cell, () => `rank ${rank}\ndata ${Math.floor(rank / model)}, model ${rank % model}\nholds ${sliceText(slices)}, ${bytes(held)}`));
      if (size >= 22) picture.append(svg("text", { class: "piece-name on", x: x + size / 2, y: y + size / 2 + 4, "text-anchor": "middle" }, String(rank)));
    }
  });
  return picture;
}
