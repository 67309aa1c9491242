"use strict";
// Bytes by role on each group of ranks, and the arena over the steps of training.

const roleColour = (role) => `var(--${role})`;

function drawMemory() {
  const roles = Object.keys(ROLES).filter((role) => role !== "scalar" && facts.memories.some((memory) => memory.lives.some(([, each]) => each === role)));
  const largest = Math.max(...facts.groups.map((group) => group.arenaBytes));
  const bars = html("div", { class: "bars", tabindex: facts.groups.length > 12 ? 0 : null });
  for (const group of facts.groups) {
    const memory = facts.memories[group.memory];
    const parts = [...memory.held].sort((a, b) => roleOrder(a[0]) - roleOrder(b[0]));
    const bar = html("span", { class: "bar", style: `width:${100 * memory.arena / largest}%` }, ...parts.map(([role, size]) =>
      tipped(html("i", { style: `width:${100 * size / memory.arena}%;background:${roleColour(role)}` }), () => `${ROLES[role]}\n${bytes(size)}, ${percent(size / memory.arena)} of the arena`)));
    bars.append(html("span", { class: "ranks" }, group.ranks), html("span", { class: "amount" }, bytes(memory.peak), html("span", { class: "soft" }, " of " + bytes(memory.arena))), bar);
  }
  const columns = [["Ranks", false], ["Parameters", true], ["State", true], ["At the fullest", true], ["Arena", true], ["Computes", true], ["Sends", true]];
  const rows = facts.groups.map((group) => [group.ranks, bytes(group.parameterBytes), bytes(group.stateBytes), bytes(group.peakBytes), bytes(group.arenaBytes), flops(group.flops), bytes(group.bytesSent)]);
  place("ranks").append(
    legend([...roles.map((role) => [roleColour(role), ROLES[role]]), ["var(--free)", "free at that moment"]]),
    bars,
    html("div", { class: "block scroll roomy", style: "max-height:420px" }, table(columns, rows, "What each rank holds, computes and sends in a step")),
  );
  drawArena();
}

const roleOrder = (role) => Object.keys(ROLES).indexOf(role);

function drawArena() {
  const names = facts.memories.map((_, at) => facts.groups.filter((group) => group.memory === at).map((group) => group.ranks).join("; "));
  const chart = html("div", { class: "chart" });
  let shown = 0;
  const redraw = () => arenaPicture(chart, facts.memories[shown]);
  const choose = chooser("Arena of", names, 0, (at) => { shown = at; redraw(); });
  place("arena").append(html("h3", { class: "block" }, "The arena, step by step"), names.length > 1 ? html("div", { class: "controls" }, choose) : "", chart);
  whenSized(chart, redraw);
}

function arenaPicture(chart, memory) {
  const frame = { left: 62, top: 22, right: 8, bottom: 44, height: 330 };
  const total = Math.max(280, chart.clientWidth);
  const [width, steps] = [total - frame.left - frame.right, Math.max(1, memory.steps.length)];
  const x = (step) => frame.left + width * step / steps;
  const y = (offset) => frame.top + frame.height * (1 - offset / memory.arena);
  const picture = drawing(total, frame.top + frame.height + frame.bottom, `Arena of ${bytes(memory.arena)} over ${steps} steps; the fullest is step ${memory.fullest + 1} with ${bytes(memory.peak)}`);
  picture.append(svg("rect", { class: "lane", x: frame.left, y: frame.top, width, height: frame.height }), byteAxis(memory.arena, frame, width, y));
  for (const [name, role, storage, offset, size, first, last] of memory.lives) {
    const box = { x: x(first), y: y(offset + size), width: x(last + 1) - x(first), height: Math.max(0.5, frame.height * size / memory.arena) };
    const lasting = first === 0 && last === steps - 1 ? "for the whole step" : first === last ? `at step ${first + 1}` : `steps ${first + 1} to ${last + 1}`;
    picture.append(tipped(svg("rect", { class: "buffer", ...box, fill: roleColour(role) }), () => `${name}\n${ROLES[role]}, ${storage}\n${bytes(size)} from ${bytes(offset)}, ${lasting}`));
    if (box.height >= 16 && box.width > name.length * 6.9 + 12) picture.append(svg("text", { class: "mono piece-name on", x: box.x + 6, y: box.y + Math.min(box.height / 2, 20) + 4 }, name));
  }
  const middle = x(memory.fullest + 0.5);
  const end = middle + 190 > total;
  picture.append(
    svg("line", { class: "fullest", x1: middle, x2: middle, y1: frame.top - 4, y2: frame.top + frame.height }),
    svg("text", { class: "fullest-name", x: middle + (end ? 4 : -4), y: 12, "text-anchor": end ? "end" : "start" }, `fullest: ${bytes(memory.peak)} at step ${memory.fullest + 1}`),
    phaseStrip(memory, frame, x),
  );
  chart.replaceChildren(picture);
}

function byteAxis(arena, frame, width, y) {
  const axis = svg("g", { class: "axis" });
  const step = 2 ** Math.ceil(Math.log2(Math.max(4, arena / 6)));
  for (let tick = 0; tick <= arena; tick += step) {
    const at = y(tick);
    axis.append(svg("line", { x1: frame.left, x2: frame.left + width, y1: at, y2: at }), svg("text", { x: frame.left - 8, y: at + 4, "text-anchor": "end" }, tick ? bytes(tick) : "0"));
  }
  return axis;
}

// Below the arena: which layer each step belongs to.
function phaseStrip(memory, frame, x) {
  const group = svg("g", { class: "axis" });
  const top = frame.top + frame.height + 6;
  memory.steps.forEach(([layer, phase], at) => {
    const depth = { forward: 0, backward: 1, update: 2 }[phase];
    const strip = svg("rect", { class: "stretch", x: x(at), y: top, width: Math.max(0.5, x(at + 1) - x(at) - (memory.steps.length < 200 ? 1 : 0)), height: 10, fill: depth !== undefined ? layerColour(layer, depth) : phase === "metric" ? "var(--faint)" : "var(--message)" });
    group.append(tipped(strip, () => `step ${at + 1}\n${layer < 0 ? "" : facts.layers[layer].name + ", "}${phase}`));
  });
  let from = 0;
  const named = memory.steps.map(([, phase]) => ["forward", "backward", "update"].includes(phase) ? phase : null);
  for (const phase of ["forward", "backward", "update"]) {
    const [first, last] = [named.indexOf(phase, from), named.lastIndexOf(phase)];
    if (first < 0) continue;
    const middle = (x(first) + x(last + 1)) / 2;
    if (x(last + 1) - x(first) > 48) group.append(svg("text", { x: middle, y: top + 26, "text-anchor": "middle" }, phase));
    from = first;
  }
  return group;
}
