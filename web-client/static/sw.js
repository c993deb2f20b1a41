// Keeps the app itself on the device: every file of one version is stored when the version is installed, and every
// page is answered from there. It never touches /api/ and holds no records. For a few minutes it holds the key of an open safe, in
// memory only, so that a page that is loaded again (or was put away for a photo) does not ask for the password again.

const VERSION = '{{version}}';
const CACHE = `duxing-${VERSION}`;
const FILES = {{files}};

// What the server answers itself, even when somebody opens it as a page.
const SERVERS_OWN = /^\/(api\/|healthz$|readyz$|metrics$)/;

self.addEventListener('install', (event) => {
  // Names with a hash cannot be stale, so the copy that the page has just loaded will do.
  const fresh = (file) => new Request(file, { cache: file.startsWith('/pkg/') ? 'default' : 'reload' });
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES.map(fresh))));
});

let held = null;

self.addEventListener('message', (event) => {
  const { data } = event;
  // A new version waits until the person agrees.
  if (data === 'activate') self.skipWaiting();
  else if (data?.hold) {
    held = data.hold;
    // Without this the browser would end the worker, and what it holds, after half a minute.
    event.waitUntil(new Promise((end) => setTimeout(end, Math.max(0, held.until - Date.now()))));
  } else if (data?.forget) held = null;
  else if (data?.recall) {
    if (held && Date.now() >= held.until) held = null;
    event.ports[0].postMessage(held?.person === data.recall ? held.key : null);
  }
});

self.addEventListener('activate', (event) => {
  event.waitUntil((async () => {
    const past = (await caches.keys()).filter((name) => name.startsWith('duxing-') && name !== CACHE);
    // The version before stays for tabs that still run it.
    await Promise.all(past.slice(0, -1).map((name) => caches.delete(name)));
    await self.clients.claim();
  })());
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== location.origin || SERVERS_OWN.test(url.pathname)) return;
  if (request.mode === 'navigate') event.respondWith(stored('/', request));
  else if (FILES.includes(url.pathname) || url.pathname.startsWith('/pkg/')) event.respondWith(stored(url.pathname, request));
});

async function stored(file, request) {
  const cache = await caches.open(CACHE);
  return (await cache.match(file)) ?? (await caches.match(file)) ?? fetch(request);
}
