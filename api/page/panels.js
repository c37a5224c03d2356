// What stands in the three panels beside the map. Each function takes data and gives HTML.
import { levelChart } from "./chart.js";
import { MODEL_GRADES, QUANTITIES, STATES, age, clock, day, escape, hours, kilometres, moment, number, percent } from "./text.js";

export function cityPanel(health, things) {
  const containers = things.filter((thing) => thing.thing_type === "container");
  const read = containers.filter((thing) => thing.values.fill_ratio != null);
  const mean = read.length ? read.reduce((sum, thing) => sum + thing.values.fill_ratio, 0) / read.length : null;
  const count = (list, state) => list.filter((thing) => thing.state === state).length;
  const bridges = things.filter((thing) => thing.thing_type === "bridge");
  const ledger = health.ledger;
  return `<h2>Containers</h2><div class="figures">
    ${figure(percent(mean), "mean level")}${figure(count(containers, "full") + count(containers, "nearly_full"), "at 80 % or more")}
    ${figure(`${read.length} of ${containers.length}`, "have a level")}${figure(count(containers, "silent"), "silent")}</div>
    <h2>Bridges and traffic</h2><div class="figures">
    ${figure(count(bridges, "closed"), `of ${bridges.length} bridges have their road closed`)}${figure(count(things, "busy"), "counters with busy traffic")}</div>
    <h2>Is it working?</h2><table>
    ${row("messages received", number(ledger.messages_received))}${row("readings stored", number(ledger.readings_stored))}
    ${row("duplicates recognised", number(ledger.readings_duplicate))}${row("dead letters", number(ledger.messages_dead_lettered))}
    ${row("unaccounted for", `${number(ledger.imbalance)} ${ledger.imbalance === 0 ? "(the books balance)" : "(something is wrong)"}`)}
    ${row("canary, MQTT to API", health.canary_age_s == null ? "not seen yet" : age(health.canary_age_s))}</table>
    <h2>Fullest containers</h2><table>${read.sort((a, b) => b.values.fill_ratio - a.values.fill_ratio).slice(0, 12).map(thingRow).join("")}</table>`;
}

export function thingPanel(thing) {
  const values = Object.entries(thing.values).filter(([name, value]) => value != null && QUANTITIES[name]);
  return `<h2>${escape(thing.name)}</h2><p>${escape(thing.thing_type.replace("_", " "))}, ${escape(thing.district)} · <span class="dot state-${thing.state}"></span>${STATES[thing.state]}</p>
    <p>last read ${age(thing.age_s)} (${moment(thing.observed_at)})</p>
    <table>${values.map(([name, value]) => row(QUANTITIES[name][0], escape(QUANTITIES[name][1](value)))).join("")}</table>`;
}

function limits(thing) {
  const shown = (thing.windows ?? []).map((pair) => pair.map(clock).join("–"));
  const parts = [shown.length && `only ${shown.join(" and ")}`, thing.max_truck_width_mm && `trucks up to ${(thing.max_truck_width_mm / 1000).toFixed(2)} m wide`,
    thing.max_truck_weight_kg && `trucks up to ${(thing.max_truck_weight_kg / 1000).toFixed(1)} t`, thing.max_interval_days && `by law every ${thing.max_interval_days} days at least`].filter(Boolean);
  return parts.length ? `<p class="limits">${parts.join("; ")}</p>` : "";
}

export function containerPanel(thing, history, forecast, decision) {
  const chart = history.length || forecast ? levelChart(history, forecast, forecast?.collections ?? []) : `<p class="hint">No reading yet.</p>`;
  return `<h2>${escape(thing.name)}</h2>
    <p>${escape(thing.fraction)}, ${number(thing.capacity_l)} l, ${escape(thing.district)} · <span class="dot state-${thing.state}"></span>${STATES[thing.state]}</p>${limits(thing)}
    <div class="figures">${figure(percent(thing.values.fill_ratio), `level, read ${age(thing.age_s)}`)}${figure(forecast ? until(forecast.time_to_80, thing) : "–", "expected at 80 %")}</div>
    ${chart}
    ${forecast ? `<p class="grade-${escape(forecast.data_grade)}">Data: ${escape(forecast.data_grade)}</p><p class="explanation">${escape(forecast.explanation)}</p>
      <p class="hint">Forecaster: ${escape(forecast.forecaster)} ${escape(forecast.forecaster_version)} (${escape(MODEL_GRADES[forecast.model_grade] ?? forecast.model_grade)})</p>
      <table>${row("80 % full", range(forecast.time_to_80))}${row("full", range(forecast.time_to_full))}</table>
      ${forecast.collections.length ? `<p class="hint">with the planned collection of ${moment(forecast.collections[0])} taken into account</p>` : ""}` : `<p class="hint">No forecast yet.</p>`}
    ${decision ? `<h2>Plan of ${day(decision.plan_date)}: ${decision.collected ? `collected by ${escape(decision.truck_id)}` : "not collected"}</h2>
      <p class="reason ${decision.collected ? "" : "off"}">${escape(decision.reason)}</p>` : `<p class="hint">No plan yet.</p>`}`;
}

