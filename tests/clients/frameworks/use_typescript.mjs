// The official TypeScript client of either generation: reads what plan.py reads, says what plan.py says.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const plan = JSON.parse(process.argv[2]);
const require = createRequire(`${plan.modules}/package.json`);

const isSecond = plan.package === "@modelcontextprotocol/client";
const { Client } = require(isSecond ? plan.package : "@modelcontextprotocol/sdk/client/index.js");
const { StdioClientTransport } = require(isSecond ? `${plan.package}/stdio` : "@modelcontextprotocol/sdk/client/stdio.js");
const http = isSecond ? plan.package : "@modelcontextprotocol/sdk/client/streamableHttp.js";
const { StreamableHTTPClientTransport } = require(http);

const transport =
  plan.url === null
    ? new StdioClientTransport({ command: plan.command, args: plan.arguments, env: plan.environment })
    : new StreamableHTTPClientTransport(new URL(plan.url), { requestInit: { headers: plan.headers } });
const options = isSecond ? { versionNegotiation: { mode: plan.mode } } : {};
const client = new Client({ name: "typescript", version: "1" }, options);
await client.connect(transport);
const { tools } = await client.listTools();
console.log(JSON.stringify(tools.map((tool) => tool.name).sort()));
for await (const line of createInterface({ input: process.stdin })) {
  const [name, given] = JSON.parse(line);
  let said;
  try {
    said = (await client.callTool({ name, arguments: given })).content[0].text;
  } catch (error) {
    said = String(error);
  }
  console.log(JSON.stringify(said));
}
await client.close();
