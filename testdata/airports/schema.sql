-- Airports of the United States and its territories. Columns and units: README.md.
CREATE TABLE airports (
    code      text PRIMARY KEY,
    name      text NOT NULL,
    city      text,
    state     text,
    country   text NOT NULL,
    latitude  float8 NOT NULL,
    longitude float8 NOT NULL
);
