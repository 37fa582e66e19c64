// Shows messages that have got a problem since the page was opened: in a bar, in the title, and as a number beside the links to the pages.
"use strict";

const troubleBar = document.getElementById("trouble");
const troubleCount = document.getElementById("troubled");
const oldTrouble = new Set(troubleCount.dataset.numbers.split(",").filter(Boolean).map(Number));
// Of all such messages, and of those in the bar.
const seenTrouble = new Map();
const newTrouble = new Map();
const TROUBLE_MARK = "\u25cf ";
const SHOWN_TROUBLE = 3;

function showTroubleBar() {
  const numbers = [...newTrouble.keys()];
  const text = troubleBar.querySelector("p");
  text.replaceChildren(numbers.length === 1 ? "A message has a problem: " : `${numbers.length} messages have a problem: `);
  numbers.slice(0, SHOWN_TROUBLE).forEach((number, at) => {
    const link = document.createElement("a");
    link.href = `${document.body.dataset.root}/messages/${number}`;
    link.dir = "auto";
    link.textContent = newTrouble.get(number);
    text.append(at ? ", " : "", link);
  });
  if (numbers.length > SHOWN_TROUBLE) text.append(` and ${numbers.length - SHOWN_TROUBLE} more`);
  troubleBar.hidden = !numbers.length;
  markTitle();
}

// The list writes its own title; the mark stays before it.
function markTitle() {
  const plain = document.title.replace(TROUBLE_MARK, "");
  const wanted = newTrouble.size ? TROUBLE_MARK + plain : plain;
  if (document.title !== wanted) document.title = wanted;
}

// Called after each change of the site.
async function showTrouble() {
  const answer = await fetch(`${document.body.dataset.root}/api/messages?q=is:problem&limit=100`);
  if (!answer.ok) throw new Error(String(answer.status));
  const { messages } = await answer.json();
  const added = messages.filter((each) => !oldTrouble.has(each.number));
  for (const each of added) {
    oldTrouble.add(each.number);
    for (const trouble of [seenTrouble, newTrouble]) trouble.set(each.number, each.subject || "(no subject)");
  }
  troubleCount.hidden = !messages.length;
  troubleCount.querySelector(".count").textContent = messages.length > 99 ? "99+" : String(messages.length);
  if (added.length) showTroubleBar();
}

troubleBar.querySelector("button").addEventListener("click", () => {
  newTrouble.clear();
  showTroubleBar();
});
new MutationObserver(markTitle).observe(document.querySelector("title"), { childList: true });
