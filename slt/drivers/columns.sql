id int8 PRIMARY KEY,
i2 int2, i4 int4, i8 int8, f4 float4, f8 float8,
t text, vc varchar(20), b bool, by bytea,
d date, ts timestamp, tz timestamptz,
num numeric(12,3), u uuid, j jsonb,
ai int8[], at text[], af float8[], ab bool[]
