//! Text of any charset as lines of bounded length: UTF-8, UTF-16 by mark or by look, and what is neither as Windows-1252,
//! so that no byte is left out.

use std::io::BufRead as _;

use lazaret_core::inspection::Why;
use lazaret_formats::text::Charset;

use crate::content::{Content, ReadFault, Reader, fault_of, read_vec};
use crate::kind::is_utf16;

/// Bytes of a line; a longer one is cut at a blank, the end of one piece beginning the next.
const LINE_BYTES_MAX: usize = 32 * 1024;
const OVERLAP_BYTES: usize = 256;
/// Of a text in a charset of ours that has one byte a letter, fewer than one in so many bytes is not ASCII.
const FOREIGN_PART: usize = 4;

/// Gives every line to `take`, in order. Says so if the charset is none of these.
///
/// # Errors
/// The bytes cannot be read.
pub(super) fn each_line(content: &dyn Content, take: &mut dyn FnMut(&str)) -> Result<Option<Why>, ReadFault> {
    let (mut foreign_bytes, mut all_bytes) = (0_usize, 0_usize);
    let head = read_vec(content, 0, 4096)?;
    let charset = charset(&head);
    let width = if charset.holds_ascii() { 1 } else { 2 };
    let mut reader = Reader::new(content);
    let mut rest: Vec<u8> = Vec::new();
    loop {
        let bytes = reader.fill_buf().map_err(fault_of)?;
        let ended = bytes.is_empty();
        let length = bytes.len();
        rest.extend_from_slice(bytes);
        reader.consume(length);
        let whole = if ended { rest.len() } else { last_break(&rest, charset) };
        if whole > 0 || rest.len() > LINE_BYTES_MAX {
            // Without a line's end in sight the piece is cut, at a character's border.
            let cut = if whole > 0 { whole } else { rest.len() - rest.len() % (width * 2) };
            let piece = rest.get(..cut).unwrap_or_default();
            all_bytes = all_bytes.saturating_add(piece.len());
            foreign_bytes = foreign_bytes.saturating_add(foreign(piece, charset));
            let text = decode(piece, charset);
            text.split(['\n', '\r', '\u{c}', '\u{85}', '\u{2028}']).for_each(|line| pieces(line, take));
            let keep = if whole > 0 || ended { cut } else { cut.saturating_sub(OVERLAP_BYTES) };
            rest.drain(..keep);
        }
        if ended {
            let is_foreign = foreign_bytes > all_bytes / FOREIGN_PART;
            return Ok(is_foreign.then_some(Why::Charset));
        }
    }
}

/// Bytes of a piece that is not UTF-8 which Windows-1252 gives letters that no text of its has so many of. Letters of other
/// scripts, and those of EBCDIC, are such bytes.
fn foreign(piece: &[u8], charset: Charset) -> usize {
    if !charset.holds_ascii() || std::str::from_utf8(piece).is_ok() {
        return 0;
    }
    piece.iter().filter(|byte| !byte.is_ascii()).count()
}

fn charset(head: &[u8]) -> Charset {
    match Charset::of_bom(head) {
        Some((charset, _)) => charset,
        None if is_utf16(head) && head.first() == Some(&0) => Charset::Utf16Be,
        None if is_utf16(head) => Charset::Utf16Le,
        None => Charset::Utf8,
    }
}

/// A text in UTF-16 as UTF-8; nothing if it is none.
pub(super) fn narrowed(bytes: &[u8]) -> Option<String> {
    let charset = charset(bytes.get(..4096).unwrap_or(bytes));
    (!charset.holds_ascii()).then(|| decode(bytes, charset))
}

/// After the last line end, or 0.
fn last_break(bytes: &[u8], charset: Charset) -> usize {
    match charset {
        Charset::Utf16Le | Charset::Utf16Be => {
            let little = charset == Charset::Utf16Le;
            let is_end = |pair: &[u8]| pair == if little { [b'\n', 0] } else { [0, b'\n'] };
            bytes.chunks_exact(2).rposition(is_end).map_or(0, |at| (at + 1) * 2)
        }
        Charset::Utf8 | Charset::Latin1 | Charset::Latin9 | Charset::Windows1252 => {
            bytes.iter().rposition(|b| matches!(b, b'\n' | b'\r')).map_or(0, |at| at + 1)
        }
    }
}

