// Starts the app. A file and not inline, so that the content security policy can forbid inline script.

import init from './app.js';

const SERVICE_WORKER = '/sw.js';

// Trusted Types: every string that becomes markup or a worker's address passes here.
const SCRIPTED = /<\s*\/?\s*(script|iframe|object|embed|base|meta|link)\b|[\s"'/]on\w+\s*=|javascript:/i;
window.trustedTypes?.createPolicy('default', {
  createHTML: (markup) => {
    if (SCRIPTED.test(markup)) throw new TypeError('markup with script in it');
    return markup;
  },
  createScriptURL: (address) => {
    if (address !== SERVICE_WORKER) throw new TypeError('not our service worker');
    return address;
  },
});

try {
  await init({ module_or_path: new URL('./app_bg.wasm', import.meta.url) });
} catch (error) {
  document.getElementById('boot-failed').hidden = false;
  throw error;
}
