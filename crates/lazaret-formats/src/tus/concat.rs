//! `Upload-Concat`: uploads that are parts, and uploads that are joined from parts (extension *concatenation*).

use super::declined::PartFault;

/// Parts that one upload may be joined from.
pub const PARTS_MAX: usize = 256;

/// What an upload is to others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Concat<'a> {
    /// One by itself.
    #[default]
    Whole,
    /// A part: it becomes no transfer of its own.
    Partial,
    /// Joined from these, in this order: addresses as the client wrote them, each once.
    Final(Vec<&'a str>),
}

impl<'a> Concat<'a> {
    /// Reads the header: `partial`, or `final;` and addresses with spaces between them.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(text: &'a str) -> Result<Concat<'a>, PartFault> {
        if text == "partial" {
            return Ok(Concat::Partial);
        }
        let addresses = text.strip_prefix("final;").ok_or(PartFault::Malformed)?;
        let mut parts: Vec<&str> = Vec::new();
        for address in addresses.split_ascii_whitespace() {
            if parts.len() >= PARTS_MAX {
                return Err(PartFault::TooMany);
            }
            if parts.contains(&address) {
                return Err(PartFault::Twice);
            }
            parts.push(address);
        }
        if parts.is_empty() { Err(PartFault::None) } else { Ok(Concat::Final(parts)) }
    }
}

/// The last component of a part's address, absolute or by path, if it lies directly under `base` (which ends in a
/// slash). The host is not compared: the id is the capability, and is looked up here and nowhere else.
pub fn upload_id<'a>(address: &'a str, base: &str) -> Option<&'a str> {
    let without_scheme = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
    let path = match without_scheme {
        Some(rest) => rest.get(rest.find('/')?..)?,
        None => address,
    };
    let id = path.strip_prefix(base)?;
    // Nothing of the id is decoded: it is made of letters, digits, `-` and `_`.
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    (plain && !id.is_empty()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_in_order_and_once() {
        assert_eq!(Concat::parse("partial"), Ok(Concat::Partial));
        assert_eq!(Concat::parse("final;/files/a /files/b"), Ok(Concat::Final(vec!["/files/a", "/files/b"])));
        assert_eq!(Concat::parse("final; https://x/a"), Ok(Concat::Final(vec!["https://x/a"])));
        assert_eq!(Concat::parse("final;"), Err(PartFault::None));
        assert_eq!(Concat::parse("final;/a /b /a"), Err(PartFault::Twice));
        for bad in ["", "final", "Partial", "partial;", "other"] {
            assert_eq!(Concat::parse(bad), Err(PartFault::Malformed), "{bad}");
        }
        let many = |count: usize| "final;".to_owned() + &(0..count).map(|n| format!("/{n} ")).collect::<String>();
        assert!(Concat::parse(&many(PARTS_MAX)).is_ok());
        assert_eq!(Concat::parse(&many(PARTS_MAX + 1)), Err(PartFault::TooMany));
    }

    #[test]
    fn a_part_is_named_by_address_or_path() {
        let id = |address| upload_id(address, "/api/v1/uploads/");
        assert_eq!(id("https://gate.example:8443/api/v1/uploads/aB-9_"), Some("aB-9_"));
        assert_eq!(id("/api/v1/uploads/aB-9_"), Some("aB-9_"));
        for other in [
            "/api/v1/uploads/",
            "/api/v1/uploads/a/b",
            "/api/v1/uploads/a?b",
            "/api/v1/uploads/%61",
            "/api/v1/uploads/..",
            "/x/api/v1/uploads/a",
            "https://gate",
            "ftp://gate/api/v1/uploads/a",
            "api/v1/uploads/a",
        ] {
            assert_eq!(id(other), None, "{other}");
        }
    }
}
