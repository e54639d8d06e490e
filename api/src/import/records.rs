//! Records of a file: the lines of JSON Lines, or the elements of one JSON array. Takes no more
//! memory than the longest record may have, however long the file is.

use std::{
    fmt::{self, Display, Formatter},
    io::Cursor,
    path::Path,
};

use anyhow::{Context, Result};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, BufReader};

/// Maximum length of a record, in bytes; more than any valid entry needs.
const MAX_RECORD_BYTES: usize = 1024 * 1024;
/// Byte order mark of UTF-8, which a parser may ignore (RFC 8259, section 8.1).
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

type Reader = Box<dyn AsyncBufRead + Send + Unpin>;

/// The records of a file.
pub(super) struct Records {
    reader: Reader,
    form: Form,
    /// Number of the last line, or of the last element of an array.
    number: u64,
}

/// Form of a file.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Form {
    /// A record on each line that isn't blank.
    Lines,
    /// Elements of an array, of which some may follow.
    Array,
    /// An array that has ended.
    Ended,
}

/// A place in a file, for people.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The line with this number, from 1 on.
    Line(u64),
    /// The element of the array with this number, from 1 on.
    Element(u64),
}

/// A record.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) place: Place,
    /// The record without white space around it, or the reason if it is none.
    pub(super) text: Result<Vec<u8>, String>,
}

impl Place {
    /// Returns the number of the line or element.
    pub(super) fn number(self) -> u64 {
        match self {
            Self::Line(number) | Self::Element(number) => number,
        }
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}"),
            Self::Element(number) => write!(f, "entry {number}"),
        }
    }
}

impl Records {
    /// Opens a file, or standard input if it is `-`.
    pub(super) async fn open(file: &Path) -> Result<Self> {
        if file == Path::new("-") {
            return Self::of(Box::new(BufReader::new(tokio::io::stdin()))).await;
        }
        let cannot = || format!("can't read {}", file.display());
        let opened = tokio::fs::File::open(file).await.with_context(cannot)?;
        let reader = Box::new(BufReader::with_capacity(256 * 1024, opened));
        Self::of(reader).await.with_context(cannot)
    }

    /// Reads up to the first character that isn't white space, by which the forms differ.
    async fn of(mut reader: Reader) -> Result<Self> {
        let mut start = Vec::new();
        (&mut reader).take(BYTE_ORDER_MARK.len() as u64).read_to_end(&mut start).await?;
        if start == BYTE_ORDER_MARK {
            start.clear();
        }
        let mut reader: Reader = Box::new(BufReader::new(Cursor::new(start).chain(reader)));
        let mut number = 0;
        loop {
            let bytes = reader.fill_buf().await?;
            let blank = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let next = bytes.get(blank).copied();
            number += bytes[..blank].iter().filter(|byte| **byte == b'\n').count() as u64;
            let is_at_end = bytes.is_empty();
            reader.consume(blank);
            match next {
                Some(b'[') => {
                    reader.consume(1);
                    return Ok(Self { reader, form: Form::Array, number: 0 });
                }
                Some(_) => return Ok(Self { reader, form: Form::Lines, number }),
                None if is_at_end => return Ok(Self { reader, form: Form::Lines, number }),
                None => {}
            }
        }
    }

    /// Reads the next record; none at the end of the file.
    pub(super) async fn next(&mut self) -> Result<Option<Record>> {
        match self.form {
            Form::Lines => self.line().await,
            Form::Array => self.element().await,
            Form::Ended => self.rest().await,
        }
    }

    async fn line(&mut self) -> Result<Option<Record>> {
        loop {
            let number = self.number + 1;
            let found = take_until(&mut self.reader, |byte| byte == b'\n').await;
            let Part { text, end } = found.with_context(|| format!("can't read line {number}"))?;
            if end.is_none() && matches!(&text, Ok(text) if text.is_empty()) {
                return Ok(None);
            }
            self.number = number;
            if !matches!(&text, Ok(text) if text.trim_ascii().is_empty()) {
                return Ok(Some(record(Place::Line(number), text)));
            }
        }
    }

    async fn element(&mut self) -> Result<Option<Record>> {
        let number = self.number + 1;
        let mut nesting = Nesting::default();
        let found = take_until(&mut self.reader, |byte| nesting.ends_element(byte)).await;
        let Part { text, end } = found.with_context(|| format!("can't read entry {number}"))?;
        let is_blank = matches!(&text, Ok(text) if text.trim_ascii().is_empty());
        if end != Some(b',') {
            self.form = Form::Ended;
        }
        if end == Some(b']') && is_blank && number == 1 {
            return self.rest().await;
        }
        self.number = number;
        let text = match end {
            None => Err("the array does not end: the file is truncated there".to_owned()),
            Some(_) if is_blank => Err("is missing".to_owned()),
            Some(_) => text,
        };
        Ok(Some(record(Place::Element(number), text)))
    }

