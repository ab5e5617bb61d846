//! What a summary holds: values under tags.

use crate::Error;
use crate::error::check_name;
use crate::histogram::Histogram;
use crate::png;
use crate::proto::Message;

const FLOAT: i64 = 1;
const STRING: i64 = 7;

/// A value is kept as a tensor, whatever the plugin makes of it.
const CLASS_TENSOR: i64 = 2;

/// The beginning of a value, with its tag.
pub(crate) fn tagged(tag: &str) -> Result<Message, Error> {
    check_name("a value", tag)?;
    Ok(Message::new().text(1, tag))
}

pub(crate) fn scalar(tag: &str, value: f64) -> Result<Message, Error> {
    Ok(tagged(tag)?.float(2, value as f32))
}

pub(crate) fn image(tag: &str, bytes: &[u8]) -> Result<Message, Error> {
    let header = png::header(tag, bytes)?;
    let image = Message::new()
        .integer(1, header.height.into())
        .integer(2, header.width.into())
        .integer(3, header.channels.into())
        .bytes(4, bytes);
    Ok(tagged(tag)?.message(4, &image))
}

pub(crate) fn histogram(tag: &str, histogram: &Histogram) -> Result<Message, Error> {
    Ok(tagged(tag)?.message(5, &histogram.message()))
}

pub(crate) fn text(tag: &str, text: &str) -> Result<Message, Error> {
    // A tensor without axes: of one with a single element TensorBoard would make a table.
    let tensor = Message::new()
        .integer(1, STRING)
        .message(2, &Message::new())
        .text(8, text);
    Ok(tagged(tag)?
        .message(9, &metadata("text", &Message::new()))
        .message(8, &tensor))
}

/// A value that is all in what a plugin is told of it; the tensor is empty.
pub(crate) fn plugin_data(tag: &str, plugin: &str, content: &Message) -> Result<Message, Error> {
    let no_elements = Message::new().message(2, &Message::new());
    let tensor = Message::new().integer(1, FLOAT).message(2, &no_elements);
    Ok(tagged(tag)?
        .message(9, &metadata(plugin, content))
        .message(8, &tensor))
}

fn metadata(plugin: &str, content: &Message) -> Message {
    let data = Message::new().text(1, plugin).message(2, content);
    Message::new().message(1, &data).integer(4, CLASS_TENSOR)
}
