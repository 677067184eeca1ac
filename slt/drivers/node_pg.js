// node-pg and pg-cursor against the server of PGHOST, PGPORT, PGDATABASE, PGUSER.
"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const net = require("node:net");
const path = require("node:path");
const { Client, Pool } = require("pg");
const Cursor = require("pg-cursor");

const T = "drv_node_pg";
const TIME_LIMIT_MS = 240_000;
const COLUMNS = fs.readFileSync(path.join(__dirname, "columns.sql"), "utf8");
const SLOW = `SELECT count(*) FROM ${T} a CROSS JOIN ${T} b CROSS JOIN ${T} c WHERE a.n + b.n + c.n < 0`;

const checks = [];
const check = (name, run) => checks.push({ name, run });

async function connect(more = {}) {
  const client = new Client({ options: "-c timezone=UTC", ...more });
  await client.connect();
  return client;
}

async function fresh(client, columns = "id int8 PRIMARY KEY, v text, n int8", rows = 0) {
  await client.query(`DROP TABLE IF EXISTS ${T}`);
  await client.query(`CREATE TABLE ${T} (${columns})`);
  if (rows) await client.query(`INSERT INTO ${T} (id, v, n) SELECT g, 'v' || g, g FROM generate_series(1, ${rows}) AS s (g)`);
}

// Each value as a parameter, and as node-pg gives it back: int8 and numeric as text, float arrays as numbers.
const ROW = {
  id: ["1", "1"], i2: [32767, 32767], i4: [2147483647, 2147483647], i8: ["9223372036854775807", "9223372036854775807"],
  f4: [1.5, 1.5], f8: [0.1, 0.1], t: ["tëxt ✈", "tëxt ✈"], vc: ["varchar", "varchar"], b: [true, true],
  by: [Buffer.from([0, 255, 92]), Buffer.from([0, 255, 92])],
  d: ["2024-02-29", new Date("2024-02-29T00:00:00Z")],
  ts: ["2024-02-29 12:34:56.789", new Date("2024-02-29T12:34:56.789Z")],
  tz: [new Date("2024-02-29T12:34:56.789Z"), new Date("2024-02-29T12:34:56.789Z")],
  num: ["123456789.125", "123456789.125"],
  u: ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
  j: [{ a: [1, 2.5, "x"], b: null }, { a: [1, 2.5, "x"], b: null }],
  ai: [[1, -2], ["1", "-2"]], at: [["a", "b c", "", 'q"\\'], ["a", "b c", "", 'q"\\']],
  af: [[1.5, -0.25], [1.5, -0.25]], ab: [[true, false], [true, false]],
};

check("connection facts", async (client) => {
  assert.ok(client.processID);
  const { rows, fields } = await client.query("SELECT 1 AS one, 'x'::text AS x");
  assert.equal(Number(rows[0].one), 1);
  assert.equal(rows[0].x, "x");
  assert.deepEqual(fields.map((f) => f.name), ["one", "x"]);
  assert.equal(fields[1].dataTypeID, 25);
});

check("insert and read with parameters", async (client) => {
  await fresh(client);
  const inserted = await client.query(`INSERT INTO ${T} (id, v, n) VALUES ($1, $2, $3), (2, 'two', NULL)`, [1, "one", 10]);
  assert.equal(inserted.rowCount, 2);
  assert.equal(inserted.command, "INSERT");
  for (let i = 3; i < 20; i++) await client.query(`INSERT INTO ${T} (id, v, n) VALUES ($1, $2, $3)`, [i, `v${i}`, i]);
  const one = await client.query(`SELECT v, n FROM ${T} WHERE id = $1`, [1]);
  assert.deepEqual(one.rows, [{ v: "one", n: "10" }]);
  assert.deepEqual((await client.query(`SELECT v, n FROM ${T} WHERE id = $1`, [2])).rows, [{ v: "two", n: null }]);
  assert.deepEqual((await client.query(`SELECT v FROM ${T} WHERE id = $1`, [700])).rows, []);
  const any = await client.query(`SELECT id FROM ${T} WHERE id = ANY($1) ORDER BY id`, [[3, 1, 99]]);
  assert.deepEqual(any.rows.map((r) => r.id), ["1", "3"]);
  const updated = await client.query(`UPDATE ${T} SET n = n + $1 WHERE id = $2 RETURNING n`, [5, 1]);
  assert.deepEqual(updated.rows, [{ n: "15" }]);
  assert.equal((await client.query(`DELETE FROM ${T} WHERE n > $1`, [16])).rowCount, 3);
  assert.equal((await client.query(`SELECT count(*) AS c FROM ${T}`)).rows[0].c, "16");
});

