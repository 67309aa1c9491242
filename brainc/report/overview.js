"use strict";
// The headline: what the network is, where it runs, and what a step costs.

function drawOverview() {
  const [data, model] = facts.mesh;
  const ranks = facts.groups.reduce((sum, group) => sum + group.count, 0);
  const parameters = facts.layers.reduce((sum, layer) => sum + layer.parameters, 0);
  const fullest = facts.groups.reduce((most, group) => group.arenaBytes > most.arenaBytes ? group : most);
  const busiest = facts.groups.reduce((most, group) => group.bytesSent > most.bytesSent ? group : most);
  const training = facts.training;
  const entries = [
    ["Predicted step", seconds(facts.stepSeconds), facts.machine ? "on " + facts.machine : null],
    ["Throughput", threeDigits(facts.samplesPerSecond), `samples/s, batch ${count(training.batch)}`],
    ["Mesh", `${data} × ${model}`, `${count(ranks)} rank${ranks === 1 ? "" : "s"}, data × model`],
    ["Memory a rank", bytes(fullest.arenaBytes), facts.groups.every((group) => group.arenaBytes === fullest.arenaBytes) ? "the same on each" : "on " + fullest.ranks + ", the fullest"],
    ["Parameters", count(parameters), `in ${count(facts.parameters.length)} tensors`],
    ["Sent a step", bytes(busiest.bytesSent), ranks > 1 ? `${facts.groups.length > 1 ? busiest.ranks : "each rank"}, ${busiest.messages.length} message${busiest.messages.length === 1 ? "" : "s"}` : "one rank, no messages"],
  ];
  place("overview").append(
    html("h1", {}, facts.name),
    html("div", { class: "soft" }, `Plan for ${count(ranks)} rank${ranks === 1 ? "" : "s"}, trained by ${training.optimizer} at rate ${training.rate}`),
    html("dl", { class: "facts" }, ...entries.map(([name, value, note]) => html("div", {}, html("dt", {}, name), html("dd", {}, value, note ? html("small", {}, note) : null)))),
    html("nav", { "aria-label": "Sections" }, ...[["layers", "Layers"], ["slices", "Slices"], ["memory", "Memory"], ["step", "Training step"], ["choice", "Choice"]].map(([id, name]) => html("a", { href: "#" + id }, name))),
  );
  place("made-by").append(`Made by ${facts.madeBy}. Times are the cost model’s; bytes are the plan’s own.`);
}

function drawChoice() {
  const [chosen, other] = facts.choice.alternatives;
  const shown = other ? [["Chosen", chosen], ["Runner-up", other]] : [["Chosen", chosen]];
  const longest = Math.max(...shown.map(([, each]) => each.seconds));
  const rows = html("div", { class: "times" });
  shown.forEach(([name, each], at) => {
    const longer = at && facts.choice.margin !== null ? html("span", { class: "soft" }, `  ${percent(facts.choice.margin)} longer`) : null;
    rows.append(
      html("strong", {}, name),
      html("span", {}, `data ${each.mesh[0]} × model ${each.mesh[1]}`),
      html("span", { class: "bar" }, html("i", { style: `width:${100 * each.seconds / longest}%;border-radius:3px;background:var(${at ? "--split-none" : "--accent"})` })),
      html("span", { class: "number" }, seconds(each.seconds), longer),
    );
  });
  const target = place("alternatives");
  if (facts.choice.why) target.append(html("p", { class: "why" }, facts.choice.why));
  target.append(rows);
  if (Math.abs(chosen.seconds - facts.stepSeconds) > 0.01 * facts.stepSeconds) {
    target.append(html("p", { class: "soft" }, `Splits are compared by a quicker estimate; the schedule made for the chosen one is predicted to take ${seconds(facts.stepSeconds)}.`));
  }
  target.append(...splitTable(chosen, other));
}

// The layers that the two split differently; where there is no other, all that are split.
function splitTable(chosen, other) {
  const names = Object.keys(chosen.splits);
  const listed = names.filter((layer) => other ? other.splits[layer] !== chosen.splits[layer] : chosen.splits[layer] !== "-");
  const alike = names.length - listed.length;
  const note = !other || !alike ? "" : html("p", { class: "soft" }, listed.length ? `The other ${count(alike)} layers are split alike.` : "Every layer is split alike; only the mesh differs.");
  if (!listed.length) return [note];
  const columns = [["Layer", false, "name"], [other ? "Chosen" : "Split", false], ...(other ? [["Runner-up", false]] : [])];
  const rows = listed.map((layer) => [layer, splitMark(chosen.splits[layer]), ...(other ? [other.splits[layer] ? splitMark(other.splits[layer]) : ""] : [])]);
  return [html("div", { class: "block scroll" }, table(columns, rows, "Layers that the chosen plan and the runner-up split differently")), note];
}
