//! Reads a stream of server-sent events piece by piece, within a limit for each message.

use cairn_api::MAX_STREAM_LINE;

/// One message of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// `id:`, empty where there is none.
    pub(crate) id: String,
    /// `event:`, empty where there is none.
    pub(crate) name: String,
    /// `data:`, the lines of several joined by line breaks.
    pub(crate) data: String,
}

/// What came and is no whole message yet.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    line: Vec<u8>,
    message: Message,
    /// The last line ended in a carriage return, which a line feed may follow.
    carriage_return: bool,
}

/// A message is longer than any of the ledger's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Decoder {
    /// Takes a piece of the stream, and gives the messages that are whole with it.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<Vec<Message>, TooLong> {
        let mut messages = Vec::new();
        for byte in piece {
            let follows = std::mem::replace(&mut self.carriage_return, *byte == b'\r');
            match byte {
                b'\n' if follows => {}
                b'\n' | b'\r' => messages.extend(self.end_line()?),
                byte if self.line.len() >= MAX_STREAM_LINE => {
                    let _unread = byte;
                    return Err(TooLong);
                }
                byte => self.line.push(*byte),
            }
        }
        Ok(messages)
    }

    fn end_line(&mut self) -> Result<Option<Message>, TooLong> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        if line.is_empty() {
            let message = std::mem::take(&mut self.message);
            return Ok((message != Message::default()).then_some(message));
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => value.clone_into(&mut self.message.id),
            "event" => value.clone_into(&mut self.message.name),
            "data" => {
                let data = &mut self.message.data;
                if data.len() + value.len() > MAX_STREAM_LINE {
                    return Err(TooLong);
                }
                if !data.is_empty() {
                    data.push('\n');
                }
                data.push_str(value);
            }
            // A comment, or what a newer node says beside.
            _ => {}
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    const STREAM: &str = ": hello\n\nid: 1-0-0\nevent: alias_set\ndata: {\"a\":1}\n\n:\n\n\
        id: 7\r\nevent: height\r\ndata: {\r\ndata: }\r\n\r\nretry: 5\ndata:x\n\n";

    fn message(id: &str, name: &str, data: &str) -> Message {
        Message {
            id: id.to_owned(),
            name: name.to_owned(),
            data: data.to_owned(),
        }
    }

    proptest! {
        #[test]
        fn the_messages_are_the_same_however_the_stream_is_cut(cuts in prop::collection::vec(0..STREAM.len(), 0..8)) {
            let mut cuts = cuts;
            cuts.extend([0, STREAM.len()]);
            cuts.sort_unstable();
            let mut decoder = Decoder::default();
            let mut messages = Vec::new();
            for pair in cuts.windows(2) {
                messages.extend(decoder.push(&STREAM.as_bytes()[pair[0]..pair[1]]).unwrap());
            }
            let expected = [
                message("1-0-0", "alias_set", "{\"a\":1}"),
                message("7", "height", "{\n}"),
                message("", "", "x"),
            ];
            prop_assert_eq!(messages, expected);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _messages = Decoder::default().push(&bytes);
        }
    }

    #[test]
    fn a_message_that_never_ends_is_refused() {
        let mut decoder = Decoder::default();
        assert!(decoder.push(&vec![b'x'; MAX_STREAM_LINE]).is_ok());
        assert_eq!(decoder.push(b"x"), Err(TooLong));
        let mut decoder = Decoder::default();
        let mut lines = b"data:".to_vec();
        lines.extend(vec![b'x'; MAX_STREAM_LINE - 10]);
        lines.push(b'\n');
        assert!(decoder.push(&lines).is_ok());
        assert_eq!(decoder.push(&lines), Err(TooLong));
    }
}
