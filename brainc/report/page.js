"use strict";
drawPage(drawOverview, drawGraph, drawSlices, drawMemory, drawTimeline, drawMessages, drawChoice);
