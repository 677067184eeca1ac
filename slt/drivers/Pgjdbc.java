// pgjdbc against the server of PGHOST, PGPORT, PGDATABASE, PGUSER. Run from source:
// java -cp /usr/share/java/postgresql.jar Pgjdbc.java

import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Array;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Timer;
import java.util.TimerTask;
import java.util.UUID;

public class Pgjdbc {
    static final String T = "drv_pgjdbc";
    static final long TIME_LIMIT_MS = 240_000;
    static final String SLOW = "SELECT count(*) FROM " + T + " a CROSS JOIN " + T + " b CROSS JOIN " + T
        + " c WHERE a.n + b.n + c.n < 0";

    interface Check { void run(Connection c) throws Exception; }

    static String env(String name, String otherwise) {
        return Objects.requireNonNullElse(System.getenv(name), otherwise);
    }

    static Connection connect(String options) throws SQLException {
        String url = "jdbc:postgresql://" + env("PGHOST", "127.0.0.1") + ":" + env("PGPORT", "5432") + "/"
            + env("PGDATABASE", "test") + "?sslmode=prefer&" + options;
        return DriverManager.getConnection(url, env("PGUSER", "postgres"), "");
    }

    static void equal(Object actual, Object expected) {
        if (!Objects.deepEquals(actual, expected)) {
            throw new AssertionError("got " + show(actual) + ", expected " + show(expected));
        }
    }

    static String show(Object value) {
        return value instanceof byte[] bytes ? Arrays.toString(bytes) : String.valueOf(value);
    }

    static void run(Connection c, String sql) throws SQLException {
        try (Statement s = c.createStatement()) {
            s.execute(sql);
        }
    }

    static Object one(Connection c, String sql, Object... values) throws SQLException {
        try (PreparedStatement s = c.prepareStatement(sql)) {
            for (int i = 0; i < values.length; i++) s.setObject(i + 1, values[i]);
            try (ResultSet r = s.executeQuery()) {
                return r.next() ? r.getObject(1) : null;
            }
        }
    }

    static void fresh(Connection c, String columns, int rows) throws SQLException {
        run(c, "DROP TABLE IF EXISTS " + T);
        run(c, "CREATE TABLE " + T + " (" + columns + ")");
        if (rows > 0) {
            run(c, "INSERT INTO " + T + " (id, v, n) SELECT g, 'v' || g, g FROM generate_series(1, " + rows + ") AS s (g)");
        }
    }

    static final String PLAIN = "id int8 PRIMARY KEY, v text, n int8";

    interface Body { void run() throws Exception; }

    static void fails(String state, Body body) throws Exception {
        try {
            body.run();
        } catch (SQLException error) {
            if (!state.equals(error.getSQLState())) {
                throw new AssertionError("SQLSTATE " + error.getSQLState() + ", not " + state, error);
            }
            return;
        }
        throw new AssertionError("no error, expected " + state);
    }

    static void connectionFacts(Connection c) throws Exception {
        equal(c.getMetaData().getDatabaseProductName(), "PostgreSQL");
        if (c.getMetaData().getDatabaseMajorVersion() < 15) throw new AssertionError("an old server");
        equal(((Number) one(c, "SELECT 1")).intValue(), 1);
        equal(c.isValid(5), true);
        equal(c.getTransactionIsolation(), Connection.TRANSACTION_READ_COMMITTED);
    }

    static int rows(ResultSet r) throws Exception {
        int n = 0;
        while (r.next()) n++;
        return n;
    }

    static String first(ResultSet r, String column) throws Exception {
        equal(r.next(), true);
        return r.getString(column);
    }

