// Notices in this browser: asked for by a click, never before. The account page's half is the element with data-push;
// what shows a notice when nobody is looking is push-worker.js.
import htmx from "htmx.org";
import { WORKER } from "./trusted.js";

const ON = "Notices are on in this browser.";
const OFF = "Notices are off in this browser.";
const FORBIDDEN = "This browser does not let us show notices. Allow them in its settings for this site, then load this page again.";

class Trouble extends Error {} // its message is for the person

htmx.onLoad((part) => {
  for (const box of [...(part.matches?.("[data-push]") ? [part] : []), ...part.querySelectorAll("[data-push]")]) begin(box);
});

async function begin(box) {
  box.hidden = false;
  box.querySelector("[data-push-said]").setAttribute("role", "status");
  const trouble = lack();
  if (trouble) return show(box, trouble);
  box.querySelector("[data-push-on]").addEventListener("click", () => work(box, turnOn));
  box.querySelector("[data-push-off]").addEventListener("click", () => work(box, turnOff));
  await stand(box);
}

// Says why this browser cannot do it at all.
function lack() {
  if (!window.isSecureContext) return "Notices need an address that begins with https.";
  if ("serviceWorker" in navigator && "PushManager" in window && "Notification" in window) return "";
  return isApplePhone() ? "On an iPhone or iPad, put this site on the home screen first; opened from there, it can show notices." : "This browser cannot show notices.";
}

async function stand(box) {
  const held = await subscription();
  const isOn = Boolean(held) && isSigner(held, box.dataset.key) && (await isKnown(held, box.dataset.known)) && Notification.permission === "granted";
  if (!isOn && Notification.permission === "denied") return show(box, FORBIDDEN);
  show(box, isOn ? ON : OFF, isOn ? "off" : "on");
}

async function work(box, todo) {
  const buttons = box.querySelectorAll("button");
  buttons.forEach((one) => (one.disabled = true));
  try {
    await todo(box);
  } catch (error) {
    await stand(box);
    say(box, error instanceof Trouble ? error.message : `That did not work (${error.name}). Try again.`);
    if (!(error instanceof Trouble)) throw error;
  } finally {
    buttons.forEach((one) => (one.disabled = false));
  }
}

async function turnOn(box) {
  const answer = await Notification.requestPermission(); // first: a browser asks only right after a click
  if (answer === "denied") throw new Trouble(FORBIDDEN);
  if (answer !== "granted") throw new Trouble("The browser's question was not answered, so nothing was changed.");
  say(box, "Switching notices on…");
  const made = await subscribe(box.dataset.key);
  const { endpoint, keys } = made.toJSON();
  try {
    await tell(box.dataset.subscribe, { endpoint, p256dh: keys.p256dh, auth: keys.auth, label: label() });
  } catch (error) {
    await made.unsubscribe().catch(() => {}); // or this browser would say that it is on, and nobody would write to it
    throw error;
  }
  show(box, ON, "off");
}

async function turnOff(box) {
  const held = await subscription();
  const endpoint = held?.endpoint;
  await held?.unsubscribe();
  show(box, OFF, "on");
  // Where the server cannot be told, it learns it from the push service when it next has something to say.
  if (endpoint && box.dataset.unsubscribe) await tell(box.dataset.unsubscribe, { endpoint }).catch(() => {});
}

async function subscribe(key) {
  const registration = await registered();
  const held = await registration.pushManager.getSubscription();
  if (held && !isSigner(held, key)) await held.unsubscribe(); // another pair of keys: it would never get anything
  try {
    return await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(key) });
  } catch (error) {
    if (error.name === "NotAllowedError") throw new Trouble(FORBIDDEN);
    throw new Trouble(`The browser could not reach its maker's service for notices (${error.name}). Try again later.`);
  }
}

// The worker's own folder is its scope: it sees nothing but the portal.
async function registered() {
  const registration = await navigator.serviceWorker.register(WORKER, { updateViaCache: "none" });
  const worker = registration.installing ?? registration.waiting;
  if (!registration.active && worker)
    await new Promise((done, failed) =>
      worker.addEventListener("statechange", () => (worker.state === "activated" ? done() : worker.state === "redundant" && failed(new Trouble("The browser could not start what shows notices. Load this page again.")))),
    );
  return registration;
}

async function subscription() {
  const registration = await navigator.serviceWorker.getRegistration(WORKER);
  return (await registration?.pushManager.getSubscription()) ?? null;
}

// Posts a form to the server; what it refuses is told in its words.
async function tell(address, fields) {
  let answer;
  try {
    answer = await fetch(address, { method: "POST", body: new URLSearchParams(fields) });
  } catch {
    throw new Trouble("The connection was lost. Try again.");
  }
  if (answer.redirected && new URL(answer.url).pathname.startsWith("/desk/sign-in")) throw new Trouble("You are signed out. Sign in again, then come back here.");
  if (!answer.ok) throw new Trouble((await sentence(answer)) || `The server refused it (${answer.status}).`);
  if (answer.redirected) location.assign(answer.url); // the page lists this browser now
}

async function sentence(answer) {
  const text = await answer.text();
  if (answer.headers.get("Content-Type")?.includes("json")) return JSON.parse(text).detail;
  return new DOMParser().parseFromString(text, "text/html").querySelector(".empty-state p")?.textContent.trim();
}

function isSigner(held, key) {
  const known = held.options?.applicationServerKey;
  if (!known) return true; // an older browser does not say
  const [ours, theirs] = [bytes(key), new Uint8Array(known)];
  return ours.length === theirs.length && ours.every((one, at) => one === theirs[at]);
}

// Somebody may have removed this browser from another one: the page lists the sha256 of every address that is told.
async function isKnown(held, list) {
  if (list === undefined) return true;
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(held.endpoint));
  return list.split(" ").includes([...new Uint8Array(digest)].map((one) => one.toString(16).padStart(2, "0")).join(""));
}

// How a person would name this browser among their others: "Chrome on Android".
function label() {
  const said = navigator.userAgentData;
  const brand = said?.brands?.map((one) => one.brand).filter((one) => !/not.?a.?brand/i.test(one.replace(/[^a-z]/gi, "")) && one !== "Chromium")[0];
  const agent = navigator.userAgent;
  const first = (list) => list.find(([pattern]) => pattern.test(agent))?.[1];
  const browser = brand ?? first([[/Edg/, "Edge"], [/OPR\//, "Opera"], [/SamsungBrowser/, "Samsung Internet"], [/Firefox|FxiOS/, "Firefox"], [/Chrome|CriOS/, "Chrome"], [/Safari/, "Safari"]]);
  const system = isApplePhone() ? (/iPhone/.test(agent) ? "iPhone" : "iPad") : said?.platform || first([[/Android/, "Android"], [/Windows/, "Windows"], [/Mac OS/, "macOS"], [/CrOS/, "Chrome OS"], [/Linux/, "Linux"]]);
  return [browser?.replace(/^(Google|Microsoft) /, "") ?? "A browser", system].filter(Boolean).join(" on ").slice(0, 60);
}

// An iPad calls itself a Mac, but no Mac is touched.
function isApplePhone() {
  return /iPhone|iPad/.test(navigator.userAgent) || (/Macintosh/.test(navigator.userAgent) && navigator.maxTouchPoints > 1);
}

function show(box, text, button = "") {
  box.querySelector("[data-push-on]").hidden = button !== "on";
  box.querySelector("[data-push-off]").hidden = button !== "off";
  say(box, text);
}
const say = (box, text) => (box.querySelector("[data-push-said]").textContent = text);
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