    /// Reads what stands after the array, which must be white space.
    async fn rest(&mut self) -> Result<Option<Record>> {
        loop {
            let bytes = self.reader.fill_buf().await.context("can't read the end of the array")?;
            let length = bytes.len();
            let is_blank = bytes.trim_ascii().is_empty();
            self.reader.consume(length);
            if length == 0 {
                return Ok(None);
            }
            if !is_blank {
                self.number += 1;
                while !self.reader.fill_buf().await?.is_empty() {
                    let length = self.reader.fill_buf().await?.len();
                    self.reader.consume(length);
                }
                let text = Err("stands after the end of the array".to_owned());
                return Ok(Some(record(Place::Element(self.number), text)));
            }
        }
    }
}

fn record(place: Place, text: Result<Vec<u8>, String>) -> Record {
    Record { place, text: text.map(|text| text.trim_ascii().to_vec()) }
}

/// Bytes up to the one that ends them.
struct Part {
    text: Result<Vec<u8>, String>,
    /// The byte that ended the part; none at the end of the file.
    end: Option<u8>,
}

/// Reads up to the first byte that `is_end`, which is consumed.
async fn take_until(
    reader: &mut Reader,
    mut is_end: impl FnMut(u8) -> bool,
) -> std::io::Result<Part> {
    let (mut text, mut length) = (Vec::new(), 0);
    let end = loop {
        let bytes = reader.fill_buf().await?;
        if bytes.is_empty() {
            break None;
        }
        let end = bytes.iter().position(|byte| is_end(*byte));
        let part = &bytes[..end.unwrap_or(bytes.len())];
        length += part.len();
        if length <= MAX_RECORD_BYTES {
            text.extend_from_slice(part);
        }
        let end = end.map(|end| (end, bytes[end]));
        let used = end.map_or(bytes.len(), |(end, _)| end + 1);
        reader.consume(used);
        if let Some((_, byte)) = end {
            break Some(byte);
        }
    };
    let is_short = length <= MAX_RECORD_BYTES;
    let text = is_short.then_some(text).ok_or(format!("is longer than {MAX_RECORD_BYTES} bytes"));
    Ok(Part { text, end })
}

/// A place between the brackets of an array.
#[derive(Default)]
struct Nesting {
    depth: u64,
    is_string: bool,
    is_escaped: bool,
}

impl Nesting {
    /// Moves over the next byte. Returns true if it ends the element.
    fn ends_element(&mut self, byte: u8) -> bool {
        if self.is_string {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.is_string = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.is_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' if self.depth > 0 => self.depth -= 1,
            b',' | b']' => return self.depth == 0,
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;
    use proptest::{collection::vec, prelude::*};

    fn read(file: &[u8]) -> Vec<(Place, Result<Vec<u8>, String>)> {
        let reader = BufReader::with_capacity(7, Cursor::new(file.to_vec()));
        let mut records = block_on(Records::of(Box::new(reader))).expect("a reader");
        let mut found = Vec::new();
        while let Some(Record { place, text }) = block_on(records.next()).expect("a record") {
            found.push((place, text));
        }
        found
    }

    #[test]
    fn elements_of_an_array_are_told_apart() {
        let ok = |number, text: &str| (Place::Element(number), Ok(text.as_bytes().to_vec()));
        for (file, expected) in [
            ("[]", vec![]),
            (" \n[ \n ] \n", vec![]),
            ("\u{feff}[{\"a\":\"],\\\"}\"}]", vec![ok(1, "{\"a\":\"],\\\"}\"}")]),
            ("[\n{\"a\":[1,{}]},\n 2 ]", vec![ok(1, "{\"a\":[1,{}]}"), ok(2, "2")]),
        ] {
            assert_eq!(read(file.as_bytes()), expected, "{file}");
        }
        for (file, number, problem) in [
            ("[1", 1, "truncated"),
            ("[1,", 2, "truncated"),
            ("[1,]", 2, "is missing"),
            ("[,1]", 1, "is missing"),
            ("[1] []", 2, "after the end"),
        ] {
            let (place, problem_found) = read(file.as_bytes())
                .into_iter()
                .find_map(|(place, text)| Some((place, text.err()?)))
                .expect(file);
            assert_eq!(place, Place::Element(number), "{file}");
            assert!(problem_found.contains(problem), "{file}: {problem_found}");
        }
    }

    #[test]
    fn record_that_is_too_long_does_not_hide_the_next_one() {
        let long = "x".repeat(MAX_RECORD_BYTES + 1);
        for file in [format!("{long}\n7"), format!("[\"{long}\",7]")] {
            let found = read(file.as_bytes());
            assert!(found[0].1.as_ref().is_err_and(|problem| problem.contains("longer")));
            assert_eq!(found[1].1, Ok(b"7".to_vec()));
        }
    }

    proptest! {
        #[test]
        fn lines_are_those_of_the_file(
            file in vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b'\r'), Just(b' ')], 0..99),
        ) {
            prop_assume!(file.trim_ascii().first() != Some(&b'['));
            let expected: Vec<_> = file
                .split(|byte| *byte == b'\n')
                .zip(1..)
                .filter(|(line, _)| !line.trim_ascii().is_empty())
                .map(|(line, number)| (Place::Line(number), Ok(line.trim_ascii().to_vec())))
                .collect();
            prop_assert_eq!(read(&file), expected);
        }
    }
}
