"""Reads an archive as its users do, and prints what the tests compare.

    read.py columns FILE             each column as docs/archive.md writes it: path, type
    read.py mirror FILE REPORT.json  fails where a connection is not what the JSON report says
    read.py duckdb TABLE             counts by outcome and by cause of all files of a table, as JSON
    read.py spark TABLE              the same by Spark
    read.py joined DATASET           findings whose connection is found by the key columns, and all findings
    read.py same DATASET OTHER       fails where a table of one has a row that the other lacks; prints the rows of each table
"""

import json
import sys


def columns(file):
    import pyarrow.parquet

    for field in pyarrow.parquet.read_schema(file):
        describe("", field)


def describe(parent, field):
    from pyarrow import types

    null = ", or null" if field.nullable else ""
    print(f"`{parent}{field.name}` | {named(field.type)}{null}")
    inside, path = field.type, f"{parent}{field.name}."
    if types.is_list(inside):
        inside, path = inside.value_type, f"{parent}{field.name}[]."
    if types.is_struct(inside):
        for part in inside:
            describe(path, part)


def named(kind):
    from pyarrow import types

    if types.is_list(kind):
        return f"array of {named(kind.value_type)}"
    if types.is_map(kind):
        return f"map of {named(kind.key_type)} to {named(kind.item_type)}"
    if types.is_struct(kind):
        return "struct"
    names = {"timestamp[us, tz=UTC]": "timestamp", "int32": "int", "int64": "bigint", "bool": "boolean"}
    return names.get(str(kind), str(kind))


def mirror(file, report):
    import pyarrow.parquet

    told = {connection["id"]: connection for connection in json.load(open(report))["connections"]}
    rows = pyarrow.parquet.read_table(file).to_pylist(maps_as_pydicts="strict")
    assert len(rows) == len(told), f"{len(rows)} rows for {len(told)} connections"
    for row in rows:
        connection = told.pop(row["id"])
        with_events = dict(connection) if "events" in row else without(connection, "events")
        compare(without(row, "sensor", "started_ns"), with_events, row["id"])


def without(value, *names):
    return {name: part for name, part in value.items() if name not in names}


def compare(row, told, path):
    """What is absent in the report is null in the table; instants lose what is below a microsecond."""
    if isinstance(row, dict):
        assert isinstance(told, dict) and told.keys() <= row.keys(), f"{path}: {told} in {row}"
        for name, part in row.items():
            compare(part, told.get(name), f"{path}.{name}")
    elif isinstance(row, list) and told is not None:
        assert len(row) == len(told), f"{path}: {told}"
        for number, (one, other) in enumerate(zip(row, told)):
            compare(one, other, f"{path}[{number}]")
    elif hasattr(row, "strftime"):
        written = row.strftime("%Y-%m-%dT%H:%M:%S.%f")
        assert written.rjust(26, "0") == told[:26], f"{path}: {written} for {told}"
    else:
        assert row == told, f"{path}: {row} for {told}"


def by_duckdb(table):
    import duckdb

    def counts(column):
        query = f"SELECT {column}, count(*) FROM read_parquet(?) WHERE {column} IS NOT NULL GROUP BY ALL"
        return dict(duckdb.execute(query, [files(table)]).fetchall())

    print(json.dumps({"outcomes": counts("outcome"), "causes": counts("cause")}))


def files(table):
    return table if table.endswith(".parquet") else f"{table}/**/*.parquet"


def by_spark(table):
    from pyspark.sql import SparkSession

    session = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    rows = session.read.parquet(table)
    rows.cache()

    def counts(column):
        grouped = rows.where(rows[column].isNotNull()).groupBy(column).count().collect()
        return {row[column]: row["count"] for row in grouped}

    print(json.dumps({"outcomes": counts("outcome"), "causes": counts("cause")}))
    session.stop()


def joined(dataset):
    import duckdb

    tables = [f"read_parquet('{files(f'{dataset}/{table}')}', hive_partitioning = true)" for table in ("connections", "findings")]
    join = f"SELECT count(*) FROM {tables[0]} c JOIN {tables[1]} f USING (date, sensor, trace_id, started_ns)"
    same = f"{join} WHERE f.connection_id = c.id AND f.client = c.client AND f.started = c.started"
    everything = f"SELECT count(*) FROM {tables[1]}"
    print(*(duckdb.execute(query).fetchone()[0] for query in (same, everything)))


def same(dataset, other):
    import duckdb

    for table in ("connections", "findings", "events"):
        tables = [files(f"{folder}/{table}") for folder in (dataset, other)]
        both = [f"FROM read_parquet('{table}', hive_types_autocast = false)" for table in tables]
        for one, two in (both, both[::-1]):
            lacking = duckdb.execute(f"SELECT * {one} EXCEPT ALL SELECT * {two}").fetchall()
            assert not lacking, f"{table}: {len(lacking)} rows differ, the first {lacking[0]}"
        print(duckdb.execute(f"SELECT count(*) {both[0]}").fetchone()[0], end=" ")


if __name__ == "__main__":
    commands = {"columns": columns, "mirror": mirror, "duckdb": by_duckdb, "spark": by_spark, "joined": joined, "same": same}
    commands[sys.argv[1]](*sys.argv[2:])
