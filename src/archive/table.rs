//! One Parquet file: in come rows, out goes a table in row groups of bounded size, compressed by zstd. What is held in memory is some
//! rows that wait to be encoded, and one row group.

use crate::report::model::SchemaId;
use arrow_array::RecordBatch;
use arrow_schema::{FieldRef, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use serde::Serialize;
use serde_arrow::ArrayBuilder;
use std::fs::File;
use std::io::{self, BufWriter};

/// Values of nested lists that wait to be encoded, and rows that do.
const WAITING: usize = 10_000;
/// Rows of a row group.
pub(super) const ROWS: usize = 100_000;
/// Bytes of a row group, encoded and not yet compressed: what is held in memory of a file.
const BYTES: usize = 32 << 20;

/// A table that is being written.
pub(super) struct Table {
    schema: SchemaRef,
    waiting: ArrayBuilder,
    /// Values that wait.
    values: usize,
    writer: ArrowWriter<BufWriter<File>>,
}

impl Table {
    /// Begins a table in a file, with at most `rows` rows in a row group.
    pub(super) fn new(columns: &[FieldRef], rows: usize, file: File) -> io::Result<Self> {
        let schema = SchemaRef::new(Schema::new(columns.to_vec()));
        let properties = WriterProperties::builder()
            .set_created_by(concat!("iotcap version ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_key_value_metadata(Some(vec![KeyValue::new("schema".to_owned(), SchemaId::V1.name().to_owned())]))
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(rows))
            .set_max_row_group_bytes(Some(BYTES))
            .build();
        // Parquet's own types say all; Arrow's copy of them would be the larger part of a small file.
        let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(BufWriter::new(file), SchemaRef::clone(&schema), options)?;
        let waiting = ArrayBuilder::from_arrow(columns).map_err(io::Error::other)?;
        Ok(Self { schema, waiting, values: 0, writer })
    }

    /// Adds a row that has about as many values in its lists.
    pub(super) fn push(&mut self, row: &impl Serialize, values: usize) -> io::Result<()> {
        self.waiting.push(row).map_err(io::Error::other)?;
        self.values += 1 + values;
        if self.values >= WAITING { self.encode() } else { Ok(()) }
    }

    /// Completes the file.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.encode()?;
        let file = self.writer.into_inner()?;
        file.into_inner()?.sync_all()
    }

    fn encode(&mut self) -> io::Result<()> {
        if self.values == 0 {
            return Ok(());
        }
        self.values = 0;
        let arrays = self.waiting.to_arrow().map_err(io::Error::other)?;
        let batch = RecordBatch::try_new(SchemaRef::clone(&self.schema), arrays).map_err(io::Error::other)?;
        self.writer.write(&batch)?;
        Ok(())
    }
}
