//! From the report's types to columns: in comes the JSON Schema of a row, out go Arrow fields of the same names, and the tables
//! of docs/archive.md. So the contract is written down once, in `report::model`, and its archive follows.

use arrow_schema::{DataType, Field, FieldRef, TimeUnit};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

/// Where a field keeps what it means. It is not written into files.
const MEANING: &str = "meaning";

/// What a table begins with, as far as it has it; the rest follows by name.
const FIRST: &[&str] = &[
    "sensor",
    "trace_id",
    "connection_id",
    "id",
    "started",
    "started_ns",
    "ended",
    "client",
    "server",
    "outcome",
    "cause",
];

/// The columns of a table whose rows are `T`, without those at the top that are named.
pub(super) fn columns<T: JsonSchema>(left_out: &[&str]) -> Vec<FieldRef> {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| settings.inline_subschemas = true);
    let schema = settings.into_generator().into_root_schema_for::<T>();
    let mut fields = schema.as_object().map(fields).unwrap_or_default();
    fields.retain(|field| !left_out.contains(&field.name().as_str()));
    fields.sort_by_key(|field| FIRST.iter().position(|name| name == field.name()).unwrap_or(FIRST.len()));
    fields
}

/// The fields of an object. What may be absent is null.
fn fields(object: &Map<String, Value>) -> Vec<FieldRef> {
    let required = object.get("required").and_then(Value::as_array);
    let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|required| required == name));
    let properties = object.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten().map(|(name, value)| Arc::new(field(name, value, !is_required(name)))).collect()
}

fn field(name: &str, schema: &Value, may_be_absent: bool) -> Field {
    let (present, may_be_null) = without_null(schema);
    let meaning = [schema, present].into_iter().find_map(|schema| schema.get("description")?.as_str());
    let meaning = meaning.map(|text| (MEANING.to_owned(), text.split_whitespace().collect::<Vec<_>>().join(" ")));
    Field::new(name, data_type(present), may_be_absent || may_be_null)
        .with_metadata(meaning.into_iter().collect::<HashMap<_, _>>())
}

/// What a value is where it is not null, and whether it may be.
fn without_null(schema: &Value) -> (&Value, bool) {
    let is_null = |schema: &&Value| schema.get("type").is_some_and(|name| name == "null");
    if let Some(choices) = schema.get("anyOf").and_then(Value::as_array) {
        let present = choices.iter().find(|schema| !is_null(schema)).unwrap_or(schema);
        return (present, choices.iter().any(|schema| is_null(&schema)));
    }
    let names = schema.get("type").and_then(Value::as_array);
    (schema, names.is_some_and(|names| names.iter().any(|name| name == "null")))
}

/// The type of a column. Whole numbers are signed, since Spark knows no others; instants have microseconds, since neither Spark
/// nor DuckDB reads finer ones without being told to; a word of an enum is a string.
fn data_type(schema: &Value) -> DataType {
    let name = match schema.get("type") {
        Some(Value::Array(names)) => names.iter().find(|name| *name != "null"),
        name => name,
    };
    let format = schema.get("format").and_then(Value::as_str);
    match (name.and_then(Value::as_str), format) {
        (Some("string"), Some("date-time")) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        (Some("integer"), Some("uint8" | "uint16")) => DataType::Int32,
        (Some("integer"), _) => DataType::Int64,
        (Some("number"), _) => DataType::Float64,
        (Some("boolean"), _) => DataType::Boolean,
        (Some("array"), _) => {
            let item = schema.get("items").unwrap_or(&Value::Null);
            DataType::List(Arc::new(field("element", item, false)))
        }
        (Some("object"), _) => object(schema),
        _ => DataType::Utf8,
    }
}

/// A structure; or a map, where the names are not known beforehand.
fn object(schema: &Value) -> DataType {
    let fields = schema.as_object().map(fields).unwrap_or_default();
    match schema.get("additionalProperties") {
        Some(value @ Value::Object(_)) if fields.is_empty() => {
            let pair = [Field::new("key", DataType::Utf8, false), field("value", value, false)];
            DataType::Map(Arc::new(Field::new("key_value", DataType::Struct(pair.into_iter().collect()), false)), false)
        }
        _ => DataType::Struct(fields.into()),
    }
}

/// A table in Markdown: each column and what is inside of it, its type, and what it means.
pub(super) fn described(columns: &[FieldRef]) -> String {
    let mut text = "| column | type | meaning |\n|---|---|---|\n".to_owned();
    for field in columns {
        describe("", field, &mut text);
    }
    text
}

fn describe(parent: &str, field: &Field, text: &mut String) {
    let path = format!("{parent}{}", field.name());
    let null = if field.is_nullable() { ", or null" } else { "" };
    let meaning = field.metadata().get(MEANING).map_or("", String::as_str).replace('|', "\\|");
    _ = writeln!(text, "| `{path}` | {}{null} | {meaning} |", type_name(field.data_type()));
    let (inside, path) = match field.data_type() {
        DataType::List(item) => (item.data_type(), format!("{path}[].")),
        other => (other, format!("{path}.")),
    };
    if let DataType::Struct(fields) = inside {
        fields.iter().for_each(|field| describe(&path, field, text));
    }
}

/// A type by its name in Spark's SQL, which DuckDB understands as well.
fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Timestamp(..) => "timestamp".to_owned(),
        DataType::Int32 => "int".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::List(item) => format!("array of {}", type_name(item.data_type())),
        DataType::Map(pair, _) => match pair.data_type() {
            DataType::Struct(pair) => {
                let names: Vec<_> = pair.iter().map(|field| type_name(field.data_type())).collect();
                format!("map of {}", names.join(" to "))
            }
            other => type_name(other),
        },
        DataType::Struct(_) => "struct".to_owned(),
        _ => "string".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::model::{Millis, PerSide, Time};
    use serde::Serialize;
    use std::collections::BTreeMap;

    #[derive(Serialize, JsonSchema)]
    struct Row {
        /// When it was.
        at: Time,
        took: Option<Millis>,
        port: PerSide<Option<u16>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        names: Vec<String>,
        counts: BTreeMap<String, u64>,
        hidden: bool,
    }

    #[test]
    fn a_row_becomes_columns_of_the_same_names() {
        // A schema has its properties in the order of their names.
        let text = described(&columns::<Row>(&["hidden"]));
        let lines: Vec<_> = text.lines().skip(2).collect();
        assert_eq!(
            lines,
            [
                "| `at` | timestamp | When it was. |",
                "| `counts` | map of string to bigint |  |",
                "| `names` | array of string, or null |  |",
                "| `port` | struct | One value for the client and one for the server. |",
                "| `port.client` | int, or null | The client's. |",
                "| `port.server` | int, or null | The server's. |",
                "| `took` | double, or null | A duration in milliseconds; six decimals are nanoseconds. |",
            ]
        );
    }
}