    static void metaData(Connection c) throws Exception {
        fresh(c, PLAIN, 0);
        DatabaseMetaData m = c.getMetaData();
        String schema = c.getSchema();
        equal(first(m.getTables(null, schema, T, new String[] {"TABLE"}), "TABLE_TYPE"), "TABLE");
        equal(rows(m.getColumns(null, schema, T, "%")), 3);
        ResultSet key = m.getPrimaryKeys(null, schema, T);
        equal(first(key, "COLUMN_NAME"), "id");
        equal(List.of(key.getInt("KEY_SEQ"), key.getString("PK_NAME")), List.of(1, T + "_pkey"));
        ResultSet index = m.getIndexInfo(null, schema, T, true, false);
        equal(first(index, "COLUMN_NAME"), "id");
        equal(index.getBoolean("NON_UNIQUE"), false);
        equal(first(m.getBestRowIdentifier(null, schema, T, DatabaseMetaData.bestRowSession, false), "COLUMN_NAME"), "id");
        equal(first(m.getSchemas(null, schema), "TABLE_SCHEM"), schema);
        equal(first(m.getCatalogs(), "TABLE_CAT"), c.getCatalog());
        equal(rows(m.getImportedKeys(null, schema, T)) + rows(m.getExportedKeys(null, schema, T)), 0);
        equal(first(m.getFunctions(null, "pg_catalog", "upper"), "FUNCTION_NAME"), "upper");
        if (rows(m.getFunctionColumns(null, "pg_catalog", "upper", "%")) < 2) throw new AssertionError("no arguments");
        if (rows(m.getTypeInfo()) < 50) throw new AssertionError("few types");
        equal(rows(m.getTablePrivileges(null, schema, T)), 7);
        equal(m.getSQLKeywords().contains("vacuum"), true);
        equal(m.getMaxColumnNameLength(), 63);
    }

    static void insertAndRead(Connection c) throws Exception {
        fresh(c, PLAIN, 0);
        try (PreparedStatement s = c.prepareStatement("INSERT INTO " + T + " (id, v, n) VALUES (?, ?, ?)")) {
            s.setLong(1, 1);
            s.setString(2, "one");
            s.setNull(3, Types.BIGINT);
            equal(s.executeUpdate(), 1);
            for (int i = 2; i < 50; i++) {
                s.setInt(1, i);
                s.setString(2, "v" + i);
                s.setLong(3, i);
                s.addBatch();
            }
            equal(Arrays.stream(s.executeBatch()).sum(), 48);
        }
        equal(one(c, "SELECT v FROM " + T + " WHERE id = ?", 7L), "v7");
        equal(one(c, "SELECT n FROM " + T + " WHERE id = ?", 1L), null);
        equal(one(c, "SELECT v FROM " + T + " WHERE id = ?", 700L), null);
        equal(one(c, "SELECT count(*) FROM " + T + " WHERE id = ANY(?)", c.createArrayOf("int8", new Long[] {3L, 1L, 99L})), 2L);
        equal(one(c, "UPDATE " + T + " SET n = n + ? WHERE id = ? RETURNING n", 5, 2L), 7L);
        try (PreparedStatement s = c.prepareStatement("INSERT INTO " + T + " (id, v) VALUES (?, ?)", new String[] {"id"})) {
            s.setLong(1, 100);
            s.setString(2, "keys");
            s.executeUpdate();
            ResultSet keys = s.getGeneratedKeys();
            equal(keys.next(), true);
            equal(keys.getLong("id"), 100L);
        }
        try (Statement s = c.createStatement()) {
            equal(s.executeUpdate("DELETE FROM " + T + " WHERE id > 40"), 10);
        }
    }

    static Map<String, Object> everything(Connection c) throws SQLException {
        Map<String, Object> row = new LinkedHashMap<>();
        row.put("id", 1L);
        row.put("i2", (short) 32767);
        row.put("i4", 2147483647);
        row.put("i8", 9223372036854775807L);
        row.put("f4", 1.5f);
        row.put("f8", 0.1);
        row.put("t", "tëxt ✈");
        row.put("vc", "varchar");
        row.put("b", true);
        row.put("by", new byte[] {0, -1, 92});
        row.put("d", LocalDate.of(2024, 2, 29));
        row.put("ts", LocalDateTime.of(2024, 2, 29, 12, 34, 56, 789_000_000));
        row.put("tz", OffsetDateTime.of(2024, 2, 29, 12, 34, 56, 789_001_000, ZoneOffset.UTC));
        row.put("num", new BigDecimal("123456789.125"));
        row.put("u", UUID.fromString("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"));
        row.put("j", "{\"a\": [1, 2.5, \"x\"], \"b\": null}");
        row.put("ai", c.createArrayOf("int8", new Long[] {1L, -2L}));
        row.put("at", c.createArrayOf("text", new String[] {"a", "b c", "", "q\"\\"}));
        row.put("af", c.createArrayOf("float8", new Double[] {1.5, -0.25}));
        row.put("ab", c.createArrayOf("bool", new Boolean[] {true, false}));
        return row;
    }

