// Starts the app. A file and not inline, so that the content security policy can forbid inline script.

import init from './app.js';

const SERVICE_WORKER = '/sw.js';
const UNLOCKER = new URL('./unlock.js', import.meta.url).href;

// Trusted Types: every string that becomes markup or a worker's address passes here.
const SCRIPTED = /<\s*\/?\s*(script|iframe|object|embed|base|meta|link)\b|[\s"'/]on\w+\s*=|javascript:/i;
window.trustedTypes?.createPolicy('default', {
  createHTML: (markup) => {
    if (SCRIPTED.test(markup)) throw new TypeError('markup with script in it');
    return markup;
  },
  createScriptURL: (address) => {
    if (address !== SERVICE_WORKER && address !== UNLOCKER) throw new TypeError('not a worker of ours');
    return address;
  },
});

// Browsers note what stands in a page's boxes, to fill them again when they reopen it, and write those notes to the disk in the clear.
// They leave out what belongs to a form that asks them to; every box without a form of its own belongs to this one.
const unkept = document.createElement('form');
Object.assign(unkept, { id: 'unkept', autocomplete: 'off', hidden: true, onsubmit: (event) => event.preventDefault() });
document.body.append(unkept);
const BOXES = 'textarea, select, input';
const leaveOut = (root) => {
  for (const box of root.matches(BOXES) ? [root] : root.querySelectorAll(BOXES)) {
    if (!box.form) box.setAttribute('form', unkept.id);
    else box.form.autocomplete = 'off';
  }
};
new MutationObserver((changes) => {
  for (const { addedNodes } of changes) {
    for (const node of addedNodes) if (node instanceof Element) leaveOut(node);
  }
}).observe(document.body, { childList: true, subtree: true });

// The key that follows from a password, as 32 bytes; nothing where this device cannot compute it.
window.duxingDerive = (password, salt, memory, passes) =>
  new Promise((done) => {
    const worker = new Worker(UNLOCKER, { type: 'module' });
    const end = (key) => {
      worker.terminate();
      done(key ?? undefined);
    };
    worker.onmessage = ({ data }) => end(data);
    worker.onerror = () => end();
    worker.postMessage({ password, salt, memory, passes });
  });

try {
  await init({ module_or_path: new URL('./app_bg.wasm', import.meta.url) });
} catch (error) {
  document.getElementById('boot-failed').hidden = false;
  throw error;
}
