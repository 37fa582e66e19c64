// Notifications of the browser about messages with a problem and errors in saved files, for a user who has asked for them.
"use strict";

const notifyButton = document.getElementById("notify");
const notifyKey = "workmail-notify";

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

// The messages that got a problem since the page was opened, and the errors that the page shows, by their tags.
function findTrouble() {
  const root = document.body.dataset.root;
  return new Map([
    ...[...seenTrouble].map(([number, subject]) => [`message-${number}`, [`Problem: ${subject}`, `${root}/messages/${number}`]]),
    ...[...document.querySelectorAll("#problems strong")].map((each) => [`file-${each.textContent}`, [each.textContent, ""]]),
  ]);
}

// Called after each change of the site. Trouble from before the user asked, or from before the page was opened, is no news.
let knownTrouble = findTrouble();
function notifyOfTrouble() {
  const before = knownTrouble;
  knownTrouble = findTrouble();
  if (!asksForNotifications()) return;
  for (const [tag, [text, address]] of knownTrouble) if (!before.has(tag)) notifyUser(text, tag, address);
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
  });
}
