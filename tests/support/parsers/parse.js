// Prints what postal-mime and mailparser show of each message: one line of base64 in, one line of JSON out.
import { createInterface } from "node:readline";
import { simpleParser } from "mailparser";
import PostalMime from "postal-mime";

const MOST_LEVELS = 5;

// Attached messages are opened as a reader opens them.
async function namesOf(attachments, parse, level) {
  const names = [];
  for (const { filename, type, content } of attachments) {
    names.push(filename ?? "");
    if (/^message\//i.test(type ?? "") && content && level < MOST_LEVELS) {
      names.push(...(await parse(Buffer.from(content), level + 1)).names);
    }
  }
  return names;
}

async function byPostalMime(raw, level = 0) {
  const mail = await PostalMime.parse(raw);
  const attachments = mail.attachments.map((each) => ({ filename: each.filename, type: each.mimeType, content: each.content }));
  return { names: await namesOf(attachments, byPostalMime, level), text: mail.text ?? "", html: mail.html ?? "" };
}

async function byMailparser(raw, level = 0) {
  const mail = await simpleParser(raw, { skipTextToHtml: true, skipHtmlToText: true });
  const attachments = mail.attachments.map((each) => ({ filename: each.filename, type: each.contentType, content: each.content }));
  return { names: await namesOf(attachments, byMailparser, level), text: mail.text || "", html: mail.html || "" };
}

for await (const line of createInterface({ input: process.stdin })) {
  const raw = Buffer.from(line, "base64");
  const views = {};
  for (const [name, parse] of [["postal-mime", byPostalMime], ["mailparser", byMailparser]]) {
    try {
      views[name] = await parse(raw);
    } catch (error) {
      views[name] = { names: [], text: "", html: "", error: String(error) };
    }
  }
  console.log(JSON.stringify(views));
}