check("every type", async (client) => {
  await fresh(client, COLUMNS);
  const names = Object.keys(ROW);
  const places = names.map((_, i) => `$${i + 1}`).join(", ");
  const insert = `INSERT INTO ${T} (${names.join(", ")}) VALUES (${places})`;
  await client.query(insert, names.map((n) => (n === "j" ? JSON.stringify(ROW[n][0]) : ROW[n][0])));
  await client.query(insert, names.map((n) => (n === "id" ? 3 : null)));
  const want = Object.fromEntries(names.map((n) => [n, ROW[n][1]]));
  const nulls = Object.fromEntries(names.map((n) => [n, n === "id" ? "3" : null]));
  for (const [id, row] of [[1, want], [3, nulls]]) {
    assert.deepEqual((await client.query(`SELECT * FROM ${T} WHERE id = $1`, [id])).rows, [row]);
    assert.deepEqual((await client.query(`SELECT * FROM ${T} WHERE id + 0 = ${id}`)).rows, [row]);
  }
});

// node-pg reads negative and fractional numbers wrongly in binary, so whole ones only.
check("binary results", async (client) => {
  await fresh(client, COLUMNS);
  await client.query(`INSERT INTO ${T} (id, i4, t, b) VALUES (1, 70000, 'text', true), (2, NULL, NULL, NULL)`);
  const text = `SELECT i4, t, b FROM ${T} WHERE id = $1`;
  assert.deepEqual((await client.query({ text, values: [1], binary: true })).rows, [{ i4: 70000, t: "text", b: true }]);
  assert.deepEqual((await client.query({ text, values: [2], binary: true })).rows, [{ i4: null, t: null, b: null }]);
});

check("named statements", async (client) => {
  await fresh(client, undefined, 10);
  for (let i = 1; i <= 10; i++) {
    const { rows } = await client.query({ name: "by id", text: `SELECT v FROM ${T} WHERE id = $1`, values: [i], rowMode: "array" });
    assert.deepEqual(rows, [[`v${i}`]]);
  }
});

check("many statements in one query", async (client) => {
  const results = await client.query("SELECT 1 AS a; SELECT 'x'::text AS b; SELECT 2 AS c WHERE false");
  assert.deepEqual(results.map((r) => r.rows.length), [1, 1, 0]);
});

check("pages through a cursor", async (client) => {
  await fresh(client, undefined, 1000);
  const cursor = client.query(new Cursor(`SELECT id FROM ${T} WHERE id > $1 ORDER BY id`, [10]));
  assert.deepEqual((await cursor.read(3)).map((r) => r.id), ["11", "12", "13"]);
  let count = 3;
  for (let page = await cursor.read(100); page.length; page = await cursor.read(100)) count += page.length;
  assert.equal(count, 990);
  await cursor.close();
  const early = client.query(new Cursor(`SELECT id FROM ${T}`));
  assert.equal((await early.read(5)).length, 5);
  await early.close();
  assert.equal((await client.query(`SELECT v FROM ${T} WHERE id = 1`)).rows[0].v, "v1");
});