export function planPanel(plan, search) {
  if (!plan || !plan.plans.length) return `<p class="hint">There is no plan for ${escape(plan?.plan_date ?? "tomorrow")} yet. It is made when the forecasts are there.</p>`;
  const fixed = plan.fixed_schedule;
  const total = plan.totals;
  return `<h2>Plan of ${day(plan.plan_date)}</h2>
    <table><tr><th></th><th class="number">plan</th><th class="number">fixed schedule</th></tr>
    ${compare("trucks", total.trucks, fixed.trucks)}${compare("stops", total.stops, fixed.stops)}
    ${compare("distance", kilometres(total.distance_m), kilometres(fixed.distance_m))}${compare("hours", hours(total.duration_s), hours(fixed.duration_s))}
    ${compare("leaves standing what must go", plan.left_by_plan.required, plan.left_by_fixed_schedule.required)}${compare("expected to overflow before the next collection", Math.round(plan.left_by_plan.expected_overflows), Math.round(plan.left_by_fixed_schedule.expected_overflows))}</table>
    <p class="hint">Both costed on the same roads (${escape(plan.matrix_source)}); ${plan.checked ? "passed the independent check" : "<b>did not pass the check</b>"}.</p>
    ${plan.plans.map(fractionPart).join("")}
    <h2>Why is a container on it, or not?</h2><input type="search" id="search" placeholder="container, reason or truck" aria-label="Search the reasons" value="${escape(search)}">
    <table id="decisions">${decisionRows(plan, search)}</table>`;
}

function fractionPart(plan) {
  const tours = plan.routes.map((tour) => `<tr><td><span class="dot" data-colour="${tour.colour ?? "#444"}"></span>${escape(tour.truck_id)}</td>
    <td class="number">${counted(tour.visits.filter((v) => v.kind === "stop").length, "stop")}</td><td class="number">${kilometres(tour.distance_m)}</td>
    <td class="number">${tour.visits.length ? `${clock(tour.visits[0].departure_s)}–${clock(tour.visits.at(-1).arrival_s)}` : ""}</td></tr>`).join("");
  return `<details><summary>${escape(plan.fraction)}: ${counted(plan.routes.length, "tour")}, ${counted(plan.decisions.filter((d) => d.collected).length, "container")}</summary><p>${escape(plan.verdict)}</p><table>${tours}</table></details>`;
}

export function decisionRows(plan, search) {
  const wanted = search.trim().toLowerCase();
  const all = plan.plans.flatMap((part) => part.decisions).filter((d) => !wanted || `${d.container_id} ${d.reason} ${d.truck_id ?? ""}`.toLowerCase().includes(wanted));
  const shown = all.sort((a, b) => b.collected - a.collected || (b.overflow_probability ?? 0) - (a.overflow_probability ?? 0)).slice(0, 60);
  return shown.map((d) => `<tr class="row" tabindex="0" data-thing="${escape(d.container_id)}"><td class="name">${d.collected ? "✔" : "–"} ${escape(d.container_id)}</td><td>${escape(d.reason)}</td></tr>`).join("")
    + (all.length > shown.length ? `<tr><td colspan="2" class="hint">and ${all.length - shown.length} more; search to see them</td></tr>` : "");
}

const figure = (value, label) => `<div class="figure"><b>${value}</b><span>${label}</span></div>`;
const counted = (count, name) => `${count} ${name}${count === 1 ? "" : "s"}`;
const row = (label, value) => `<tr><td>${label}</td><td class="number">${value}</td></tr>`;
const compare = (label, ours, fixed) => `<tr><td>${label}</td><td class="number">${ours}</td><td class="number">${fixed}</td></tr>`;
const until = (times, thing) => (thing.values.fill_ratio >= 0.8 ? "now" : times?.median ? moment(times.median) : "not in 7 days");
const range = (times) => (!times || (!times.median && !times.early) ? "not within the horizon" : `${moment(times.median ?? times.early)}${times.early ? `<br><span class="hint">as early as ${moment(times.early)}</span>` : ""}`);
const thingRow = (thing) => `<tr class="row" tabindex="0" data-thing="${escape(thing.thing_id)}"><td><span class="dot state-${thing.state}"></span>${escape(thing.name)}</td><td>${escape(thing.fraction)}</td><td class="number">${percent(thing.values.fill_ratio)}</td><td class="number">${age(thing.age_s)}</td></tr>`;
