//! What somebody expected of the connections, and what came of it.

use super::FrameList;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One expectation, judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Expectation {
    /// Its name, as given or made of what it selects.
    pub name: String,
    /// What was expected, in words.
    pub expected: String,
    /// Whether all of it came true.
    pub met: bool,
    /// How many connections it was about.
    pub connections: u64,
    /// What did not come true; bounded.
    pub mismatches: Vec<Mismatch>,
    /// How many more mismatches there were than are kept.
    pub more_mismatches: u64,
}

/// Something that is not as it was expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mismatch {
    /// The id of the connection; null where it is about how many there are.
    pub connection: Option<String>,
    /// One sentence: what was expected and what was there instead.
    pub message: String,
    /// The frames that prove it.
    #[serde(flatten)]
    pub frames: FrameList,
}
