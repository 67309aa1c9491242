"use strict";
// Which core, or which neuron, fires in which tick of the recording.

const EDGE = { left: 132, right: 10, top: 42, bottom: 4 };
const raster = { rows: 0, choices: [], shown: null };

function drawRaster() {
  const target = place("raster");
  if (!facts.run || !facts.run.recording.ticks) {
    place("spikes").querySelector(".lead").hidden = true;
    target.append(html("p", { class: "soft" }, "No run was given. Record one with "), html("p", { class: "mono" }, "brainrun --mode eval PLAN --run-dir DIR"), html("p", { class: "soft" }, "and write this page with "), html("p", { class: "mono" }, "brainc report PLAN --run DIR --html FILE"));
    return;
  }
  raster.bits = Uint8Array.from(atob(facts.run.recording.spikes), (letter) => letter.charCodeAt(0));
  raster.choices = [["every core", () => everyCore()], ...facts.layers.map((layer, at) => [`neurons of ${layer.name}`, () => neuronsOf(coresOf(at))]), ["neurons of the core chosen above", () => neuronsOf([map.chosen])]];
  const show = (at) => { raster.rows = at; paintRaster(); };
  const note = html("span", { "aria-live": "polite", id: "raster-note" });
  place("raster-controls").append(html("div", { class: "controls" }, chooser("Rows", raster.choices.map(([name]) => name), 0, show), note));
  whenSized(target, paintRaster);
  whenRecoloured(paintRaster);
  whenChosen = () => { if (raster.rows === raster.choices.length - 1) paintRaster(); };
  target.addEventListener("pointermove", (event) => {
    const found = pointedRow(event);
    if (found) showTip(found.text, event.clientX, event.clientY);
    else tip.hidden = true;
  });
  target.addEventListener("pointerleave", () => { tip.hidden = true; });
  target.addEventListener("click", (event) => {
    const found = pointedRow(event);
    if (found) chooseCore(found.core);
  });
}

const coresOf = (layer) => facts.cores.map((_, at) => at).filter((at) => facts.cores[at][LAYER] === layer);
const fires = (tick, core, neuron) => raster.bits[(tick * facts.cores.length + core) * (facts.limits[1] / 8) + (neuron >> 3)] >> (neuron & 7) & 1;

function firing(tick, core) {
  let sum = 0;
  const first = (tick * facts.cores.length + core) * (facts.limits[1] / 8);
  for (let at = first; at < first + facts.limits[1] / 8; at += 1) for (let byte = raster.bits[at]; byte; byte &= byte - 1) sum += 1;
  return sum;
}

// Rows are {core, neuron}, and say for a tick how much of them fires, 0 to 1; bands are stretches of one name.
function everyCore() {
  const order = facts.cores.map((_, at) => at).sort((a, b) => facts.cores[a][LAYER] - facts.cores[b][LAYER] || facts.cores[a][SPLITS_ON] - facts.cores[b][SPLITS_ON] || a - b);
  return { rows: order.map((core) => ({ core, neuron: -1 })), value: (tick, row) => firing(tick, row.core) / Math.max(1, facts.cores[row.core][NEURONS]), band: (row) => facts.layers[facts.cores[row.core][LAYER]].name };
}

function neuronsOf(cores) {
  const rows = cores.flatMap((core) => Array.from({ length: facts.cores[core][NEURONS] }, (_, neuron) => ({ core, neuron })));
  return { rows, value: (tick, row) => fires(tick, row.core, row.neuron), band: (row) => `core ${row.core}` };
}

function paintRaster() {
  const target = place("raster");
  tip.hidden = true;
  const shown = raster.shown = raster.choices[raster.rows][1]();
  const total = Math.max(280, target.clientWidth);
  EDGE.left = total < 560 ? 74 : 132;
  const { ticks: length } = facts.run.recording;
  const tall = Math.round(Math.max(120, Math.min(520, shown.rows.length * 12)));
  const [width, height] = [total - EDGE.left - EDGE.right, EDGE.top + tall + EDGE.bottom];
  target.style.height = height + "px";
  const pen = sheet(target, total, height);
  target.querySelector("canvas").style.height = height + "px";
  const step = width / length;
  const lines = Math.min(shown.rows.length, tall);
  Object.assign(shown, { step, tall, length });
  pen.fillStyle = ink("var(--card)");
  pen.fillRect(EDGE.left, EDGE.top, width, tall);
  for (let line = 0; line < lines; line += 1) {
    const [first, last] = [Math.floor(line * shown.rows.length / lines), Math.floor((line + 1) * shown.rows.length / lines)];
    const together = shown.rows.slice(first, last);
    const [top, deep] = [EDGE.top + line * tall / lines, tall / lines];
    pen.fillStyle = ink(fireColour(facts.cores[together[0].core]));
    for (let tick = 0; tick < length; tick += 1) {
      const share = together.reduce((sum, row) => sum + shown.value(tick, row), 0) / together.length;
      if (!share) continue;
      pen.globalAlpha = 0.04 + 0.96 * share;
      pen.fillRect(EDGE.left + tick * step + 0.5, top, Math.max(1, step - 1), Math.max(1, deep > 4 ? deep - 1 : deep));
    }
  }
  pen.globalAlpha = 1;
  paintBands(pen, shown, tall);
  paintTicks(pen, step, length);
  fill(target, { role: "img", "aria-label": `Spikes in ${many(length, "tick")}: ${raster.choices[raster.rows][0]}, ${many(shown.rows.length, "row")}` }, []);
  place("raster-note").textContent = shown.rows.length > tall ? `${count(shown.rows.length)} rows; each line shows the mean of several` : `${count(shown.rows.length)} rows`;
}

