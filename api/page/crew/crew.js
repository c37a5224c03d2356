// One truck's day on a phone: next stop, navigate, and the crew's words. Works without reception; nothing here knows who drives.
import { makeQueue } from "./queue.js";
import { WORDS } from "./words.js";

const REFRESH_MS = 30000;
const FINAL = ["done", "skipped", "blocked"];
const element = (id) => document.getElementById(id);
const token = location.hash.slice(1);
const kept = `stadspuls-tour-${token}`;
const view = { tour: JSON.parse(localStorage.getItem(kept) ?? "null"), passed: new Set(JSON.parse(localStorage.getItem(`${kept}-passed`) ?? "[]")), offline: false, refused: "", changed: false };
const queue = makeQueue(token, draw);
const words = () => WORDS[view.tour?.language ?? "en"];
const escape = (value) => String(value ?? "").replace(/[&<>"']/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" })[sign]);
const clock = (seconds) => { const m = Math.round(seconds / 60); return `${String(Math.floor(m / 60)).padStart(2, "0")}:${String(m % 60).padStart(2, "0")}`; };

async function refresh() {
  try {
    await queue.send();
    const answer = await fetch("/v1/crew/tour", { headers: { authorization: `Bearer ${token}` } });
    view.offline = false;
    if (!answer.ok) { view.refused = (await answer.json()).detail; return draw(); }
    const tour = await answer.json();
    const stops = (given) => (given?.halts ?? []).filter((halt) => halt.kind === "stop").map((halt) => halt.place_id).sort().join();
    if (view.tour && stops(view.tour) !== stops(tour)) view.changed = true;
    view.tour = tour;
    view.refused = "";
    localStorage.setItem(kept, JSON.stringify(tour));
  } catch (error) {
    view.offline = true;
    if (!(error instanceof TypeError)) view.refused = error.message;
  }
  draw();
}

// What was said on this phone and is not in the stored tour yet, laid over it.
function halts() {
  let list = view.tour?.halts ?? [];
  for (const report of queue.waiting()) {
    if (FINAL.includes(report.word)) list = list.map((halt) => (halt.kind === "stop" && halt.place_id === report.container_id ? { ...halt, word: report.word } : halt));
    if (report.word === "reordered") list = reordered(list, report.order);
  }
  return list;
}

function reordered(list, order) {
  const rank = new Map(order.map((id, index) => [id, index]));
  const moved = list.filter((halt) => rank.has(halt.place_id)).sort((a, b) => rank.get(a.place_id) - rank.get(b.place_id));
  return list.map((halt) => (rank.has(halt.place_id) ? moved.shift() : halt));
}

const open = (list) => list.map((halt, index) => ({ ...halt, index })).filter((halt) => halt.kind === "stop" ? !halt.word : halt.index > 0 && !view.passed.has(`${halt.index}-${halt.place_id}`));

function draw() {
  const w = words();
  if (!view.tour) { element("next").innerHTML = `<p class="big">${escape(view.refused || w.not_here)}</p>`; return finish(); }
  const tour = view.tour, all = halts(), stops = all.filter((halt) => halt.kind === "stop"), ahead = open(all);
  document.documentElement.lang = tour.language;
  element("title").textContent = `${tour.truck_id} · ${tour.plan_date}`;
  element("progress").textContent = w.progress(stops.filter((halt) => halt.word).length, stops.length);
  const waiting = queue.waiting().length;
  element("sending").textContent = view.offline ? `${w.offline}${waiting ? ` (${w.waiting(waiting)})` : ""}` : waiting ? w.waiting(waiting) : w.sent;
  element("sending").className = view.offline || waiting ? "waiting" : "";
  element("simulated").hidden = !tour.simulated;
  element("simulated").textContent = w.simulated;
  element("handout").textContent = view.refused || (view.changed ? `${w.changed} ${tour.sentence}` : tour.sentence);
  element("handout").className = `banner ${view.refused ? "fixed_schedule" : tour.handed_out}`;
  element("changed-week").textContent = tour.changed_this_week ? w.changed_week(tour.changed_this_week) : "";
  element("next").innerHTML = ahead.length ? nextCard(ahead[0], w) : `<p class="big">${stops.length ? w.all_done : w.none}</p>`;
  element("later-title").textContent = ahead.length > 1 ? w.later : "";
  element("later").innerHTML = ahead.slice(1).map((halt) => laterRow(halt, w)).join("");
  finish();
}

