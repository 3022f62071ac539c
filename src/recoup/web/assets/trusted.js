// Every fragment comes from this origin and is escaped by the server; htmx is told to ask nobody else.
if (window.trustedTypes) window.trustedTypes.createPolicy("default", { createHTML: (text) => text });
