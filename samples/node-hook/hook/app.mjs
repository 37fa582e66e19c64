// A synchronous hook in Node.js: returns offers to their senders, and marks all other mail with a header field.
// The AWS SDK is part of Lambda's Node.js runtime.
import { randomUUID } from "node:crypto";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { GetRawMessageContentCommand, PutRawMessageContentCommand, WorkMailMessageFlowClient } from "@aws-sdk/client-workmailmessageflow";

const MARK = Buffer.from("X-Marked-By: node-hook\r\n");
const workmail = new WorkMailMessageFlowClient();
const s3 = new S3Client({ forcePathStyle: true }); // the host of the local WorkMail has no subdomains

export async function handler(event) {
  if (/^offer\b/i.test(event.subject ?? "")) {
    return { actions: [{ allRecipients: true, action: { type: "BOUNCE", parameters: { bounceMessage: "We accept no offers by mail." } } }] };
  }
  await mark(event.messageId);
  return { actions: [{ allRecipients: true, action: { type: "DEFAULT" } }] };
}

async function mark(messageId) {
  const { messageContent } = await workmail.send(new GetRawMessageContentCommand({ messageId }));
  const raw = Buffer.from(await messageContent.transformToByteArray());
  // WorkMail may call the hook again for the same message.
  if (raw.subarray(0, MARK.length).equals(MARK)) return;
  const object = { Bucket: process.env.REWRITE_BUCKET, Key: `rewritten/${randomUUID()}` };
  const { VersionId } = await s3.send(new PutObjectCommand({ ...object, Body: Buffer.concat([MARK, raw]) }));
  const s3Reference = { bucket: object.Bucket, key: object.Key, objectVersion: VersionId };
  await workmail.send(new PutRawMessageContentCommand({ messageId, content: { s3Reference } }));
}
