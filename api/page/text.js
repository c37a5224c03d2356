// Words and figures as people read them. Everything that comes from outside goes through `escape`.

export const escape = (value) =>
  String(value ?? "").replace(/[&<>"']/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" })[sign]);

export const percent = (ratio) => (ratio == null ? "–" : `${Math.round(ratio * 100)} %`);

export const kilometres = (metres) => `${(metres / 1000).toFixed(1)} km`;

export const hours = (seconds) => `${(seconds / 3600).toFixed(1)} h`;

export const number = (value) => (value == null ? "–" : Math.round(value).toLocaleString("en"));

export function age(seconds) {
  if (seconds == null) return "never";
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} days ago`;
}

export const clock = (secondsOfDay) => {
  const minutes = Math.round(secondsOfDay / 60);
  return `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
};

// All moments are shown in the city's own time zone, whatever the reader's machine is set to.
let zone = "Europe/Amsterdam";
export const setZone = (name) => { zone = name; };

export const moment = (iso) =>
  iso == null ? "–" : new Date(iso).toLocaleString("en-GB", { timeZone: zone, weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

export const day = (iso) => new Date(iso).toLocaleDateString("en-GB", { timeZone: zone, weekday: "short", day: "numeric", month: "short" });

export const STATES = {
  ok: "fine", half: "60–80 % full", nearly_full: "80–95 % full", full: "full", closed: "road closed", busy: "busy",
  silent: "silent", no_data: "no reading yet",
};

export const MODEL_GRADES = {
  full: "the fitted model", partial: "the fitted model lacks a member", stale: "the model has not been fitted for long",
  fallback: "no fitted model serves: its own past alone",
};

export const QUANTITIES = {
  fill_ratio: ["level", percent], reported_fill_ratio: ["level as reported", percent],
  distance_mm: ["distance to the waste", (v) => `${Math.round(v)} mm`], deposit_count: ["deposits", number],
  weight_kg: ["weight", (v) => `${Math.round(v)} kg`], temperature_c: ["temperature", (v) => `${v.toFixed(1)} °C`],
  battery_v: ["battery", (v) => `${v.toFixed(2)} V`], battery_ratio: ["battery", percent],
  flow_per_h: ["flow", (v) => `${number(v)} vehicles/h`], speed_km_h: ["mean speed", (v) => `${Math.round(v)} km/h`],
  vehicle_count: ["vehicles", number], window_s: ["window", (v) => `${v / 60} min`], occupancy_ratio: ["occupancy", percent],
  road_closed: ["road", (v) => (v ? "closed" : "passable")], inclination_deg: ["inclination", (v) => `${v.toFixed(3)}°`],
  strain_um_m: ["strain", (v) => `${v.toFixed(1)} µm/m`], displacement_mm: ["displacement", (v) => `${v.toFixed(2)} mm`],
  vibration_rms_mm_s: ["vibration", (v) => `${v.toFixed(2)} mm/s`], tilted: ["tilted", (v) => (v ? "yes" : "no")],
};