fn decode(bytes: &[u8], charset: Charset) -> String {
    let units = |little: bool| {
        bytes.chunks(2).map(move |pair| match pair {
            [low, high] if little => u16::from_le_bytes([*low, *high]),
            [high, low] => u16::from_be_bytes([*high, *low]),
            _ => 0xfffd,
        })
    };
    match charset {
        Charset::Utf16Le | Charset::Utf16Be => {
            char::decode_utf16(units(charset == Charset::Utf16Le)).map(|c| c.unwrap_or('\u{fffd}')).collect()
        }
        Charset::Utf8 | Charset::Latin1 | Charset::Latin9 | Charset::Windows1252 => match std::str::from_utf8(bytes) {
            Ok(text) => text.trim_start_matches('\u{feff}').to_owned(),
            Err(_) => lazaret_formats::text::Decoded::new(bytes, 0, Charset::Windows1252).text().to_owned(),
        },
    }
}

fn pieces(line: &str, take: &mut dyn FnMut(&str)) {
    let mut rest = line;
    while rest.len() > LINE_BYTES_MAX {
        let border = |at: usize| (0..=at).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(0);
        let limit = border(LINE_BYTES_MAX);
        let head = rest.get(..limit).unwrap_or_default();
        let cut = head.rfind(' ').filter(|at| *at > LINE_BYTES_MAX / 2).unwrap_or(limit);
        take(rest.get(..cut).unwrap_or_default());
        rest = rest.get(border(cut.saturating_sub(OVERLAP_BYTES))..).unwrap_or_default();
    }
    if !rest.is_empty() {
        take(rest);
    }
}

/// Runs of printable ASCII in bytes of any kind, eight characters at least: what a program says, or was given to keep.
pub(super) fn each_printable_run(content: &dyn Content, take: &mut dyn FnMut(&str)) -> Result<(), ReadFault> {
    let mut reader = Reader::new(content);
    let mut run = String::new();
    loop {
        let bytes = reader.fill_buf().map_err(fault_of)?;
        let length = bytes.len();
        for byte in bytes {
            if byte.is_ascii_graphic() || *byte == b' ' {
                run.push(char::from(*byte));
                if run.len() < LINE_BYTES_MAX {
                    continue;
                }
            }
            if run.len() >= 8 {
                take(&run);
            }
            run.clear();
        }
        if length == 0 {
            if run.len() >= 8 {
                take(&run);
            }
            return Ok(());
        }
        reader.consume(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<String> {
        let mut all = Vec::new();
        each_line(&bytes, &mut |line| all.push(line.to_owned())).unwrap();
        all
    }

    #[test]
    fn lines_come_in_any_charset() {
        assert_eq!(lines("\u{feff}Müller\r\nBanks".as_bytes()), ["Müller", "Banks"]);
        assert_eq!(lines(b"M\xfcller\nBanks\n"), ["Müller", "Banks"]);
        let wide: Vec<u8> = "\u{feff}Müller\nBanks".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(lines(&wide), ["\u{feff}Müller", "Banks"]);
        let plain: Vec<u8> = "Mia Banks\nagain".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(lines(&plain), ["Mia Banks", "again"]);
    }

    #[test]
    fn a_charset_that_is_none_of_ours_is_not_called_read() {
        let charset = |bytes: &[u8]| each_line(&bytes, &mut |_| {}).unwrap();
        // "Name: Mia Banks" in EBCDIC, and a name in Cyrillic by KOI8-R.
        assert_eq!(charset(b"\xd5\x81\x94\x85\x7a\x40\xd4\x89\x81\x40\xc2\x81\x95\x92\xa2"), Some(Why::Charset));
        assert_eq!(charset(b"\xed\xc1\xd2\xc9\xd1 \xe9\xd7\xc1\xce\xcf\xd7\xc1\n"), Some(Why::Charset));
        assert_eq!(charset(b"Herr M\xfcller aus K\xf6ln gr\xfc\xdft\n"), None);
        assert_eq!(charset("Мария Иванова\n".as_bytes()), None);
    }

    #[test]
    fn a_line_without_end_comes_in_pieces_that_overlap() {
        let long = "word ".repeat(100_000);
        let pieces = lines(long.as_bytes());
        assert!(pieces.len() > 10 && pieces.iter().all(|piece| piece.len() <= LINE_BYTES_MAX));
        assert!(pieces.iter().map(String::len).sum::<usize>() >= long.trim_end().len());
    }

    #[test]
    fn printable_runs_are_found_in_anything() {
        let mut runs = Vec::new();
        let bytes: &[u8] = b"\x00\x01visible text\xff\xfeno\x00the last one";
        each_printable_run(&bytes, &mut |run| runs.push(run.to_owned())).unwrap();
        assert_eq!(runs, ["visible text", "the last one"]);
    }
}
