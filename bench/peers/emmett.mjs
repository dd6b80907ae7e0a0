// Appends the events on standard input, a JSON array of their data, one by one; prints {"seconds": …}.
import { readFileSync } from "node:fs";
import { getPostgreSQLEventStore } from "@event-driven-io/emmett-postgresql";

const WARM_UP = 30;
const events = JSON.parse(readFileSync(0, "utf8"));
const store = getPostgreSQLEventStore(process.argv[2]);
await store.schema.migrate();
const append = (data) => store.appendToStream("bench-1", [{ type: "FileIngested", data }]);
for (let i = 0; i < WARM_UP; i++) await append(events[0]);
const started = performance.now();
for (const event of events) await append(event);
const seconds = (performance.now() - started) / 1000;
await store.close();
console.log(JSON.stringify({ seconds }));
