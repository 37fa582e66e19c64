// Updates the pages without a reload. Without JavaScript every page works with links and forms. The server escapes all text.
"use strict";

const announcement = document.getElementById("announce");
const list = document.getElementById("list");
const live = document.getElementById("live");
const content = document.getElementById("content");

async function text(address) {
  const answer = await fetch(address, { headers: { accept: "text/html" } });
  if (!answer.ok) throw Object.assign(new Error(String(answer.status)), { status: answer.status });
  return answer.text();
}

function parsed(markup) {
  const template = document.createElement("template");
  template.innerHTML = markup;
  return template.content;
}

// The list: keep the rows that did not change, and the focus.
async function refreshList() {
  const fresh = parsed(await text(list.dataset.rows));
  const known = new Map([...list.querySelectorAll("tbody tr")].map((row) => [row.id, row]));
  const rows = [...fresh.querySelectorAll("tbody tr")];
  const added = known.size || !list.hidden ? rows.filter((row) => !known.has(row.id)) : rows;
  const focused = document.activeElement?.closest?.("tr")?.id;
  for (const row of rows) {
    const old = known.get(row.id);
    if (old && old.outerHTML === row.outerHTML) row.replaceWith(old);
    else if (!old) row.classList.add("fresh");
  }
  const title = fresh.querySelector("[data-title]").dataset.title;
  document.title = document.title.replace(/^.* · /, `${title} · `);
  list.replaceChildren(...fresh.childNodes);
  if (rows.length) {
    list.hidden = false;
    document.getElementById("empty")?.remove();
  }
  if (focused) document.getElementById(focused)?.querySelector(".subject a")?.focus({ preventScroll: true });
  if (added.length === 1) announcement.textContent = `New message: ${added[0].querySelector(".subject a").textContent}`;
  else if (added.length) announcement.textContent = `${added.length} new messages`;
}

// A message trace: open attempts stay open; the content is loaded again only if it has changed.
async function refreshTrace() {
  let fresh;
  try {
    fresh = parsed(await text(live.dataset.live));
  } catch (error) {
    if (error.status !== 404) throw error;
    announcement.textContent = "This message was deleted, or newer messages have replaced it.";
    const notice = document.createElement("p");
    notice.className = "alert";
    notice.textContent = announcement.textContent;
    live.closest(".trace")?.replaceWith(notice);
    return;
  }
  const before = live.querySelector("[data-state]").dataset;
  const after = fresh.querySelector("[data-state]").dataset;
  for (const details of live.querySelectorAll("details")) {
    const same = fresh.getElementById(details.id);
    if (same) same.open = details.open;
  }
  // A reason that is being typed stays.
  const [oldHolds, newHolds] = [live, fresh].map((part) => part.querySelector(".holds"));
  const typing = oldHolds?.contains(document.activeElement) ? document.activeElement : null;
  if (newHolds && oldHolds?.dataset.holds === newHolds.dataset.holds) newHolds.replaceWith(oldHolds);
  const focused = document.activeElement?.closest?.("details")?.id;
  const changed = before.content !== after.content;
  if (before.state !== after.state) announcement.textContent = after.state === "done" ? "The message is done" : "";
  live.replaceChildren(...fresh.childNodes);
  typing?.focus({ preventScroll: true });
  if (focused) document.getElementById(focused)?.querySelector("summary")?.focus({ preventScroll: true });
  if (changed) await showContent(live.dataset.live.replace(/live$/, "content") + location.search);
}

// The errors in saved files.
async function refreshProblems() {
  const fresh = parsed(await text(`${document.body.dataset.root}/problems`));
  const problems = document.getElementById("problems");
  // An alert that stays is not announced again.
  if (problems.textContent.trim() !== fresh.textContent.trim()) problems.replaceChildren(...fresh.childNodes);
}

// The latest request wins, and the focused link keeps the focus.
let contentRequests = 0;
async function showContent(address) {
  const request = ++contentRequests;
  content.setAttribute("aria-busy", "true");
  try {
    const fresh = parsed(await text(address));
    if (request !== contentRequests) return;
    const focused = content.contains(document.activeElement) ? document.activeElement : null;
    const label = focused?.closest("nav")?.getAttribute("aria-label");
    content.replaceChildren(...fresh.childNodes);
    if (!label) return;
    const same = [...content.querySelectorAll("nav")].find((nav) => nav.getAttribute("aria-label") === label);
    [...(same?.querySelectorAll("a") ?? [])].find((each) => each.textContent === focused.textContent)?.focus({ preventScroll: true });
  } finally {
    if (request === contentRequests) content.removeAttribute("aria-busy");
  }
}

if (content) {
  content.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-fragment]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    link.focus({ preventScroll: true });
    history.replaceState(null, "", link.href);
    try {
      await showContent(link.dataset.fragment);
      announcement.textContent = `${link.textContent} shown`;
    } catch {
      location.href = link.href;
    }
  });
}

// Refresh one at a time, and at most twice a second.
function watch(refresh) {
  let shown = document.body.dataset.version;
  let wanted = shown;
  let busy = false;
  let source;

  async function update() {
    if (busy || wanted === shown) return;
    busy = true;
    const version = wanted;
    try {
      await Promise.all([refresh(), refreshProblems(), showTrouble()]);
      notifyOfTrouble();
      shown = version;
    } catch {
      // The next version or connection refreshes again.
    }
    setTimeout(() => { busy = false; update(); }, 500);
  }

  function connect() {
    source = new EventSource(`${document.body.dataset.root}/events`);
    source.onmessage = (event) => { wanted = event.data; update(); };
    source.onopen = () => { document.getElementById("link").hidden = true; };
    source.onerror = () => { document.getElementById("link").hidden = false; };
  }

  // A browser opens at most six connections to a server, so a hidden tab closes its own, unless its user waits for a notification.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && asksForNotifications()) return;
    source?.close();
    if (!document.hidden) connect();
  });
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
  connect();
}

watch(list ? refreshList : live ? refreshTrace : async () => {});

document.addEventListener("keydown", (event) => {
  if (!list || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
  if (event.key === "/") {
    event.preventDefault();
    document.getElementById("q").focus();
  } else if (event.key === "j" || event.key === "k") {
    const links = [...list.querySelectorAll(".subject a")];
    const at = links.indexOf(document.activeElement);
    const next = at < 0 ? 0 : Math.min(Math.max(at + (event.key === "j" ? 1 : -1), 0), links.length - 1);
    links[next]?.focus();
  }
});
