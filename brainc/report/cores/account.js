"use strict";
// The headline, the table of layers, and the energy of a sample.

const energyText = (value) => {
  for (const [unit, size] of [["pJ", 1e-12], ["nJ", 1e-9], ["µJ", 1e-6], ["mJ", 1e-3]]) {
    if (value < 999.5 * size) return threeDigits(value / size) + " " + unit;
  }
  return threeDigits(value) + " J";
};
const many = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;
const short = (value) => value < 1e4 ? threeDigits(value) : scaled(value, 1000, ["", "k", "M", "G"]);

function drawOverview() {
  const [columns, rows] = facts.chips;
  const chips = columns * rows;
  const spent = facts.energy.idle + (facts.energy.events ?? 0);
  const [inOrder, placed] = facts.hops;
  const run = facts.run;
  const entries = [
    ["Cores", count(facts.cores.length), `of the ${count(chips * facts.chipSide ** 2)} of ${chips === 1 ? "a chip" : `${columns} × ${rows} chips`}`],
    ["Neurons", count(facts.totals.neurons), `${short(facts.totals.synapses)} synapses, density ${percent(facts.totals.density)}`],
    ["Decision", many(facts.latency, "tick"), `${seconds(facts.latency * 1e-3)} after its sample came`],
    ["Throughput", threeDigits(facts.samplesPerSecond), `samples/s at 1 kHz, one every ${facts.period === 1 ? "tick" : facts.period + " ticks"}`],
    ["Energy", energyText(spent), run ? "a sample in the run, by a model" : "a sample, of silent cores alone, by a model"],
    run && run.right !== null ? ["Right", (100 * run.right).toFixed(1) + " %", `of ${count(run.samples)} decisions, ${run.role}`]
      : ["Steps", short(placed), `from core to core, if all neurons fired${inOrder > 1.005 * placed ? `; ${threeDigits(inOrder / placed)}× fewer than unplaced` : ""}`],
  ];
  const sections = [["map", "Cores"], ["layers", "Layers"], ["spikes", "Spikes"], ["energy", "Energy"]];
  place("overview").append(
    html("h1", {}, facts.name),
    html("div", { class: "soft" }, `Plan for TrueNorth cores${run ? `, with a run over ${many(run.samples, "sample")} of ${run.role}` : ""}`),
    html("dl", { class: "facts" }, ...entries.map(([name, value, note]) => html("div", {}, html("dt", {}, name), html("dd", {}, value, html("small", {}, note))))),
    html("nav", { "aria-label": "Sections" }, ...sections.map(([id, name]) => html("a", { href: "#" + id }, name))),
  );
  place("made-by").append(`Made by ${facts.madeBy}. Energies are a model’s, all else is counted.`);
}

function meter(value, limit) {
  return html("span", {}, html("span", { class: "meter" }, html("i", { style: `width:${100 * value / limit}%` })), Math.round(value).toString());
}

function drawLayers() {
  const [axons, neurons] = facts.limits;
  const columns = [["Layer", false, "name"], ["Reads", false, "name"], ["Units", true], ["Fan-in", true], ["Tick", true], ["Cores", true], ["Splitters", true], [`Axons of ${axons}`, true], [`Neurons of ${neurons}`, true], ["Density", true]];
  if (facts.run) columns.push(["Spikes a tick", true], ["Events a tick", true]);
  const rows = facts.layers.map((layer, at) => {
    const every = layer.cores + layer.splitters;
    const own = facts.cores.map((core, number) => [core, number]).filter(([core]) => core[2] === at);
    const sum = (of) => own.reduce((total, [, number]) => total + of[number], 0);
    const row = [layer.name, layer.inputs.join(", "), tipped(html("span", {}, count(layer.units)), () => shape(layer.shape)), count(layer.fanIn), layer.lasts ? `${layer.tick}, lasts` : String(layer.tick), count(layer.cores), layer.splitters ? count(layer.splitters) : "–",
      meter(layer.axons / every, axons), meter(layer.neurons / every, neurons), percent(layer.density)];
    if (facts.run) row.push(short(sum(facts.run.coreSpikes)), short(sum(facts.run.coreEvents)));
    return row;
  });
  const [inOrder, placed] = facts.hops;
  const steps = placed
    ? `If every neuron fired once, its spikes would go ${count(Math.round(placed))} steps from core to core; with cores in the order of their numbers, ${count(Math.round(inOrder))}${inOrder > 1.005 * placed ? `, ${threeDigits(inOrder / placed)} times as many` : ""}.`
    : "No spike goes from one core to another.";
  const went = facts.run && placed
    ? ` In the run they went ${short(facts.run.hops[1])} steps a sample; in the order of the cores’ numbers, ${short(facts.run.hops[0])}.`
    : "";
  place("layer-table").append(table(columns, rows, "Layers"));
  place("layer-table").after(html("p", { class: "why" }, steps + went));
}

function drawEnergy() {
  place("energy-lead").append(facts.energyRemark);
  const { idle, events } = facts.energy;
  const rows = [["Cores", [[idle, "--heat-1"], [events ?? 0, "--accent"]], events === null ? "silent: no run was given" : `${energyText(idle)} of silent cores, and ${energyText(events)} for ${short(facts.run.events)} synaptic events`]];
  for (const [machine, joules, why] of facts.energy.float) rows.push([`Float, ${machine}`, [[joules, "--split-none"]], why]);
  const total = (parts) => parts.reduce((sum, [joules]) => sum + joules, 0);
  const largest = Math.max(...rows.map(([, parts]) => total(parts)));
  const list = html("div", { class: "joules" });
  for (const [name, parts, why] of rows) {
    list.append(html("strong", {}, name),
      html("span", { class: "bar" }, ...parts.map(([joules, colour]) => html("i", { style: `width:${100 * joules / largest}%;background:var(${colour})` }))),
      html("span", { class: "amount" }, energyText(total(parts))), html("p", { class: "why" }, why));
  }
  place("energy-table").append(list);
}
