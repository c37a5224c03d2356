// The operations page: asks the API every few seconds, and draws.
import { makeMap } from "./map.js";
import { cityPanel, containerPanel, decisionRows, planPanel, thingPanel } from "./panels.js";
import { asPlanner, dayPanel } from "./day.js";
import { moment, setZone } from "./text.js";

const REFRESH_MS = 5000;
const element = (id) => document.getElementById(id);
const view = { things: new Map(), plan: null, health: null, chosen: null, search: "", day: "", wished: null };
const planner = () => sessionStorage.getItem("planner-token") ?? "";
const map = makeMap(choose);

async function ask(path) {
  const answer = await fetch(path, { headers: { accept: "application/json" } });
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error((await answer.json()).detail);
  return answer.json();
}

async function refresh() {
  try {
    const [health, list] = await Promise.all([ask("/v1/health"), ask("/v1/things")]);
    view.health = health;
    setZone(health.city_timezone);
    const plan = await ask(`/v1/plans/${health.plan_date}`);
    const planned = new Set((plan?.plans ?? []).flatMap((part) => part.decisions.filter((d) => d.collected).map((d) => d.container_id)));
    view.things = new Map(list.things.map((thing) => [thing.thing_id, { ...thing, planned: planned.has(thing.thing_id) }]));
    map.drawThings([...view.things.values()]);
    if (JSON.stringify(plan?.revisions) !== JSON.stringify(view.plan?.revisions) || !view.plan) { view.plan = plan; map.drawTours(plan?.plans ?? []); drawPlan(); }
    await refreshDay(health.plan_date);
    drawHeader(health, list);
    element("panel-city").innerHTML = cityPanel(health, [...view.things.values()]);
  } catch (error) {
    element("health").textContent = `no answer: ${error.message}`;
    element("health").className = "health bad";
  }
}

function drawHeader(health, list) {
  element("city-name").textContent = health.city_name;
  element("simulated").hidden = !list.simulated;
  element("city-time").textContent = list.city_time ? `city time ${moment(list.city_time)}` : "no reading yet";
  element("health").textContent = health.sentence;
  element("health").className = `health ${health.state}`;
}

function drawPlan() {
  element("panel-plan").innerHTML = planPanel(view.plan, view.search);
  for (const dot of document.querySelectorAll("[data-colour]")) dot.style.background = dot.dataset.colour;
  const search = element("search");
  search?.addEventListener("input", () => {
    view.search = search.value;
    element("decisions").innerHTML = decisionRows(view.plan, view.search);
  });
}

async function refreshDay(date) {
  const state = await ask(`/v1/plans/${date}/day`);
  // What to look at first changes with the plans and with what happened only.
  const basis = JSON.stringify([date, view.plan?.revisions, state?.events.length]);
  if (basis !== view.basis) { [view.first, view.shadow] = await Promise.all([ask(`/v1/plans/${date}/first-view`), ask("/v1/shadow?days=28")]); view.basis = basis; }
  const { first, shadow } = view;
  element("handout").textContent = state?.state ? state.sentence : "";
  element("handout").className = state?.handed_out ?? "";
  const drawn = JSON.stringify([state, first, shadow, planner() !== ""]);
  if (drawn !== view.day) { view.day = drawn; element("panel-day").innerHTML = dayPanel(state, first, shadow, planner() !== ""); }
}

async function act(path, body) {
  const date = view.health.plan_date;
  try {
    return await asPlanner(planner(), `/v1/plans/${date}/${path}`, body);
  } catch (error) {
    if (error.message.includes("token")) sessionStorage.removeItem("planner-token");
    alert(error.message);
    return null;
  } finally {
    await refresh();
  }
}

element("panel-day").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (event.target.id === "sign-in") { sessionStorage.setItem("planner-token", element("planner-token").value.trim()); await refreshDay(view.health.plan_date); return; }
  const wish = { kind: event.submitter.value, container_id: element("wish-container").value.trim() };
  if (wish.kind === "pin" && element("wish-truck").value.trim()) wish.truck_id = element("wish-truck").value.trim();
  const answer = await act("wishes", { wishes: [wish] });
  if (!answer?.answer) return;
  view.wished = wish;
  element("wish-answer").innerHTML = `<span></span> <button type="button" data-save="yes">Save it</button>`;
  element("wish-answer").firstChild.textContent = answer.answer.sentence;
});
element("panel-day").addEventListener("click", async (event) => {
  const { step, save } = event.target.dataset;
  if (step) await act(step, step === "release" ? { late: event.target.textContent.includes("late") } : {});
  if (save && view.wished) await act("wishes", { wishes: [view.wished], save: true });
});

async function choose(thingId) {
  const thing = view.things.get(thingId);
  if (!thing) return;
  view.chosen = thingId;
  show("container");
  if (thing.thing_type !== "container") { element("panel-container").innerHTML = thingPanel(thing); return; }
  const [history, forecast] = await Promise.all([
    ask(`/v1/containers/${encodeURIComponent(thingId)}/history`), ask(`/v1/containers/${encodeURIComponent(thingId)}/forecast?withPlan=true&everyHours=2`),
  ]);
  const part = (view.plan?.plans ?? []).find((plan) => plan.decisions.some((d) => d.container_id === thingId));
  const decision = part && { ...part.decisions.find((d) => d.container_id === thingId), plan_date: view.plan.plan_date };
  if (view.chosen === thingId) element("panel-container").innerHTML = containerPanel(thing, history?.points ?? [], forecast, decision);
}

function show(name) {
  for (const tab of ["city", "container", "plan", "day"]) {
    element(`tab-${tab}`).setAttribute("aria-selected", String(tab === name));
    element(`panel-${tab}`).hidden = tab !== name;
  }
}

for (const tab of ["city", "container", "plan", "day"]) element(`tab-${tab}`).addEventListener("click", () => show(tab));
for (const kind of ["click", "keydown"]) document.querySelector("aside").addEventListener(kind, (event) => {
  const row = event.target.closest("[data-thing]");
  if (!row || (kind === "keydown" && event.key !== "Enter")) return;
  const thing = view.things.get(row.dataset.thing);
  if (thing) map.focus(thing);
  choose(row.dataset.thing);
});

async function start() {
  await refresh();
  const base = await ask("/v1/map").catch(() => null);
  if (base) map.drawBase(base);
  const wanted = new URLSearchParams(location.search);
  if (wanted.get("thing")) { const thing = view.things.get(wanted.get("thing")); if (thing) map.focus(thing); await choose(wanted.get("thing")); }
  if (wanted.get("panel")) show(wanted.get("panel"));
  document.body.dataset.ready = "yes";
  setInterval(refresh, REFRESH_MS);
}
start();
