// A replacement for Lambda's runtime client for Node.js: the loop of the Runtime API (AWS Lambda Developer Guide, "Custom runtimes").
const api = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime`;
const [file, name] = process.env._HANDLER.split(".");
const { [name]: handler } = await import(`/var/task/${file}.mjs`);

for (;;) {
  const next = await fetch(`${api}/invocation/next`);
  const id = next.headers.get("lambda-runtime-aws-request-id");
  const post = (path, value) => fetch(`${api}/invocation/${id}/${path}`, { method: "POST", body: JSON.stringify(value) });
  try {
    await post("response", (await handler(await next.json())) ?? null);
  } catch (error) {
    await post("error", { errorType: error.name, errorMessage: error.message, stackTrace: error.stack.split("\n") });
  }
}