    static Object read(ResultSet r, String name, Object like) throws SQLException {
        if (like instanceof Short) return r.getShort(name);
        if (like instanceof byte[]) return r.getBytes(name);
        if (name.equals("j")) return r.getString(name);
        if (like instanceof Array) return Arrays.asList((Object[]) r.getArray(name).getArray());
        return r.getObject(name, like.getClass());
    }

    static void everyType(Connection c) throws Exception {
        fresh(c, Files.readString(Path.of(System.getProperty("columns"))), 0);
        Map<String, Object> row = everything(c);
        String names = String.join(", ", row.keySet());
        String insert = "INSERT INTO " + T + " (" + names + ") VALUES (?" + ", ?".repeat(row.size() - 1) + ")";
        try (PreparedStatement s = c.prepareStatement(insert)) {
            int place = 1;
            for (var bin : row.entrySet()) {
                if (bin.getKey().equals("j")) s.setObject(place++, bin.getValue(), Types.OTHER);
                else s.setObject(place++, bin.getValue());
            }
            s.executeUpdate();
            s.setLong(1, 3);
            for (place = 2; place <= row.size(); place++) s.setNull(place, Types.NULL);
            s.executeUpdate();
        }
        for (String where : List.of("id = ?", "id + 0 = ?")) {
            try (PreparedStatement s = c.prepareStatement("SELECT " + names + " FROM " + T + " WHERE " + where)) {
                for (int again = 0; again < 8; again++) { // text first, binary once the statement has a name
                    s.setLong(1, 1);
                    try (ResultSet r = s.executeQuery()) {
                        equal(r.next(), true);
                        for (var bin : row.entrySet()) {
                            Object want = bin.getValue() instanceof Array a ? Arrays.asList((Object[]) a.getArray()) : bin.getValue();
                            equal(read(r, bin.getKey(), bin.getValue()), want);
                        }
                        equal(r.next(), false);
                    }
                    s.setLong(1, 3);
                    try (ResultSet r = s.executeQuery()) {
                        equal(r.next(), true);
                        for (int i = 2; i <= row.size(); i++) equal(r.getObject(i), null);
                    }
                }
            }
        }
    }

    static void namedStatements(Connection c) throws Exception {
        fresh(c, PLAIN, 20);
        try (PreparedStatement s = c.prepareStatement("SELECT id, v FROM " + T + " WHERE id = ?")) {
            equal(s.getMetaData().getColumnTypeName(1), "int8");
            equal(s.getParameterMetaData().getParameterTypeName(1), "int8");
            for (long i = 1; i <= 20; i++) {
                s.setLong(1, i);
                ResultSet r = s.executeQuery();
                equal(r.next(), true);
                equal(List.of(r.getLong(1), r.getString(2)), List.of(i, "v" + i));
            }
        }
    }

    static void fetchSize(Connection c) throws Exception {
        fresh(c, PLAIN, 1000);
        c.setAutoCommit(false);
        try (Statement a = c.createStatement(); PreparedStatement b = c.prepareStatement("SELECT id FROM " + T + " WHERE id > ? ORDER BY id DESC")) {
            a.setFetchSize(64);
            b.setFetchSize(10);
            b.setLong(1, 500);
            ResultSet up = a.executeQuery("SELECT id FROM " + T + " ORDER BY id");
            ResultSet down = b.executeQuery(); // two portals open at once
            for (long i = 1; i <= 1000; i++) {
                equal(up.next(), true);
                equal(up.getLong(1), i);
                if (i <= 500) {
                    equal(down.next(), true);
                    equal(down.getLong(1), 1001 - i);
                }
            }
            equal(List.of(up.next(), down.next()), List.of(false, false));
        }
        try (Statement s = c.createStatement()) {
            s.setMaxRows(7);
            ResultSet r = s.executeQuery("SELECT id FROM " + T);
            int rows = 0;
            while (r.next()) rows++;
            equal(rows, 7);
        }
        c.commit();
    }

    static void cancel(Connection c) throws Exception {
        fresh(c, PLAIN, 2000);
        for (int i = 0; i < 2; i++) {
            try (Statement s = c.createStatement()) {
                Timer timer = new Timer(true);
                timer.schedule(new TimerTask() {
                    @Override public void run() {
                        try {
                            s.cancel();
                        } catch (SQLException error) {
                            error.printStackTrace(System.out);
                        }
                    }
                }, 500);
                fails("57014", () -> s.executeQuery(SLOW));
                timer.cancel();
            }
            equal(one(c, "SELECT v FROM " + T + " WHERE id = ?", 5L), "v5");
        }
        try (Statement s = c.createStatement()) {
            s.setQueryTimeout(1);
            fails("57014", () -> s.executeQuery(SLOW));
        }
    }