function sendCancel(client) {
  const packet = Buffer.alloc(16);
  [16, 80877102, client.processID, client.secretKey].forEach((n, i) => packet.writeInt32BE(n, i * 4));
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(client.port), client.host, () => socket.write(packet));
    socket.on("data", () => reject(new Error("a cancel request was answered")));
    socket.on("error", reject);
    socket.on("close", resolve);
  });
}

check("cancel", async (client) => {
  await fresh(client, undefined, 2000);
  for (const values of [[], [0]]) {
    const text = values.length ? SLOW.replace("< 0", "< $1") : SLOW;
    const slow = assert.rejects(client.query(text, values), { code: "57014" });
    setTimeout(() => sendCancel(client), 500);
    await slow;
    assert.equal((await client.query(`SELECT v FROM ${T} WHERE id = $1`, [5])).rows[0].v, "v5");
  }
});

check("blocks", async (client) => {
  await fresh(client);
  await client.query("BEGIN");
  await client.query(`INSERT INTO ${T} (id, v) VALUES (1, 'a')`);
  await client.query("COMMIT");
  assert.equal((await client.query(`SELECT v FROM ${T} WHERE id = 1`)).rows[0].v, "a");
  await client.query("BEGIN");
  await assert.rejects(client.query("SELECT 1 / 0"), { code: "22012" });
  await assert.rejects(client.query("SELECT 1"), { code: "25P02" });
  assert.equal((await client.query("ROLLBACK")).command, "ROLLBACK");
  assert.equal((await client.query("SELECT 1")).rowCount, 1);
});

check("errors", async (client) => {
  await fresh(client, "id int8 PRIMARY KEY, n int8, small int2");
  await client.query(`INSERT INTO ${T} (id, n) VALUES (1, 1)`);
  for (const [text, code, values] of [
    ["SELEC 1", "42601"], [`SELECT * FROM ${T} WHERE id =`, "42601"], [`SELECT * FROM ${T}_nosuch`, "42P01"],
    [`SELECT nosuch FROM ${T}`, "42703"], [`SELECT nosuch FROM ${T} WHERE id = $1`, "42703", [1]],
    [`INSERT INTO ${T} (id) VALUES (1)`, "23505"], [`INSERT INTO ${T} (id) VALUES ($1)`, "23505", [1]],
    [`SELECT * FROM ${T} WHERE id = 'one'`, "22P02"], [`SELECT * FROM ${T} WHERE id = $1`, "22P02", ["one"]],
    [`INSERT INTO ${T} (id, small) VALUES (9, 70000)`, "22003"], [`INSERT INTO ${T} (id, small) VALUES (9, $1)`, "22003", [70000]],
    ["SELECT 1 / 0", "22012"], ["SELECT 1 / $1::int8", "22012", [0]],
  ]) {
    await assert.rejects(client.query(text, values), (error) => {
      assert.equal(error.code, code, `${text}: ${error.code} ${error.message}, not ${code}`);
      assert.equal(error.severity, "ERROR");
      return true;
    });
  }
  assert.equal((await client.query(`SELECT count(*) AS c FROM ${T}`)).rows[0].c, "1");
});

check("pool", async () => {
  const pool = new Pool({ max: 3 });
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => pool.query("SELECT $1::int8 + 1 AS n", [i])));
  assert.deepEqual(answers.map((a) => Number(a.rows[0].n)), Array.from({ length: 20 }, (_, i) => i + 1));
  await pool.end();
});

check("clean up", (client) => client.query(`DROP TABLE IF EXISTS ${T}`));

async function main() {
  setTimeout(() => (console.log("node-pg: a check hangs"), process.exit(100)), TIME_LIMIT_MS).unref();
  let failed = 0;
  for (const { name, run } of checks) {
    let client;
    try {
      client = await connect();
      await run(client);
      await client.end();
    } catch (error) {
      failed += 1;
      console.log(`---- node-pg: ${name}\n${error.stack}`);
      client?.end().catch(() => {});
    }
  }
  console.log(`node-pg: ${checks.length - failed} passed, ${failed} failed`);
  process.exit(Math.min(failed, 100));
}

main();
