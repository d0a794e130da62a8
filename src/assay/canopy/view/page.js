// The map page: layers, the height under the cursor, a profile along a line. Every text from the server is set as text.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const NAMES = { height: "Height", uncertainty: "Uncertainty", imagery: "Imagery only" };
const byId = (id) => document.getElementById(id);

function problem(text) {
  byId("problem").textContent = text;
  byId("problem").hidden = false;
}

async function ask(address, signal) {
  const answer = await fetch(address, { signal });
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.error || "The server gave no answer.");
  return found;
}

function style(about) {
  const sources = {};
  const layers = [{ id: "paper", type: "background", paint: { "background-color": "#e9e7df" } }];
  for (const layer of ["imagery", "height", "uncertainty"]) {
    if (!about.layers.includes(layer)) continue;
    sources[layer] = {
      type: "raster", tiles: [`${location.origin}/tiles/${layer}/{z}/{x}/{y}.png`], tileSize: 256, maxzoom: about.maxzoom,
    };
    const visibility = layer === "uncertainty" ? "none" : "visible";
    layers.push({ id: layer, type: "raster", source: layer, layout: { visibility }, paint: { "raster-resampling": "nearest", "raster-fade-duration": 0 } });
  }
  sources.line = { type: "geojson", data: empty() };
  layers.push({ id: "line", type: "line", source: "line", paint: { "line-color": "#d23b00", "line-width": 3 } });
  layers.push({ id: "points", type: "circle", source: "line", paint: { "circle-color": "#d23b00", "circle-radius": 5, "circle-stroke-color": "#fff", "circle-stroke-width": 1.5 } });
  return { version: 8, sources, layers };
}

const empty = () => ({ type: "FeatureCollection", features: [] });

function legend(about, layer) {
  const figure = byId("legend");
  figure.hidden = layer === "imagery";
  if (figure.hidden) return;
  const stops = about.legends[layer];
  const last = stops[stops.length - 1].metres;
  const caption = layer === "height" ? "Height above ground, metres" : `${about.uncertainty.says}, metres`;
  figure.querySelector("figcaption").textContent = caption;
  const ramp = figure.querySelector(".ramp");
  ramp.style.background = `linear-gradient(to right, ${stops.map((s) => `${s.colour} ${(100 * s.metres) / last}%`).join(", ")})`;
  figure.querySelector(".ticks")?.remove();
  const ticks = figure.appendChild(document.createElement("div"));
  ticks.className = "ticks";
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    ticks.appendChild(document.createElement("span")).textContent = `${share * last}${share === 1 ? "+" : ""}`;
  }
}

function choices(about, map) {
  const place = byId("layers");
  const show = (chosen) => {
    for (const layer of ["height", "uncertainty"]) {
      if (map.getLayer(layer)) map.setLayoutProperty(layer, "visibility", layer === chosen ? "visible" : "none");
    }
    legend(about, chosen);
  };
  for (const layer of about.layers) {
    const label = place.appendChild(document.createElement("label"));
    const input = label.appendChild(document.createElement("input"));
    Object.assign(input, { type: "radio", name: "layer", value: layer, checked: layer === "height" });
    label.append(` ${NAMES[layer]}`);
    input.addEventListener("change", () => show(layer));
  }
  const opacity = byId("opacity");
  const fade = () => {
    for (const layer of ["height", "uncertainty"]) {
      if (map.getLayer(layer)) map.setPaintProperty(layer, "raster-opacity", opacity.value / 100);
    }
  };
  opacity.addEventListener("input", fade);
  fade();
  show("height");
}

function doubt(found) {
  if (found.low != null && found.high != null) return `between ${found.low} m and ${found.high} m`;
  return found.spread != null ? `spread ${found.spread} m (not calibrated)` : "";
}

function readout(map) {
  const place = byId("readout");
  let asked = null;
  map.on("mousemove", async (event) => {
    asked?.abort();
    asked = new AbortController();
    const at = event.lngLat.wrap();
    const where = `${at.lat.toFixed(6)}°, ${at.lng.toFixed(6)}°`;
    try {
      const found = await ask(`/at?place=${at.lng},${at.lat}`, asked.signal);
      place.replaceChildren();
      const strong = place.appendChild(document.createElement("strong"));
      strong.textContent = found.height == null ? "nothing known" : `${found.height.toFixed(1)} m`;
      const rest = found.height == null ? [where] : [doubt(found), where, `imagery of ${found.taken}`];
      place.append(`\n${rest.filter(Boolean).join("\n")}`);
    } catch (error) {
      if (error.name !== "AbortError") problem(error.message);
    }
  });
}

