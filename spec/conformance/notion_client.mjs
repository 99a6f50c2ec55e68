// The official Notion client does what a client does, against the server that our specs use.
//   node notion_client.mjs FOLDER_OF_NODE_MODULES URL DATABASE
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const [folder, baseUrl, database_id] = process.argv.slice(2);
const { Client, APIErrorCode, isNotionClientError } = createRequire(folder + "/")("@notionhq/client");
const notion = new Client({ auth: "secret", baseUrl, notionVersion: "2025-09-03", retry: false });

const database = await notion.databases.retrieve({ database_id });
const [{ id: data_source_id }] = database.data_sources;
const source = await notion.dataSources.retrieve({ data_source_id });
assert.equal(source.properties["Company Name"].type, "title");

const made = [];
for (let i = 0; i < 120; i++) {
  const page = await notion.pages.create({
    parent: { type: "data_source_id", data_source_id },
    properties: {
      "Company Name": { title: [{ text: { content: "Company " + i } }] },
      "Canonical Key": { rich_text: [{ text: { content: `domain:company-${i}.com` } }] },
      Status: { select: { name: i % 2 ? "Source" : "Tracking" } },
      Website: { url: `https://company-${i}.com` },
      "Confidence Score": { number: 0.5 },
      "Signal Types": { multi_select: [{ name: "github_spike" }] },
    },
  });
  assert.equal(page.parent.data_source_id, data_source_id);
  made.push(page.id);
}

const seen = [];
let start_cursor;
do {
  const answer = await notion.dataSources.query({
    data_source_id, start_cursor, page_size: 50,
    filter: { property: "Status", select: { equals: "Source" } },
    sorts: [{ timestamp: "created_time", direction: "ascending" }],
  });
  seen.push(...answer.results.map((page) => page.id));
  start_cursor = answer.next_cursor ?? undefined;
} while (start_cursor);
assert.deepEqual(new Set(seen), new Set(made.filter((_, i) => i % 2)));

const found = await notion.dataSources.query({
  data_source_id, filter: { property: "Canonical Key", rich_text: { equals: "domain:company-7.com" } },
});
assert.equal(found.results[0].id, made[7]);

await notion.pages.update({ page_id: made[7], properties: { Status: { select: { name: "Lost" } } } });
const page = await notion.pages.retrieve({ page_id: made[7] });
assert.equal(page.properties.Status.select.name, "Lost");
assert.equal(page.properties["Company Name"].title.map((t) => t.plain_text).join(""), "Company 7");

await notion.pages.update({ page_id: made[8], in_trash: true });
await assert.rejects(
  notion.pages.update({ page_id: made[8], properties: { Website: { url: "https://x.com" } } }),
  (error) => isNotionClientError(error) && error.code === APIErrorCode.ValidationError);
await assert.rejects(
  notion.pages.create({ parent: { data_source_id }, properties: { Nothing: { number: 1 } } }),
  (error) => error.code === APIErrorCode.ValidationError);
await assert.rejects(
  new Client({ auth: "wrong", baseUrl, retry: false }).databases.retrieve({ database_id }),
  (error) => error.code === APIErrorCode.Unauthorized);
console.log("ok");