// Names at the left, where there is room for them.
function paintBands(pen, shown, tall) {
  const font = getComputedStyle(document.body).fontFamily;
  const y = (row) => EDGE.top + row * tall / shown.rows.length;
  let [first, last] = [0, -Infinity];
  [pen.textAlign, pen.textBaseline, pen.font] = ["left", "middle", `12px ${font}`];
  for (let row = 1; row <= shown.rows.length; row += 1) {
    if (row < shown.rows.length && shown.band(shown.rows[row]) === shown.band(shown.rows[first])) continue;
    const middle = (y(first) + y(row)) / 2;
    pen.fillStyle = ink("var(--ground)");
    if (first) pen.fillRect(0, y(first) - 0.5, EDGE.left + shown.step * shown.length, y(row) - y(first) > 6 ? 1.5 : 0);
    pen.fillStyle = ink("var(--ink)");
    if (middle - last >= 15) {
      pen.fillText(fitting(pen, shown.band(shown.rows[first]), EDGE.left - 10), 0, middle);
      last = middle;
    }
    first = row;
  }
}

function fitting(pen, text, room) {
  let kept = text;
  while (kept.length > 1 && pen.measureText(kept === text ? kept : kept + "…").width > room) kept = kept.slice(0, -1);
  return kept === text ? text : kept + "…";
}

// Ticks, and above each tick in which a decision leaves, what it is: right or wrong, where that is known.
function paintTicks(pen, step, length) {
  const font = getComputedStyle(document.body).fontFamily;
  const { labels, decisions } = facts.run.recording;
  [pen.textAlign, pen.textBaseline, pen.font] = ["center", "middle", `11px ${font}`];
  const every = Math.max(1, Math.ceil(26 / step));
  pen.fillStyle = ink("var(--faint)");
  for (let tick = 0; tick < length; tick += every) pen.fillText(String(tick), EDGE.left + (tick + 0.5) * step, EDGE.top - 9);
  pen.textAlign = "left";
  pen.fillText("tick", 0, EDGE.top - 9);
  pen.fillStyle = ink("var(--soft)");
  pen.fillText("decides", 0, 12);
  pen.textAlign = "center";
  const apart = Math.max(1, Math.ceil(15 / (step * facts.period)));
  decisions.forEach((decision, sample) => {
    if (sample % apart) return;
    const right = !labels.length || labels[sample] === decision;
    pen.fillStyle = ink(right ? "var(--ink)" : "var(--mark)");
    pen.font = `${right ? "" : "bold "}12px ${font}`;
    pen.fillText(String(decision), EDGE.left + (facts.latency - 1 + sample * facts.period + 0.5) * step, 12);
  });
}

function pointedRow(event) {
  const shown = raster.shown;
  const box = place("raster").getBoundingClientRect();
  const [x, y] = [event.clientX - box.left - EDGE.left, event.clientY - box.top - EDGE.top];
  const [tick, at] = [Math.floor(x / shown.step), Math.floor(y / shown.tall * shown.rows.length)];
  if (tick < 0 || tick >= shown.length || at < 0 || at >= shown.rows.length) return null;
  const row = shown.rows[at];
  const core = facts.cores[row.core];
  const since = tick - facts.layers[core[LAYER]].tick - core[SPLITS_ON];
  const sample = since >= 0 && since % facts.period === 0 ? `\nsample ${since / facts.period}${labelled(since / facts.period)}` : "";
  const what = row.neuron < 0 ? `${firing(tick, row.core)} of ${core[NEURONS]} neurons fire` : `neuron ${row.neuron} ${fires(tick, row.core, row.neuron) ? "fires" : "is silent"}`;
  return { core: row.core, text: `core ${row.core}, tick ${tick}\n${coreRole(core)}\n${what}${sample}` };
}

function labelled(sample) {
  const { labels, decisions } = facts.run.recording;
  if (sample >= decisions.length) return "";
  return `, ${labels.length ? `class ${labels[sample]}, ` : ""}decided ${decisions[sample]}`;
}