function profile(map) {
  const button = byId("draw");
  let points = [];
  const drawing = () => button.getAttribute("aria-pressed") === "true";
  const redraw = () => {
    const features = points.map((p) => ({ type: "Feature", properties: {}, geometry: { type: "Point", coordinates: p } }));
    if (points.length > 1) features.push({ type: "Feature", properties: {}, geometry: { type: "LineString", coordinates: points } });
    map.getSource("line").setData({ type: "FeatureCollection", features });
  };
  button.addEventListener("click", () => {
    button.setAttribute("aria-pressed", String(!drawing()));
    byId("map").classList.toggle("drawing", drawing());
    if (drawing()) { points = []; redraw(); }
    byId("hint").textContent = drawing() ? "Click points on the map; press the button again to stop." : "Press the button, then click points on the map.";
  });
  byId("clear").addEventListener("click", () => { points = []; redraw(); byId("profile").replaceChildren(); });
  map.on("click", async (event) => {
    if (!drawing()) return;
    points.push([event.lngLat.lng, event.lngLat.lat]);
    redraw();
    if (points.length < 2) return;
    try {
      chart(await ask(`/profile?points=${points.map((p) => p.join(",")).join(";")}`));
    } catch (error) {
      byId("hint").textContent = error.message;
    }
  });
}

// The chart: 360 x 170, heights upwards; holes stay holes.
function chart(found) {
  const svg = byId("profile");
  svg.replaceChildren();
  const left = 34, right = 352, top = 10, bottom = 140;
  const length = found[found.length - 1].m;
  const tallest = Math.max(1, ...found.map((f) => Math.max(f.height ?? 0, f.high ?? 0)));
  const step = [1, 2, 5, 10, 20, 50].find((s) => tallest / s <= 5) ?? 100;
  const most = Math.ceil(tallest / step) * step;
  const x = (m) => left + ((right - left) * m) / length;
  const y = (h) => bottom - ((bottom - top) * h) / most;
  const add = (name, attributes, text) => {
    const made = svg.appendChild(document.createElementNS(SVG, name));
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
  };
  for (let h = 0; h <= most; h += step) {
    add("line", { class: "grid", x1: left, x2: right, y1: y(h), y2: y(h) });
    add("text", { x: left - 6, y: y(h) + 4, "text-anchor": "end" }, `${h}`);
  }
  let run = [];
  const flush = () => {
    if (run.length > 1) {
      if (run[0].low != null && run[0].high != null) {
        const up = run.map((f) => `${x(f.m)},${y(f.high)}`), down = run.map((f) => `${x(f.m)},${y(f.low)}`).reverse();
        add("polygon", { class: "band", points: [...up, ...down].join(" ") });
      }
      add("polyline", { class: "line", points: run.map((f) => `${x(f.m)},${y(f.height)}`).join(" ") });
    }
    run = [];
  };
  for (const f of found) f.height == null ? flush() : run.push(f);
  flush();
  add("text", { x: left, y: 158 }, "0 m");
  add("text", { x: right, y: 158, "text-anchor": "end" }, `${length.toFixed(0)} m along the line`);
  add("text", { x: 4, y: 158 }, "m");
}

async function begin() {
  const about = await ask("/map.json");
  byId("title").textContent = about.title;
  byId("about").textContent = `${about.km2.toPrecision(3)} km² by the model ${about.model}; imagery of ${about.taken.slice(0, 3).join(", ")}.`;
  if (about.notes.length) {
    byId("notes").hidden = false;
    for (const note of about.notes) byId("notes").querySelector("ul").appendChild(document.createElement("li")).textContent = note;
  }
  const [west, south, east, north] = about.bounds;
  const map = new maplibregl.Map({
    container: "map", style: style(about), bounds: [[west, south], [east, north]], fitBoundsOptions: { padding: 20 },
    attributionControl: false, dragRotate: false, pitchWithRotate: false, touchPitch: false, maxZoom: about.maxzoom + 3,
  });
  map.addControl(new maplibregl.NavigationControl({ showCompass: false }));
  map.addControl(new maplibregl.ScaleControl({ unit: "metric" }));
  map.on("error", (event) => problem(event.error?.message || "A tile could not be loaded."));
  map.on("load", () => { choices(about, map); readout(map); profile(map); });
  map.once("idle", () => { document.body.dataset.state = "ready"; });
}

begin().catch((error) => problem(error.message));
