"use strict";
drawPage(drawOverview, drawMap, drawLayers, drawRaster, drawEnergy);
