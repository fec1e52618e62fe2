//! Attributes: names and values come in, OpenTelemetry's key-value pairs go out. What is not known makes no attribute, and what
//! a stranger wrote is escaped: whoever shows it may be a terminal.

use crate::report::escape;
use crate::report::model::Time;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};

/// Attributes of a resource, a span, an event or a log record.
#[derive(Clone, Debug, Default)]
pub(super) struct Attributes(pub(super) Vec<KeyValue>);

impl Attributes {
    /// These, and one more where its value is known.
    pub(super) fn with(mut self, key: &str, value: impl IntoValue) -> Self {
        if let Some(value) = value.into_value() {
            let value = Some(AnyValue { value: Some(value) });
            self.0.push(KeyValue { key: key.to_owned(), value, ..KeyValue::default() });
        }
        self
    }
}

/// What can be the value of an attribute.
pub(super) trait IntoValue {
    /// The value, if it is known.
    fn into_value(self) -> Option<Value>;
}

impl<T: IntoValue> IntoValue for Option<T> {
    fn into_value(self) -> Option<Value> {
        self?.into_value()
    }
}

impl IntoValue for &str {
    fn into_value(self) -> Option<Value> {
        Some(Value::StringValue(escape(self).into_owned()))
    }
}

impl IntoValue for String {
    fn into_value(self) -> Option<Value> {
        self.as_str().into_value()
    }
}

impl IntoValue for bool {
    fn into_value(self) -> Option<Value> {
        Some(Value::BoolValue(self))
    }
}

impl IntoValue for u16 {
    fn into_value(self) -> Option<Value> {
        Some(Value::IntValue(self.into()))
    }
}

impl IntoValue for u64 {
    fn into_value(self) -> Option<Value> {
        Some(Value::IntValue(i64::try_from(self).unwrap_or(i64::MAX)))
    }
}

impl IntoValue for f64 {
    fn into_value(self) -> Option<Value> {
        Some(Value::DoubleValue(self))
    }
}

/// A list; an empty one says nothing.
impl<S: AsRef<str>> IntoValue for &[S] {
    fn into_value(self) -> Option<Value> {
        let value = |text: &S| AnyValue { value: text.as_ref().into_value() };
        (!self.is_empty()).then(|| Value::ArrayValue(ArrayValue { values: self.iter().map(value).collect() }))
    }
}

/// An instant as OTLP has it: nanoseconds since 1970; what was before then is 0, which means unknown.
pub(super) fn nanos(at: Time) -> u64 {
    u64::try_from(at.unix_nanos()).unwrap_or_default()
}

/// A text as the body of a log record.
pub(super) fn body(text: &str) -> AnyValue {
    AnyValue { value: text.into_value() }
}
