// Keeps the page itself on the phone, so that it opens without reception. Data are the page's own business: they never pass here.
const SHELL = "stadspuls-crew-1";
const FILES = ["/crew/", "/crew/crew.js", "/crew/queue.js", "/crew/words.js", "/crew/crew.css"];

self.addEventListener("install", (event) => event.waitUntil(caches.open(SHELL).then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting())));

self.addEventListener("activate", (event) => event.waitUntil(
  caches.keys().then((names) => Promise.all(names.filter((name) => name !== SHELL).map((name) => caches.delete(name)))).then(() => self.clients.claim())));

// The newest page where there is reception, else the kept one.
self.addEventListener("fetch", (event) => {
  const path = new URL(event.request.url).pathname;
  if (event.request.method !== "GET" || !FILES.includes(path)) return;
  event.respondWith(fetch(event.request).then(async (answer) => {
    if (answer.ok) (await caches.open(SHELL)).put(path, answer.clone());
    return answer;
  }).catch(() => caches.match(path)));
});
