-- Every eighth flight that was to leave New York City in 2013. Columns and units: README.md.
CREATE TABLE flights (
    id            int8 PRIMARY KEY,
    departure     timestamptz NOT NULL,
    carrier       text NOT NULL,
    flight        int4 NOT NULL,
    tail          text,
    origin        text NOT NULL,
    destination   text NOT NULL,
    delay         int4,
    arrival_delay int4,
    air_time      int4,
    distance      int4 NOT NULL
);
