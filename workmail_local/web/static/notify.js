// Notifications of the browser about messages with a problem and errors in saved files, for a user who has asked for them.
"use strict";

const notifyButton = document.getElementById("notify");
const notifyKey = "workmail-notify";
let knownTrouble;

function asksForNotifications() {
  return "Notification" in window && isSecureContext && Notification.permission === "granted" && localStorage.getItem(notifyKey) === "on";
}

function notifyUser(text, tag, address) {
  // Several tabs show one notification: it has the same tag.
  const shown = new Notification("Local WorkMail", { body: text, tag });
  shown.onclick = () => {
    window.focus();
    if (address) location.href = address;
  };
}

// The messages with a problem and the errors in files, by their tags.
async function findTrouble() {
  const root = document.body.dataset.root;
  const [messages, answer] = await Promise.all([loadTroubled(), fetch(`${root}/api/problems`)]);
  if (!answer.ok) throw new Error(String(answer.status));
  const files = await answer.json();
  return new Map([
    ...messages.map((each) => [`message-${each.number}`, [`Problem: ${each.subject || "(no subject)"}`, `${root}/messages/${each.number}`]]),
    ...files.problems.map((each) => [`file-${each.text}`, [each.text, ""]]),
  ]);
}

// Called after each change of the site. Trouble from before the user asked, or from before the page was opened, is no news.
async function notifyOfTrouble() {
  if (!asksForNotifications()) return;
  const found = await findTrouble();
  const before = knownTrouble ?? found;
  knownTrouble = found;
  for (const [tag, [text, address]] of found) if (!before.has(tag)) notifyUser(text, tag, address);
}

function showNotifyState() {
  notifyButton.setAttribute("aria-pressed", String(asksForNotifications()));
}

if (notifyButton && "Notification" in window && isSecureContext) {
  notifyButton.hidden = false;
  showNotifyState();
  notifyButton.addEventListener("click", async () => {
    const on = asksForNotifications();
    localStorage.setItem(notifyKey, on ? "off" : "on");
    if (!on && Notification.permission !== "granted") await Notification.requestPermission();
    if (!on && Notification.permission === "denied") document.getElementById("announce").textContent = "The browser blocks notifications of this page";
    showNotifyState();
    knownTrouble = undefined;
    await notifyOfTrouble();
  });
  notifyOfTrouble().catch(() => {});
}
