// Every fragment comes from this origin and is escaped by the server; htmx is told to ask nobody else. One worker is ours.
export const WORKER = "/desk/push-worker.js";
if (window.trustedTypes)
  window.trustedTypes.createPolicy("default", { createHTML: (text) => text, createScriptURL: (address) => (address === WORKER ? address : null) });
