// Documents on their way: sent in pieces, each to the place where the last one ended. A lost connection costs one piece:
// sending waits, asks the server where to go on, and goes on. The server's half is areas/claims/pages/uploading.py.
import htmx from "htmx.org";

const PIECE = 256 * 1024;
const AT_ONCE = 2;
const LONGEST_PIECE = 120000;
const LONGEST_PAUSE = 30000;
const TRIES = 10;
const FOR_GOOD = new Set([415, 422]); // what is wrong with the document itself
const HEARD = { 200: true, 201: true };

class Refused extends Error {} // the server said no, and would say so again
class Lost extends Error {} // no answer came, or one that says to come back
class Stopped extends Error {}

const waiting = [];
let busy = 0;
const size = (bytes) => (bytes < 1e3 ? `${bytes} bytes` : bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

htmx.onLoad((part) => {
  for (const form of part.querySelectorAll("form[data-uploads]")) {
    form.classList.add("scripted");
    form.querySelector("[data-plain]").hidden = true;
  }
});

document.addEventListener("change", (event) => {
  const form = event.target.closest?.("form[data-uploads]");
  if (!form || event.target.type !== "file") return;
  for (const file of [...event.target.files]) add(form, file);
  event.target.value = "";
});
for (const kind of ["dragover", "dragleave", "drop"])
  document.addEventListener(kind, (event) => {
    const zone = event.target.closest?.(".uploader [data-drop]");
    if (zone) zone.classList.toggle("is-over", kind === "dragover" || (kind === "dragleave" && zone.contains(event.relatedTarget)));
  });
addEventListener("beforeunload", (event) => (busy || waiting.length) && event.preventDefault());

function add(form, file) {
  const upload = { form, file, row: rowFor(form, file), address: null, xhr: null, isStopped: false };
  upload.row.querySelector("[data-stop]").onclick = () => stop(upload);
  upload.row.querySelector("[data-again]").onclick = () => queue(upload);
  queue(upload);
}

function rowFor(form, file) {
  const row = form.querySelector("template[data-row]").content.firstElementChild.cloneNode(true);
  row.querySelector("[data-name]").textContent = file.name;
  row.querySelector("[data-progress]").setAttribute("aria-label", `How much of ${file.name} is sent`);
  row.querySelector("[data-stop]").setAttribute("aria-label", `Remove ${file.name}`);
  document.querySelector("[data-documents]").append(row);
  return row;
}

function queue(upload) {
  upload.row.className = "doc sending";
  upload.row.querySelector("[data-again]").hidden = true;
  note(upload, "Waits for its turn");
  waiting.push(upload);
  next();
}

function next() {
  while (busy < AT_ONCE && waiting.length) {
    busy++;
    run(waiting.shift()).finally(() => {
      busy--;
      next();
    });
  }
}

async function run(upload) {
  try {
    if (upload.isStopped) return;
    finish(upload, await send(upload));
  } catch (error) {
    if (error instanceof Stopped) return;
    const text = error instanceof Refused ? error.message : "It could not be sent. What arrived is kept for a day.";
    upload.row.className = "doc sending is-bad";
    upload.row.querySelector("[data-again]").hidden = FOR_GOOD.has(error.status);
    note(upload, text);
    tell(upload, `${upload.file.name}: ${text}`);
    if (!(error instanceof Refused || error instanceof Lost)) throw error;
  }
}

async function send(upload) {
  const { file, form } = upload;
  const largest = Number(form.dataset.largest);
  if (file.size > largest) throw no(`It is larger than ${Math.round(largest / 1048576)} MB. Send a smaller copy of it.`);
  if (!file.size) throw no("It is empty. Choose the file again.");
  const about = { name: file.name, size: file.size, type: file.type, modified: String(file.lastModified ?? ""), sha256: await print(file) };
  let offset = null; // not known: ask first
  for (let tries = 0; ; ) {
    try {
      if (offset === null) offset = await place(upload, about);
      progress(upload, offset);
      const answer = await piece(upload, offset);
      if (typeof answer === "string") return answer;
      offset = answer.offset;
      tries = 0;
    } catch (error) {
      if (!(error instanceof Lost) || ++tries > TRIES) throw error;
      offset = null;
      await pause(upload, error.after ?? Math.min(1000 * 2 ** (tries - 1), LONGEST_PAUSE) * (0.75 + Math.random() / 2));
    }
  }
}

// Where the upload goes on: its own place, that of an earlier try with the same file, or the beginning.
async function place(upload, about) {
  if (upload.address) {
    const known = await ask(upload, "GET", upload.address).catch((error) => (error.status === 404 ? null : Promise.reject(error)));
    if (known) return known.offset;
  }
  const begun = await ask(upload, "POST", upload.form.dataset.uploads, JSON.stringify(about), "application/json");
  upload.address = begun.address;
  upload.row.dataset.upload = begun.id;
  document.querySelectorAll(`[data-upload="${begun.id}"]`).forEach((one) => one !== upload.row && one.remove());
  return begun.offset;
}

async function piece(upload, offset) {
  const body = upload.file.slice(offset, offset + PIECE);
  try {
    return await ask(upload, "PATCH", `${upload.address}?offset=${offset}`, body, "application/octet-stream", (sent) => progress(upload, offset + sent));
  } catch (error) {
    if (error.status === 409 && Number.isInteger(error.offset)) return { offset: error.offset };
    if (error.status === 404) throw new Lost(); // swept: from the beginning
    if (error.name === "NotReadableError") throw no("The file changed or went away. Choose it again.");
    throw error;
  }
}

function ask(upload, method, address, body, type, sent) {
  return new Promise((answered, failed) => {
    const xhr = new XMLHttpRequest();
    upload.xhr = xhr;
    xhr.open(method, address);
    xhr.timeout = LONGEST_PIECE;
    if (type) xhr.setRequestHeader("Content-Type", type);
    if (sent) xhr.upload.onprogress = (event) => sent(event.loaded);
    xhr.onerror = xhr.ontimeout = () => failed(new Lost());
    xhr.onabort = () => failed(new Stopped());
    xhr.onload = () => {
      const isPage = xhr.getResponseHeader("Content-Type")?.startsWith("text/html");
      if (HEARD[xhr.status] && isPage && xhr.status === 201) return answered(xhr.responseText);
      if (HEARD[xhr.status] && !isPage) return answered(JSON.parse(xhr.responseText));
      failed(refusal(xhr, isPage));
    };
    if (upload.isStopped) return failed(new Stopped());
    xhr.send(body);
  });
}

function refusal(xhr, isPage) {
  if (xhr.status === 401 || (HEARD[xhr.status] && isPage)) return new Refused("You are signed out. Sign in again and choose the file again; what arrived is kept.");
  let said = {};
  try {
    said = JSON.parse(xhr.responseText);
  } catch {
    // a proxy's own page
  }
  const comeBack = xhr.status >= 500 || xhr.status === 429 || xhr.status === 408;
  const error = comeBack ? new Lost() : new Refused(said.detail ?? `The server refused it (${xhr.status}).`);
  const after = Number(xhr.getResponseHeader("Retry-After"));
  return Object.assign(error, { status: xhr.status, offset: said.offset, after: after > 0 ? after * 1000 : undefined });
}

async function print(file) {
  if (!window.crypto?.subtle) return ""; // only behind TLS
  try {
    const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
    return [...new Uint8Array(digest)].map((one) => one.toString(16).padStart(2, "0")).join("");
  } catch {
    throw no("The file cannot be read. Choose it again.");
  }
}

// Waits, and goes on at once when the connection is back.
function pause(upload, length) {
  const isOffline = navigator.onLine === false;
  note(upload, isOffline ? "No connection. Sending goes on when it is back." : "The connection was lost. Trying again…");
  tell(upload, `${upload.file.name}: the connection was lost. Sending goes on by itself.`);
  return new Promise((ended) => {
    const timer = setTimeout(done, isOffline ? LONGEST_PAUSE : length);
    function done() {
      clearTimeout(timer);
      removeEventListener("online", done);
      ended();
    }
    addEventListener("online", done);
  });
}

function progress(upload, sent) {
  const { file, row } = upload;
  const bar = row.querySelector("[data-progress]");
  bar.max = file.size;
  bar.value = Math.min(sent, file.size);
  note(upload, sent >= file.size ? "Arrived. It is being read…" : `${size(sent)} of ${size(file.size)}`);
}

function finish(upload, html) {
  const id = /id="(document-\d+)"/.exec(html)?.[1];
  document.getElementById(id)?.remove(); // the same document again
  htmx.swap(upload.row, html, { swapStyle: "outerHTML" });
  tell(upload, `${upload.file.name} is here.`);
  document.getElementById("error-documents")?.remove();
}

function stop(upload) {
  upload.isStopped = true;
  upload.xhr?.abort();
  upload.row.remove();
  if (waiting.includes(upload)) waiting.splice(waiting.indexOf(upload), 1);
  if (upload.address) fetch(`${upload.address}/remove`, { method: "POST", headers: { "HX-Request": "true" } }).catch(() => {}); // it is swept in a day
  tell(upload, `${upload.file.name} was removed.`);
}

const no = (text) => Object.assign(new Refused(text), { status: 422 });
const note = (upload, text) => (upload.row.querySelector("[data-note]").textContent = text);
const tell = (upload, text) => (upload.form.querySelector("[data-told]").textContent = text);
