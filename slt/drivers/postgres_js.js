// postgres.js against the server of PGHOST, PGPORT, PGDATABASE, PGUSER.
"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { pipeline } = require("node:stream/promises");
const { Readable } = require("node:stream");
const postgres = require("postgres");

const T = "drv_postgres_js";
const COLUMNS = fs.readFileSync(path.join(__dirname, "columns.sql"), "utf8");
const TIME_LIMIT_MS = 240_000;

const checks = [];
const check = (name, run) => checks.push({ name, run });
const open = (more = {}) => postgres({ max: 3, onnotice: () => {}, connection: { TimeZone: "UTC" }, ...more });

async function fresh(sql, columns = "id int8 PRIMARY KEY, v text, n int8", rows = 0) {
  await sql.unsafe(`DROP TABLE IF EXISTS ${T}`);
  await sql.unsafe(`CREATE TABLE ${T} (${columns})`);
  if (rows) await sql.unsafe(`INSERT INTO ${T} (id, v, n) SELECT g, 'v' || g, g FROM generate_series(1, ${rows}) AS s (g)`);
}

// int8 and numeric come back as text.
const ROW = {
  id: "1", i2: 32767, i4: 2147483647, i8: "9223372036854775807", f4: 1.5, f8: 0.1, t: "tëxt ✈", vc: "varchar", b: true,
  by: Buffer.from([0, 255, 92]), d: new Date("2024-02-29T00:00:00Z"), ts: new Date("2024-02-29T12:34:56.789Z"),
  tz: new Date("2024-02-29T12:34:56.789Z"), num: "123456789.125", u: "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
  j: { a: [1, 2.5, "x"], b: null }, ai: ["1", "-2"], at: ["a", "b c", "", 'q"\\'], af: [1.5, -0.25], ab: [true, false],
};

check("values and helpers", async (sql) => {
  await fresh(sql);
  const inserted = await sql`INSERT INTO ${sql(T)} (id, v, n) VALUES (${1}, ${"it's \\"}, ${null}), (2, 'two', 2) RETURNING id`;
  assert.deepEqual([inserted.command, inserted.count, [...inserted]], ["INSERT", 2, [{ id: "1" }, { id: "2" }]]);
  const people = Array.from({ length: 1000 }, (_, i) => ({ id: i + 10, v: `v${i}`, n: i }));
  assert.equal((await sql`INSERT INTO ${sql(T)} ${sql(people, "id", "v", "n")}`).count, 1000);
  assert.deepEqual([...(await sql`SELECT * FROM ${sql(T)} WHERE id = ${1}`)], [{ id: "1", v: "it's \\", n: null }]);
  assert.deepEqual((await sql`SELECT id FROM ${sql(T)} WHERE id IN ${sql([1, 2, 777777])} ORDER BY id`).map((r) => r.id), ["1", "2"]);
  assert.equal((await sql`SELECT count(*) FROM ${sql(T)} WHERE id = ANY(${[1, 2, 11]}) AND v LIKE ${"%t%"}`)[0].count, "2");
  assert.equal((await sql`UPDATE ${sql(T)} SET ${sql({ v: "new", n: 7 }, "v", "n")} WHERE id = ${2}`).count, 1);
  assert.deepEqual([...(await sql`SELECT v, n FROM ${sql(T)} WHERE id = ${2}`.values())], [["new", "7"]]);
  const filter = sql`WHERE n > ${990} AND ${sql("v")} <> ${"v999"}`;
  assert.equal((await sql`SELECT id FROM ${sql(T)} ${filter}`).count, 8);
  assert.deepEqual((await sql`SELECT 1 AS a; SELECT 'x' AS b`.simple()).map((r) => r[0]), [{ a: 1 }, { b: "x" }]);
});

check("every type", async (sql) => {
  await fresh(sql, COLUMNS);
  await sql`INSERT INTO ${sql(T)} ${sql({ ...ROW, j: sql.json(ROW.j), ab: sql.array(ROW.ab, 1000) })}`;
  await sql`INSERT INTO ${sql(T)} ${sql(Object.fromEntries(Object.keys(ROW).map((n) => [n, n === "id" ? 3 : null])))}`;
  const nulls = Object.fromEntries(Object.keys(ROW).map((n) => [n, n === "id" ? "3" : null]));
  assert.deepEqual([...(await sql`SELECT * FROM ${sql(T)} WHERE id = ${1}`)], [ROW]);
  assert.deepEqual([...(await sql`SELECT * FROM ${sql(T)} WHERE id + 0 > 0 ORDER BY id`)], [ROW, nulls]);
});

