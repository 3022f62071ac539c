// What the portal does in the browser. Every page works without it; nothing here decides anything.
import "./trusted.js";
import htmx from "htmx.org";
window.htmx = htmx;
Object.assign(htmx.config, { allowEval: false, includeIndicatorStyles: false, selfRequestsOnly: true, historyCacheSize: 0 });
import "htmx-ext-sse";
import "@tabler/core/dist/js/tabler.esm.js";
import { drawIn, redrawAll } from "./charts.js";
import "./passkeys.js";
import "./uploads.js";
import "./drafts.js";
import "./review.js";
import "./push.js";

const on = (type, selector, work) =>
  document.addEventListener(type, (event) => {
    const hit = event.target.closest?.(selector);
    if (hit) work(hit, event);
  });

htmx.onLoad(drawIn);

// ---------------------------------------------------------------- theme

on("click", "[data-theme-toggle]", () => {
  const next = document.documentElement.dataset.bsTheme === "dark" ? "light" : "dark";
  document.documentElement.dataset.bsTheme = next;
  localStorage.setItem("theme", next);
  redrawAll();
});

// ---------------------------------------------------------------- asking back before something happens

on("submit", "form[data-confirm]", (form, event) => {
  const question = event.submitter?.dataset.confirm ?? form.dataset.confirm; // a button may ask its own, or none
  if (form.dataset.confirmed || !question) return;
  event.preventDefault();
  const dialog = document.getElementById("confirm");
  dialog.querySelector("[data-text]").textContent = question;
  const go = dialog.querySelector("[data-go]");
  go.textContent = event.submitter?.textContent.trim() || "Go on";
  go.onclick = () => {
    form.dataset.confirmed = "yes";
    dialog.close();
    form.requestSubmit(event.submitter);
  };
  dialog.showModal();
});
on("click", "[data-close]", (button) => button.closest("dialog").close());
on("click", "dialog", (dialog, event) => event.target === dialog && dialog.close());

// A second click on a button must not do it twice.
on("submit", "form:not([data-confirm])", hold);
on("submit", "form[data-confirmed]", hold);
function hold(form, event) {
  if (event.submitter?.formTarget) return; // it opens elsewhere, and this page stays
  if ((form.getAttribute("method") || "get").toLowerCase() !== "post") return;
  setTimeout(() => form.querySelectorAll("button:not([type=button])").forEach((one) => (one.disabled = true)));
}
addEventListener("pageshow", () => document.querySelectorAll("form button:disabled").forEach((one) => !one.hasAttribute("data-off") && (one.disabled = false)));

// A button may name what is shown while its answer takes its time.
on("submit", "form", (form, event) => document.getElementById(event.submitter?.dataset.busy)?.removeAttribute("hidden"));

// ---------------------------------------------------------------- forms

on("change", "[data-submits]", (field) => field.form.requestSubmit());
on("change", "[data-select-all]", (box) => {
  box.closest("form, table").querySelectorAll("input[type=checkbox][name]").forEach((one) => (one.checked = box.checked));
  countChosen(box);
});
on("change", "input[type=checkbox][name=id]", countChosen);
function countChosen(box) {
  const form = box.form ?? box.closest("form");
  const chosen = form?.querySelectorAll("input[type=checkbox][name=id]:checked").length ?? 0;
  form?.querySelectorAll("[data-chosen]").forEach((one) => (one.textContent = chosen ? `${chosen} chosen` : "None chosen"));
}
on("click", "[data-copy]", async (button) => {
  await navigator.clipboard.writeText(button.dataset.copy);
  button.classList.add("copied");
  setTimeout(() => button.classList.remove("copied"), 1500);
});
on("click", "tr[data-href]", (row, event) => {
  if (!event.target.closest("a, button, input, label, select") && !getSelection().toString()) location.assign(row.dataset.href);
});
document.addEventListener("dragover", (event) => event.target.closest?.("[data-drop]") && event.preventDefault());
on("drop", "[data-drop]", (zone, event) => {
  event.preventDefault();
  const input = zone.querySelector("input[type=file]");
  input.files = event.dataTransfer.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
});

// ---------------------------------------------------------------- search everywhere: ⌘K, Ctrl+K or /

const finder = () => document.getElementById("finder");
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") || (event.key === "/" && !typing)) {
    if (!finder()) return;
    event.preventDefault();
    openFinder();
  }
});
on("click", "[data-finder]", openFinder);
function openFinder() {
  finder().showModal();
  finder().querySelector("input").select();
}
document.addEventListener("keydown", (event) => {
  const dialog = event.target.closest?.("#finder");
  if (!dialog || !["ArrowDown", "ArrowUp", "Enter"].includes(event.key)) return;
  const links = [...dialog.querySelectorAll("#found a")];
  const at = links.indexOf(document.activeElement);
  if (event.key === "Enter") {
    if (at < 0 && links[0]) {
      event.preventDefault();
      links[0].click();
    }
    return;
  }
  event.preventDefault();
  const next = links[at + (event.key === "ArrowDown" ? 1 : -1)];
  (next ?? dialog.querySelector("input")).focus();
});

// ---------------------------------------------------------------- live logs: stay at the end unless the reader went up

document.addEventListener("htmx:sseBeforeMessage", (event) => {
  const log = event.target.closest("[data-log]");
  if (log) log.dataset.follow = log.scrollHeight - log.scrollTop - log.clientHeight < 40 ? "yes" : "";
});
document.addEventListener("htmx:afterSwap", (event) => {
  const log = event.target.closest?.("[data-log]");
  if (log?.dataset.follow) log.scrollTop = log.scrollHeight;
});
const MOST_LINES = 3000;
document.addEventListener("htmx:sseMessage", (event) => {
  // A stream that is opened anew goes on where this one was, and a log that never ends does not fill the page.
  const source = event.target.closest("[sse-connect]");
  if (source && event.detail.lastEventId) source.setAttribute("sse-connect", `${source.getAttribute("sse-connect").split("?")[0]}?after=${event.detail.lastEventId}`);
  const list = event.target.closest("[data-log] ol");
  while (list && list.children.length > MOST_LINES) list.firstElementChild.remove();
});
document.querySelectorAll("[data-log]").forEach((log) => (log.scrollTop = log.scrollHeight));

// ---------------------------------------------------------------- when an answer does not come

document.addEventListener("htmx:sendError", () => document.getElementById("offline")?.removeAttribute("hidden"));
document.addEventListener("htmx:afterOnLoad", () => document.getElementById("offline")?.setAttribute("hidden", ""));
document.addEventListener("htmx:responseError", (event) => event.detail.xhr.status === 401 && location.reload());

// ---------------------------------------------------------------- waiting times: counted down, then the button works

for (const button of document.querySelectorAll("[data-wait]")) {
  const until = performance.now() + Number(button.dataset.wait) * 1000;
  const place = button.querySelector("[data-wait-left]");
  button.disabled = true;
  button.setAttribute("data-off", "");
  const tick = () => {
    const left = Math.ceil((until - performance.now()) / 1000);
    place.textContent = left <= 0 ? "" : left < 120 ? ` in ${left} s` : ` in ${Math.ceil(left / 60)} min`;
    if (left > 0) return setTimeout(tick, 1000);
    button.disabled = false;
    button.removeAttribute("data-off");
  };
  tick();
}
