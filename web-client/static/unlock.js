// Derives the key of a safe from what a person typed, beside the page, so that the screen does not stand still meanwhile.
// One key and it ends: the memory that saw the password goes with it.

onmessage = async ({ data: { password, salt, memory, passes } }) => {
  try {
    const { instance } = await WebAssembly.instantiateStreaming(fetch(new URL('./unlock.wasm', import.meta.url)));
    const wasm = instance.exports;
    const put = (bytes) => {
      const at = wasm.room(bytes.length);
      new Uint8Array(wasm.memory.buffer, at, bytes.length).set(bytes);
      return at;
    };
    const typed = new TextEncoder().encode(password);
    const [typedAt, saltAt, keyAt] = [put(typed), put(salt), wasm.room(32)];
    const worked = wasm.derive_into(typedAt, typed.length, saltAt, salt.length, memory, passes, keyAt);
    postMessage(worked ? new Uint8Array(wasm.memory.buffer, keyAt, 32).slice() : null);
  } catch {
    postMessage(null);
  }
};
