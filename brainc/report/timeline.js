"use strict";
// A training step on each group of ranks that is predicted alike: arithmetic above, encoding and decoding of gradients
// below it where there is any, the wire below. Where a run was recorded, what each rank did follows.

const LANES_SHOWN = 8;
const DEPTH = { forward: 0, backward: 1, update: 2 };

function drawTimeline() {
  if (!facts.tracks.length) {
    place("timeline").append(html("p", { class: "soft" }, "The plan predicts no timeline."));
    return;
  }
  const end = Math.max(1, ...facts.tracks.flatMap((track) => LANES.flatMap((lane) => track[lane]).map(([, start, length]) => start + length)));
  const view = { from: 0, to: end, first: 0, end };
  const chart = html("div", { class: "chart drag", tabindex: 0, role: "application", "aria-label": "Timeline of a training step. Plus and minus zoom, left and right arrows move, zero shows all." });
  const redraw = () => timelinePicture(chart, view);
  place("timeline").append(timelineControls(view, redraw), chart, timelineLegend(), ...measuredTotals());
  whenSized(chart, redraw);
  chart.addEventListener("keydown", (event) => {
    const acts = { "+": () => zoom(view, 0.5), "=": () => zoom(view, 0.5), "-": () => zoom(view, 2), 0: () => zoom(view, Infinity), ArrowLeft: () => pan(view, -0.15), ArrowRight: () => pan(view, 0.15) };
    if (!acts[event.key] || event.ctrlKey || event.metaKey) return;
    acts[event.key]();
    event.preventDefault();
    redraw();
  });
  chart.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.shiftKey) return;
    event.preventDefault();
    const box = chart.getBoundingClientRect();
    const turn = event.deltaY || event.deltaX;
    zoom(view, turn > 0 ? 1.25 : 0.8, (event.clientX - box.left - FRAME.left) / (box.width - FRAME.left - FRAME.right));
    redraw();
  }, { passive: false });
  dragged(chart, view, redraw);
}

const LANES = ["compute", "coding", "wire"];
const LANE_NAMES = { compute: "computes", coding: "codes", wire: "sends" };
const FRAME = { left: 92, right: 8, top: 24, gap: 14 };
const LETTER = 6.8;

// The heights of a row's lanes, from the top: generous where there are few rows, and none for coding that nobody does.
function lanes() {
  const heights = facts.tracks.length > 2 ? [28, 12, 12] : [44, 20, 20];
  const used = LANES.map((lane, at) => [lane, heights[at]]).filter(([lane]) => lane !== "coding" || facts.tracks.some((track) => track.coding.length));
  let top = 0;
  return used.map(([lane, height]) => {
    const placed = { lane, top, height };
    top += height + 3;
    return placed;
  });
}

function zoom(view, factor, around = 0.5) {
  const span = view.to - view.from;
  const next = Math.min(view.end, Math.max(Math.min(100, view.end), span * factor));
  const middle = view.from + span * Math.min(1, Math.max(0, around));
  view.from = Math.max(0, Math.min(view.end - next, middle - next * Math.min(1, Math.max(0, around))));
  view.to = view.from + next;
}

function pan(view, share) {
  const span = view.to - view.from;
  view.from = Math.max(0, Math.min(view.end - span, view.from + share * span));
  view.to = view.from + span;
}

function dragged(chart, view, redraw) {
  let held = null;
  chart.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    held = event.clientX;
    chart.setPointerCapture(event.pointerId);
    chart.classList.add("held");
  });
  chart.addEventListener("pointermove", (event) => {
    if (held === null) return;
    pan(view, (held - event.clientX) / (chart.clientWidth - FRAME.left - FRAME.right));
    held = event.clientX;
    tip.hidden = true;
    redraw();
  });
  for (const name of ["pointerup", "pointercancel"]) chart.addEventListener(name, () => { held = null; chart.classList.remove("held"); });
}

function timelineControls(view, redraw) {
  const button = (text, label, act) => html("button", { type: "button", "aria-label": label, title: label, onclick: () => { act(); redraw(); } }, text);
  const controls = html("div", { class: "controls" },
    button("−", "Zoom out", () => zoom(view, 2)), button("+", "Zoom in", () => zoom(view, 0.5)), button("All", "Show the whole step", () => zoom(view, Infinity)),
    html("span", {}, "drag to move, Shift + wheel to zoom"));
  if (facts.tracks.length > LANES_SHOWN) {
    const label = html("span", { class: "push" });
    const turn = (by) => {
      view.first = Math.max(0, Math.min(facts.tracks.length - LANES_SHOWN, view.first + by));
      label.textContent = `rows ${view.first + 1} to ${view.first + LANES_SHOWN} of ${facts.tracks.length}`;
    };
    turn(0);
    controls.append(label, button("↑", "Rows above", () => turn(-LANES_SHOWN)), button("↓", "Rows below", () => turn(LANES_SHOWN)));
  }
  return controls;
}