check("statements are described", async (sql) => {
  await fresh(sql);
  const { types, columns } = await sql`SELECT id, v, n FROM ${sql(T)} WHERE id = ${1} AND v = ${"x"}`.describe();
  assert.deepEqual([types, columns.map((c) => [c.name, c.type])], [[20, 25], [["id", 20], ["v", 25], ["n", 20]]]);
});

check("many at once, in pages, one by one", async (sql) => {
  await fresh(sql, undefined, 1000);
  const answers = await Promise.all(Array.from({ length: 300 }, (_, i) => sql`SELECT v FROM ${sql(T)} WHERE id = ${i + 1}`));
  assert.deepEqual(answers.map(([row]) => row.v), Array.from({ length: 300 }, (_, i) => `v${i + 1}`));
  const pages = [];
  for await (const rows of sql`SELECT id FROM ${sql(T)} ORDER BY id`.cursor(300)) pages.push(rows.length);
  assert.deepEqual(pages, [300, 300, 300, 100]);
  for await (const [row] of sql`SELECT id FROM ${sql(T)} ORDER BY id`.cursor()) if (row.id === "5") break;
  let sum = 0;
  await sql`SELECT n FROM ${sql(T)}`.forEach((row) => (sum += Number(row.n)));
  assert.equal(sum, 500500);
});

check("blocks", async (sql) => {
  await fresh(sql, undefined, 2);
  const count = async (s = sql) => (await s`SELECT count(*) FROM ${sql(T)}`)[0].count;
  await assert.rejects(sql.begin(async (tx) => {
    await tx`DELETE FROM ${sql(T)}`;
    assert.deepEqual([await count(tx), await count()], ["0", "2"]);
    throw new TypeError("undone");
  }), TypeError);
  assert.equal(await count(), "2");
  await sql.begin("isolation level read committed", async (tx) => {
    await tx`INSERT INTO ${sql(T)} (id) VALUES (${10})`;
    await assert.rejects(tx.savepoint((sp) => sp`INSERT INTO ${sql(T)} (id) VALUES (${11}), (${1})`), { code: "23505" });
    await tx`INSERT INTO ${sql(T)} (id) VALUES (${12})`;
  });
  assert.deepEqual((await sql`SELECT id FROM ${sql(T)} ORDER BY id`).map((r) => r.id), ["1", "2", "10", "12"]);
  await assert.rejects(sql.begin("read only", (tx) => tx`DELETE FROM ${sql(T)}`), { code: "25006" });
});

check("copy", async (sql) => {
  await fresh(sql);
  const lines = Array.from({ length: 3000 }, (_, i) => `${i}\tv\\\\${i}\t\\N\n`);
  await pipeline(Readable.from(lines), await sql`COPY ${sql(T)} (id, v, n) FROM STDIN`.writable());
  assert.equal((await sql`SELECT max(v) FROM ${sql(T)}`)[0].max, "v\\999");
  let text = "";
  for await (const chunk of await sql`COPY (SELECT * FROM ${sql(T)} ORDER BY id) TO STDOUT`.readable()) text += chunk;
  assert.equal(text, lines.join(""));
});

check("errors", async (sql) => {
  await fresh(sql, "id int8 PRIMARY KEY, n int8, small int2");
  await sql`INSERT INTO ${sql(T)} (id, n) VALUES (1, 1)`;
  for (const [query, code] of [
    [() => sql`SELEC 1`, "42601"], [() => sql`SELECT * FROM nosuch WHERE id = ${1}`, "42P01"],
    [() => sql`SELECT nosuch FROM ${sql(T)}`, "42703"], [() => sql`INSERT INTO ${sql(T)} (id) VALUES (${1})`, "23505"],
    [() => sql`SELECT * FROM ${sql(T)} WHERE id = ${"one"}`, "22P02"],
    [() => sql`INSERT INTO ${sql(T)} (id, small) VALUES (9, ${70000})`, "22003"], [() => sql`SELECT 1 / ${0}::int8`, "22012"],
  ]) await assert.rejects(query(), (error) => (assert.equal(error.code, code, error.message), error instanceof sql.PostgresError));
  const slow = sql`SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b`.execute();
  setTimeout(() => slow.cancel(), 300);
  await assert.rejects(slow, { code: "57014" });
  await sql`DROP TABLE ${sql(T)}`;
});

async function main() {
  setTimeout(() => (console.log("postgres.js: a check hangs"), process.exit(100)), TIME_LIMIT_MS).unref();
  let failed = 0;
  for (const { name, run } of checks) {
    const sql = open();
    try {
      await run(sql);
    } catch (error) {
      failed += 1;
      console.log(`---- postgres.js: ${name}\n${error.stack}`);
    }
    await sql.end({ timeout: 2 });
  }
  console.log(`postgres.js: ${checks.length - failed} passed, ${failed} failed`);
  process.exit(Math.min(failed, 100));
}

main();
