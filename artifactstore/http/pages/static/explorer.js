// What pages do better with a script: they stay up to date, and copy. Everything works without it.
"use strict";

const UNITS = [[31536000, "year"], [2592000, "month"], [86400, "day"], [3600, "hour"], [60, "minute"]];
const SETTLE = 120; // ms: events that come together are shown together

/** How long ago an instant is, in the words of the server (pages/texts.py). */
function relative(then, now) {
  const seconds = Math.trunc((now - then) / 1000);
  for (const [size, unit] of UNITS) {
    const count = Math.floor(Math.abs(seconds) / size);
    if (count) {
      const told = `${count} ${unit}${count === 1 ? "" : "s"}`;
      return seconds > 0 ? `${told} ago` : `in ${told}`;
    }
  }
  if (Math.abs(seconds) < 10) return "just now";
  return seconds > 0 ? `${seconds} s ago` : `in ${-seconds} s`;
}

function tellAges() {
  const now = Date.now();
  for (const time of document.querySelectorAll("time[data-ago]")) {
    time.textContent = relative(Date.parse(time.dateTime), now);
  }
}

/** A button behind each id or digest of which the whole may be wanted. */
function offerCopies(root) {
  if (!navigator.clipboard) return;
  for (const code of root.querySelectorAll("code[data-full]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "copy";
    button.setAttribute("aria-label", `Copy ${code.dataset.full.slice(0, 40)}`);
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(code.dataset.full);
      button.textContent = "copied";
      setTimeout(() => { button.textContent = "copy"; }, 1500);
    });
    (code.closest("a") ?? code).after(button);
  }
}

/** The newest page of the log: the stream says when something came, the page itself what it looks like. */
class Live {
  constructor(list) {
    this.list = list;
    this.status = document.getElementById("live");
    document.addEventListener("visibilitychange", () => this.follow());
    addEventListener("pagehide", () => this.stop());
    addEventListener("pageshow", (event) => { if (event.persisted) this.follow(); });
    this.follow();
  }

  /** Browsers allow few connections to a server: a page that nobody sees has none. */
  follow() {
    this.stop();
    if (document.hidden) return;
    this.source = new EventSource(this.list.dataset.stream);
    this.source.onopen = () => this.tell("Live", true);
    this.source.onmessage = () => this.refreshSoon();
    this.source.addEventListener("refused", (event) => {
      this.stop();
      this.tell(`Not live: ${JSON.parse(event.data).detail}. Reload the page.`, false);
    });
    this.source.onerror = () => {
      const gone = this.source.readyState === EventSource.CLOSED;
      this.tell(gone ? "Not live: reload the page." : "Not live: connecting again …", false);
    };
    if (this.wasHidden) this.refreshSoon();
    this.wasHidden = true;
  }

  stop() {
    this.source?.close();
    this.source = undefined;
  }

  tell(text, on) {
    if (this.status.textContent !== text) this.status.textContent = text;
    this.status.classList.toggle("on", on);
  }

  refreshSoon() {
    this.timer ??= setTimeout(async () => {
      this.timer = undefined;
      await this.refresh();
    }, SETTLE);
  }

  async refresh() {
    if (this.refreshing) { this.again = true; return; }
    this.refreshing = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.redirected || !answer.ok) throw new Error(`status ${answer.status}`);
      this.take(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      this.tell("Not live: the page cannot be read. Reload it.", false);
    } finally {
      this.refreshing = false;
      if (this.again) { this.again = false; this.refreshSoon(); }
    }
  }

  /** Put what is new on top; what is there stays as it is, and whoever reads it keeps the place. */
  take(page) {
    const newest = Number(this.list.firstElementChild?.dataset.sequence ?? 0);
    const rows = [...(page.querySelector("#events")?.children ?? [])];
    const fresh = rows.filter((row) => Number(row.dataset.sequence) > newest);
    if (!fresh.length) return;
    for (const row of this.list.querySelectorAll(".fresh")) row.classList.remove("fresh");
    for (const row of fresh) row.classList.add("fresh");
    const oldest = Number(rows.at(-1).dataset.sequence);
    for (const row of [...this.list.children]) {
      if (Number(row.dataset.sequence) < oldest && !row.contains(document.activeElement)) row.remove();
    }
    this.list.prepend(...fresh.map((row) => document.adoptNode(row)));
    document.getElementById("pager").replaceWith(document.adoptNode(page.getElementById("pager")));
    this.list.hidden = false;
    document.getElementById("nothing")?.remove();
    this.tell(`Live: ${fresh.length} new ${fresh.length === 1 ? "event" : "events"}`, true);
  }
}

offerCopies(document);
tellAges();
setInterval(tellAges, 15000);
const list = document.querySelector("#events[data-stream]");
if (list) new Live(list);