const finish = () => { document.body.dataset.ready = "yes"; };
const when = (halt, w) => (halt.planned_s == null ? "" : `<span class="time">${clock(halt.planned_s)}</span>`);
const label = (halt, w) => (halt.kind === "stop" ? escape(halt.name) : `${w[halt.kind]}: ${escape(halt.name)}`);

function nextCard(halt, w) {
  const way = `geo:${halt.latitude},${halt.longitude}?q=${halt.latitude},${halt.longitude}(${encodeURIComponent(halt.name)})`;
  const buttons = halt.kind === "stop"
    ? `<button class="strong" data-say="done">${w.done}</button><button data-say="skipped">${w.skipped}</button><button data-say="blocked">${w.blocked}</button>
       <button data-say="bags_beside">${w.bags_beside}</button><button data-say="fill_seen">${w.fill_seen}</button>`
    : `<button class="strong" data-pass="${halt.index}-${escape(halt.place_id)}">${w.drive_on}</button>`;
  return `<article data-container="${escape(halt.place_id)}"><p class="kicker">${w.next} ${when(halt, w)}</p><h2>${label(halt, w)}</h2>
    <p>${escape([halt.place_id, halt.fraction, halt.district].filter(Boolean).join(" · "))}</p>
    ${halt.limits ? `<p><strong>${escape(halt.limits)}</strong></p>` : ""}<p class="reason">${escape(halt.reason)}</p><a class="button" href="${way}">${w.navigate}</a><div class="buttons">${buttons}</div></article>`;
}

function laterRow(halt, w) {
  const first = halt.kind === "stop" ? `<button data-first="${escape(halt.place_id)}">${w.first}</button>` : "";
  return `<li class="${halt.kind}">${when(halt, w)}<span>${label(halt, w)}${halt.limits ? ` <strong>${escape(halt.limits)}</strong>` : ""}</span>${first}</li>`;
}

// Asks for one of some reasons, or other words; null when cancelled.
function ask(title, choices, freely = true) {
  const w = words(), dialog = element("ask");
  element("ask-title").textContent = title;
  element("ask-choices").innerHTML = choices.map((text, i) => `<label><input type="radio" name="choice" value="${escape(text)}" ${i ? "" : "checked"}> ${escape(text)}</label>`).join("");
  Object.assign(element("ask-other"), { hidden: !freely, value: "", placeholder: w.other });
  element("ask-yes").textContent = w.yes;
  element("ask-no").textContent = w.no;
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => {
    const chosen = dialog.querySelector("input[name=choice]:checked")?.value ?? "";
    resolve(dialog.returnValue === "yes" ? element("ask-other").value.trim() || chosen : null);
  }, { once: true }));
}

const QUESTIONS = { skipped: ["skip_title", "skip_reasons"], blocked: ["blocked_title", "blocked_reasons"], bags_beside: ["bags_title", "bags_reasons"] };

async function said(word, container) {
  const w = words(), report = { word, container_id: container };
  if (QUESTIONS[word]) {
    report.reason = await ask(w[QUESTIONS[word][0]], w[QUESTIONS[word][1]]);
    if (report.reason == null) return;
  }
  if (word === "fill_seen") {
    const level = await ask(w.fill_title, ["0 %", "25 %", "50 %", "75 %", "100 %"], false);
    if (level == null) return;
    report.fill_ratio = parseFloat(level) / 100;
  }
  view.changed = false;
  await tell(report);
}

async function putFirst(container) {
  const reason = await ask(words().order_title, words().order_reasons);
  if (reason == null) return;
  const ids = open(halts()).filter((halt) => halt.kind === "stop").map((halt) => halt.place_id);
  await tell({ word: "reordered", reason, order: [container, ...ids.filter((id) => id !== container)] });
}

async function tell(report) {
  const sent = queue.say(report).then(refresh, () => { view.offline = true; });
  draw();
  await sent;
  draw();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.say) said(button.dataset.say, button.closest("article").dataset.container);
  if (button?.dataset.first) putFirst(button.dataset.first);
  if (button?.dataset.pass) { view.passed.add(button.dataset.pass); localStorage.setItem(`${kept}-passed`, JSON.stringify([...view.passed])); draw(); }
});
addEventListener("online", refresh);
addEventListener("offline", () => { view.offline = true; draw(); });
addEventListener("hashchange", () => location.reload());
if ("serviceWorker" in navigator) navigator.serviceWorker.register("/crew/worker.js");
draw();
if (token) { refresh(); setInterval(refresh, REFRESH_MS); }
