// A planner's day: how far it is, what crews get, what to look at first, and what a planner may do with the token of that role.
import { day, escape, hours, kilometres, moment } from "./text.js";

export function dayPanel(view, first, shadow, signedIn) {
  if (!view) return `<p class="hint">There is no day to look at yet.</p>`;
  return `<h2>${day(view.plan_date)}: ${escape(view.state ?? "no plan yet")}</h2>
    <p class="handout ${escape(view.handed_out)}">${escape(view.sentence)}</p>
    <table>${view.changes.map((step) => `<tr><td>${escape(step.state)}</td><td>${escape(step.role)}</td><td>${moment(step.at)}</td><td>${escape(step.note)}</td></tr>`).join("")}</table>
    ${shadow?.shadow || view.state !== "draft" ? "" : `<p class="hint">Release by ${moment(view.release_by)}; after that the fixed schedule is handed out.</p>`}
    ${view.held.map((item) => `<p class="handout fixed_schedule">${escape(item.sentence)}</p>`).join("")}
    ${signedIn ? steps(view, shadow?.shadow) : signIn()}
    ${first ? looks(first) : ""}
    ${signedIn ? changes(view) : ""}
    ${shadow?.comparisons.length ? inShadow(shadow) : ""}
    ${view.wishes.length ? `<h2>Asked for</h2><table>${view.wishes.map((wish) => `<tr><td>${escape(wish.kind)}</td><td>${escape(wish.container_id)} ${escape(wish.truck_id ?? "")}</td><td class="number">${signed(wish.price_m / 1000, 1)} km</td><td class="number">€ ${signed(wish.price_cost, 2)}</td></tr>`).join("")}</table>` : ""}
    ${view.events.length ? `<h2>What happened</h2><table>${view.events.map((event) => `<tr><td>${moment(event.at)}</td><td>${escape(event.kind.replace("_", " "))} ${escape(event.subject)}</td><td>${escape(event.note)}</td></tr>`).join("")}</table>` : ""}
    ${view.reports.length ? `<h2>What crews said</h2><table>${view.reports.slice(-30).reverse().map((report) => `<tr><td>${moment(report.said_at)}</td><td>${escape(report.truck_id)}</td><td>${escape(report.word.replace("_", " "))} ${escape(report.container_id ?? "")}</td><td>${escape(report.reason)}</td></tr>`).join("")}</table>` : ""}`;
}

const signed = (value, digits) => `${value >= 0 ? "+" : "−"}${Math.abs(value).toFixed(digits)}`;

function looks(first) {
  const change = (label, now, then, show) => `<tr><td>${label}</td><td class="number">${show(now)}</td><td class="number">${then == null ? "–" : show(then)}</td></tr>`;
  const then = first.before;
  const list = (names) => names.slice(0, 12).map(escape).join(", ") + (names.length > 12 ? ` and ${names.length - 12} more` : "");
  return `<h2>What differs</h2>
    <table><tr><th></th><th class="number">this plan</th><th class="number">${first.compared_with ? day(first.compared_with) : "no plan before"}</th></tr>
    ${change("trucks", first.today.trucks, then?.trucks, String)}${change("stops", first.today.stops, then?.stops, String)}
    ${change("distance", first.today.distance_m, then?.distance_m, kilometres)}${change("hours", first.today.duration_s, then?.duration_s, hours)}</table>
    ${first.on.length || first.off.length ? `<p>Since the draft before: on ${first.on.length ? list(first.on) : "none"}; off ${first.off.length ? list(first.off) : "none"}.</p>` : ""}
    ${first.moved.length ? `<p>By another truck than last time: ${list(first.moved.map((m) => `${m.container_id} (${m.before} → ${m.now})`))}.</p>` : ""}
    <h2>Rests on doubtful data: ${first.doubtful.length}</h2>
    <table>${first.doubtful.slice(0, 15).map((item) => `<tr class="row" tabindex="0" data-thing="${escape(item.container_id)}"><td class="name">${item.collected ? "✔" : "–"} ${escape(item.container_id)}</td><td>${escape(item.reason)}</td></tr>`).join("")}</table>
    <h2>Trucks that are missing: ${first.missing_trucks.length}</h2>
    <table>${first.missing_trucks.map((item) => `<tr><td>${escape(item.truck_id)}</td><td>${escape(item.why)}</td></tr>`).join("")}</table>`;
}

// What plans that nobody drove would have come to; a difference whose interval includes zero is not proven.
function inShadow(shadow) {
  const figure = (value) => (value == null ? "–" : value.toFixed(1));
  const line = (m) => `<tr><td>${escape(m.measure)}${m.unit ? ` (${escape(m.unit)})` : ""}</td><td class="number">${figure(m.fixed)}</td><td class="number">${figure(m.plan)}</td><td class="${m.proven ? "" : "hint"}">${escape(m.sentence.split(": ").slice(1).join(": "))}</td></tr>`;
  const block = (item) => `<details ${item === shadow.comparisons[0] ? "open" : ""}><summary>${item.district === "*" ? "all districts in shadow mode" : escape(item.district)}: ${item.days} days, ${item.weeks} whole weeks</summary>
    <table><tr><th></th><th class="number">fixed routes</th><th class="number">shadow plan</th><th>a week, plan minus fixed</th></tr>${item.measures.map(line).join("")}</table></details>`;
  return `<h2>Shadow mode: plans beside the fixed routes</h2>${shadow.comparisons.map(block).join("")}
    <p class="hint">${day(shadow.first_day)} to ${day(shadow.last_day)}. The shadow plan's levels are estimated from the inflow that was observed.</p>`;
}

const signIn = () => `<form id="sign-in"><label>Planner's token <input id="planner-token" type="password" autocomplete="off"></label> <button>Sign in</button></form>`;

function steps(view, inShadow) {
  const next = { draft: inShadow ? [] : [["release", view.handed_out === "fixed_schedule" ? "Release late, take the fixed schedule back" : "Release the plan"]], released: [["release", "Release the newest plans again"], ["drive", "The trucks are back"]], driven: [["close", "Close the day"]] }[view.state] ?? [];
  return `<p class="actions">${next.map(([step, label]) => `<button data-step="${step}">${label}</button>`).join(" ")}</p>`;
}

function changes(view) {
  if (!["draft", "released"].includes(view.state)) return "";
  return `<form id="wish"><h2>Change the plan</h2>
      <label>Container <input id="wish-container" required></label> <label>by truck <input id="wish-truck" placeholder="any"></label>
      <p class="actions"><button name="kind" value="pin">Price of collecting it</button> <button name="kind" value="forbid">Price of leaving it out</button></p>
      <p id="wish-answer" role="status"></p></form>`;
}

// Asks the API as a planner; a request to the planner itself is waited for.
export async function asPlanner(token, path, body) {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body ?? {}) });
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.detail);
  for (let tries = 0; found.state === "waiting" && tries < 120; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const now = await (await fetch(found.href)).json();
    if (now.state === "refused") throw new Error(now.failure);
    if (now.state === "done") return now;
  }
  return found;
}
