//! The frame around each event: its length, and checksums of the length and of the event.

use crate::checksum::masked;
use crate::proto::Message;

pub(crate) fn framed(event: &Message) -> Vec<u8> {
    let event = event.as_bytes();
    let length = (event.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(event.len() + 16);
    record.extend(length);
    record.extend(masked(&length).to_le_bytes());
    record.extend(event);
    record.extend(masked(event).to_le_bytes());
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_that_of_tensorboards_own_writer() {
        let event = Message::new().double(1, 1.0).text(3, "brain.Event:2");
        // `tensorboard.summary.writer.record_writer.RecordWriter` of TensorBoard 2.21 on the same event.
        let expected =
            b"\x18\0\0\0\0\0\0\0\xa3\x7fK\x22\x09\0\0\0\0\0\0\xf0\x3f\x1a\x0dbrain.Event:2\x86\xbfWz";
        assert_eq!(framed(&event), expected);
    }
}
