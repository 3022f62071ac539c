// The review desk by keys: down and up a list, and a claim decided without a mouse. Every key does what a button does.

const typing = (target) => target.closest?.("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");
const rows = () => [...document.querySelectorAll("[data-keys=list] tbody tr[data-href]")];

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) return send(event);
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
  if (event.key === "?") return openKeys(event);
  if (document.querySelector("[data-keys=list]")) return inList(event);
  const hit = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!hit) return;
  event.preventDefault();
  if (hit.matches("a")) return hit.click();
  choose(hit);
});

// ---------------------------------------------------------------- a list: j and k, Enter opens, x chooses

function inList(event) {
  const all = rows(), at = all.findIndex((row) => row.contains(document.activeElement));
  const step = { j: 1, k: -1 }[event.key];
  if (step) {
    const next = all[Math.min(Math.max(at + step, 0), all.length - 1)];
    next?.querySelector("a")?.focus();
    next?.scrollIntoView({ block: "nearest" });
    event.preventDefault();
  } else if (event.key === "x" && at >= 0) {
    all[at].querySelector("input[type=checkbox]")?.click();
  }
}

// ---------------------------------------------------------------- a claim: a key goes to its button, Enter does it

// Nothing is decided by one key alone. What needs words first leads to their field; there Ctrl+Enter does it.
let chosen = null;

function choose(button) {
  chosen = button;
  const field = button.dataset.needs && button.form?.elements[button.dataset.needs];
  (field && !field.value.trim() ? field : button).focus();
  document.querySelectorAll("[data-key].chosen").forEach((one) => one.classList.remove("chosen"));
  button.classList.add("chosen");
}

function send(event) {
  const form = event.target.closest?.("form[data-decides]");
  if (!form) return;
  event.preventDefault();
  form.requestSubmit(chosen?.form === form ? chosen : form.querySelector("button[name]"));
}

// ---------------------------------------------------------------- the keys, the mail, the printer

function openKeys(event) {
  const dialog = document.getElementById("keys");
  if (!dialog) return;
  event?.preventDefault();
  dialog.showModal();
}

const on = (type, selector, work) =>
  document.addEventListener(type, (event) => {
    const hit = event.target.closest?.(selector);
    if (hit) work(hit, event);
  });

on("click", "[data-keys-open]", () => openKeys());
on("click", "[data-print]", () => print());
on("click", "[data-looks]", (button) => {
  const dialog = document.getElementById("mail-look");
  button.formTarget = "mail-look"; // where nothing runs, it opens in a page of its own
  dialog.showModal();
});
