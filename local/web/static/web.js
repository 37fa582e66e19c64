// What makes the pages live and quick. Without it every page works by links and forms; all that it shows comes escaped from the server.
"use strict";

const announcement = document.getElementById("announce");
const list = document.getElementById("list");
const live = document.getElementById("live");
const content = document.getElementById("content");

async function text(address) {
  const answer = await fetch(address, { headers: { accept: "text/html" } });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.text();
}

function parsed(markup) {
  const template = document.createElement("template");
  template.innerHTML = markup;
  return template.content;
}

// The list: rows that are there already stay, with the focus that one of them may have.
async function refreshList() {
  const fresh = parsed(await text(list.dataset.rows));
  const known = new Map([...list.querySelectorAll("tbody tr")].map((row) => [row.id, row]));
  const rows = [...fresh.querySelectorAll("tbody tr")];
  const come = known.size || !list.hidden ? rows.filter((row) => !known.has(row.id)) : rows;
  const focused = document.activeElement?.closest?.("tr")?.id;
  for (const row of rows) {
    const old = known.get(row.id);
    if (old && old.outerHTML === row.outerHTML) row.replaceWith(old);
    else if (!old) row.classList.add("fresh");
  }
  list.replaceChildren(...fresh.childNodes);
  if (rows.length) {
    list.hidden = false;
    document.getElementById("empty")?.remove();
  }
  if (focused) document.getElementById(focused)?.querySelector("a")?.focus({ preventScroll: true });
  if (come.length === 1) announcement.textContent = `New message: ${come[0].querySelector("a").textContent}`;
  else if (come.length) announcement.textContent = `${come.length} new messages`;
}

// A story: what somebody has opened stays open, and the content is fetched again only when it became another.
async function refreshStory() {
  const fresh = parsed(await text(live.dataset.live));
  const before = live.querySelector("[data-state]").dataset;
  const after = fresh.querySelector("[data-state]").dataset;
  for (const details of live.querySelectorAll("details")) {
    const same = fresh.getElementById(details.id);
    if (same) same.open = details.open;
  }
  const focused = document.activeElement?.closest?.("details")?.id;
  const other = before.content !== after.content;
  if (before.state !== after.state) announcement.textContent = after.state === "done" ? "The message is done" : "";
  live.replaceChildren(...fresh.childNodes);
  if (focused) document.getElementById(focused)?.querySelector("summary")?.focus({ preventScroll: true });
  if (other) await showContent(`/messages/${location.pathname.split("/")[2]}/content${location.search}`);
}

async function showContent(address) {
  content.setAttribute("aria-busy", "true");
  try {
    content.replaceChildren(...parsed(await text(address)).childNodes);
  } finally {
    content.removeAttribute("aria-busy");
  }
}

if (content) {
  content.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-fragment]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const label = link.closest("nav").getAttribute("aria-label");
    const name = link.textContent;
    try {
      await showContent(link.dataset.fragment);
    } catch {
      location.href = link.href;
      return;
    }
    history.replaceState(null, "", link.href);
    const same = [...content.querySelectorAll("nav")].find((nav) => nav.getAttribute("aria-label") === label);
    [...(same?.querySelectorAll("a") ?? [])].find((each) => each.textContent === name)?.focus({ preventScroll: true });
    announcement.textContent = `${name} is shown`;
  });
}

// One look at a time, and at most two a second, however many messages come.
function watch(refresh) {
  let shown = document.body.dataset.version;
  let wanted = shown;
  let busy = false;
  let source;

  async function look() {
    if (busy || wanted === shown) return;
    busy = true;
    const version = wanted;
    try {
      await refresh();
      shown = version;
    } catch {
      // The next version, or the next connection, tries again.
    }
    setTimeout(() => { busy = false; look(); }, 500);
  }

  function connect() {
    source = new EventSource("/events");
    source.onmessage = (event) => { wanted = event.data; look(); };
    source.onopen = () => { document.getElementById("link").hidden = true; };
    source.onerror = () => { document.getElementById("link").hidden = false; };
  }

  // A browser keeps six connections to a server: a tab that nobody looks at shall not keep one of them.
  document.addEventListener("visibilitychange", () => {
    source?.close();
    if (!document.hidden) connect();
  });
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
  connect();
}

if (list) watch(refreshList);
if (live) watch(refreshStory);

document.addEventListener("keydown", (event) => {
  if (!list || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
  if (event.key === "/") {
    event.preventDefault();
    document.getElementById("q").focus();
  } else if (event.key === "j" || event.key === "k") {
    const links = [...list.querySelectorAll("tbody a")];
    const at = links.indexOf(document.activeElement);
    const next = at < 0 ? 0 : Math.min(Math.max(at + (event.key === "j" ? 1 : -1), 0), links.length - 1);
    links[next]?.focus();
  }
});