    static void blocks(Connection c) throws Exception {
        fresh(c, PLAIN, 0);
        c.setAutoCommit(false);
        run(c, "INSERT INTO " + T + " (id, v) VALUES (1, 'a')");
        c.commit();
        equal(one(c, "SELECT v FROM " + T + " WHERE id = 1"), "a");
        c.rollback();
        fails("22012", () -> one(c, "SELECT 1 / 0"));
        fails("25P02", () -> one(c, "SELECT 1"));
        c.rollback();
        equal(((Number) one(c, "SELECT 1")).intValue(), 1);
        c.rollback();
        c.setAutoCommit(true);
    }

    static void errors(Connection c) throws Exception {
        fresh(c, "id int8 PRIMARY KEY, n int8, small int2", 0);
        run(c, "INSERT INTO " + T + " (id, n) VALUES (1, 1)");
        String[][] cases = {
            {"42601", "SELEC 1"}, {"42601", "SELECT * FROM " + T + " WHERE id ="}, {"42P01", "SELECT * FROM " + T + "_nosuch"},
            {"42703", "SELECT nosuch FROM " + T}, {"42703", "SELECT nosuch FROM " + T + " WHERE id = 1"},
            {"23505", "INSERT INTO " + T + " (id) VALUES (1)"}, {"22P02", "SELECT * FROM " + T + " WHERE id = 'one'"},
            {"22P02", "SELECT 'x'::int8"}, {"22003", "INSERT INTO " + T + " (id, small) VALUES (9, 70000)"},
            {"22012", "SELECT 1 / 0"}, {"22012", "SELECT n / (n - n) FROM " + T + " WHERE id = 1"},
        };
        for (String[] one : cases) fails(one[0], () -> run(c, one[1]));
        fails("23505", () -> one(c, "INSERT INTO " + T + " (id) VALUES (?) RETURNING id", 1L));
        fails("22003", () -> one(c, "INSERT INTO " + T + " (id, small) VALUES (2, ?) RETURNING id", 70000));
        fails("22012", () -> one(c, "SELECT 1 / ?::int8", 0));
        equal(one(c, "SELECT count(*) FROM " + T), 1L);
    }

    static void simpleMode(Connection ignored) throws Exception {
        try (Connection c = connect("preferQueryMode=simple")) {
            fresh(c, PLAIN, 10);
            equal(one(c, "SELECT v FROM " + T + " WHERE id = ?", 3L), "v3");
            fails("22012", () -> one(c, "SELECT 1 / ?", 0));
        }
    }

    static void cleanUp(Connection c) throws Exception {
        run(c, "DROP TABLE IF EXISTS " + T);
    }

    record Named(String name, Check check) {}

    public static void main(String[] arguments) {
        System.setProperty("columns", arguments.length > 0 ? arguments[0] : "columns.sql");
        Timer limit = new Timer(true);
        limit.schedule(new TimerTask() {
            @Override public void run() {
                System.out.println("pgjdbc: a check hangs");
                Runtime.getRuntime().halt(100);
            }
        }, TIME_LIMIT_MS);
        List<Named> checks = List.of(
            new Named("connection facts", Pgjdbc::connectionFacts), new Named("meta data", Pgjdbc::metaData),
            new Named("insert and read", Pgjdbc::insertAndRead),
            new Named("every type", Pgjdbc::everyType), new Named("named statements", Pgjdbc::namedStatements),
            new Named("fetch size", Pgjdbc::fetchSize), new Named("cancel", Pgjdbc::cancel), new Named("blocks", Pgjdbc::blocks),
            new Named("errors", Pgjdbc::errors), new Named("simple mode", Pgjdbc::simpleMode), new Named("clean up", Pgjdbc::cleanUp));
        List<String> failed = new ArrayList<>();
        for (Named named : checks) {
            try (Connection c = connect("prepareThreshold=3")) {
                named.check().run(c);
            } catch (Throwable error) {
                System.out.println("---- pgjdbc: " + named.name());
                error.printStackTrace(System.out);
                failed.add(named.name());
            }
        }
        System.out.println("pgjdbc: " + (checks.size() - failed.size()) + " passed, " + failed.size() + " failed");
        System.exit(Math.min(failed.size(), 100));
    }
}
