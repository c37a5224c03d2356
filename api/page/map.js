// The map: base map from the registry's streets and canals, every thing as a mark, tomorrow's tours as lines.
import { STATES, escape, percent } from "./text.js";

const COLOURS = { ok: "#2b8a7e", half: "#d9a400", nearly_full: "#e0701a", full: "#c0182f", silent: "#8a969e", no_data: "#8a969e" };
const TOURS = ["#14506e", "#a3195b", "#3d7a1c", "#b35900", "#5b3fa8", "#00707a", "#7a3b12", "#444"];
const SHAPES = { traffic_counter: "square", bridge: "diamond", transformer: "square" };

export function makeMap(onChoose) {
  const map = L.map("map", { preferCanvas: true, zoomControl: true, attributionControl: true });
  map.attributionControl.setPrefix("Leaflet");
  // What lies on what is fixed by panes, whatever arrives first.
  for (const [name, depth] of [["base", 250], ["tours", 350], ["marks", 450]]) map.createPane(name).style.zIndex = depth;
  const canvas = Object.fromEntries(["base", "tours", "marks"].map((pane) => [pane, L.canvas({ pane })]));
  const base = L.layerGroup().addTo(map);
  const tours = L.layerGroup().addTo(map);
  const marks = L.layerGroup().addTo(map);
  const byId = new Map();
  let fitted = false;
  addLegend(map);
  map.setView([52.37, 5.22], 12);

  function drawBase(collection) {
    base.clearLayers();
    const style = (feature) => ({ pane: "base", renderer: canvas.base, ...(BASE_STYLES[feature.properties.type] ?? BASE_STYLES.neighbourhood) });
    L.geoJSON(collection, { style, interactive: false, pane: "base", pointToLayer: placeMark }).addTo(base);
    if (collection.features.some((feature) => feature.properties.made_up)) map.attributionControl.addAttribution("street graph made up");
  }

  function drawThings(things) {
    // Containers of one site lie on each other: the fullest is drawn last and seen.
    const inOrder = [...things].sort((a, b) => (a.values.fill_ratio ?? -1) - (b.values.fill_ratio ?? -1));
    for (const thing of inOrder) {
      const old = byId.get(thing.thing_id);
      if (old && old.state === thing.state && old.fill === thing.values.fill_ratio && old.planned === thing.planned) { old.mark.setTooltipContent(tip(thing)); continue; }
      if (old) marks.removeLayer(old.mark);
      const mark = thing.thing_type === "container" ? containerMark(thing, canvas.marks) : otherMark(thing);
      mark.bindTooltip(tip(thing));
      mark.on("click", () => onChoose(thing.thing_id));
      mark.addTo(marks);
      byId.set(thing.thing_id, { mark, state: thing.state, fill: thing.values.fill_ratio, planned: thing.planned });
    }
    for (const thing of inOrder) if (thing.state === "nearly_full" || thing.state === "full") byId.get(thing.thing_id).mark.bringToFront?.();
    if (!fitted && things.length) {
      map.fitBounds(L.latLngBounds(things.map((thing) => [thing.latitude, thing.longitude])).pad(0.03));
      fitted = true;
    }
  }

  function drawTours(plans) {
    tours.clearLayers();
    let next = 0;
    for (const plan of plans) for (const tour of plan.routes) {
      const colour = TOURS[next++ % TOURS.length];
      tour.colour = colour;
      if (tour.path.length > 1) L.polyline(tour.path, { color: colour, weight: 4, opacity: 0.75, pane: "tours", renderer: canvas.tours }).bindTooltip(`${escape(tour.truck_id)} · ${escape(plan.fraction)}`).addTo(tours);
    }
  }

  const focus = (thing) => map.setView([thing.latitude, thing.longitude], Math.max(map.getZoom(), 14));
  return { drawBase, drawThings, drawTours, focus, refresh: () => map.invalidateSize() };
}

const BASE_STYLES = {
  street: { color: "#c5ced3", weight: 2 }, canal: { color: "#a9cfe0", weight: 6 },
  water: { stroke: false, fillColor: "#c3e0ec", fillOpacity: 1 }, park: { color: "#cfe3c8", weight: 1, fillColor: "#dcecd6", fillOpacity: 1 },
  district: { color: "#9aa9b2", weight: 1, dashArray: "4 4", fillColor: "#fff", fillOpacity: 0.6 },
  neighbourhood: { color: "#b9c4ca", weight: 1 },
};

function placeMark(feature, at) {
  const sign = { depot: "D", disposal_site: "T" }[feature.properties.type] ?? "•";
  return L.marker(at, { icon: L.divIcon({ className: "tour-label", html: `<b title="${escape(feature.properties.name)}">${sign}</b>` }) });
}

function containerMark(thing, renderer) {
  const planned = thing.planned ? { color: "#14506e", weight: 2.5 } : { color: "#fff", weight: 1 };
  return L.circleMarker([thing.latitude, thing.longitude], { radius: 5.5, pane: "marks", renderer, fillColor: COLOURS[thing.state] ?? "#8a969e", fillOpacity: 1, ...planned });
}

function otherMark(thing) {
  const shape = SHAPES[thing.thing_type] ?? "square";
  const icon = L.divIcon({ className: "", iconSize: [11, 11], html: `<span class="dot mark ${shape} state-${thing.state}"></span>` });
  return L.marker([thing.latitude, thing.longitude], { icon });
}

function tip(thing) {
  const level = thing.values.fill_ratio == null ? "" : ` · ${percent(thing.values.fill_ratio)}`;
  return `${escape(thing.name)}${level} · ${STATES[thing.state] ?? escape(thing.state)}`;
}

function addLegend(map) {
  const legend = L.control({ position: "bottomleft" });
  legend.onAdd = () => {
    const box = L.DomUtil.create("div", "legend");
    const rows = [["ok", "", "container, fine"], ["half", "", "60–80 % full"], ["nearly_full", "", "80–95 % full"], ["full", "", "full"], ["silent", "", "silent or no reading"],
      ["ok", "square", "traffic counter"], ["busy", "square", "busy traffic"], ["ok", "diamond", "bridge"], ["closed", "diamond", "bridge, road closed"]];
    box.innerHTML = rows.map(([state, shape, label]) => `<span class="dot ${shape} state-${state}"></span>${label}`).join("<br>");
    return box;
  };
  legend.addTo(map);
}