function timelineLegend() {
  const used = new Set(facts.tracks.flatMap((track) => LANES.flatMap((lane) => track[lane]).map(([deed]) => facts.deeds[deed][1])));
  const shown = facts.layers.map((layer, at) => [layerColour(at), layer.name, at]).filter(([, , at]) => used.has(at));
  if (shown.length <= 24) return legend(shown);
  const every = Math.ceil(shown.length / 12);
  return legend(shown.filter((_, at) => at % every === 0));
}

function timelinePicture(chart, view) {
  const total = Math.max(280, chart.clientWidth);
  const longest = Math.max(...facts.tracks.map((track) => track.ranks.length));
  FRAME.left = Math.round(Math.max(92, Math.min(total * 0.18, longest * LETTER + 14)));
  const width = total - FRAME.left - FRAME.right;
  const shown = facts.tracks.slice(view.first, view.first + LANES_SHOWN);
  const rows = lanes();
  const row = rows[rows.length - 1].top + rows[rows.length - 1].height + FRAME.gap;
  const height = FRAME.top + shown.length * row;
  const x = (at) => FRAME.left + width * (at - view.from) / (view.to - view.from);
  const picture = drawing(total, height, `Timeline of ${facts.tracks.length} groups of ranks, ${seconds(view.end * 1e-9)} long`);
  const axis = svg("g", { class: "axis" });
  for (const tick of ticks(view.from, view.to, Math.max(2, width / 110))) {
    axis.append(svg("line", { x1: x(tick), x2: x(tick), y1: FRAME.top - 5, y2: height - FRAME.gap + 4 }), svg("text", { x: x(tick), y: 12, "text-anchor": x(tick) > total - 30 ? "end" : x(tick) < FRAME.left + 12 ? "start" : "middle" }, tick ? seconds(tick * 1e-9) : "0"));
  }
  shown.forEach((track, at) => {
    const top = FRAME.top + at * row;
    const name = svg("text", { x: 0, y: top + 12, "data-room": FRAME.left - 10 }, track.ranks);
    picture.append(tipped(name, () => track.ranks));
    for (const { lane, top: below, height: tall } of rows) {
      picture.append(
        svg("text", { class: "soft", x: 0, y: top + below + (lane === "compute" ? 26 : tall / 2 + 4), style: "font-size:11px" }, LANE_NAMES[lane]),
        svg("rect", { class: "lane", x: FRAME.left, y: top + below, width, height: tall }));
      drawStretches(picture, track, track[lane], lane, top + below, tall, view, x);
    }
  });
  picture.prepend(axis);
  chart.replaceChildren(picture);
  for (const text of picture.querySelectorAll("text[data-room]")) shorten(text);
}

function drawStretches(picture, track, stretches, kind, top, height, view, x) {
  for (const [deed, start, length] of stretches) {
    if (start + length <= view.from || start >= view.to) continue;
    const [name, layer, phase] = facts.deeds[deed];
    const [left, right] = [Math.max(x(start), FRAME.left), Math.min(x(start + length), x(view.to))];
    const stretch = svg("rect", { class: "stretch", x: left, y: top, width: Math.max(0.7, right - left - (right - left > 3 ? 0.6 : 0)), height, rx: right - left > 5 ? 1.5 : 0, fill: layerColour(layer, DEPTH[phase] ?? 1) });
    picture.append(tipped(stretch, () => `${name}\n${layer < 0 || facts.layers[layer].name === name ? "" : facts.layers[layer].name + ", "}${kind === "coding" ? "encoding or decoding, " : phase && kind === "compute" ? phase + ", " : ""}${seconds(length * 1e-9)} from ${seconds(start * 1e-9)}\n${track.ranks}`));
    if (height > 20 && right - left > name.length * 6.6 + 10) picture.append(svg("text", { class: "mono piece-name on", x: left + 5, y: top + height / 2 + 4 }, name));
  }
}

// ---- the messages, one by one ----

