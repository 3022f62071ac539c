// What shows a notice while nobody has the portal open. It asks nobody anything and keeps nothing: a notice holds its words.
import badge from "./push-badge.png";
import icon from "./push-icon.png";

const HOME = "/desk";

addEventListener("install", () => skipWaiting());
addEventListener("push", (event) => event.waitUntil(show(read(event.data))));
addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(lead(event.notification.data?.link));
});

function read(data) {
  try {
    return Object(data?.json());
  } catch {
    return {};
  }
}

// A browser takes the permission away from who is pushed to and shows nothing: what cannot be read is shown as well.
function show(notice) {
  const [title, text, link, tag] = ["title", "text", "link", "tag"].map((name) => (typeof notice[name] === "string" ? notice[name] : ""));
  return registration.showNotification(title || "Recoup", { body: title ? text : "There is news for you.", tag, renotify: Boolean(tag), icon, badge, data: { link } });
}

async function lead(link) {
  const address = here(link);
  const windows = await clients.matchAll({ type: "window", includeUncontrolled: true });
  const open = windows.find((one) => one.url.split("#")[0] === address.split("#")[0]);
  return open ? open.focus() : clients.openWindow(address);
}

// Nothing that comes in a notice leads away from here.
function here(link) {
  try {
    const address = new URL(link || HOME, location.origin);
    if (address.origin === location.origin) return address.href;
  } catch {
    // no address
  }
  return new URL(HOME, location.origin).href;
}
