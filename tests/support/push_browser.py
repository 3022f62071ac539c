"""What stands between a push service and the worker that shows notices: the browser itself, driven by a test."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import CDPSession, Page, Worker

from recoup.sandbox.push_service import Subscription

SHOWN = """async () => {
  const registration = await navigator.serviceWorker.getRegistration('/desk/');
  return (await registration.getNotifications()).map((one) => ({ title: one.title, body: one.body, tag: one.tag, icon: one.icon, badge: one.badge, link: one.data.link }));
}"""
COUNTS = """() => {
  const show = ServiceWorkerRegistration.prototype.showNotification;
  self.shown = 0;
  ServiceWorkerRegistration.prototype.showNotification = async function (...all) {
    await show.apply(this, all);
    self.shown++;
  };
}"""
SUBSCRIBES = """(given) => {
  let held = null;
  const made = (options) => ({
    endpoint: given.endpoint, options: { applicationServerKey: options.applicationServerKey.buffer },
    toJSON: () => ({ endpoint: given.endpoint, keys: { p256dh: given.p256dh, auth: given.auth } }),
    unsubscribe: async () => { held = null; sessionStorage.removeItem('held'); return true; },
  });
  const key = sessionStorage.getItem('held');
  if (key) held = made({ applicationServerKey: Uint8Array.from(JSON.parse(key)) });
  PushManager.prototype.getSubscription = async () => held;
  PushManager.prototype.subscribe = async (options) => {
    sessionStorage.setItem('held', JSON.stringify([...options.applicationServerKey]));
    return (held = made(options));
  };
}"""
"""What no browser does on loopback alone: subscribe at its maker's service. This one subscribes at ours."""
CLICKED = """async (at) => {
  const opened = [], focused = [];
  self.clients.openWindow = async (address) => opened.push(address);
  WindowClient.prototype.focus = async function () { focused.push(this.url); };
  const notification = (await self.registration.getNotifications())[at];
  const event = new NotificationEvent('notificationclick', { notification });
  const waits = [];
  event.waitUntil = (work) => waits.push(work);
  self.dispatchEvent(event);
  await Promise.all(waits);
  return { opened, focused, left: (await self.registration.getNotifications()).length };
}"""


def subscribing(gives: Subscription) -> str:
    """Return the script by which a page's browser subscribes where ``gives`` says."""
    given = {"endpoint": gives.endpoint, "p256dh": gives.p256dh, "auth": gives.auth}
    return f"({SUBSCRIBES})({json.dumps(given)})"


class Delivery:
    """What gives a message to the worker, as a browser does when one comes from its push service."""

    def __init__(self, page: Page, worker: Worker, origin: str) -> None:
        self._page, self._worker, self._origin, self._known = page, worker, origin, list[str]()
        worker.evaluate(COUNTS)
        self._session: CDPSession = page.context.new_cdp_session(page)
        self._session.on("ServiceWorker.workerRegistrationUpdated", self._note)
        self._session.send("ServiceWorker.enable")

    def _note(self, event: Any) -> None:
        self._known += [one["registrationId"] for one in event["registrations"]]

    def push(self, text: str) -> None:
        """Let a message come, and wait until it is shown.

        The page is not asked meanwhile: Chromium forgets what it is asked for before it is on the screen.
        """
        before = self._worker.evaluate("self.shown")
        until(self._page, lambda: bool(self._known))
        self._session.send(
            "ServiceWorker.deliverPushMessage",
            {"origin": self._origin, "registrationId": self._known[-1], "data": text},
        )
        until(self._page, lambda: self._worker.evaluate("self.shown") > before)


def until(page: Page, holds: Callable[[], bool]) -> None:
    """Wait until something holds; fail where it does not within 15 seconds."""
    ends = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < ends, "this does not come"
        page.wait_for_timeout(20)


def shown(page: Page) -> list[dict[str, Any]]:
    """Return the notices that are shown."""
    found: list[dict[str, Any]] = page.evaluate(SHOWN)
    return found
