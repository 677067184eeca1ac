// Drizzle over node-pg against the server of PGHOST, PGPORT, PGDATABASE, PGUSER.
"use strict";

const assert = require("node:assert/strict");
const { Pool } = require("pg");
const { drizzle } = require("drizzle-orm/node-postgres");
const { pgTable, bigint, text, numeric, boolean, jsonb, timestamp, doublePrecision, uuid } = require("drizzle-orm/pg-core");
const { and, asc, between, count, desc, eq, exists, gt, ilike, inArray, isNull, lt, max, notInArray, or, sql, sum } = require("drizzle-orm");

const TIME_LIMIT_MS = 240_000;
const checks = [];
const check = (name, run) => checks.push({ name, run });

const people = pgTable("drv_drizzle", {
  id: bigint({ mode: "number" }).primaryKey(),
  name: text().notNull(),
  price: numeric({ precision: 10, scale: 2 }),
  load: doublePrecision(),
  ok: boolean().default(true),
  tags: text().array(),
  data: jsonb(),
  at: timestamp({ withTimezone: true }),
  code: uuid(),
});

async function fresh(db, rows = 0) {
  await db.execute(sql`DROP TABLE IF EXISTS ${people}`);
  await db.execute(sql`CREATE TABLE ${people} (id int8 PRIMARY KEY, name text NOT NULL, price numeric(10,2), load float8,
    ok bool DEFAULT true, tags text[], data jsonb, at timestamptz, code uuid)`);
  const values = Array.from({ length: rows }, (_, i) => ({ id: i + 1, name: `n${i + 1}`, price: String(i / 4), tags: [`t${i % 3}`] }));
  if (rows) await db.insert(people).values(values);
}

check("rows of many types", async (db) => {
  await fresh(db);
  const row = {
    id: 1, name: "it's ✈ \\", price: "12.50", load: 0.1, ok: false, tags: ["a", "b c"], data: { a: [1, 2.5, null] },
    at: new Date("2024-02-29T12:34:56.789Z"), code: "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
  };
  assert.deepEqual(await db.insert(people).values(row).returning(), [row]);
  assert.deepEqual(await db.select().from(people).where(eq(people.id, 1)), [row]);
  assert.deepEqual(await db.query.people.findFirst({ where: eq(people.id, 1), columns: { id: true, data: true } }), { id: 1, data: row.data });
  await db.insert(people).values({ id: 2, name: "b" });
  assert.equal((await db.select({ ok: people.ok }).from(people).where(eq(people.id, 2)))[0].ok, true);
});

check("selects", async (db) => {
  await fresh(db, 1000);
  const page = await db.select({ id: people.id }).from(people)
    .where(or(gt(people.price, "249"), inArray(people.name, ["n1", "n2"]), isNull(people.tags))).orderBy(desc(people.price), asc(people.id)).limit(3).offset(1);
  assert.deepEqual(page.map((r) => r.id), [999, 998, 2]);
  const groups = await db.select({ tag: sql`${people.tags}[1]`.as("tag"), n: count(), top: max(people.id), all: sum(people.id) }).from(people)
    .where(lt(people.id, 10)).groupBy(sql`1`).having(({ n }) => gt(n, 1)).orderBy(sql`1`);
  assert.deepEqual(groups.map((g) => [g.tag, g.n, g.top]), [["t0", 3, 7], ["t1", 3, 8], ["t2", 3, 9]]);
  const cheap = db.$with("cheap").as(db.select({ id: people.id }).from(people).where(lt(people.price, "1")));
  const joined = await db.with(cheap).select({ id: people.id }).from(cheap).innerJoin(people, eq(people.id, cheap.id)).orderBy(people.id);
  assert.deepEqual(joined.map((r) => r.id), [1, 2, 3, 4]);
  const inner = db.select({ id: people.id }).from(people).where(ilike(people.name, "N99%")).as("inner_rows");
  assert.equal((await db.select({ n: count() }).from(inner))[0].n, 11);
  const few = await db.selectDistinct({ id: people.id }).from(people).where(and(between(people.id, 5, 9), notInArray(people.id, [6, 7]))).orderBy(people.id);
  assert.deepEqual(few.map((r) => r.id), [5, 8, 9]);
  assert.equal(await db.$count(people, exists(db.select({ one: sql`1` }).from(people))), 1000);
});

check("changes", async (db) => {
  await fresh(db, 10);
  const merged = await db.insert(people).values([{ id: 1, name: "new" }, { id: 11, name: "more" }])
    .onConflictDoUpdate({ target: people.id, set: { name: sql`excluded.name` } }).returning({ id: people.id, name: people.name });
  assert.deepEqual(merged, [{ id: 1, name: "new" }, { id: 11, name: "more" }]);
  assert.equal((await db.insert(people).values({ id: 1, name: "x" }).onConflictDoNothing()).rowCount, 0);
  assert.equal((await db.update(people).set({ price: sql`${people.price} + 1`, name: "u" }).where(inArray(people.id, [2, 3]))).rowCount, 2);
  assert.deepEqual(await db.delete(people).where(gt(people.id, 10)).returning({ id: people.id }), [{ id: 11 }]);
  const one = db.select().from(people).where(eq(people.id, sql.placeholder("id"))).prepare("drv_drizzle_one");
  assert.equal((await one.execute({ id: 3 }))[0].name, "u");
  assert.equal((await one.execute({ id: 4 }))[0].name, "n4");
});

check("blocks", async (db) => {
  await fresh(db, 2);
  const rows = async (d) => (await d.select({ n: count() }).from(people))[0].n;
  await assert.rejects(db.transaction(async (tx) => {
    await tx.delete(people);
    assert.deepEqual([await rows(tx), await rows(db)], [0, 2]);
    tx.rollback();
  }));
  assert.equal(await rows(db), 2);
  await db.transaction(async (tx) => {
    await tx.insert(people).values({ id: 3, name: "c" });
    await assert.rejects(tx.transaction((inner) => inner.insert(people).values({ id: 3, name: "c" })));
  }, { isolationLevel: "read committed" });
  assert.equal(await rows(db), 3);
});

check("errors", async (db) => {
  await fresh(db, 1);
  const bare = pgTable("drv_drizzle_nosuch", { id: bigint({ mode: "number" }) });
  for (const [query, code] of [
    [() => db.select().from(bare), "42P01"], [() => db.insert(people).values({ id: 1, name: "x" }), "23505"],
    [() => db.insert(people).values({ id: 2, name: null }), "23502"], [() => db.select({ x: sql`1 / (id - id)` }).from(people), "22012"],
    [() => db.select().from(people).where(sql`id = ${"one"}`), "22P02"],
  ]) await assert.rejects(async () => query(), (error) => (assert.equal((error.cause ?? error).code, code, error.message), true));
  await db.execute(sql`DROP TABLE ${people}`);
});

async function main() {
  setTimeout(() => (console.log("drizzle: a check hangs"), process.exit(100)), TIME_LIMIT_MS).unref();
  let failed = 0;
  for (const { name, run } of checks) {
    const pool = new Pool({ max: 3, options: "-c timezone=UTC" });
    try {
      await run(drizzle(pool, { schema: { people } }));
    } catch (error) {
      failed += 1;
      console.log(`---- drizzle: ${name}\n${error.stack}\n${error.cause?.stack ?? ""}`);
    }
    await pool.end();
  }
  console.log(`drizzle: ${checks.length - failed} passed, ${failed} failed`);
  process.exit(Math.min(failed, 100));
}

main();
