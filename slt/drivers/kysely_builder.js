// Kysely, a builder of typed queries over node-pg, against the server of PGHOST, PGPORT, PGDATABASE, PGUSER.
"use strict";

const assert = require("node:assert/strict");
const { Pool } = require("pg");
const Cursor = require("pg-cursor");
const { Kysely, PostgresDialect, sql } = require("kysely");
const { Migrator } = require("kysely/migration");

const TIME_LIMIT_MS = 240_000;
const checks = [];
const check = (name, run) => checks.push({ name, run });

async function fresh(db, rows = 0) {
  await db.schema.dropTable("drv_kysely").ifExists().execute();
  await db.schema.createTable("drv_kysely").ifNotExists()
    .addColumn("id", "bigint", (c) => c.primaryKey()).addColumn("name", "text", (c) => c.notNull())
    .addColumn("price", sql`numeric(10,2)`).addColumn("tags", sql`text[]`).addColumn("data", "jsonb").addColumn("at", "timestamptz")
    .execute();
  const values = Array.from({ length: rows }, (_, i) => ({ id: i + 1, name: `n${i + 1}`, price: i / 4, tags: [`t${i % 3}`] }));
  if (rows) await db.insertInto("drv_kysely").values(values).execute();
}

check("rows of many types", async (db) => {
  await fresh(db);
  const row = { id: "1", name: "it's ✈ \\", price: "12.50", tags: ["a", "b c"], data: { a: [1, 2.5] }, at: new Date("2024-02-29T12:34:56.789Z") };
  const back = await db.insertInto("drv_kysely").values({ ...row, data: JSON.stringify(row.data) }).returningAll().executeTakeFirstOrThrow();
  assert.deepEqual(back, row);
  assert.deepEqual(await db.selectFrom("drv_kysely").selectAll().where("id", "=", 1).executeTakeFirst(), row);
  assert.equal(await db.selectFrom("drv_kysely").selectAll().where("id", "=", 2).executeTakeFirst(), undefined);
});

check("selects", async (db) => {
  await fresh(db, 1000);
  const page = await db.selectFrom("drv_kysely").select(["id", "name"])
    .where((eb) => eb.or([eb("price", ">", "249"), eb("name", "in", ["n1", "n2"]), eb("id", "is", null)]))
    .orderBy("price", "desc").orderBy("id").limit(3).offset(1).execute();
  assert.deepEqual(page.map((r) => r.id), ["999", "998", "2"]);
  const groups = await db.selectFrom("drv_kysely").select(({ fn }) => [fn("abs", ["id"]).as("one"), fn.countAll().as("n"), fn.max("name").as("top")])
    .where("id", "<=", 3).groupBy("id").having(({ fn }) => fn.countAll(), ">=", 1).orderBy("id").execute();
  assert.deepEqual(groups, [{ one: "1", n: "1", top: "n1" }, { one: "2", n: "1", top: "n2" }, { one: "3", n: "1", top: "n3" }]);
  const joined = await db.with("cheap", (q) => q.selectFrom("drv_kysely").select("id").where("price", "<", "1"))
    .selectFrom("cheap as c").innerJoin("drv_kysely as k", (j) => j.onRef("k.id", "=", "c.id").on("k.id", ">", 2))
    .leftJoin("drv_kysely as later", (j) => j.onRef("later.id", "=", sql`k.id + ${998}`))
    .select(["k.id", "later.name"]).orderBy("k.id").execute();
  assert.deepEqual(joined, [{ id: "3", name: null }, { id: "4", name: null }]);
  const found = await db.selectFrom("drv_kysely as k").select("id").distinct()
    .where(({ exists, selectFrom }) => exists(selectFrom("drv_kysely as o").select("o.id").whereRef("o.id", "=", "k.id").where("o.name", "like", "n99%")))
    .where("id", "in", (q) => q.selectFrom("drv_kysely").select("id").where("id", ">", 997)).execute();
  assert.deepEqual(found.map((r) => r.id).sort(), ["998", "999"]);
  assert.deepEqual((await sql`SELECT ${sql.ref("tags")}[1] AS tag FROM ${sql.table("drv_kysely")} WHERE id = ${5}`.execute(db)).rows, [{ tag: "t1" }]);
});

