//! `traceparent` (W3C Trace Context §3.2): by what one request is known in everybody's telemetry.

/// The end of a version that we know: `00-`, a trace's id, a span's id, flags.
const LENGTH: usize = 55;

/// A well-formed `traceparent`. Later versions may say more behind what version 00 says; that is not passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceParent {
    trace_id: String,
    parent_id: String,
    flags: u8,
}

impl TraceParent {
    /// Reads the header's value. `None` for what a tracer has to ignore: then there is no trace to go on with.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let known = value.get(..LENGTH)?;
        let more = value.get(LENGTH..)?;
        let mut parts = known.split('-');
        let (version, trace_id, parent_id, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let version_fits = match version {
            "00" => more.is_empty(),
            "ff" => false,
            _ => more.is_empty() || more.starts_with('-'),
        };
        let fits = version_fits
            && parts.next().is_none()
            && is_hex(version, 2)
            && is_id(trace_id, 32)
            && is_id(parent_id, 16)
            && is_hex(flags, 2);
        let flags = u8::from_str_radix(flags, 16).ok().filter(|_| fits)?;
        Some(Self { trace_id: trace_id.to_owned(), parent_id: parent_id.to_owned(), flags })
    }

    /// The trace's id: 32 hex digits.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        &self.trace_id
    }

    /// The id of the span that this request is part of: 16 hex digits.
    #[must_use]
    pub fn parent_id(&self) -> &str {
        &self.parent_id
    }

    /// Whether whoever came before has recorded it.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.flags & 1 == 1
    }

    /// The header's value, of version 00, with its flags.
    #[must_use]
    pub fn to_header(&self) -> String {
        format!("00-{}-{}-{:02x}", self.trace_id, self.parent_id, self.flags & 0b11)
    }
}

/// Upper case is not well-formed.
fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_id(text: &str, length: usize) -> bool {
    is_hex(text, length) && text.bytes().any(|byte| byte != b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_well_formed_parent_is_passed_on_as_it_is() {
        let parent = TraceParent::parse(GOOD).unwrap();
        assert_eq!(parent.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(parent.parent_id(), "00f067aa0ba902b7");
        assert_eq!((parent.to_header().as_str(), parent.is_sampled()), (GOOD, true));
        // A later version is taken for what it has in common with this one (§3.2.4), flags that we know included.
        let later = GOOD.replace("00-4bf", "cc-4bf").replace("-01", "-ff-what-the-future-brings");
        let parent = TraceParent::parse(&later).unwrap();
        assert_eq!(parent.to_header(), GOOD.replace("-01", "-03"));
        assert!(!TraceParent::parse(&GOOD.replace("-01", "-00")).unwrap().is_sampled());
    }

    #[test]
    fn what_is_not_well_formed_is_no_parent() {
        for bad in [
            String::new(),
            GOOD.to_uppercase(),
            format!("{GOOD}-"),
            format!("{GOOD} "),
            GOOD.replace("00-4bf", "ff-4bf"),
            GOOD.replace("00-4bf", "cc-4bf") + "x",
            GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            GOOD.replace("-01", "-0g"),
            GOOD.replace("-01", "01"),
            GOOD.replace("-01", "-0\u{e9}"),
            GOOD.replace("2b7-01", "2b701-"),
            GOOD.replacen('-', "_", 1),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7".to_owned(),
            "x".repeat(10_000),
        ] {
            assert_eq!(TraceParent::parse(&bad), None, "{bad}");
        }
    }
}
