// A container's level of the past week and its forecast as a fan: the 90 %, 80 % and 50 % intervals and the median.
import { day } from "./text.js";

const WIDTH = 420, HEIGHT = 230, LEFT = 34, RIGHT = 8, TOP = 10, BOTTOM = 24;

export function levelChart(history, forecast, collections) {
  const pastStart = history.length ? new Date(history[0].observed_at) : new Date(forecast.cutoff);
  const from = pastStart.getTime();
  const to = forecast ? new Date(forecast.points.at(-1).at).getTime() : new Date(history.at(-1).observed_at).getTime();
  const x = (iso) => LEFT + ((new Date(iso).getTime() - from) / Math.max(1, to - from)) * (WIDTH - LEFT - RIGHT);
  const y = (ratio) => TOP + (1 - Math.min(1.05, ratio) / 1.05) * (HEIGHT - TOP - BOTTOM);
  const parts = [grid(y), days(from, to, x)];
  if (forecast) parts.push(fan(forecast, x, y));
  if (history.length) parts.push(`<polyline fill="none" stroke="#1d2b36" stroke-width="1.4" points="${history.map((p) => `${x(p.observed_at).toFixed(1)},${y(p.fill_ratio).toFixed(1)}`).join(" ")}"/>`);
  if (forecast) parts.push(line(x(forecast.cutoff), TOP, x(forecast.cutoff), HEIGHT - BOTTOM, "#5d6f7c", "3 3"), label(x(forecast.cutoff) + 3, TOP + 9, "last reading"));
  for (const at of collections) if (new Date(at).getTime() < to && new Date(at).getTime() > from) parts.push(line(x(at), TOP, x(at), HEIGHT - BOTTOM, "#14506e", ""), label(x(at) + 3, HEIGHT - BOTTOM - 4, "planned"));
  return `<svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Level of the past days and forecast">${parts.join("")}</svg>`;
}

function fan(forecast, x, y) {
  const at = (q) => forecast.quantiles.findIndex((value) => Math.abs(value - q) < 1e-6);
  const bands = [[0.05, 0.95, "#c7dbe6"], [0.1, 0.9, "#a5c6d8"], [0.25, 0.75, "#78a9c3"]];
  const path = (index) => forecast.points.map((p) => `${x(p.at).toFixed(1)},${y(p.levels[index]).toFixed(1)}`);
  const drawn = bands.filter(([low, high]) => at(low) >= 0 && at(high) >= 0)
    .map(([low, high, colour]) => `<polygon fill="${colour}" points="${path(at(low)).concat(path(at(high)).reverse()).join(" ")}"/>`);
  if (at(0.5) >= 0) drawn.push(`<polyline fill="none" stroke="#14506e" stroke-width="2" points="${path(at(0.5)).join(" ")}"/>`);
  return drawn.join("");
}

function grid(y) {
  return [0, 0.25, 0.5, 0.75, 1].map((ratio) => line(LEFT, y(ratio), WIDTH - RIGHT, y(ratio), ratio === 1 ? "#c0182f" : "#e3e9ec", "") + label(2, y(ratio) + 4, `${ratio * 100} %`)).join("")
    + line(LEFT, y(0.8), WIDTH - RIGHT, y(0.8), "#e0701a", "4 3");
}

function days(from, to, x) {
  const step = (to - from) / 86400000 > 8 ? 3 : 1;
  const parts = [];
  for (let t = Math.ceil(from / 86400000) * 86400000; t < to; t += step * 86400000) parts.push(label(x(t), HEIGHT - 7, day(t).split(" ").slice(0, 2).join(" ")));
  return parts.join("");
}

const line = (x1, y1, x2, y2, colour, dash) => `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${colour}" stroke-dasharray="${dash}"/>`;
const label = (x, y, text) => `<text x="${x}" y="${y}">${text}</text>`;