check("changes", async (db) => {
  await fresh(db, 10);
  const merged = await db.insertInto("drv_kysely").values([{ id: 1, name: "new" }, { id: 11, name: "more" }])
    .onConflict((oc) => oc.column("id").doUpdateSet((eb) => ({ name: eb.ref("excluded.name") }))).returning(["id", "name", "price"]).execute();
  assert.deepEqual(merged, [{ id: "1", name: "new", price: "0.00" }, { id: "11", name: "more", price: null }]);
  const ignored = await db.insertInto("drv_kysely").values({ id: 1, name: "x" }).onConflict((oc) => oc.doNothing()).executeTakeFirst();
  assert.equal(ignored.numInsertedOrUpdatedRows, 0n);
  const updated = await db.updateTable("drv_kysely").set((eb) => ({ price: eb("price", "+", "1"), name: "u" })).where("id", "in", [2, 3]).executeTakeFirst();
  assert.equal(updated.numUpdatedRows, 2n);
  assert.deepEqual(await db.deleteFrom("drv_kysely").where("id", ">", 10).returning("id").execute(), [{ id: "11" }]);
  await db.insertInto("drv_kysely").columns(["id", "name"]).expression((q) => q.selectFrom("drv_kysely").select([sql`id + 100`.as("id"), "name"]).where("id", "<", 3)).execute();
  assert.equal((await db.selectFrom("drv_kysely").select(({ fn }) => fn.countAll().as("n")).executeTakeFirst()).n, "12");
});

check("blocks", async (db) => {
  await fresh(db, 2);
  const count = async (d) => (await d.selectFrom("drv_kysely").select(({ fn }) => fn.countAll().as("n")).executeTakeFirst()).n;
  await assert.rejects(db.transaction().setIsolationLevel("read committed").execute(async (tx) => {
    await tx.deleteFrom("drv_kysely").execute();
    assert.deepEqual([await count(tx), await count(db)], ["0", "2"]);
    throw new TypeError("undone");
  }), TypeError);
  assert.equal(await count(db), "2");
  const tx = await db.startTransaction().execute();
  await tx.insertInto("drv_kysely").values({ id: 3, name: "c" }).execute();
  const inner = await tx.savepoint("inner").execute();
  await assert.rejects(inner.insertInto("drv_kysely").values({ id: 3, name: "c" }).execute(), { code: "23505" });
  await inner.rollbackToSavepoint("inner").execute();
  await tx.commit().execute();
  assert.equal(await count(db), "3");
});

check("rows one by one", async (db) => {
  await fresh(db, 1000);
  let sum = 0;
  for await (const row of db.selectFrom("drv_kysely").select("id").stream(100)) sum += Number(row.id);
  assert.equal(sum, 500500);
});

check("catalogue", async (db) => {
  await fresh(db);
  const table = (await db.introspection.getTables()).find((t) => t.name === "drv_kysely");
  assert.deepEqual(table.columns.map((c) => [c.name, c.dataType, c.isNullable]), [
    ["id", "int8", false], ["name", "text", false], ["price", "numeric", true], ["tags", "_text", true], ["data", "jsonb", true], ["at", "timestamptz", true],
  ]);
});

check("migrations", async (db) => {
  const drop = () => Promise.all(["drv_kysely_made", "kysely_migration", "kysely_migration_lock"].map((t) => db.schema.dropTable(t).ifExists().execute()));
  await drop();
  const up = (d) => d.schema.createTable("drv_kysely_made").addColumn("id", "bigint", (c) => c.primaryKey()).execute();
  const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ "1": { up, down: (d) => d.schema.dropTable("drv_kysely_made").execute() } }) } });
  for (const move of ["migrateUp", "migrateDown"]) {
    const { error, results } = await migrator[move]();
    assert.ifError(error);
    assert.deepEqual(results.map((r) => r.status), ["Success"]);
  }
  await drop();
});

check("errors", async (db) => {
  await fresh(db, 1);
  for (const [query, code] of [
    [db.selectFrom("nosuch").selectAll(), "42P01"], [db.selectFrom("drv_kysely").select("nosuch"), "42703"],
    [db.insertInto("drv_kysely").values({ id: 1, name: "x" }), "23505"], [db.insertInto("drv_kysely").values({ id: 2 }), "23502"],
    [db.selectFrom("drv_kysely").selectAll().where("id", "=", "one"), "22P02"], [db.selectFrom("drv_kysely").select(sql`1 / (id - id)`.as("x")), "22012"],
  ]) await assert.rejects(query.execute(), (error) => (assert.equal(error.code, code, error.message), true));
  await db.schema.dropTable("drv_kysely").execute();
});

async function main() {
  setTimeout(() => (console.log("kysely: a check hangs"), process.exit(100)), TIME_LIMIT_MS).unref();
  let failed = 0;
  for (const { name, run } of checks) {
    const db = new Kysely({ dialect: new PostgresDialect({ pool: new Pool({ max: 3, options: "-c timezone=UTC" }), cursor: Cursor }) });
    try {
      await run(db);
    } catch (error) {
      failed += 1;
      console.log(`---- kysely: ${name}\n${error.stack}`);
    }
    await db.destroy();
  }
  console.log(`kysely: ${checks.length - failed} passed, ${failed} failed`);
  process.exit(Math.min(failed, 100));
}

main();
