"use strict";
// Draws every section, and says in `data-drawn` of the document whether all went well.

try {
  drawOverview();
  for (const section of document.querySelectorAll("section")) section.hidden = false;
  drawMap();
  drawLayers();
  drawRaster();
  drawEnergy();
  document.documentElement.dataset.drawn = "whole";
} catch (error) {
  document.documentElement.dataset.drawn = "broken";
  place("failure").textContent = "This page could not be drawn: " + error.message;
  place("failure").hidden = false;
  throw error;
}
