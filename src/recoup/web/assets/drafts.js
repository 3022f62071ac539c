// Drafts save themselves while somebody types. What could not be saved is told, kept in the page, and tried again.
import htmx from "htmx.org";

const AGAIN_AFTER = 8000;
const form = () => document.querySelector("form[data-saves]");
const isSave = (event) => event.detail.elt === form() && event.detail.elt?.matches("[data-saves]");
let unsaved = false; // typed since the last save began
let isLost = false; // the last save did not arrive

function tell(text) {
  const place = document.getElementById("saved");
  if (place && place.textContent !== text) place.textContent = text;
}

function failed(text) {
  unsaved = isLost = true;
  tell(text);
  setTimeout(again, AGAIN_AFTER);
}

function again() {
  if (isLost && form()) htmx.trigger(form(), "again");
}

// Whoever goes away, or puts the phone into a pocket, has what they typed saved on the way.
function leave() {
  if (!unsaved || !form()) return;
  unsaved = false;
  const body = new URLSearchParams(new FormData(form()));
  fetch(form().getAttribute("hx-post"), { method: "POST", body, keepalive: true, headers: { "HX-Request": "true" } }).catch(() => (unsaved = true));
}

document.addEventListener("input", (event) => event.target.closest?.("form[data-saves]") && (unsaved = true));
document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-saves]")) return;
  if (navigator.onLine === false) {
    event.preventDefault(); // the browser would leave the page for one of its own
    event.stopImmediatePropagation();
    failed("There is no connection. What you typed stays here, and is saved when it is back.");
  } else unsaved = isLost = false;
}, { capture: true });
document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && leave());
addEventListener("pagehide", leave);
addEventListener("online", again);
addEventListener("beforeunload", (event) => isLost && form() && event.preventDefault());

document.addEventListener("htmx:beforeRequest", (event) => isSave(event) && (unsaved = isLost = false));
for (const kind of ["htmx:sendError", "htmx:timeout"])
  document.addEventListener(kind, (event) => isSave(event) && failed("Not saved yet: there is no connection. It stays here, and is saved when there is one."));
document.addEventListener("htmx:responseError", (event) => {
  if (!isSave(event)) return;
  if (event.detail.xhr.status === 409) tell("Not saved: this claim was filed or discarded meanwhile. Load the page again.");
  else failed("Not saved yet. It stays here, and is tried again.");
});
document.addEventListener("htmx:beforeSwap", (event) => {
  // A session that ended is answered with the page of the sign-in.
  if (isSave(event) && !event.detail.xhr.responseURL.endsWith("/save")) failed("Not saved: you are signed out. Sign in in another tab; then it is saved.");
});

// What is wrong beside a field also marks the field.
document.addEventListener("htmx:oobAfterSwap", (event) => {
  const place = event.detail.target;
  if (!place?.id?.startsWith("error-")) return;
  const isWrong = place.textContent.trim() !== "";
  for (const field of document.querySelectorAll(`[aria-describedby~="${place.id}"]:is(input, textarea, select)`)) {
    field.classList.toggle("is-invalid", isWrong);
    field.toggleAttribute("aria-invalid", isWrong);
    if (isWrong) field.setAttribute("aria-invalid", "true");
  }
});