function drawMessages() {
  const senders = facts.groups.filter((group) => group.messages.length);
  const target = place("messages");
  target.append(html("h3", { class: "block" }, "Messages"));
  if (!senders.length) {
    target.append(html("p", { class: "soft" }, "None: no rank sends anything in a training step."));
    return;
  }
  const holder = html("div", { class: "scroll roomy" });
  const show = (at) => holder.replaceChildren(messageTable(senders[at]), ...reductions(senders[at]));
  if (senders.length > 1) target.append(html("div", { class: "controls" }, chooser("Of", senders.map((group) => group.ranks), 0, show)));
  target.append(holder);
  show(0);
}

function reductions(group) {
  if (!group.reductions.length) return [];
  return [html("h3", { class: "block" }, "Gradients"), html("p", { class: "soft" }, group.saving), reductionTable(group)];
}

function messageTable(group) {
  const track = predictedTrack(group);
  const busy = track ? union([...track.compute, ...track.coding]) : [];
  const rows = group.messages.map((message) => {
    const times = track ? track.wire.filter(([deed]) => facts.deeds[deed][0] === message.name) : [];
    const cells = [message.name, message.kind.replaceAll("_", "-"), `${message.group}, ${message.members} ranks`, bytes(message.bytes)];
    if (!times.length) return [...cells, "–", "–", "–"];
    const length = times.reduce((sum, time) => sum + time[2], 0);
    const covered = ([, start, lasts]) => busy.reduce((sum, [from, to]) => sum + Math.max(0, Math.min(to, start + lasts) - Math.max(from, start)), 0);
    const hidden = length ? times.reduce((sum, time) => sum + covered(time), 0) / length : 0;
    return [...cells, seconds(Math.min(...times.map(([, start]) => start)) * 1e-9), seconds(length * 1e-9),
      tipped(html("span", {}, html("span", { class: "share" }, html("i", { style: `width:${100 * hidden}%` })), html("span", {}, percent(hidden))), () => `${percent(hidden)} of its time, the rank computes meanwhile`)];
  });
  return table([["Message", false, "name"], ["Kind", false], ["Among", false], ["Sends", true], ["Begins", true], ["Takes", true], ["Behind arithmetic", true]], rows, "Messages of " + group.ranks);
}

// What each bucket of gradients is made to, and by which scheme each tensor goes.
function reductionTable(group) {
  const track = predictedTrack(group);
  const taken = (lane, name) => track[lane].filter(([deed]) => facts.deeds[deed][0] === name).reduce((sum, [, , length]) => sum + length, 0);
  const rows = group.reductions.map((each) => [
    each.name, tensorList(each.tensors), bytes(each.dense), bytes(each.predicted), (each.predicted ? threeDigits(each.dense / each.predicted) : "1.00") + "×", bytes(each.bound),
    ...(track ? ["coding", "wire"].map((lane) => seconds(taken(lane, each.name) * 1e-9)) : ["–", "–"])]);
  return table([["Gradients", false, "name"], ["By scheme", false], ["As sums", true], ["Sends", true], ["Ratio", true], ["At most", true], ["Coding", true], ["On the wire", true]], rows, "Reductions of " + group.ranks);
}

function tensorList(tensors) {
  const schemes = [...new Set(tensors.map(([, scheme]) => scheme))];
  const list = html("span", {}, schemes.map((scheme) => `${scheme}, ${count(tensors.filter(([, each]) => each === scheme).length)}`).join("; "));
  return tipped(list, () => tensors.map(([tensor, scheme, rows, columns]) => `${tensor}  ${scheme}, ${count(rows)} × ${count(columns)}`).join("\n"));
}

const predictedTrack = (group) => facts.tracks.find((each) => !each.measured && each.members.includes(group.first));

// The totals of a step, where a run was recorded.
function measuredTotals() {
  if (!facts.totals) return [];
  const rows = facts.totals.rows.map(([track, predicted, measured]) => [track, seconds(predicted), seconds(measured)]);
  const steps = facts.totals.steps === 1 ? "one step" : count(facts.totals.steps) + " steps";
  return [
    html("h3", { class: "block" }, "Predicted and measured"),
    html("p", { class: "soft" }, `Measured: the mean over ranks and ${steps}; drawn above, the step of median length.`),
    html("div", { class: "scroll" }, table([["", false], ["Predicted", true], ["Measured", true]], rows, "What a step takes on each track")),
  ];
}

function union(stretches) {
  const merged = [];
  for (const [, start, length] of [...stretches].sort((a, b) => a[1] - b[1])) {
    const last = merged[merged.length - 1];
    if (last && start <= last[1]) last[1] = Math.max(last[1], start + length);
    else merged.push([start, start + length]);
  }
  return merged;
}
